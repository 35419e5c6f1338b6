"""The app in a headless Chromium whose network is blocked, a file a page or a habit. What
AppTest can show is not repeated here.
"""
