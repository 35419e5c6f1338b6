"""Training: memory modules learn on a frozen GPT-2 while you watch."""

from components.frame import shell

shell.guard()

from components.frame.choice_widgets import one_of
from components.training import choice, form, lesson, views

view = one_of("View", choice.VIEW)
views.say_problem()
if view == "new":
    form.show()
elif view == "lesson":
    lesson.show()
else:
    views.show()
