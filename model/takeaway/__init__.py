"""What a visitor takes away to be opened elsewhere: a trace as a file that needs no weights.
Nothing here draws, and nothing here runs a model.
"""
