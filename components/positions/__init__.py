"""The Positions page: four schemes on one prompt, order, ends. No checkpoint's tables are drawn
anywhere else.
"""
