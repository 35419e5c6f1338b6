"""Recall: what did memory recall, from which slot, how surely, and without memory too?"""

from components.frame import shell

shell.guard()

from components.frame.choice_widgets import one_of
from components.recall import board, causes, choice, curves, probe_file, views

view = one_of("View", choice.VIEW)
if view == "probe":
    views.show()
elif view == "cause":
    causes.show()
elif view == "curves":
    curves.show(choice.CURVE)
elif view == "tasks":
    curves.show(choice.TASK)
elif view == "file":
    probe_file.show()
else:
    board.show()
