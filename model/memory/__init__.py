"""A conversation's memory: how it is told, asked, bounded and stored. A state comes in, a new state
goes out. No probe, no training and nothing that a page shows lives here.
"""
