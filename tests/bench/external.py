"""The EDM: a whole prompt at once against the same definition as a loop over its tokens."""

import statistics
import time
from collections.abc import Iterator

import torch

from model.grafts.external import Contents, External
from tests.bench.result import Result

T, SLOTS, ROUNDS = 1024, 128, 5
SHAPES = {"embedded": (256, 4), "GPT-2 small": (768, 12)}


def measure() -> Iterator[Result]:
    """Both shapes; block and loop take turns, and must agree."""
    for name, (width, heads) in SHAPES.items():
        yield _block_against_loop(name, width, heads)


@torch.inference_mode()
def _block_against_loop(name: str, width: int, heads: int) -> Result:
    torch.manual_seed(0)
    edm = External(width, heads, 1).eval()
    edm.output.weight.normal_(std=0.02)
    stream = torch.randn(1, T, width)
    stored = Contents(*torch.randn(2, 1, SLOTS, width), torch.zeros(1, SLOTS),
                      torch.arange(SLOTS).flip(0)[None].float(), torch.ones(1, SLOTS).bool())
    block_s, loop_s = [], []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        block = edm.read(stream, stored)[0]
        middle = time.perf_counter()
        loop = torch.cat([edm.read(stream[:, t : t + 1], stored)[0] for t in range(T)], dim=1)
        loop_s.append(time.perf_counter() - middle)
        block_s.append(middle - start)
    torch.testing.assert_close(block, loop, atol=1e-4, rtol=1e-3)
    one, many = (statistics.median(seconds[1:]) for seconds in (block_s, loop_s))
    detail = (f"{1000 * many:.0f} against {1000 * one:.1f} ms, {T:,} tokens, {SLOTS} slots, "
              f"{torch.get_num_threads()} threads, equal to 1e-3")
    return Result(f"EDM token by token ÷ at once, {name}", many / one, "×", detail, 20, True)
