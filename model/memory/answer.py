"""A model's answer to a prompt: the most probable token each time, up to the end of a sentence.

The prompt's run is the cache: every further token is one step that reads the same memory. Earlier
answers, the prompt and what was told may serve as drafts: what followed the answer's last tokens
there is checked in one pass (greedy speculative decoding, arXiv:2211.17192, with drafts looked up
instead of computed), and the answer does not change. Knows nothing of who asks, and stores nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from model.run import borders, tokens
from model.run.bits import nats
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, logits, run

LOOKED_UP = 3  # the most last tokens of an answer that are looked up in a draft
MOST = 24  # an answer has at most so many tokens; usually its sentence ends sooner
SENTENCE, END_OF_TEXT, LIMIT, WINDOW = "sentence", "end of text", "limit", "window"  # why it ended
_MARK = re.compile(r"[.!?。！？][\"')\]»”’]*\s*$")
_NUMBER = re.compile(r"\d\.$")
_SHORTENED = re.compile(r"\b(?:[A-Z]|Mrs?|Ms|Drs?|St|Prof|Capt|Col|Gen|Rev|No|vs|etc)\.$")


@dataclass(frozen=True, eq=False)
class AnswerPiece:
    """text: whole characters, spaces as they are, else visible; probability: of its tokens together
    (most pieces are one token; a character of several bytes can be several)."""

    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer of A tokens. ids (A,); log (A,): log probability of each, given those before it, in
    nats; text: what they spell; end: why the answer ended, "" while it goes on."""

    ids: np.ndarray
    log: np.ndarray
    text: str
    end: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def probability(self) -> float:
        """Probability of the whole answer: the product of its tokens' probabilities. An end token
        after it is not counted."""
        return float(np.exp(self.log.sum()))

    @property
    def per_token(self) -> float:
        """The geometric mean of its tokens' probabilities; 1 for an empty answer."""
        return float(np.exp(self.log.mean())) if len(self) else 1.0


NOTHING = Answer(np.zeros(0, dtype=np.int64), np.zeros(0), "")


def say(
    checkpoint: Checkpoint, asked: Trace, known: Answer = NOTHING,
    drafts: Sequence[np.ndarray] = (), most: int = MOST,
) -> Iterator[Answer]:
    """The prompt's run -> the answer as it grows, pass by pass; the last one has an `end`.

    known: its beginning, taken from an earlier answer (`rest`); if that is the whole answer,
    nothing is run. drafts: ids (A,) that the answer may repeat, each; the prompt is one too.
    """
    answer, trace, drafts = known, asked, (*drafts, asked.ids)
    while not answer.end:
        if len(asked) + len(answer) > _room(checkpoint, asked):
            answer = replace(answer, end=WINDOW)
        else:
            guess = _guess(answer, drafts)
            ids = np.r_[asked.ids, answer.ids, guess][: _room(checkpoint, asked)]
            trace = _on(checkpoint, trace, ids)
            start = len(asked) + len(answer)
            answer = _accepted(checkpoint, answer, _rows(checkpoint, trace, start), guess, most)
        yield answer
    if answer is known:
        yield answer


def rest(
    checkpoint: Checkpoint, asked_ids: np.ndarray, answer: Answer, ids: Ids, most: int = MOST
) -> Answer:
    """The rest of an answer to `asked_ids`, if `ids` (T,) is that prompt plus the beginning of the
    answer (greedy decoding goes on the same way); else NOTHING. The memory must be the same."""
    way, n_said = np.r_[asked_ids, answer.ids], len(ids) - len(asked_ids)
    if not 0 <= n_said < len(answer) or not np.array_equal(way[: len(ids)], ids):
        return NOTHING
    left = NOTHING
    for token, log in zip(answer.ids[n_said:], answer.log[n_said:]):
        left = _longer(checkpoint, left, int(token), float(log), most)
        if left.end:
            return left
    return replace(left, end=answer.end) if answer.end in (END_OF_TEXT, WINDOW) else left


def pieces(tokenizer: PreTrainedTokenizerBase, answer: Answer) -> list[AnswerPiece]:
    """The answer as pieces to show: tokens that are parts of one character form one piece."""
    if not tokens.is_byte_level(tokenizer):
        return _text_pieces(tokenizer, answer)
    found, raw, log = [], b"", 0.0
    for i, (token, own) in enumerate(zip(answer.ids, answer.log)):
        known = tokens.has_token(tokenizer, token)  # a padded row can be the most probable
        new = tokens.token_bytes(tokenizer, token) if known else b""
        raw, log = raw + new, log + own
        if _is_whole(raw) or i == len(answer) - 1:
            found.append(AnswerPiece(readable(raw), float(np.exp(log))))
            raw, log = b"", 0.0
    return found


def _text_pieces(tokenizer: PreTrainedTokenizerBase, answer: Answer) -> list[AnswerPiece]:
    """Each token as what it adds to the text before it."""
    texts = [tokens.decode(tokenizer, answer.ids[:n]) for n in range(len(answer) + 1)]
    return [
        AnswerPiece(readable(after[len(before):].encode()), float(np.exp(log)))
        for before, after, log in zip(texts, texts[1:], answer.log)
    ]


def readable(raw: bytes) -> str:
    """Bytes as visible text whose spaces are spaces."""
    if not _is_whole(raw):
        return tokens.show_bytes(raw)
    return "".join(c if c == " " else tokens.show_bytes(c.encode()) for c in raw.decode())


def _on(checkpoint: Checkpoint, trace: Trace, ids: Ids) -> Trace:
    """The run of ids, reading the same memory; rows that they share with the trace are reused."""
    if np.array_equal(ids, trace.ids):
        return trace
    return run(checkpoint, ids, prefix=trace, reading=trace.reading, graft=trace.graft)


def _room(checkpoint: Checkpoint, asked: Trace) -> int:
    """How many tokens can be read, the prompt's own counted."""
    start = 0 if asked.reading is None else asked.reading.start
    return checkpoint.model.config.n_positions - start


def _guess(answer: Answer, drafts: Sequence[np.ndarray]) -> np.ndarray:
    """The next tokens: those of the first draft that begins like the answer; else what follows its
    last tokens in a draft, the more of them are there the more. Empty before the first token, which
    needs no run."""
    n = len(answer)
    if n == 0:
        return NOTHING.ids
    for draft in drafts:
        if len(draft) > n and np.array_equal(draft[:n], answer.ids):
            return draft[n:]
    for n_same in range(min(LOOKED_UP, n), 0, -1):
        for draft in drafts:
            at = _behind(draft, answer.ids[-n_same:])
            if at < len(draft):
                return draft[at : at + 4 * n_same**2]  # a wrong guess costs its rows
    return NOTHING.ids


def _behind(draft: np.ndarray, end: np.ndarray) -> int:
    """The place behind the last tokens of an answer in a draft; its length where they are not."""
    raw, wanted, at = draft.tobytes(), end.tobytes(), 0
    while (at := raw.find(wanted, at)) >= 0:
        if at % draft.itemsize == 0:
            return at // draft.itemsize + len(end)
        at += 1
    return len(draft)


def _rows(checkpoint: Checkpoint, trace: Trace, start: int) -> torch.Tensor:
    """Logits (1+G,V) after the first `start` tokens of a run and after each of its G others."""
    if len(trace) == start:
        return trace.next_logits[None]
    return logits(checkpoint, trace, start - 1)


def _accepted(
    checkpoint: Checkpoint, answer: Answer, rows: torch.Tensor, guess: np.ndarray, most: int
) -> Answer:
    """The most probable token of each row (1+G,V), up to the first guess that was wrong."""
    for i, row in enumerate(rows):
        answer = _one_more(checkpoint, answer, row, most)
        if answer.end or i == len(guess) or answer.ids[-1] != guess[i]:
            break
    return answer


def _one_more(checkpoint: Checkpoint, said: Answer, row: torch.Tensor, most: int) -> Answer:
    """Logits (V,) after the answer so far -> the answer plus the most probable token, or its
    end."""
    token = int(row.argmax())
    if token in borders.ends(checkpoint):
        return replace(said, end=END_OF_TEXT)
    if _was_over(said.text, tokens.decode(checkpoint.tokenizer, [token])):
        return replace(said, end=SENTENCE)
    log = -float(nats(row[None], [token])[0])
    return _longer(checkpoint, said, token, log, most)


def _longer(checkpoint: Checkpoint, said: Answer, token: int, log: float, most: int) -> Answer:
    ids = np.r_[said.ids, token]
    text = tokens.decode(checkpoint.tokenizer, ids)
    end = SENTENCE if _is_over(text) else LIMIT if len(ids) >= most else ""
    return Answer(ids, np.r_[said.log, log], text, end)


def _is_over(text: str) -> bool:
    """Whether a sentence surely ends here: at a line end, or at a mark that cannot belong to a
    number or an abbreviation."""
    if "\n" in text.lstrip():
        return True
    return bool(_MARK.search(text)) and not _may_go_on(text)


def _was_over(text: str, following: str) -> bool:
    """Whether a sentence ended just before the text that follows, if only that text can tell."""
    if not _may_go_on(text):
        return False
    goes_on = following[:1].isdigit() if _NUMBER.search(text) else not following.startswith("\n")
    return not goes_on


def _may_go_on(text: str) -> bool:
    return bool(_NUMBER.search(text) or _SHORTENED.search(text))


def _is_whole(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
