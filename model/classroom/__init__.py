"""A class that a lecturer leads: what all see now, who follows, what they answered. Kept as files, so
that it survives the server and several servers can share it. Knows no page and no browser.
"""
