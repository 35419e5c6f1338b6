"""How long a test waits for what must come.

A wait ends when the thing is there, so that patience costs a passing test nothing; it only ends a
test that has failed, on a machine that may be ten times slower than the one it was written on.
"""

import time

PATIENCE_S = 300


def until(condition, seconds: float = PATIENCE_S):
    """The first true answer of `condition`, asked again and again."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"this did not come about within {seconds:.0f} s"
        time.sleep(0.02)
    return answer
