"""Pictures on their way out of the app: drawings as SVG and PNG, their numbers as CSV and NPZ.
Nothing here knows which page a picture stands on.
"""
