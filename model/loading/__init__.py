"""From a name, a folder or the hub to a loaded, checked and placed model. Nothing here runs a
prompt.
"""
