"""The lessons that there are, and what the model at hand answers; asked for through the engine."""

import argparse
import os
from functools import partial
from pathlib import Path

from components.frame import results, visit
from components.lessons import link
from components.lessons.link import Pages, Place
from model.disk.home import expanded
from model.lessons import answers, findings, shelf
from model.lessons.answers import Answer
from model.lessons.lesson import Lesson, Step
from model.lessons.shelf import Shelf
from model.run.engine import trace_request
from model.run.store import RunKey

HEAD_OFF = "head"  # `off=head` in a link: the step's head is switched off
SHIPPED = Path(__file__).parents[2] / "pages" / "lessons"


def own_folder() -> Path | None:
    """`streamlit run app.py -- --lessons DIR`, or MNEMOSCOPE_LESSONS; None: only the shipped ones."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--lessons", nargs="?", default=os.environ.get("MNEMOSCOPE_LESSONS"))
    said = flags.parse_known_args()[0].lessons
    return expanded(said) if said else None


def all_lessons(pages: Pages) -> Shelf:
    """The shipped lessons and those of one's own folder; one whose link no page can show is
    broken."""
    own = own_folder()
    found = shelf.of_folders([SHIPPED, *([own] if own is not None else [])])
    wrong = {name: problem for name, lesson in found.lessons.items()
             if (problem := _wrong_link(lesson, pages))}
    good = {name: lesson for name, lesson in found.lessons.items() if name not in wrong}
    return Shelf(good, found.broken | wrong)


def _wrong_link(lesson: Lesson, pages: Pages) -> str:
    """What is wrong with the first wrong link of a lesson, with file and line; "" where all hold."""
    for step in lesson.steps:
        for said, line in zip((step.link, step.then), step.link_lines):
            try:
                if said:
                    link.read(said, pages)
            except ValueError as problem:
                return f"{lesson.file}, line {line}: {problem}."
    return ""


def place_of(step: Step, revealed: bool, pages: Pages) -> Place:
    """The page's state of a step; its `head` is the strongest one of the model at hand."""
    there = link.read(step.then if revealed and step.then else step.link, pages)
    prompt = there.prompt or link.read(step.link, pages).prompt
    if not step.head:
        return Place(there.page, prompt, there.values)
    layer, head, _ = _of_prompt(findings.strongest, prompt, step.head)
    values = {"layer": layer, "head": head} | there.values
    if values.get("off") == HEAD_OFF:
        values["off"] = f"{layer}h{head}"
    return Place(there.page, prompt, values)


def answer(step: Step, pages: Pages) -> Answer:
    """The right answer of a step that has a question."""
    prompt = link.read(step.link, pages).prompt
    return _of_prompt(answers.answer, prompt, prompt, step.question)


def finding(step: Step, pages: Pages) -> str:
    """The sentence of the effect that a step says; "" where it says none."""
    prompt = link.read(step.link, pages).prompt
    return _of_prompt(findings.find, prompt, step.says, step.head) if step.says else ""


def _of_prompt(compute, prompt: str, *given):
    """compute(checkpoint, trace of the prompt, *given); trained memory is part of the key."""
    chosen = visit.checkpoint()
    ids = results.made(RunKey.of(chosen, "ids of a step", (), prompt),
                       partial(answers.fitting, chosen, prompt))
    trace = results.computed(*trace_request(results.engine().store, chosen, ids))
    key = RunKey.with_memory(chosen, visit.named(compute), ids, *given)
    return results.computed(key, partial(compute, chosen, trace, *given))
