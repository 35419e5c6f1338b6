"""The subcommands of `python -m model`, one file each: arguments in, text, JSON or files out. No
arithmetic lives here, and nothing else in `model` prints.
"""
