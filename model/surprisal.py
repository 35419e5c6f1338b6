"""How well a model foresees a text: bits and rank of every token, bits per byte of the whole.

Knows nothing of how a next token is chosen. Base 2 throughout: 1 bit = ln 2 nats.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from model import sampling, tokens
from model.trace import Trace, common_prefix, final_logits

N_GUESSES = 5
ROWS_AT_ONCE = 64  # rows of V float64 logits held at a time: 26 MB with GPT-2's vocabulary


@dataclass(frozen=True)
class Total:
    """Sums over the tokens that were predicted: n_tokens >= 1, n_bytes of UTF-8, bits."""

    n_tokens: int
    n_bytes: int
    bits: float

    @property
    def bits_per_token(self) -> float:
        return self.bits / self.n_tokens

    @property
    def perplexity(self) -> float:
        """2 to the bits per token: as unsure as a choice among so many equal tokens."""
        return 2.0**self.bits_per_token

    @property
    def bits_per_byte(self) -> float:
        """Comparable between tokenizers, as perplexity is not."""
        return self.bits / self.n_bytes


@dataclass(frozen=True, eq=False)
class Reading:
    """A prompt of T tokens as the model foresaw it; row t is the prediction made *after* token t.

    ids (T,); n_bytes (T,) of each token.
    bits (T,) surprisal of each token, rank (T,) of it, 1 = the most probable (1 + the number of
    tokens with a higher logit); token 0 was not predicted: NaN and 0.
    guess_ids, guess_probability (T,K): the K most probable next tokens of each position.
    entropy_bits (T,): how unsure each position was about its next token.
    """

    ids: np.ndarray
    n_bytes: np.ndarray
    bits: np.ndarray
    rank: np.ndarray
    guess_ids: np.ndarray
    guess_probability: np.ndarray
    entropy_bits: np.ndarray

    @cached_property
    def total(self) -> Total | None:
        """Over all tokens but the first; None when there is no second."""
        if len(self.ids) < 2:
            return None
        return Total(len(self.ids) - 1, int(self.n_bytes[1:].sum()), float(self.bits[1:].sum()))

    @property
    def n_hits(self) -> int:
        """How many tokens were the most probable one."""
        return int((self.rank == 1).sum())


@torch.inference_mode()
def read(checkpoint, trace: Trace, earlier: Reading | None = None) -> Reading:
    """Trace of T tokens -> how each was foreseen; rows that `earlier` (of the same model) has in
    common with it are not computed again.

    Raises ValueError when a logit is NaN or infinite, naming its rows.
    """
    n_old = 0 if earlier is None else common_prefix(trace.ids, earlier.ids)
    stream, targets = trace.layer_stream(-1), np.append(trace.ids[1:], -1)
    parts = [_old_rows(earlier, n_old)] if n_old else []
    starts = [*range(max(n_old - 1, 0), len(trace), ROWS_AT_ONCE)]
    for start in starts:
        rows = slice(start, start + ROWS_AT_ONCE)
        logits = final_logits(checkpoint.model, stream[rows])
        parts.append(_read_rows(logits, targets[rows], start))
    bits, rank, ids, probability, entropy = (np.concatenate(same) for same in zip(*parts))
    sizes = [len(tokens.token_bytes(checkpoint.tokenizer, i)) for i in trace.ids]
    bits, rank = np.insert(bits[:-1], 0, np.nan), np.insert(rank[:-1], 0, 0)
    return Reading(trace.ids, np.array(sizes), bits, rank, ids, probability, entropy)


def bits_and_rank(logits: torch.Tensor, targets, name: str = "logits"):
    """logits (n,V), targets (n,) -> surprisal in bits (n,) and rank (n,), on the CPU.

    A target of -1 (nothing came) gives the rank and bits of token 0: the caller drops them.
    """
    sampling.check_finite(logits, name)
    chosen = torch.as_tensor(targets, device=logits.device).clamp(min=0)[:, None]
    logits = logits.double()
    own = logits.gather(1, chosen)
    bits = (logits.logsumexp(-1) - own[:, 0]) / np.log(2)
    rank = 1 + (logits > own).sum(-1)
    return bits.cpu().numpy(), rank.cpu().numpy()


# -- long texts -----------------------------------------------------------------------------------


@torch.inference_mode()
def in_windows(checkpoint, ids: np.ndarray, window: int, stride: int) -> Iterator[tuple]:
    """ids (T,) of a text of any length -> (first, bits (n,), rank (n,)), window by window.

    A window reads `window` tokens and predicts the token after each; it starts `stride` tokens
    after the one before, and only tokens that no earlier window predicted are counted. So every
    token but the first is counted once, and beyond the first window each with at least
    window - stride + 1 tokens before it. `first` is the index of the window's first counted token.
    Raises ValueError for fewer than 2 tokens, or a window or stride that does not fit.
    """
    _check_windows(checkpoint.model.config.n_positions, len(ids), window, stride)
    n_done = 1
    for start in range(0, len(ids) - 1, stride):
        end = min(start + window, len(ids) - 1)  # the last token is predicted, never read
        fed = torch.as_tensor(ids[start:end], device=checkpoint.model.device)[None]
        hidden = checkpoint.model.transformer(fed, use_cache=False).last_hidden_state[0]
        yield n_done, *_judge(checkpoint.model, hidden[n_done - 1 - start :], ids, n_done)
        n_done = end + 1
        if n_done == len(ids):
            return


def score(checkpoint, ids: np.ndarray, window: int, stride: int) -> Iterator[Total]:
    """The total so far after each window of `in_windows`; the last one is the text's."""
    n_tokens, n_bytes, bits = 0, 0, 0.0
    for first, new_bits, _ in in_windows(checkpoint, ids, window, stride):
        counted = ids[first : first + len(new_bits)]
        n_tokens += len(counted)
        n_bytes += sum(len(tokens.token_bytes(checkpoint.tokenizer, i)) for i in counted)
        bits += float(new_bits.sum())
        yield Total(n_tokens, n_bytes, bits)


def _judge(model, hidden, ids, first):
    """hidden (n,C) after the last LayerNorm, predicting ids[first:first+n]."""
    parts = []
    for row in range(0, len(hidden), ROWS_AT_ONCE):
        part = hidden[row : row + ROWS_AT_ONCE]
        start = first + row
        name = f"logits for tokens {start:,} to {start + len(part) - 1:,}"
        parts.append(bits_and_rank(model.lm_head(part), ids[start : start + len(part)], name))
    return tuple(np.concatenate(same) for same in zip(*parts))


def _check_windows(n_positions, n_tokens, window, stride):
    if n_tokens < 2:
        noun = "token" if n_tokens == 1 else "tokens"
        raise ValueError(
            f"wanted a text of at least 2 tokens, got {n_tokens} {noun}; the first token is only "
            "read, never predicted, so there is nothing to score"
        )
    if not 1 <= window <= n_positions:
        raise ValueError(f"wanted a window of 1 to {n_positions:,} tokens, got {window:,}")
    if not 1 <= stride <= window:
        raise ValueError(
            f"wanted a stride of 1 to {window:,} (the window), got {stride:,}; a longer one would "
            "leave tokens out"
        )


def _read_rows(logits, targets, start):
    name = f"logits after tokens {start:,} to {start + len(logits) - 1:,}"
    bits, rank = bits_and_rank(logits, targets, name)
    p = sampling.softmax(logits)
    top = p.topk(min(N_GUESSES, p.shape[-1]))
    entropy = -torch.special.xlogy(p, p).sum(-1) / np.log(2)
    return bits, rank, *(x.cpu().numpy() for x in (top.indices, top.values, entropy.clamp(min=0)))


def _old_rows(earlier, n):
    """The first n - 1 rows, with what came after them, as `_read_rows` made them."""
    n = n - 1
    judged = (earlier.bits[1 : n + 1], earlier.rank[1 : n + 1])
    guesses = (earlier.guess_ids, earlier.guess_probability, earlier.entropy_bits)
    return *judged, *(x[:n] for x in guesses)
