"""The shell round every page: navigation, prompt box, address, model picker, and what this
visitor looks at. No feature's views live here, and no feature is imported.
"""
