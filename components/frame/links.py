"""Which link of a told fact's chain broke, as model.recall finds it; cached.

Two features ask for it: Memory and Recall. Computes nothing itself.
"""

from functools import partial

from components.frame import results, visit
from model.memory.state import MemoryState
from model.recall import chain, near_miss, told_facts
from model.recall.chain import Chain
from model.recall.near_miss import NearMiss
from model.recall.told_facts import ToldSentence
from model.run.store import RunKey

MOST_FACTS = 200  # at most so many told sentences to choose from, the newest


def of_outcome(one, key: tuple) -> Chain | None:
    """The chain of a probe's answer; key: of the outcome."""
    chosen = visit.checkpoint()
    mark = RunKey.with_memory(chosen, "chain of an outcome", (), *key)
    return results.computed(mark, partial(chain.of_outcome, chosen, one))


def facts(key: str, state: MemoryState) -> list[ToldSentence]:
    """Sentences that were told, the newest last; key: of the memory."""
    chosen = visit.checkpoint()
    return results.made(RunKey.of(chosen, "told sentences", (), key), partial(_facts, chosen, state))


def of_question(
    key: str, state: MemoryState, asked, fact: ToldSentence, writing, states
) -> Chain | None:
    """The chain of a sentence that should have answered; key: of the memory; asked: the question
    (model.memory.question.AskedPrompt); writing: the settings it is told with; states: memories before
    this one."""
    chosen, recalled, settings = visit.checkpoint(), asked.recalled, asked.settings
    return results.computed(_of_question(key, asked, fact, writing), partial(
        chain.of_question, chosen, state, recalled, settings, fact, writing, states
    ))


def of_question_kept(key: str, asked, fact: ToldSentence, writing) -> Chain | None:
    """The same where it was found before; None where it was not."""
    return results.kept(_of_question(key, asked, fact, writing))


def _of_question(key: str, asked, fact: ToldSentence, writing) -> RunKey:
    return RunKey.with_memory(visit.checkpoint(), "chain of a question", asked.recalled.trace.ids,
                              key, asked.settings, fact, writing)


def near_miss_of(
    state: MemoryState, asked, told: list[ToldSentence], question: str, said: str, without: str
) -> NearMiss | None:
    """Of what was told another thing was asked; asked: the question (asking.Recalled); said, without:
    the answers with memory and without."""
    work = partial(
        near_miss.find, visit.checkpoint(), state, asked, told, question, said, without
    )
    return results.computed(None, work)


def _facts(checkpoint, state: MemoryState) -> list[ToldSentence]:
    return told_facts.newest(checkpoint, state.prompts, MOST_FACTS)
