"""Training of the embedded model and of memory modules: corpora, lessons, measurements, cards
and background jobs. Nothing here prints, and nothing outside `model.commands` imports a trainer
to run it.
"""
