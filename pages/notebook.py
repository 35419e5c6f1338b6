"""Notes: memory outside the network, found by a search and put into the prompt."""

from components import frame

frame.guard()

from components import notebook_views  # noqa: E402

notebook_views.show()
