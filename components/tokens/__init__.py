"""The Tokens page: text to ids, the vocabulary, token vectors. No other page's tokens are drawn
here; those use `kit`.
"""
