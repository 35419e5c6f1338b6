"""Memory outside the network: notes in SQLite, their index, the search, and the prompt that
holds them. Nothing here knows the network's own memory.
"""
