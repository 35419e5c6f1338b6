"""The errors a visitor can cause when choosing a model. Knows nothing of who shows them."""


class CheckpointError(ValueError):
    """One line: what is wrong, then what to do."""
