"""The headline figures of a memory as Markdown: ten lines for a student, then the tables.

Every sentence and row comes from measurements of `recall headline`; what was not measured is left
out. With several seeds of trained memory, the mean is given. Knows nothing of measuring.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from model.disk.schema import check_is_file
from model.recall import headline
from model.recall.share import mean_of_seeds, share_of_seeds

PATTERN = "memory_headline*.json"
VARIANTS = {"gpt2": "GPT-2, no memory", "gpt2+rnn": "recurrent", "gpt2+am": "fusion (AM)",
            "gpt2+edm": "slots (EDM)", "gpt2-m": "GPT2-M, all"}
FAR = re.compile(r"[0-9]{1,15} tokens, ")  # how a case far from its fact is called
UNTRAINED = ("gpt2", "gpt2+am")  # the same for every seed of trained memory: counted once


def beside(folder: Path, base: str) -> list[dict]:
    """The boards of a folder, a file for each seed; none if nothing was measured. ValueError if one
    belongs to another model than `base`, its fingerprint, or two to the same memory."""
    boards: list[dict] = []
    for path in sorted(folder.glob(PATTERN)):
        check_is_file(path)
        found = headline.load(path)
        assert found is not None, f"{path} was there just now"
        if found["fingerprint"] != base:
            raise ValueError(f"Wrong model: {path} was measured on model "
                             f"{found['fingerprint']}, and the memory here belongs to {base}. "
                             "Measure it again, or move that file away.")
        if found["memory"] in [one["memory"] for one in boards]:
            raise ValueError(f"Same memory twice: {path} and a file beside it were measured on memory "
                             f"{found['memory']}, which would count as two seeds. Move one away.")
        boards.append(found)
    return boards


def ten_lines(card: dict, boards: list[dict]) -> str:
    """What memory is and what this one can do, for somebody who has never heard of it."""
    lines = [
        "GPT-2 forgets everything when its prompt ends. Memory is what stays for the next prompt.",
        ("The model itself is frozen; the memory is trained on top of it "
         f"({card['n_parameters']:,} numbers), and empty it changes nothing."),
        ("**Slots (EDM)** keep single words with a key to find them by. **Fusion (AM)** needs no "
         "training: the model attends to sentences that it read before."),
        "The **recurrent memory** is one vector: it cannot hold words." + _gist_in_words(boards)
        + " **GPT2-M** uses all three.",
        *_in_words(boards),
        "It repeats what it was told. It does not understand it.",
    ]
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def _in_words(boards: list[dict]) -> list[str]:
    """A sentence for each figure that was measured of GPT2-M."""
    sentences = (
        ("next", ("Tell GPT2-M a sentence of a form it was never trained on and ask in the next "
                 "prompt: it answers exactly in {0} of 100 cases{1}.")),
        ("eight", "With eight other prompts between, in {0} of 100."),
        (_farthest(boards), "{2}: in {0} of 100."),
        ("never", "Asked what it was never told, it makes something up in {0} of 100 cases."),
        ("near miss", ("Told of the dog and asked about the cat, it says the dog's name in {0} of "
                      "100.")),
    )
    found = []
    for name, sentence in sentences:
        one = pooled(boards, name, "gpt2-m")
        if one:
            base = pooled(boards, name, "gpt2")
            without = f" (without memory in {100 * base['share']:.0f})" if base else ""
            found.append(sentence.format(_of_100(one["share"]), without, _title(boards, name)))
    return found


def _of_100(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0")


def _farthest(boards: list[dict]) -> str:
    names = [name for board in boards for name in board["cases"] if FAR.match(name)]
    return max(names, key=lambda name: int(name.split()[0]), default="")


def _title(boards: list[dict], name: str) -> str:
    titles = [board["cases"][name]["title"] for board in boards if name in board["cases"]]
    return f"With {titles[0]}" if titles else ""


def tables(boards: list[dict]) -> str:
    """The tables of everything that was measured; "" where nothing was."""
    parts = [_cases(boards), _labels(boards), _text(boards), _gist(boards)]
    return "\n\n".join(part for part in parts if part)


def pooled(boards: list[dict], case: str, variant: str, label: str = "") -> dict | None:
    """The mean share over the seeds with a 95 % interval that knows that they were asked the same
    episodes (recall.share), each seed's share, and hits and n of all; None where it was not
    measured."""
    found = [one for board in boards
             if (one := _entry(board, case, label).get(variant)) and one["n"]]
    found = found[:1] if variant in UNTRAINED else found
    if not found:
        return None
    hits, n = (sum(one[name] for one in found) for name in ("hits", "n"))
    share, low, high = share_of_seeds([(one["hits"], one["n"]) for one in found])
    return {"hits": hits, "n": n, "share": share, "low": low, "high": high,
            "seeds": [one["share"] for one in found]}


def _entry(board: dict, case: str, label: str) -> dict:
    entry = board["cases"].get(case, {})
    return entry.get("labels", {}).get(label, {}) if label else entry.get("variants", {})


def _cases(boards: list[dict]) -> str:
    titles = {name: case["title"] for board in boards for name, case in board["cases"].items()}
    rows = [(title, name, "") for name, title in titles.items()]
    return _shares("Facts of held-out forms, with made-up values, told in one prompt and asked in "
                   "another (`python -m model recall headline`); share with its 95 % interval "
                   f"({_interval(boards)}).", boards, rows)


def _interval(boards: list[dict]) -> str:
    """Which interval is given, in words."""
    if len(boards) < 2:
        return "Wilson"
    return (f"mean of {len(boards)} seeds of trained memory. The seeds are asked the same episodes, so "
            "an episode counts once, as in Wilson's interval of one seed, and the spread of the seeds widens "
            "it, by Student's t. A cell that names no seeds has one, and Wilson's interval")


def _labels(boards: list[dict]) -> str:
    labels = {label: None for board in boards
              for label in board["cases"].get("next", {}).get("labels", {})}
    rows = [(label, "next", label) for label in labels]
    return _shares("The first row by the kind of question:", boards, rows) if rows else ""


def _shares(what: str, boards: list[dict], rows: list[tuple[str, str, str]]) -> str:
    """rows: (title, case, label)."""
    cells = {(i, v): pooled(boards, case, v, label) for i, (_, case, label) in enumerate(rows)
             for v in VARIANTS}
    there = [v for v in VARIANTS if any(cells[i, v] for i in range(len(rows)))]
    if not there:
        return ""
    lines = [(title, *(_cell(cells[i, v]) for v in there), _n([cells[i, v] for v in there]))
             for i, (title, _, _) in enumerate(rows) if any(cells[i, v] for v in there)]
    return f"{what}\n\n{table(('', *(VARIANTS[v] for v in there), 'n'), lines)}"


def _cell(one: dict | None) -> str:
    if one is None:
        return "–"
    seeds = one["seeds"]
    spread = f", seeds {min(seeds):.1%} to {max(seeds):.1%}" if len(seeds) > 1 else ""
    return f"{one['share']:.1%} ({one['low']:.1%} to {one['high']:.1%}{spread})"


def _n(cells: list[dict | None]) -> str:
    return counts([one for one in cells if one])


def counts(found: list[dict]) -> str:
    """The n of some shares: one where all have the same."""
    return " / ".join(f"{n:,}" for n in sorted({one["n"] for one in found}))


def _text(boards: list[dict]) -> str:
    found = [board["text"] for board in boards if "text" in board]
    if not found:
        return ""
    rows = [_text_row(found, variant) for variant in found[0]["variants"] if variant in VARIANTS]
    return (f"Ordinary text ({found[0]['passages']:,} passages, {found[0]['bytes']:,} bytes) while "
            "memory is full of other things, bits per byte:\n\n"
            + table(("", "bits per byte", "against GPT-2"), rows))


def _text_row(found: list[dict], variant: str) -> tuple[str, str, str]:
    each = [one["variants"][variant] for one in found if variant in one["variants"]]
    each = each[:1] if variant in UNTRAINED else each
    bits = sum(one["bits_per_byte"] for one in each) / len(each)
    mean, low, high = mean_of_seeds(
        [one["percent"] for one in each], [(one["high"] - one["low"]) / 2 for one in each])
    return VARIANTS[variant], f"{bits:.4f}", f"{mean:+.2f} % ({low:+.2f} to {high:+.2f})"


def _gist(boards: list[dict]) -> str:
    found = [board["gist"] for board in boards if "gist" in board]
    rows = []
    for name in found[0] if found else ():
        each = [one[name] for one in found if name in one]
        own, other = (_nats(each, part) for part in ("saved_by_own", "saved_by_other"))
        mean, low, high = _of_seeds(each, "percent")
        rows.append((name, own, other, f"{mean:+.2f} % ({low:+.2f} to {high:+.2f})",
                     f"{each[0]['pairs']:,}"))
    if not rows:
        return ""
    return ("The gist that the recurrent memory carries: nats a token saved on the next prompt of a "
            "book, by the vector that the book's last prompt left and by that of another book:\n\n"
            + table(("", "own book's", "another book's", "own over another's", "pairs"), rows))


def _gist_in_words(boards: list[dict]) -> str:
    found = [one for board in boards for one in list(board.get("gist", {}).values())[-1:]]
    if not found:
        return ""
    mean, low, high = _of_seeds(found, "percent")
    return (f" What it keeps is gist: on the next prompt of a book the vector of that book saves "
            f"{mean:.2f} % of the nats a token over another book's (95 % interval {low:.2f} to "
            f"{high:.2f}).")


def _of_seeds(found: list[dict], part: str) -> tuple[float, float, float]:
    """Mean and 95 % interval over the seeds of one of the gist's figures."""
    each = [one[part] for one in found]
    return mean_of_seeds([one["mean"] for one in each],
                         [(one["high"] - one["low"]) / 2 for one in each])


def _nats(found: list[dict], part: str) -> str:
    mean, low, high = _of_seeds(found, part)
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table. A label may hold what divides cells or ends a line."""
    lines = [head, ("---",) * len(head), *([" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
