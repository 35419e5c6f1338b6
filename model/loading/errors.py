"""The errors a visitor can cause when choosing a model. Knows nothing of who shows them."""


class CheckpointError(ValueError):
    """One sentence: what was wanted, what was found, what to do."""
