"""Runs what a server would await. Knows nothing of what it answers."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def served(answer: Coroutine) -> Any:
    """The answer, awaited in a thread of its own: after a browser test this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, answer).result()
