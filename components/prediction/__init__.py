"""The Prediction page: the distribution, its dials, draws, surprisal. Nothing here generates
text.
"""
