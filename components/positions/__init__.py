"""The Positions page: four schemes on one prompt, order, ends. Position tables are drawn only here.
"""
