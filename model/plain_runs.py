"""The plain model's runs of the latest texts, kept for whoever reads the same text next.

What a memory writes is what the plain model made of a prompt, whatever the memory holds. So many
memories that are told the same prompt need one run of it. Knows nothing of memories.
"""

from collections import OrderedDict

import numpy as np

from model.trace import Trace, run

KEPT = 48  # runs; a run of 64 tokens of the embedded model takes about 3 MB


class PlainRuns:
    """Called as `trace.run` is, with a checkpoint and ids; at most `most` runs are kept."""

    def __init__(self, most: int = KEPT):
        self.most, self._kept = most, OrderedDict()

    def __call__(self, checkpoint, ids) -> Trace:
        key = (checkpoint.fingerprint, np.asarray(ids, dtype=np.int64).tobytes())
        if key not in self._kept:
            self._kept[key] = run(checkpoint, ids)
        self._kept.move_to_end(key)
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return self._kept[key]
