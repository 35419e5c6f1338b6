"""A KV cache held to a budget: before a token is read, a policy drops what has no room.

The price: what a policy costs on a text, in bits. GPT-2 adds a token's position to its embedding,
so a cached key or value keeps its old position for ever; only a new token's position can be chosen
(`counted_on`, `in_the_cache`). Only re-encoding the window is exact.
Axes: B rows (one a policy), L layers, H heads, S entries, T tokens, V vocabulary.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, PreTrainedTokenizerBase

from model.run import causal, sampling, tokens, trace, turn
from model.run.bits import bits
from model.run.cache import KVCache
from model.run.cache_policies import POLICIES, Entries, Policy, stop
from model.run.checkpoint import Checkpoint
from model.run.generate import GenerationPass, now
from model.run.tokens import Ids

Place = Callable[[int, int, int], int]
FULL, AGAIN = "full context", "slide, re-encoded"


def counted_on(n_read: int, n_entries: int, n_positions: int) -> int:
    """A new token's position: its place in the text; beyond the table, the table's last row."""
    return min(n_read, n_positions - 1)


def in_the_cache(n_read: int, n_entries: int, n_positions: int) -> int:
    """A new token's position: how many entries the cache holds, so the same one again and again."""
    return min(n_entries, n_positions - 1)


PLACES: dict[str, Place] = {"counted": counted_on, "in cache": in_the_cache}


class Watch:
    """A tap that adds up the attention each cached entry receives in one pass, per layer."""

    def __init__(self, scalings: list[float]) -> None:
        self._scalings = scalings
        self.received: list[torch.Tensor] = []  # per layer (B,H,S): summed over this pass's queries
        self.latest: list[torch.Tensor] = []  # per layer (B,H,S): from the newest query

    def see_attention(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> None:
        """query (B,H,t,D), key (B,H,S,D), the last t of S entries: weights are summed, not kept."""
        scale = self._scalings[len(self.received)]
        weights = causal.weights(query, key, scale)  # (B,H,t,S)
        self.received.append(weights.sum(-2).cpu())
        self.latest.append(weights[..., -1, :].cpu())


class WithBudget:
    """Reads through a cache of at most `budget` entries a head; one row for each policy.

    All rows read the same text. A prompt is prefilled up to the budget; its other tokens are read
    one by one, with entries dropped before each. `entries` (B,L,H,S) is what the policies see. A
    budget beyond the window counts as the window: there are no more positions.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        policies: list[Policy],
        budget: int,
        *,
        place: Place,
        seed: int,
    ) -> None:
        if budget < 1:
            raise ValueError(
                f"Cache budget too small: {budget} entries. Give at least 1 entry: a token has to "
                "read itself."
            )
        self.checkpoint, self.policies, self._place = checkpoint, policies, place
        self.budget = min(budget, checkpoint.model.config.n_positions)
        self.cache = KVCache(checkpoint.model.config.n_layer)
        self.entries = _no_entries(checkpoint.model.config)
        self.n_read = 0
        self._generator = torch.Generator().manual_seed(seed)
        layers = range(checkpoint.model.config.n_layer)
        self._scalings = [trace.scaling(checkpoint, i) for i in layers]

    def read(self, ids: np.ndarray) -> GenerationPass:
        """Read tokens (n,); the logits (V,) are the first row's."""
        start, phase = now(self.checkpoint.model.device), "decode" if self.n_read else "prefill"
        n_first = 0
        if not self.n_read:
            n_first = min(len(ids), self.budget)
            logits = self.prefill(ids[:n_first], 1)
        for token in ids[n_first:]:
            logits = self.decode(int(token))
        sampling.check_finite(logits, "the logits with a bounded cache")
        seconds = now(self.checkpoint.model.device) - start
        return GenerationPass(
            phase, len(ids), self.cache.n_entries, self.cache.n_bytes, seconds, logits[0]
        )

    def full(self) -> str:
        """Why no further token fits; "" while one fits."""
        if stop in self.policies and self.cache.n_entries >= self.budget:
            return f"the cache's budget of {self.budget:,} entries is full, and nothing is dropped"
        return ""

    def prefill(self, ids: np.ndarray, n_last: int) -> torch.Tensor:
        """Read tokens (n,), n <= budget, into the empty cache -> logits of the last (n_last,V),
        the same for all rows."""
        logits = self._run(torch.tensor(ids)[None], torch.arange(len(ids)), n_last)[0]
        self.cache.repeat(len(self.policies))
        e, B = self.entries, len(self.policies)
        parts = (x.expand(B, -1, -1, -1) for x in (e.place, e.received, e.latest))
        self.entries = Entries(*(x.clone() for x in parts))
        return logits

    def decode(self, token: int) -> torch.Tensor:
        """Drop what has no room, then read one token -> logits (B,V)."""
        if self.cache.n_entries >= self.budget:
            self._keep(self._kept(self.budget - 1))
        window = self.checkpoint.model.config.n_positions
        position = self._place(self.n_read, self.cache.n_entries, window)
        batch = torch.full((len(self.policies), 1), token)
        return self._run(batch, torch.tensor([position]), 1)[:, -1]

    def held(self, n_tokens: int) -> np.ndarray:
        """Share of all L × H heads that still hold each of the first n tokens, (B,n) float32."""
        places = self.entries.place.flatten(1)
        counts = [torch.bincount(row, minlength=n_tokens)[:n_tokens] for row in places]
        n_layers, n_heads = self.entries.place.shape[1:3]
        return (torch.stack(counts).float() / (n_layers * n_heads)).numpy()

    @torch.inference_mode()
    def _run(self, batch: torch.Tensor, positions: torch.Tensor, n_last: int) -> torch.Tensor:
        model, watch = self.checkpoint.model, Watch(self._scalings)
        out = model(
            batch.to(model.device), position_ids=positions[None].to(model.device),
            past_key_values=self.cache, use_cache=True, logits_to_keep=n_last, tap=watch,
        )
        self._note(watch, batch.shape[1])
        logits: torch.Tensor = out.logits
        return logits

    def _note(self, watch: Watch, n_new: int) -> None:
        received, latest = torch.stack(watch.received, 1), torch.stack(watch.latest, 1)
        new = torch.arange(self.n_read, self.n_read + n_new).expand(*received.shape[:3], n_new)
        place = torch.cat([self.entries.place, new], dim=-1)
        received[..., : -n_new] += self.entries.received
        self.entries = Entries(place, received, latest)
        self.n_read += n_new

    def _kept(self, room: int) -> torch.Tensor:
        rows = [
            policy(Entries(place, received, latest), room, self._generator)
            for policy, place, received, latest in zip(
                self.policies, self.entries.place, self.entries.received, self.entries.latest
            )
        ]
        return torch.stack(rows)  # (B,L,H,room)

    @torch.inference_mode()
    def _keep(self, kept: torch.Tensor) -> None:
        self.cache.keep(kept)
        e = self.entries
        self.entries = Entries(*(x.gather(-1, kept) for x in (e.place, e.received, e.latest)))


def _no_entries(config: GPT2Config) -> Entries:
    """(1,L,H,0): of one row, as a prompt is read before its cache is repeated."""
    empty = torch.zeros(1, config.n_layer, config.n_head, 0)
    return Entries(empty.long(), empty, empty)


# -- the price -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Price:
    """What holding the cache to a budget costs on one text of T tokens.

    surprisal: bits of each token but the first, (T-1,) float64. held: (T,T) float32; row = after
    reading that token, column = token, value = share of the L × H heads that still hold it.
    n_run: tokens run through the model in all. n_bytes: bytes of all tokens but the first.
    """

    surprisal: np.ndarray
    held: np.ndarray
    n_run: int
    n_bytes: int

    @property
    def bits_per_byte(self) -> float:
        """All bits ÷ all bytes, the first token left out of both: nothing precedes it."""
        return float(self.surprisal.sum() / self.n_bytes)


@torch.inference_mode()
def full_context(checkpoint: Checkpoint, ids: Ids) -> Price:
    """ids (T,), 2 <= T <= window: nothing is dropped."""
    run = trace.run(checkpoint, _checked(ids))
    surprisal = bits(trace.logits(checkpoint, run)[:-1], run.ids[1:])
    T = len(run)
    held = np.tri(T, dtype=np.float32)
    return Price(surprisal, held, T, scored_bytes(checkpoint.tokenizer, ids))


def with_policies(
    checkpoint: Checkpoint,
    ids: Ids,
    policies: dict[str, Policy],
    budget: int,
    *,
    place: Place,
    seed: int,
) -> Iterator[int | dict[str, Price]]:
    """Read ids (T,), T >= 2, under several policies that drop, at once.

    Yields the number of tokens read so far, and finally policy -> Price.
    """
    ids, P = _checked(ids), len(policies)
    reader = WithBudget(checkpoint, list(policies.values()), budget, place=place, seed=seed)
    T, n_first = len(ids), min(len(ids), reader.budget)
    surprisal, held = np.zeros((P, T - 1)), np.zeros((P, T, T), np.float32)
    logits = reader.prefill(ids[:n_first], n_first)
    surprisal[:, : n_first - 1] = bits(logits[:-1], ids[1:n_first])
    held[:, :n_first] = np.tri(n_first, T)
    last = logits[-1:].expand(P, -1)
    for t in range(n_first, T):
        surprisal[:, t - 1] = bits(last, np.full(P, ids[t]))
        last = reader.decode(int(ids[t]))
        held[:, t] = reader.held(T)
        yield t
    n_bytes = scored_bytes(checkpoint.tokenizer, ids)
    yield {name: Price(surprisal[i], held[i], T, n_bytes) for i, name in enumerate(policies)}


@torch.inference_mode()
def re_encoded(
    checkpoint: Checkpoint, ids: Ids, budget: int, most: int = 4096
) -> Iterator[int | Price]:
    """The exact sliding window: for each token, the last `budget` tokens are read anew, from
    position 0. Yields the number of tokens read so far, and finally the Price.

    Windows run in batches of at most `most` tokens.
    """
    ids, model = _checked(ids), checkpoint.model
    T, budget = len(ids), min(budget, model.config.n_positions)
    n_first = min(T, budget)
    batch = torch.tensor(ids, device=model.device)
    logits = model(batch[None, :n_first], use_cache=False).logits[0]
    parts = [bits(logits[: T - 1], ids[1 : n_first + 1])]
    windows = batch.unfold(0, budget, 1)[1:-1] if T > budget else batch[:0]
    for start in range(0, len(windows), max(1, most // budget)):
        some = windows[start : start + max(1, most // budget)]
        logits = model(some, use_cache=False, logits_to_keep=1).logits[:, -1]
        n_before = 1 + sum(map(len, parts))
        parts.append(bits(logits, ids[n_before : n_before + len(some)]))
        yield n_before + len(some)
    held = np.tri(T, dtype=np.float32) - np.tri(T, k=-budget, dtype=np.float32)
    n_run = n_first + windows.numel()
    yield Price(np.concatenate(parts), held, n_run, scored_bytes(checkpoint.tokenizer, ids))


def compared(checkpoint: Checkpoint, ids: Ids, budget: int, place: str) -> dict[str, Price]:
    """Every policy that drops, on ids (T,), T >= 2; new tokens are placed by PLACES[place]. FULL
    where the text fits the window. Reports the share of tokens read."""
    dropping = {name: policy for name, policy in POLICIES.items() if name != "stop"}
    fits = len(ids) <= checkpoint.model.config.n_positions
    full = {FULL: full_context(checkpoint, ids)} if fits else {}
    runs = with_policies(checkpoint, ids, dropping, budget, place=PLACES[place], seed=0)
    found: dict[str, Price] = _last(runs, len(ids))
    return full | found


def slid_exactly(checkpoint: Checkpoint, ids: Ids, budget: int) -> dict[str, Price]:
    """AGAIN: `re_encoded`; reports the share of tokens read."""
    return {AGAIN: _last(re_encoded(checkpoint, ids, budget), len(ids))}


def _last(runs: Iterator[Any], n_tokens: int) -> Any:
    """What comes last; the numbers of tokens before it are reported as shares."""
    for found in runs:
        if isinstance(found, int):
            turn.report(found / n_tokens)
    return found


def scored_bytes(tokenizer: PreTrainedTokenizerBase, ids: Ids) -> int:
    """Bytes of all tokens but the first: the text that has a surprisal."""
    return sum(tokens.n_text_bytes(tokenizer, i) for i in ids[1:])


def _checked(ids: Ids) -> np.ndarray:
    ids = np.asarray(ids, dtype=np.int64)
    if len(ids) < 2:
        raise ValueError(
            f"Text too short: {len(ids)} token, and a policy's price needs at least 2 tokens (the "
            "first has nothing before it). Type more text."
        )
    return ids
