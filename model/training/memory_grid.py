"""The grid of recall: how many facts were told × how many prompts were told after them.

Held-out values, facts about the speaker or about many people, several seeds of trained memory, with
the controls that every such number needs. Told prompts are read once and asked about after 1, 2, 4,
8 and 20 more prompts, so the cells of a row share their episodes. Slots beyond the budget leave
least salient first, token by token, once all prompts are told; the app evicts sentences, after each
prompt. Knows nothing of files.
"""

import random
from dataclasses import dataclass, replace

import torch

from model.grafts.external import newer
from model.grafts.modules import Modules
from model.recall.episodes import Plan
from model.recall.share import wilson
from model.recall.spread import Spread, each
from model.training import evaluate, remembering
from model.training.memory_data import AskedPrompts, Data, Lesson, LessonBatch, ToldPrompts
from model.training.remembering import Remembered
from model.training.under_way import MemoryTraining

FACTS = (1, 2, 4, 8, 16)
BETWEEN = (1, 2, 4, 8, 20)
ABOUT = ("oneself", "many people")
ROWS = 16
SLOTS, POLICY = 128, "least salient"  # as the app by default


@dataclass(frozen=True)
class GridCell:
    """hits of n, with the 95 % Wilson interval. facts: as told (13 kinds of facts about oneself
    exist); seed: of the trained memory, −1 if none is read."""

    about: str
    facts: int
    between: int
    variant: str
    seed: int
    hits: int
    n: int

    def as_json(self) -> dict:
        """For a card."""
        low, high = wilson(self.hits, self.n)
        return {**vars(self), "share": round(self.hits / self.n, 4), "low": round(low, 4),
                "high": round(high, 4)}


def lesson(about: str, facts: int) -> Lesson:
    """Episodes of a row of the grid: never-seen values, known phrasings, near misses."""
    mine, others = ((facts, facts), (0, 0)) if about == ABOUT[0] else ((0, 0), (facts, facts))
    plan = Plan(facts=mine, others=others, fillers=(0, 2), near=0.3, update=0.0, unknown=0.0,
                source="unseen")
    return Lesson(f"{about} {facts}", plan, (max(BETWEEN), max(BETWEEN)))


def row(
    training: MemoryTraining, seeds: dict[int, Modules], about: str, facts: int, n: int,
    slots: int = SLOTS, spread: Spread | None = None
) -> list[GridCell]:
    """The cells of one row of the grid, n episodes each; the last one is the control in context.
    spread: a cluster; each worker answers ROWS episodes at a time, and a killed one loses as many."""
    rng = random.Random(f"grid {about} {facts}")
    hits: dict[tuple[int, str, int], int] = {}
    wanted = lesson(about, facts)
    batches = [training.data.batch(rng, [wanted] * rows, 1) for rows in at_once(n)]
    for found in each(_answered, (training, seeds, slots), batches, spread):
        for key, right in found.items():
            hits[key] = hits.get(key, 0) + right
    told = len(batches[-1].episodes[0].facts)
    cells = [GridCell(about, told, between, variant, seed, right, n)
             for (between, variant, seed), right in sorted(hits.items())]
    context = in_context(training, about, facts, n)
    return [*cells, context] if context.n else cells


def at_once(n: int) -> list[int]:
    """n episodes, ROWS at a time, and never one alone, n >= 2: an episode of another's memory needs
    another."""
    assert n >= 2, f"{n} episodes have no other's memory"
    rows = [min(ROWS, n - first) for first in range(0, n, ROWS)]
    return [*rows[:-2], ROWS - 1, 2] if rows[-1] == 1 else rows


def _answered(common: tuple[MemoryTraining, dict[int, Modules], int], batch: LessonBatch) -> dict:
    training, seeds, slots = common
    return answered(training, seeds, batch, slots)


@torch.no_grad()
def answered(
    training: MemoryTraining, seeds: dict[int, Modules], batch: LessonBatch, slots: int
) -> dict:
    """(prompts between, variant, seed) -> episodes of the batch answered exactly."""
    rows, right = len(batch.episodes), {}
    told, asked = remembering.on_device(training, batch)
    asked = remembering.select(asked, slice(0, rows))
    read = remembering.read_plainly(training, told)
    for between in BETWEEN:
        kept = _first(batch, told, between)
        some = type(told)(**{name: getattr(told, name)[kept] for name in vars(told)})
        part = type(read)(**{name: getattr(read, name)[kept] for name in vars(read)})
        for seed, modules in seeds.items():
            used = replace(training, modules=modules)
            salience = modules.external.salience(part.middle, part.surprisal)
            use = {name: torch.ones(rows, device=salience.device) for name in ("edm", "rnn")}
            stored = most_salient(remembering.remember(used, some, part, salience, rows, use), slots)
            for variant, one in remembering.combinations(stored).items():
                if one is not None:
                    key = (between, variant, seed)
                    right[key] = _right(used, asked, remembering.pick(one, asked.row))
            swapped = remembering.pick(stored, (asked.row + 1) % rows)
            right[between, "another's memory", seed] = _right(used, asked, swapped)
        right[between, "gpt2", -1] = _right(training, asked, None)
    return right


def in_context(training: MemoryTraining, about: str, facts: int, n: int) -> GridCell:
    """The control that bounds what memory can do: the same prompts and the question as one text."""
    rng, wanted, pairs = random.Random(f"grid {about} {facts}"), lesson(about, facts), []
    data: Data = training.data
    for _ in range(n):
        one = data.batch(rng, [replace(wanted, between=(0, 0))], 1).episodes[0]
        pairs.append(evaluate.question_and_answer(data.tokenizer.backend_tokenizer, one))
    window = training.model.config.n_positions
    fitting = [pair for pair in pairs if sum(map(len, pair)) <= window]
    contexts, answers = [context for context, _ in fitting], [answer for _, answer in fitting]
    hits = evaluate.exact(training.model, contexts, answers, rows=ROWS)
    return GridCell(
        about, len(one.facts), 0, "gpt2, all in one prompt", -1, sum(hits), len(fitting)
    )


def most_salient(stored: Remembered, slots: int) -> Remembered:
    """Each row's most salient slots, at most `slots` of them, of equal ones the older; the others
    count as empty."""
    if stored.external is None:
        return stored
    external = stored.external
    worth = external.salience.masked_fill(~external.filled, -torch.inf)
    rank = worth.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    filled = external.filled & (rank < slots)
    return replace(stored, external=replace(external, filled=filled, newer=newer(filled)))


def _first(batch: LessonBatch, told: ToldPrompts, between: int) -> torch.Tensor:
    """Indices of the prompts up to `between` after the episode's own."""
    seen: dict[int, int] = {}
    kept = []
    for i, row in enumerate(told.row.tolist()):
        seen[row] = seen.get(row, 0) + 1
        if seen[row] <= len(batch.episodes[row].prompts) + between:
            kept.append(i)
    return torch.tensor(kept, device=told.row.device)


def _right(training: MemoryTraining, asked: AskedPrompts, stored: Remembered | None) -> int:
    places = torch.arange(asked.ids.shape[1], device=asked.ids.device).expand(len(asked.ids), -1)
    best = remembering.logits(training, asked, stored, places).argmax(-1)
    same = (best[:, :-1] == asked.ids[:, 1:]) | ~asked.answer[:, 1:]
    return int(same.all(-1).sum())
