"""The Memory page: a conversation, its settings, what is written, read and changed. Nothing here
judges an answer; `recall` does.
"""
