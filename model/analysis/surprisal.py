"""How well a model predicts a text: bits and rank of every token, bits per byte of the whole.

Knows nothing of how a next token is chosen. Base 2 throughout: 1 bit = ln 2 nats.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from model.run import tokens
from model.run.bits import ROWS_AT_ONCE, Targets, as_bits, bits_and_rank, weigh
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, common_prefix, final_logits
from model.run.turn import give_way

N_GUESSES = 5
ROWS_IN_CACHE = 8


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
class PredictedPrompt:
    """How the model predicted a prompt of T tokens; row t is the prediction made *after* token t.

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
def read(
    checkpoint: Checkpoint, trace: Trace, earlier: PredictedPrompt | None = None
) -> PredictedPrompt:
    """Trace of T tokens -> how each was predicted. Rows that it shares with `earlier` (of the same
    model) are not computed again.

    Raises ValueError when a logit is NaN or infinite, naming its rows.
    """
    n_old = 0 if earlier is None else common_prefix(trace.ids, earlier.ids)
    stream, targets = trace.layer_stream(-1), np.append(trace.ids[1:], -1)
    parts = [_old_rows(earlier, n_old)] if earlier is not None and n_old else []
    for start in range(max(n_old - 1, 0), len(trace), ROWS_AT_ONCE):
        give_way()
        rows = slice(start, start + ROWS_AT_ONCE)
        logits = final_logits(checkpoint.model, stream[rows])
        parts.append(_read_rows(logits, targets[rows], start))
    bits, rank, ids, probability, entropy = (np.concatenate(same) for same in zip(*parts))
    bits, rank = np.insert(bits[:-1], 0, np.nan), np.insert(rank[:-1], 0, 0)
    sizes = _sizes(checkpoint.tokenizer, trace.ids)
    return PredictedPrompt(trace.ids, sizes, bits, rank, ids, probability, entropy)


def _sizes(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray) -> np.ndarray:
    """Bytes of each token, (T,); every id is looked up once."""
    known = {i: tokens.n_text_bytes(tokenizer, i) for i in set(ids.tolist())}
    return np.array([known[i] for i in ids.tolist()])


# -- long texts -----------------------------------------------------------------------------------


@torch.inference_mode()
def in_windows(
    checkpoint: Checkpoint, ids: np.ndarray, window: int, stride: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """ids (T,) of a text of any length -> (first, bits (n,), rank (n,)), window by window.

    A window reads `window` tokens and predicts the token after each. The next window starts
    `stride` tokens later and counts only tokens that no earlier window predicted. So every token
    but the first counts once; beyond the first window, each has at least window - stride + 1 tokens
    before it. `first` is the index of the window's first counted token.
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


def score(checkpoint: Checkpoint, ids: np.ndarray, window: int, stride: int) -> Iterator[Total]:
    """The total so far after each window of `in_windows`; the last one is the text's."""
    n_tokens, n_bytes, bits = 0, 0, 0.0
    for first, new_bits, _ in in_windows(checkpoint, ids, window, stride):
        counted = ids[first : first + len(new_bits)]
        n_tokens += len(counted)
        n_bytes += int(_sizes(checkpoint.tokenizer, counted).sum())
        bits += float(new_bits.sum())
        yield Total(n_tokens, n_bytes, bits)


def _judge(
    model: GPT2LMHeadModel, hidden: torch.Tensor, ids: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """hidden (n,C) after the last LayerNorm, predicting ids[first:first+n]."""
    parts = []
    for row in range(0, len(hidden), ROWS_AT_ONCE):
        part = hidden[row : row + ROWS_AT_ONCE]
        start = first + row
        name = f"logits for tokens {start:,} to {start + len(part) - 1:,}"
        parts.append(bits_and_rank(model.lm_head(part), ids[start : start + len(part)], name))
    bits, rank = zip(*parts)
    return np.concatenate(bits), np.concatenate(rank)


def _check_windows(n_positions: int, n_tokens: int, window: int, stride: int) -> None:
    if n_tokens < 2:
        noun = "token" if n_tokens == 1 else "tokens"
        raise ValueError(
            f"Text too short: {n_tokens} {noun}, at least 2 tokens are needed. The first token is "
            "only read, never predicted, so there is nothing to score. Give a longer text."
        )
    if not 1 <= window <= n_positions:
        raise ValueError(f"Window out of range: {window:,} tokens. Choose a window of 1 to "
                         f"{n_positions:,} tokens.")
    if not 1 <= stride <= window:
        raise ValueError(
            f"Stride out of range: {stride:,}. Choose a stride of 1 to {window:,} (the window); a "
            "longer one would leave tokens out."
        )


def _read_rows(
    logits: torch.Tensor, targets: Targets, start: int
) -> tuple[np.ndarray, ...]:
    """The rows of `PredictedPrompt` from start on, so few at a time that the cache holds them."""
    parts = []
    for at in range(0, len(logits), ROWS_IN_CACHE):
        few = slice(at, at + ROWS_IN_CACHE)
        parts.append(_read_few(logits[few], targets[few], start + at))
    return tuple(np.concatenate(same) for same in zip(*parts))


def _read_few(
    logits: torch.Tensor, targets: Targets, start: int
) -> tuple[np.ndarray, ...]:
    weighed = weigh(logits, f"logits after tokens {start:,} to {start + len(logits) - 1:,}")
    guesses, ids = weighed.weights.topk(min(N_GUESSES, logits.shape[-1]))
    probability = guesses.double() / weighed.total[:, None]
    mean = (weighed.weights * weighed.shifted).sum(-1, dtype=torch.float64) / weighed.total
    entropy = as_bits((weighed.total.log() - mean).clamp(min=0))
    bits, rank = as_bits(weighed.nats(targets)), weighed.rank(targets)
    return bits, *(x.cpu().numpy() for x in (rank, ids, probability)), entropy


def _old_rows(earlier: PredictedPrompt, n: int) -> tuple[np.ndarray, ...]:
    """The first n - 1 rows, with what came after them, as `_read_rows` made them."""
    n = n - 1
    judged = (earlier.bits[1 : n + 1], earlier.rank[1 : n + 1])
    guesses = (earlier.guess_ids, earlier.guess_probability, earlier.entropy_bits)
    return *judged, *(x[:n] for x in guesses)
