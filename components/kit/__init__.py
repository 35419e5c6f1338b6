"""Drawing and widgets that several features use: canvases, grids, tables, token rows, palette,
units. Nothing here knows a feature, the frame or the model.
"""
