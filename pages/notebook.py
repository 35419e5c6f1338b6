"""Notes: memory outside the network, found by a search and put into the prompt."""

from components.frame import shell

shell.guard()

from components.notes import views

views.show()
