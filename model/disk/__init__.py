"""Where this app's files lie, and how a file is written so that it is whole or not there. Nothing
here knows what a file holds.
"""
