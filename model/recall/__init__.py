"""Whether memory recalls: probes, causes, curves, the scoreboard, standard tasks, and the
generators of episodes. Nothing here trains or prints.
"""
