"""Runs the measurements of tests/bench and says what they found."""

import importlib
import json
from argparse import Namespace
from collections.abc import Iterator

from model.commands.arguments.bench import PARTS


def run_command(options: Namespace) -> Iterator[str]:
    """Run the measurements; one line each, or one JSON object at the end."""
    results = {}
    for part in [options.part] if options.part else PARTS:
        for result in importlib.import_module(f"tests.bench.{part}").measure():
            results[result.name] = result.as_dict()
            if not options.json:
                yield str(result)
    if options.json:
        yield json.dumps(results, indent=1)
