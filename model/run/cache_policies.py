"""Which entries of a full KV cache stay: one function per policy, all with one signature.

    policy(entries, room, generator) -> kept (..., room) int64, ascending

`room` is how many of the S entries may stay, 0 <= room < S; every head keeps its own. A policy
decides and does not drop; it knows nothing of models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class Entries:
    """What a policy may look at. Axes (L,H,S), or any leading axes; S entries, oldest first.

    place: int64, which token of the text an entry belongs to. received: the attention it got from
    every query so far, its own included, summed. latest: the attention from the newest query.
    """

    place: torch.Tensor
    received: torch.Tensor
    latest: torch.Tensor


Policy = Callable[[Entries, int, torch.Generator], torch.Tensor]


def stop(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """Drop nothing, as plain GPT-2 does: raises ValueError at the end of its window."""
    raise ValueError(
        f"Cache full: all {entries.place.shape[-1]:,} entries of the cache are taken, and this "
        "policy drops none. Choose another policy or a larger budget."
    )


def slide(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """The newest entries stay (window attention, Beltagy et al. 2020, arXiv:2004.05150)."""
    S = entries.place.shape[-1]
    return _everywhere(entries, torch.arange(S - room, S))


def sinks_and_recent(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """The first 4 tokens (sinks: a head that finds nothing to read attends to them) and the newest.

    StreamingLLM (Xiao et al. 2023, arXiv:2309.17453). StreamingLLM caches keys before RoPE and can
    renumber positions inside the cache; in GPT-2 the position is part of the key and stays.
    """
    S, n_sinks = entries.place.shape[-1], min(4, room)
    recent = torch.arange(S - (room - n_sinks), S)
    return _everywhere(entries, torch.cat([torch.arange(n_sinks), recent]))


def heavy_hitters(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """Half the room for the entries that got most attention, half for the newest; each head alone.

    H2O (Zhang et al. 2023, arXiv:2306.14048). Only queries so far count, as in the paper's
    algorithm. Simulations that also sum over later queries look better than they are.
    """
    S, n_recent = entries.place.shape[-1], room // 2
    old = entries.received[..., : S - n_recent]
    heavy = old.topk(room - n_recent, dim=-1).indices.sort(dim=-1).values
    recent = torch.arange(S - n_recent, S).expand(*heavy.shape[:-1], n_recent)
    return torch.cat([heavy, recent], dim=-1)


def random(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """Any entries, drawn anew for each head: the baseline that a policy has to beat."""
    chance = torch.rand(entries.place.shape, generator=generator)
    return chance.topk(room, dim=-1).indices.sort(dim=-1).values


def least_attended(entries: Entries, room: int, generator: torch.Generator) -> torch.Tensor:
    """Drops the entry with the least attention from the newest query (mean over a layer's heads).

    TOVA (Oren et al. 2024, arXiv:2401.06104).
    """
    votes = entries.latest.mean(dim=-2, keepdim=True).expand_as(entries.latest)
    return votes.topk(room, dim=-1).indices.sort(dim=-1).values


POLICIES: dict[str, Policy] = {
    "stop": stop,
    "slide": slide,
    "sinks": sinks_and_recent,
    "heavy": heavy_hitters,
    "least": least_attended,
    "random": random,
}


def _everywhere(entries: Entries, kept: torch.Tensor) -> torch.Tensor:
    return kept.expand(*entries.place.shape[:-1], len(kept))
