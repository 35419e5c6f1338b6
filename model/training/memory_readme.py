"""The card of the shipped memory as a page to read: every number on it comes from JSON files.

First ten lines for a student, then the headline figures, then the grid with all cells. What was not
measured is left out. Knows nothing of training; the measurements are arguments (memory_card,
commands.train_grid, `recall headline`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.disk.schema import Told, checked, from_json
from model.disk.whole import write_text
from model.recall.share import wilson
from model.training import memory_grid, memory_headline
from model.training.job_files import GridTold, WentOnTold, WholeCardTold

NAMES = {"gpt2+rnn": "recurrent alone", "gpt2+edm": "EDM alone", "gpt2-m": "both (no fusion)",
         "another's memory": "both, of another episode", "gpt2": "GPT-2, no memory"}


TITLE = "# The embedded model's memory"
PAGE, CARD, GRID = "MEMORY.md", "memory_card.json", "memory_grid.json"


def write(folder: Path, card: dict, grid: dict) -> Path:
    """Write the page of a folder, with the headline figures found there -> its path."""
    page = folder / PAGE
    check_page(folder)
    found = memory_headline.beside(folder, card["base"])
    write_text(page, readme(card, grid, found))
    return page


def check_page(folder: Path) -> None:
    """Raises ValueError where a MEMORY.md lies that somebody else wrote."""
    page = folder / PAGE
    if page.is_file() and not page.read_text("utf-8", errors="replace").startswith(TITLE):
        raise ValueError(f"{page} is not the page of a memory and would be replaced. Move it away, or choose "
                         "another folder.")


def write_from(folder: Path) -> Path:
    """The same from the JSON files of the folder alone. ValueError if there is no card."""
    if not (folder / CARD).is_file():
        raise ValueError(f"There is no {CARD} in {folder}. Choose the folder of a trained memory.")
    grid = read(folder / GRID, GridTold) if (folder / GRID).is_file() else {}
    return write(folder, read(folder / CARD, WholeCardTold), grid)


def read(path: Path, schema: type[Told]) -> dict[str, Any]:
    """A JSON file as it is, once it is known to hold what the schema asks for; ValueError names
    the file."""
    try:
        found: dict[str, Any] = from_json(path.read_bytes())
        checked(schema, found)
    except ValueError as problem:
        raise ValueError(f"Cannot read {path}: {problem}. Measure it again, or restore a "
                         "copy.") from problem
    return found


def readme(card: dict, grid: dict, headline: Sequence[dict] = ()) -> str:
    """The page, in Markdown. card: of the shipped memory; grid: what `train grid` measured, {}
    where it did not; headline: the boards of `recall headline`, one for each seed."""
    trained = "; ".join(f"seed {c['seed']}: {c['steps']:,} steps, {c['tokens']:,} tokens, "
                        f"{c['seconds'] / 60:.0f} minutes" for c in grid.get("seeds", [card]))
    return f"""{TITLE}

{memory_headline.ten_lines(card, list(headline))}
{_headline(list(headline))}
## What it is

Recurrent memory (early, late) and an External Differentiable Memory, trained by this project on \
top of the frozen embedded model: `memory.safetensors`, {card['file_bytes'] / 1e6:.1f} MB, \
{card['n_parameters']:,} parameters, float16. One file holds all modules; the variants switch them \
on and off. Fusion (AM) needs no training and has no weights.

## What it recalls

Facts are told in prompts of their own, then come prompts about nothing, then the question in a new \
prompt; every token of the answer and its full stop must be the most probable one, after question \
and lead ("Where do I live? You live in"). Values were never values in training: made-up words, \
held-out words and numbers. Share with its 95 % Wilson interval, seed {card['seed']}.

{_settings(card)}
{_measured_grid(grid)}
## What it leaves alone

- What was never told, asked while memory holds other facts, is answered "I do not know.": {_refused(card)}.
- Empty memory is GPT-2 bit for bit, also after training; tests hold it.
- Ordinary text while memory is full of other things, {NAMES['gpt2-m']}: {card['stability']['relative_change']:+.2%} \
nats a token over {card['stability']['tokens']:,} tokens, KL(base ‖ with memory) \
{card['stability']['kl_nats_per_token']:.4f} nats a token.

## How it was made

`python -m model train memory --variant gpt2-m --text DIR --steps STEPS --seed SEED`; {trained} \
({card['platform']}; the machine did other work beside it). Shipped is seed \
{card['seed']}.{_went_on(card)} Rows read the EDM alone, \
or in every third step the recurrent memory alone or both, so that each can be switched off. Six episodes in ten are of open \
facts (`open_facts.py`), the others of the known kinds. Three questions in ten ask what was never told: there, and on ordinary text, the base is to be followed \
(KL). The gate learns from the answers and from the generator's marks of which tokens are values. \
`memory_curves.json` holds the curves{_where(grid)}.

## What not to expect

- The recurrent memory recalls hardly any value, not even of the lists it was taught: it is one \
vector. Slots and fusion recall.
- Sentences unlike the trained phrasings are written less surely and asked in vain more often.
- It recalls words, not meaning: what it was told is repeated, not understood.
"""


def _headline(boards: list[dict]) -> str:
    found = memory_headline.tables(boards)
    return f"\n## The headline figures\n\n{found}\n" if found else ""


def _went_on(card: dict) -> str:
    before = checked(WentOnTold, card.get("went_on_from") or {})
    if not before.steps:
        return ""
    of = "the same base" if before.base == card["base"] else f"another state of the base ({before.base})"
    return (f" It went on (`--from`) from memory of {before.steps:,} steps, {before.tokens:,} "
            f"tokens, {before.seconds / 60:.0f} minutes, of {of}.")


def _measured_grid(grid: dict) -> str:
    """The grid in its parts, without those that were not measured."""
    parts = (
        ("cells", _grid, (f"Facts told against prompts in between{_eviction(grid)}. The last column "
         "is the n of each cell; of several seeds the mean, lowest to highest:")),
        ("whole", _whole, ("Of fusion alone and of the whole GPT2-M (with fusion), asked as "
         "`python -m model generate` asks (a bank of 512 slots; the Memory page begins with 128), "
         "one episode at a time; episodes are dealt to the seeds in turn and counted together, "
         "with the 95 % Wilson interval:")),
        ("cells", _in_context, ("The same prompts and the question as one text, without memory "
         "(what memory can hope for):")),
    )
    return "".join(f"\n{what}\n\n{draw(grid)}\n" for part, draw, what in parts if grid.get(part))


def _eviction(grid: dict) -> str:
    """Who leaves, where the cells were measured so."""
    if memory_grid.POLICY not in grid.get("made_with", {}).get("cells", ()):
        return ""
    return (f", with {memory_grid.SLOTS} slots. Where more were written, the {memory_grid.POLICY} "
            "tokens leave once all is told; in the app, sentences leave after each prompt")


def _refused(card: dict) -> str:
    shares = card["refused"]
    n = memory_headline.counts(list(shares.values()))
    return ", ".join(f"{NAMES[v]} {_share(shares[v])}" for v in NAMES if v in shares) + f", n = {n}"


def _where(grid: dict) -> str:
    return ", `memory_grid.json` every cell" if grid else ""


def _settings(card: dict) -> str:
    variants = [v for v in NAMES if any(v in shares for shares in card["recall"].values())]
    rows = [(setting, *(_share(shares[v]) if v in shares else "–" for v in variants),
             memory_headline.counts(list(shares.values())))
            for setting, shares in card["recall"].items()]
    return memory_headline.table(("told", *(NAMES[v] for v in variants), "n"), rows)


def _grid(grid: dict) -> str:
    cells = [cell for row in grid.get("cells", {}).values() for cell in row]
    parts = []
    for about in memory_grid.ABOUT:
        for variant in ("gpt2+edm", "gpt2+rnn", "gpt2-m", "another's memory", "gpt2"):
            some = [c for c in cells if c["about"] == about and c["variant"] == variant]
            if some:
                parts.append(f"**{NAMES[variant]}, facts about {about}**:\n\n{_cross(some)}")
    return "\n\n".join(parts) or "(not measured)"


def _whole(grid: dict) -> str:
    cells = [cell for row in grid.get("whole", {}).values() for cell in row]
    parts = []
    for about in memory_grid.ABOUT:
        for variant in ("gpt2+am", "gpt2-m"):
            some = [c for c in cells if c["about"] == about and c["variant"] == variant]
            if some:
                parts.append(f"**{variant}, facts about {about}**:\n\n" + _cross(_together(some)))
    return "\n\n".join(parts) or "(not measured)"


def _together(cells: list[dict]) -> list[dict]:
    """All seeds of a cell as one, with its interval."""
    alike: dict[tuple[int, int], list[dict]] = {}
    for cell in cells:
        alike.setdefault((cell["facts"], cell["between"]), []).append(cell)
    found = []
    for some in alike.values():
        hits, n = (sum(cell[name] for cell in some) for name in ("hits", "n"))
        low, high = wilson(hits, n)
        found.append({**some[0], "seed": -1, "hits": hits, "n": n, "share": hits / n,
                      "shown": f"{hits / n:.1%} ({low:.1%} to {high:.1%})"})
    return found


def _in_context(grid: dict) -> str:
    cells = [c for row in grid.get("cells", {}).values() for c in row
             if c["variant"].endswith("all in one prompt")]
    if not cells:
        return "(not measured)"
    return memory_headline.table(("facts about", "facts", "recalled", "n that fit the window"),
                  [(c["about"], str(c["facts"]), _share(c), str(c["n"])) for c in cells])


def _cross(cells: list[dict]) -> str:
    facts = sorted({c["facts"] for c in cells})
    between = sorted({c["between"] for c in cells})
    rows = [(f"{f} told", *(_spread([c for c in cells
                                     if (c["facts"], c["between"]) == (f, b)]) for b in between),
             _n([c for c in cells if c["facts"] == f]))
            for f in facts]
    return memory_headline.table(("facts \\ prompts between", *map(str, between), "n"), rows)


def _n(cells: list[dict]) -> str:
    seeds = len({c["seed"] for c in cells})
    return memory_headline.counts(cells) + (f" × {seeds} seeds" if seeds > 1 else "")


def _spread(cells: list[dict]) -> str:
    if len(cells) == 1 and "shown" in cells[0]:
        return cells[0]["shown"]
    if not cells:
        return "–"
    shares = [cell["share"] for cell in cells]
    mean = sum(shares) / len(shares)
    return f"{mean:.1%}" + (f" ({min(shares):.1%}–{max(shares):.1%})" if len(shares) > 1 else "")


def _share(one: dict) -> str:
    return f"{one['share']:.1%} ({one['low']:.1%} to {one['high']:.1%})"
