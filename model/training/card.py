"""The model card: what was measured on the shipped weights, as JSON and as a page to read.

Knows nothing of training; the facts about it are arguments.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from model.disk.whole import write_text
from model.recall.share import Share
from model.training.base import Options, State
from model.training.corpus import Books

AIMS = {
    "bits per byte on the left-out book": ("at most", 1.62),
    "recall of known values": ("at least", 0.95),
    "recall of values never seen, several tokens": ("at least", 0.80),
    "phrasings and values never seen": ("at least", 0.90),
    "open facts, the sentence again, word for word": ("at least", 0.97),
    "open facts, question and the beginning of its answer": ("at least", 0.95),
    "open facts, other words than were told": ("at least", 0.90),
    "open facts, near miss told too, question": ("at least", 0.90),
    "open facts, never told: \"I do not know.\"": ("at least", 0.95),
    "best induction score of a head": ("at least", 0.50),
    "induction score of the best head, in the worst hundred positions": ("at least", 0.80),
    "previous-token score of the best head, in the worst hundred positions": ("at least", 0.90),
}


def figures(options: Options, state: State, books: Books, measured: dict, platform: str) -> dict:
    """All facts of the card, ready for JSON. `measured`: see command.measure."""
    shape = asdict(options.shape)
    training = {
        "tokens": state.tokens, "steps": state.step, "seconds": round(state.seconds),
        "seed": state.seed, "platform": platform, "texts": sorted(books.training),
        "characters_of_text": sum(map(len, books.training.values())),
    }
    return {"shape": shape, "training": training, "left_out": books.left_out_name} | {
        "bits_per_byte": round(measured["bits_per_byte"], 4),
        "bits_per_byte_half": round(measured["bits_per_byte_half"], 4),
        "left_out_bytes": len(books.left_out.encode()),
        "recall": [_share(share) for share in measured["recall"]],
        "open": [_share(share) for share in measured["open"]],
        "along": measured["along"],
        "replies": [_share(share) for share in measured["replies"]],
        "induction": _rounded(measured["induction"]),
        "previous_token": _rounded(measured["previous_token"]),
        "founding_demo": measured["founding_demo"],
        "n_parameters": measured["n_parameters"],
        "file_bytes": measured["file_bytes"],
        "weights": "" if options.weights is None else str(options.weights),
    }


def _share(share: Share) -> dict:
    low, high = share.interval
    return {"name": share.name, "hits": share.hits, "n": share.n, "share": round(share.value, 4),
            "low": round(low, 4), "high": round(high, 4)}


def _rounded(scores: list[list[float]]) -> list[list[float]]:
    return [[round(score, 3) for score in layer] for layer in scores]


def aims(card: dict) -> list[tuple[str, str, float, bool]]:
    """(what, aim in words, measured, reached) for each of AIMS."""
    recall = {row["name"]: row["share"] for row in card["recall"]}
    opened = {f"open facts, {row['name']}": row["share"] for row in card["open"]}
    measured = {
        "bits per byte on the left-out book": card["bits_per_byte"],
        **{f"recall of {name}": share for name, share in recall.items()}, **recall, **opened,
        "best induction score of a head": max(map(max, card["induction"])),
        "induction score of the best head, in the worst hundred positions":
            min(row["induction"] for row in card["along"]),
        "previous-token score of the best head, in the worst hundred positions":
            min(row["previous"] for row in card["along"]),
    }
    return [(what, f"{side} {aim}", value, value <= aim if side == "at most" else value >= aim)
            for what, (side, aim) in AIMS.items() if (value := measured.get(what)) is not None]


def write(card: dict, curves: list[dict], folder: Path) -> None:
    """card.json, curves.json and README.md."""
    write_text(folder / "card.json", json.dumps(card, indent=1) + "\n")
    lines = ",\n".join(json.dumps(row) for row in curves)
    write_text(folder / "curves.json", f"[\n{lines}\n]\n")
    write_text(folder / "README.md", readme(card))


def readme(card: dict) -> str:
    """The page, in Markdown. Every number on it comes from the card."""
    shape, training = card["shape"], card["training"]
    return f"""# The embedded model

A GPT-2 trained by this project on three things: {len(training["texts"])} books in the public \
domain; episodes made up by `episodes.py`, in which people tell facts about themselves and are asked \
for them; and *open copying* (`open_facts.py`): any sentence of a book or of a grammar, told with a new \
word in it and asked for later. It is small enough to run on any computer while you type, and it \
can say again what it was told a few sentences ago: how often, the tables below say. It knows next to \
nothing about the world.

{_table(("", ""), _facts(card, shape, training))}

## Aims and what was reached

Measured on the shipped file (float16 weights, computed in float32).

{_table(("", "aim", "measured", "reached"),
        [(what, aim, f"{value:.3f}", "yes" if ok else "**no**")
         for what, aim, value, ok in aims(card)])}

## Recall in context

The facts stand in the text before the question; the model must give the exact value and the full \
stop after it, greedily, following question and lead ("Where do I live? You live in"). Between \
fact and question stand other facts, near misses and idle sentences. All episodes are newly made. \
Values "never seen" never occurred as a value in training: made-up words, words and numbers held \
out by a fixed rule (ordinary words among them do occur in the books). Share with its 95 % Wilson interval.

{_table(("setting", "recalled", "interval", "n"), _rows(card["recall"]))}

Open facts: sentences of frames, words and values that were never trained on, told and asked for in \
one text, as below. Other words: the sentence turned round, shortened, said in another way.

{_table(("setting", "recalled", "interval", "n"), _rows(card["open"]))}

The whole reply left to the model, after the question mark (greedy):

{_table(("", "share", "interval", "n"), _rows(card["replies"]))}

## The founding demo

"James Theory" was never in training, and so was never together with "New York".

{_table(("prompt", "continues greedily with"), [(f"`{p}`", f"`{r}`")
                                                for p, r in card["founding_demo"].items()])}

## Heads

Induction score (Olsson et al. 2022): mean attention from a token of a repeated random sequence to \
the token that followed its first occurrence. Rows are layers, columns heads, both from 0.

{_heads(card["induction"])}

Attention to the previous token, on the same sequences:

{_heads(card["previous_token"])}

The best head's scores along the window, by hundreds of positions:

{_table(("from position", "induction", "previous token"),
        [(str(row["from"]), f"{row['induction']:.2f}", f"{row['previous']:.2f}")
         for row in card["along"]])}

## How it was made

`python -m model train base --text DIR --out DIR`: {training["tokens"]:,} tokens in \
{training["steps"]:,} steps, {training["seconds"] / 60:.0f} minutes ({training["platform"]}), seed \
{training["seed"]}, one run. Curves: `curves.json`. The left-out book is the one whose file name \
has the smallest SHA-256, so it was settled before training. Short rows with one or two facts come \
first, later longer rows and more book text; answers weigh five times. In some rows the told prompts \
are read apart, each from its first position, as a memory stores them. Muon for the matrices of \
the blocks, AdamW for the rest.
{_from(card["weights"])}
## What not to expect

- Invented speech in the manner of 19th century novels, with little sense beyond a sentence.
- Facts about the world: what it was not told in the prompt it does not know.
- Recall is measured on sentences made by rules; what people write is more varied.
- Its books carry the views of their time.
"""


def _facts(card: dict, shape: dict, training: dict) -> list[tuple[str, str]]:
    return [
        ("architecture", f"GPT-2: L {shape['layers']}, H {shape['heads']}, C {shape['width']}, "
         + f"{shape['positions']} positions"),
        ("parameters", f"{card['n_parameters']:,}"),
        ("file", f"{card['file_bytes']:,} bytes, float16"),
        ("tokenizer", f"byte-level BPE, {shape['vocab']:,} tokens, one token per digit"),
        ("licence", "MIT; the books are in the public domain"),
        ("bits per byte", f"{card['bits_per_byte']:.3f} on `{card['left_out']}` "
         + f"({card['left_out_bytes']:,} bytes), left out of training; {card['bits_per_byte_half']:.3f} in "
         + "windows half as long"),
    ]


def _from(weights: str) -> str:
    return f"""
It went on (`--from`) from the weights that this folder held before ({weights}); tokens, steps and \
minutes are of this training alone.
""" if weights else ""


def _rows(shares: list[dict]) -> list[tuple[str, ...]]:
    return [(row["name"], f"{row['share']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}",
             str(row["n"])) for row in shares]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _heads(scores: list[list[float]]) -> str:
    names = ("layer", *(str(head) for head in range(len(scores[0]))))
    return _table(names, [(str(layer), *(f"{score:.2f}" for score in row))
                          for layer, row in enumerate(scores)])
