"""The tests and what they share: tiny models, a hub, a trainer that only pretends. Nothing the
app needs lives here.
"""
