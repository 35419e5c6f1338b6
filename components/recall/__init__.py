"""The Recall page: one probe, its causes, curves, standard tasks, the scoreboard. No
conversation of the Memory page is read or changed here.
"""
