"""The Notes page: the notes, the search, the prompt with notes, five memories side by side. The
network's own memory of the Memory page is neither read nor changed here.
"""
