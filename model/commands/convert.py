"""Write a checkpoint as transformers reads it."""

from argparse import Namespace
from collections.abc import Iterator

from model.loading import conversion


def run_command(chosen: Namespace) -> Iterator[str]:
    """What was done, a line each."""
    yield from conversion.convert(chosen.source, chosen.out, chosen.tokenizer)
    yield f"{chosen.out}: config.json, model.safetensors and the tokenizer, as transformers reads them"
