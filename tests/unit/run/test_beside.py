"""A batch whose rows read blocks of keys and values of their own: as if each row were alone, joined."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from model.grafts.reading import Reading
from model.run.beside import LARGE, Beside

H, D, M = 3, 8, 5
LENGTHS = [(LARGE + 2, 4, 1), (1, LARGE), (2,)]  # blocks of earlier tokens, row by row


def blocks(lengths):
    return [[tuple(torch.randn(H, n, D) for n in own)] for own in lengths]


@pytest.mark.parametrize("t", [1, 4])
def test_each_row_is_attention_over_all_it_reads(t):
    torch.manual_seed(0)
    keys, values = blocks(LENGTHS), blocks(LENGTHS)
    q, k, v = (torch.randn(len(LENGTHS), H, t, D) for _ in range(3))
    slots = Reading(*(torch.randn(1, H, M, D) for _ in range(2)), np.arange(M), 0)
    readings, added = [None, slots, slots], [None, torch.rand(t, 1), None]
    found = Beside(keys, values, readings, added).attend(
        SimpleNamespace(layer_idx=0), q, k, v, scaling=D**-0.5)
    for b, own in enumerate(found):
        local = torch.cat([*keys[b][0], k[b]], dim=1), torch.cat([*values[b][0], v[b]], dim=1)
        n, n_read = local[0].shape[1], 0 if readings[b] is None else M
        if n_read:
            local = torch.cat([slots.keys[0], local[0]], 1), torch.cat([slots.values[0], local[1]], 1)
        mask = torch.zeros(t, n_read + n)
        mask[:, n_read:].masked_fill_(torch.ones(t, n).triu(n - t + 1).bool(), -torch.inf)
        if added[b] is not None:
            mask[:, :n_read] += added[b]
        full = scaled_dot_product_attention(q[b], *local, mask)
        torch.testing.assert_close(own, full.transpose(0, 1), atol=1e-6, rtol=1e-5)
