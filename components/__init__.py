"""From arrays and strings to figures, HTML and widgets: a folder for each feature, `frame` round
every page, `kit` for what several features use. No feature imports another, and nothing here
imports a page.
"""
