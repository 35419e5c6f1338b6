"""The right answer to a question, computed from the model at hand; nothing is stored in a lesson.

Each kind takes the checkpoint, the trace and text of the step's prompt, and the question. Where the
model lacks what the lesson wants to show, the sentence says so with the numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from model.analysis import (
    ablation,
    attention,
    embeddings,
    lens,
    score_parts,
    surprisal,
    what_if,
)
from model.analysis.ablation import Off
from model.lessons import findings
from model.lessons import patched as patches
from model.lessons.findings import percent
from model.lessons.lesson import Question
from model.memory.state import blank
from model.recall import probe
from model.recall.probe import Probe
from model.run import generate, predict, tokens
from model.run.checkpoint import Checkpoint
from model.run.distance import total_variation
from model.run.trace import Trace, run

MOST_OPTIONS = 6  # fit one row of the bar
MOST_OFFERED = MOST_OPTIONS - 1
LEAST_OPTIONS = 4  # fewer are filled up with the model's own next best
N_ORDERED = 5
MOST_SHOWN = 32  # characters of a reply
SURE = 0.2  # a first choice below this probability is called unsure


@dataclass(frozen=True)
class Answer:
    """options: what can be picked, up to MOST_OPTIONS; notes: each one's number, shown when the
    answer is. right: the right option's index; in an order, all indices, the most first.
    sentence: the answer in words, with its numbers."""

    options: tuple[str, ...]
    notes: tuple[str, ...]
    right: tuple[int, ...]
    sentence: str


def next_token(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Which token is the most probable next one? Options are tokens of this model."""
    top = predict.next_tokens(checkpoint, trace, MOST_OPTIONS)
    ids = _offered(checkpoint, question.options, top.ids)
    probability = trace.next_logits.double().softmax(-1).cpu().numpy()
    best = int(top.ids[0])
    sentence = findings.next_word(checkpoint, trace)
    if probability[best] < SURE:
        sentence += " It is far from sure."
    return Answer(_texts(checkpoint, ids), tuple(percent(float(probability[i])) for i in ids),
                  (ids.index(best),), sentence)


def nearest(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Which token's vector lies nearest to that of `token`, by cosine in wte?"""
    asked = _first_token(checkpoint, question.token)
    units = embeddings.unit(embeddings.token_table(checkpoint))
    found = embeddings.nearest(units, units[asked], MOST_OPTIONS + 1)
    near = found.ids[found.ids != asked]
    ids = _offered(checkpoint, question.options, near, without=asked)
    cosine = units[ids] @ units[asked]
    best = int(near[0])
    word, other = tokens.display(checkpoint.tokenizer, [asked, best])
    sentence = (f"“{other}” is nearest to “{word}” of all {len(units):,} tokens: cosine "
                f"{cosine[ids.index(best)]:.2f}.")
    if cosine[ids.index(best)] < 0.3:
        sentence += " That is hardly near: this model’s vectors stand apart."
    return Answer(_texts(checkpoint, ids), tuple(f"{x:.2f}" for x in cosine), (ids.index(best),),
                  sentence)


def cell(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Which token does the last one read most, in the head that is strongest in `head`?"""
    layer, head, _ = findings.strongest(checkpoint, trace, question.head)
    row = attention.weights(checkpoint, trace, layer, head)[-1]
    keys = _cells(trace.ids, int(row.argmax()))
    names = tokens.display(checkpoint.tokenizer, trace.ids[keys])
    best = keys.index(int(row.argmax()))
    sentence = f"It reads “{names[best]}” at position {keys[best]} most: {percent(float(row.max()))}. "
    sentence += (findings.of_head(checkpoint, trace, question.head)
                 if question.head in findings.NAMED else f"This is layer {layer}, head {head}.")
    return Answer(tuple(f"{name} ({key})" for name, key in zip(names, keys)),
                  tuple(percent(float(row[key])) for key in keys), (best,), sentence)


def writer(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Who wrote most into the key that the last token reads most, in the head that is strongest in
    `head`: the embeddings, an earlier head or MLP, or what no token changes?"""
    layer, head, _ = findings.strongest(checkpoint, trace, question.head)
    row = attention.weights(checkpoint, trace, layer, head)[-1]
    found = score_parts.score_parts(checkpoint, trace, layer, head, len(trace) - 1, int(row.argmax()))
    by_key = found.parts.sum(0)
    best = int(by_key.argmax())
    shown = sorted(np.argsort(-by_key)[:MOST_OPTIONS].tolist())
    names = [_writer(one) for one in found.writers]
    sentence = (f"Most of this key was written by {names[best]}: {by_key[best]:+.1f} of the score "
                f"{found.score:+.1f}.").replace("-", "−")
    if found.writers[best].kind == "head":
        place = found.writers[best].layer, found.writers[best].head
        share = max(0.0, float(findings.scores(checkpoint, trace, "previous")[place]))
        sentence += f" This head gives the previous token {percent(share)} of its weight."
    return Answer(tuple(names[i] for i in shown), tuple(f"{by_key[i]:+.1f}".replace("-", "−") for i in shown),
                  (shown.index(best),), sentence)


def _writer(one: score_parts.Writer) -> str:
    named = {"head": f"head {one.layer}.{one.head}", "mlp": f"MLP {one.layer}"}
    return named.get(one.kind, f"the {one.kind}")


def n_bytes(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """How many bytes? `of` the text, of one token in the KV cache, or of the whole cache."""
    right, wrong, sentence = _COUNTED[question.of](checkpoint, trace, text)
    counts = sorted({right, *(n for n in wrong if n > 0)})
    return Answer(tuple(f"{n:,}" for n in counts), ("bytes",) * len(counts), (counts.index(right),),
                  sentence)


def order(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """In which order do a few tokens of the prompt surprise the model, the most surprising first?"""
    bits = surprisal.read(checkpoint, trace).bits
    places = _spread(bits)
    if len(places) < 2:
        raise ValueError("This prompt has fewer than three tokens: there is no order. Use a longer "
                         "one.")
    names = tokens.display(checkpoint.tokenizer, trace.ids[places])
    falling = sorted(range(len(places)), key=lambda i: -bits[places[i]])
    most, least = falling[0], falling[-1]
    sentence = (f"“{names[most]}” surprises this model most, by {bits[places[most]]:.1f} bits, and "
                f"“{names[least]}” least, by {bits[places[least]]:.1f} bits.")
    labels = tuple(f"{name} ({at})" for name, at in zip(names, places))
    return Answer(labels, tuple(f"{bits[at]:.1f} bits" for at in places), tuple(falling), sentence)


def layer(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """After how many blocks does the logit lens name the model's answer, and stay with it?"""
    found = lens.lens(checkpoint, trace, len(trace) - 1)
    final = int(found.ids[-1, 0])
    others = np.flatnonzero(found.ids[:, 0] != final)
    right = int(others[-1]) + 1 if len(others) else 0
    rows = _spread_rows(trace.n_layers, right)
    labels = tuple(_row_name(row) for row in rows)
    (word,) = tokens.display(checkpoint.tokenizer, [final])
    sentence = f"From {_row_name(right)} on, the lens’s best word is “{word}”, the model’s answer."
    if right == trace.n_layers:
        sentence = f"Only the last layer puts “{word}” first: no earlier one tells the answer."
    notes = tuple(percent(float(found.final_probability[row, 0])) for row in rows)
    return Answer(labels, notes, (rows.index(right),), sentence)


def changed(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Does the most probable next token change? `of`: cache (from none at all), positions (none are
    added), head (the strongest in `head` is off), text (`other` is read instead)."""
    logits, other = _CHANGED[question.of](checkpoint, trace, question)
    before, after = int(logits.argmax()), int(other.argmax())
    moved = float(total_variation(logits, other))
    one, two = tokens.display(checkpoint.tokenizer, [before, after])
    sentence = (f"“{one}” both times; {percent(moved)} of the probability moves."
                if before == after else
                f"“{one}” becomes “{two}”; {percent(moved)} of the probability moves.")
    return Answer(("the same word", "another word"), ("", ""), (int(before != after),), sentence)


def patched(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """Which value of this prompt, put into `other`, brings its answer back? `of`: see patched.found."""
    other = run(checkpoint, fitting(checkpoint, question.other))
    options, notes, right, sentence = patches.found(checkpoint, trace, other, question.of)
    return Answer(options, notes, (right,), sentence)


def recall(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """What does GPT2-M say to the prompt, asked alone after it was told `tell`?"""
    plan = probe.prepare(checkpoint, Probe(question.tell, text))
    settings = probe.settings_for("gpt2-m")
    state = probe.told(checkpoint, plan, settings)
    said = probe.outcome(checkpoint, plan, state, settings).continuation
    without = probe.settings_for("gpt2")
    plain = probe.outcome(checkpoint, plan, blank(checkpoint), without).continuation
    options = [*question.options]
    right = next((i for i, one in enumerate(options) if probe.says(said, one)), len(options))
    if right == len(options):
        options.append(_shown(said))
    sentence = f"With memory it says “{_shown(said)}”, without memory “{_shown(plain)}”."
    if _shown(said) == _shown(plain):
        sentence += " Memory changes nothing here."
    return Answer(tuple(options), ("",) * len(options), (right,), sentence)


# -- what is offered -------------------------------------------------------------------------------


def _offered(
    checkpoint: Checkpoint, words: tuple[str, ...], best: np.ndarray, without: int = -1
) -> list[int]:
    """Ids of the words that are one token of this model, best[0], and more of `best` up to
    LEAST_OPTIONS; by their text, so that no place gives the right one away."""
    ids = dict.fromkeys(i for word in words if (i := _one_token(checkpoint, word)) is not None)
    ids.pop(without, None)
    kept = [int(best[0]), *(i for i in ids if i != best[0])][:MOST_OPTIONS]
    kept += [int(i) for i in best if i not in kept][: max(0, LEAST_OPTIONS - len(kept))]
    return sorted(kept, key=lambda i: (tokens.display(checkpoint.tokenizer, [i])[0].lower(), i))


def _one_token(checkpoint: Checkpoint, word: str) -> int | None:
    """The id of " word", None where this tokenizer splits it."""
    ids = tokens.encode_part(checkpoint.tokenizer, f" {word.strip()}")
    return int(ids[0]) if len(ids) == 1 else None


def _first_token(checkpoint: Checkpoint, word: str) -> int:
    """The id of " word"; where this tokenizer splits it, of its last piece, which is no lone space."""
    return int(tokens.encode_part(checkpoint.tokenizer, f" {word.strip()}")[-1])


def _texts(checkpoint: Checkpoint, ids: list[int]) -> tuple[str, ...]:
    return tuple(tokens.display(checkpoint.tokenizer, ids))


def _cells(ids: np.ndarray, most: int) -> list[int]:
    """Keys that the last token may read: itself, the one before, the first, its earlier copy, what
    followed that, and the one it reads most; in order. All, where they are few."""
    if len(ids) <= MOST_OPTIONS:
        return list(range(len(ids)))
    last = len(ids) - 1
    copies = np.flatnonzero(ids[:-1] == ids[-1])
    keys = {last, max(0, last - 1), 0, most}
    if len(copies):
        keys |= {int(copies[-1]), int(copies[-1]) + 1}
    return sorted(keys)


def _spread(bits: np.ndarray) -> list[int]:
    """Up to N_ORDERED predicted positions whose surprisals lie far apart, in order."""
    falling = 1 + np.argsort(-bits[1:], kind="stable")
    n = min(N_ORDERED, len(falling))
    chosen = falling[np.linspace(0, len(falling) - 1, n).round().astype(int)] if n else falling
    return sorted({int(at) for at in chosen})


def _spread_rows(n_layers: int, right: int) -> list[int]:
    """Rows of the lens to choose among: the first, the last, the right one, others between."""
    rows = {0, n_layers, right}
    for row in np.linspace(0, n_layers, MOST_OPTIONS).round().astype(int).tolist():
        if len(rows) < MOST_OPTIONS:
            rows.add(row)
    return sorted(rows)


def _row_name(row: int) -> str:
    """A row of the lens as the Residual page names it."""
    return "the embedding" if row == 0 else f"layer {row - 1}"


# -- bytes -----------------------------------------------------------------------------------------

Counted = tuple[int, list[int], str]  # the right number, wrong ones, the sentence


def _of_text(checkpoint: Checkpoint, trace: Trace, text: str) -> Counted:
    n, letters = len(text.encode("utf-8", "replace")), len(text)
    sentence = f"{_bytes(n)} for {letters:,} characters; this model cuts them into {len(trace):,} tokens."
    return n, [letters, 2 * letters, 3 * letters, len(trace), 8 * letters], sentence


def _of_token(checkpoint: Checkpoint, trace: Trace, text: str) -> Counted:
    c, size = checkpoint.model.config, checkpoint.model.transformer.wte.weight.element_size()
    n = 2 * c.n_layer * c.n_embd * size
    sentence = f"2 (K, V) × {c.n_layer} layers × {c.n_embd:,} numbers × {size} bytes = {_bytes(n)}."
    return n, [c.n_embd * size, n // c.n_layer, n // 2, 2 * n, 4 * n], sentence


def _of_cache(checkpoint: Checkpoint, trace: Trace, text: str) -> Counted:
    n = trace.cache_bytes
    sentence = f"{len(trace):,} tokens × {_bytes(n // len(trace))} each = {_bytes(n)}."
    return n, [n // len(trace), n // 2, 2 * n, n * len(trace)], sentence


_COUNTED: dict[str, Callable[[Checkpoint, Trace, str], Counted]] = {
    "text": _of_text, "token": _of_token, "cache": _of_cache,
}


def _bytes(n: int) -> str:
    return f"{n:,} byte" if n == 1 else f"{n:,} bytes"


# -- other runs of the same prompt -----------------------------------------------------------------


Two = tuple[torch.Tensor, torch.Tensor]  # logits (V,) of the next token, before and after


def _without_cache(checkpoint: Checkpoint, trace: Trace, question: Question) -> Two:
    """The last token run on the cache of all before it; then everything at once, without a cache."""
    ids = trace.ids
    before = run(checkpoint, ids[:-1]) if len(ids) > 1 else None
    cached = run(checkpoint, ids, prefix=before)
    assert cached.n_run == 1, f"{cached.n_run} of {len(ids)} tokens ran"
    return cached.next_logits, generate.recompute(checkpoint, ids)[-1]


def _without_positions(checkpoint: Checkpoint, trace: Trace, question: Question) -> Two:
    return trace.next_logits, what_if.without_positions(checkpoint, trace.ids).next_logits


def _without_head(checkpoint: Checkpoint, trace: Trace, question: Question) -> Two:
    layer, head, _ = findings.strongest(checkpoint, trace, question.head)
    off = Off(heads=frozenset({(layer, head)}))
    return trace.next_logits, ablation.logits(checkpoint, trace, off, len(trace) - 1)


def _other_text(checkpoint: Checkpoint, trace: Trace, question: Question) -> Two:
    other = run(checkpoint, fitting(checkpoint, question.other))
    return trace.next_logits, other.next_logits


_CHANGED: dict[str, Callable[[Checkpoint, Trace, Question], Two]] = {
    "cache": _without_cache, "positions": _without_positions, "head": _without_head,
    "text": _other_text,
}


def fitting(checkpoint: Checkpoint, text: str) -> np.ndarray:
    """A text's ids (T,); of too long a text the last that fit the window. ValueError for none."""
    ids = tokens.encode_part(checkpoint.tokenizer, text)[-checkpoint.model.config.n_positions :]
    if not len(ids):
        raise ValueError("The step has no prompt. Write one into its link.")
    return ids


def _shown(said: str) -> str:
    """The beginning of a reply, on one line."""
    words = " ".join(said.split()) or "nothing"
    return words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN - 1]}…"


# -- the kinds -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """compute: the answer. hint: what the class does. needs, may: keys of a step's block that this
    kind must have, and those that it also reads. of: what may stand under `of`. why: what makes the
    right option right, in two words that hold on every model."""

    compute: Callable[[Checkpoint, Trace, str, Question], Answer]
    hint: str
    why: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


KINDS = {
    "next": Kind(next_token, "Pick the next token", "most probable", may=("options",)),
    "cell": Kind(cell, "Point at the token that it reads most", "largest weight", ("head",)),
    "writer": Kind(writer, "Pick who wrote it", "largest part", ("head",)),
    "bytes": Kind(n_bytes, "Guess the bytes", "counted exactly", ("of",), of=tuple(_COUNTED)),
    "order": Kind(order, "Put them in order, the most surprising first", "most bits"),
    "nearest": Kind(nearest, "Pick the nearest token", "largest cosine", ("token",), ("options",)),
    "layer": Kind(layer, "Pick the layer", "stays right"),
    "changed": Kind(changed, "The same or another?", "both computed", ("of",), ("other", "head"), tuple(_CHANGED)),
    "patched": Kind(patched, "Pick what must be put in", "recovers most", ("of", "other"),
                    of=(*patches.OF, patches.OF_PATHS)),
    "recall": Kind(recall, "Pick what it says", "with memory", ("tell",), ("options",)),
}


def answer(checkpoint: Checkpoint, trace: Trace, text: str, question: Question) -> Answer:
    """The answer to a question about a prompt: its trace, and its text."""
    return KINDS[question.kind].compute(checkpoint, trace, text, question)


def n_pairs_right(picked: list[int], right: tuple[int, ...]) -> tuple[int, int]:
    """Of an order that somebody picked: how many pairs stand as in the right one, of how many."""
    place = {option: i for i, option in enumerate(right)}
    pairs = [(a, b) for i, a in enumerate(picked) for b in picked[i + 1 :]]
    return sum(place[a] < place[b] for a, b in pairs), len(pairs)
