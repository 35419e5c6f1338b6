"""The Tokens page: text to ids, the vocabulary, token vectors. Other pages draw their tokens with
`kit`.
"""
