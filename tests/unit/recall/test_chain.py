"""Which link broke: a constructed case for each, for every variant that has slots."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.grafts import modules
from model.loading import checkpoint
from model.memory import asking, fusion, held, telling
from model.memory.settings import EdmSettings, FusionSettings, Settings
from model.memory.state import blank
from model.recall import chain as recall_chain
from model.recall import link as recall_link
from model.recall import probe, told_facts
from model.recall.link import NAMES
from model.recall.probe import Probe
from model.run import tokens
from model.run.trace import logits, run

TOLD = ("I am Ann. I live in Rome.", "Bob likes tea. He is 7.", "It rains.")
ASK = "Where do I live?"
VARIANTS = ("gpt2+am", "gpt2+edm", "gpt2-m")
# All is written, and fusion finds for itself.
FREE = Settings(fusion=FusionSettings(needed=0.0), edm=EdmSettings(threshold=-99.0))


@pytest.fixture(scope="module")
def trained(tiny):
    return with_memory(tiny)


@pytest.fixture(scope="module")
def embedded():
    return replace(checkpoint.load("embedded", device="cpu"), memory=None)


def with_memory(tiny, null=-20.0, output=0.3):
    """The tiny model with an EDM that reads only slots, and adds something; or not."""
    memory = modules.untrained(tiny.model.config)
    memory.external.null.data.fill_(null)
    generator = torch.Generator().manual_seed(1)
    memory.external.output.weight.data.normal_(std=output, generator=generator)
    memory.parts, memory.fingerprint = ("early", "late", "edm"), f"random {null} {output}"
    return SimpleNamespace(**{**vars(tiny), "memory": memory.eval().requires_grad_(False)})


def outcome_of(loaded, variant, settings, tell=TOLD, answer=" Rome", **given):
    plan = probe.prepare(loaded, Probe(tell, given.pop("ask", ASK), answer, **given))
    own = probe.settings_for(variant, settings)
    return probe.outcome(loaded, plan, probe.told(loaded, plan, own), own, "")


def passed(chain) -> list:
    return [link.passed for link in chain.links]


def check_breaks(chain, name):
    """Green up to the link, which has a number and a sentence; behind it only what was said."""
    at = NAMES.index(name)
    assert [link.name for link in chain.links] == list(NAMES)
    assert passed(chain)[: at + 1] == [True] * at + [False] and chain.broken.name == name
    assert passed(chain)[at + 1 : -1] == [None] * len(NAMES[at + 1 : -1])
    assert chain.links[-1].passed is False and chain.n_passed == at
    assert chain.broken.number is not None and chain.broken.sentence.rstrip("”")[-1] in ".!?"
    assert not any("e-0" in link.sentence for link in chain.links)


@pytest.mark.parametrize("variant", VARIANTS)
def test_not_written(trained, variant):
    high = FREE.with_fusion(score="surprisal", threshold=1e3).with_edm(threshold=1e3)
    chain = recall_chain.of_outcome(trained, outcome_of(trained, variant, high))
    check_breaks(chain, "written")
    assert "the threshold is 1,000" in chain.broken.sentence


def test_the_salience_is_the_one_that_telling_the_prompt_gave(trained):
    high = FREE.with_fusion(score="surprisal", threshold=1e3).with_edm(threshold=1e3)
    found = {}
    for variant in ("gpt2+am", "gpt2+edm"):
        one = outcome_of(trained, variant, high)
        chain = recall_chain.of_outcome(trained, one)
        written = telling.tell(trained, blank(trained), TOLD[0], one.settings)
        found[variant] = (chain.links[0].number, written)
    number, written = found["gpt2+am"]
    sentence = slice(1 + chain.fact.start, 1 + chain.fact.stop)  # behind <|endoftext|>
    assert number == pytest.approx(written.salience[sentence].mean())
    number, written = found["gpt2+edm"]
    assert number in written.gated.salience[[1 + i for i in chain.fact.wanted]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_not_among_the_best_of_its_prompt(trained, variant):
    few = replace(FREE, best=1).with_fusion(score="surprisal").with_edm(score="surprisal")
    for answer in (" Ann", " Rome"):
        chain = recall_chain.of_outcome(trained, outcome_of(trained, variant, few, answer=answer))
        if not chain.links[0].passed:
            check_breaks(chain, "written")
            assert "only the best 1 of each prompt" in chain.broken.sentence
            return
    raise AssertionError("one of two sentences is not the best one")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("policy", ["fifo", "merge"])
def test_written_but_evicted(trained, variant, policy):
    small = replace(FREE, policy=policy).with_slots(8)
    one = outcome_of(trained, variant, small)
    chain = recall_chain.of_outcome(trained, one)
    if policy == "fifo":
        check_breaks(chain, "kept")
        assert chain.broken.number == 2  # by hand: "He is 7." and what fits before it are newer
        assert "first in, first out" in chain.broken.sentence
        assert "gone after prompt 2 was told" in chain.broken.sentence
    assert passed(chain)[0] is True


def test_when_it_left_is_the_first_prompt_without_it(trained):
    one = outcome_of(trained, "gpt2+am", replace(FREE, policy="fifo").with_fusion(slots=45), distance=40)
    states = [step.state for step in probe.tell(trained, one.plan, one.settings)]
    gone = next(len(s.prompts) for s in states if not (s.bank.slots.prompt == 1).any())
    chain = recall_chain.of_outcome(trained, one)
    check_breaks(chain, "kept")
    assert chain.broken.number == gone > 1


@pytest.mark.parametrize("variant", ["gpt2+am", "gpt2-m"])
def test_not_retrieved_from_the_bank(trained, variant):
    """Asked for the sentence that ranks last; the EDM's slots are closed."""
    closed = with_memory(trained, null=60.0)
    one = outcome_of(closed, variant, FREE.with_fusion(n_retrieved=1))
    block = min(one.asked.relevance, key=one.asked.relevance.get)
    around = str(one.state.bank.slots.around[one.state.bank.slots.block == block][0])
    answer = around.replace("·", " ").strip().rstrip(".").split()[-1]
    one = outcome_of(closed, variant, FREE.with_fusion(n_retrieved=1), answer=f" {answer}")
    chain = recall_chain.of_outcome(closed, one)
    check_breaks(chain, "retrieved")
    drawn = one.asked.relevance
    assert chain.broken.number == len(drawn)
    assert f"of {len(drawn)} sentences" in chain.broken.sentence
    assert recall_link.number(drawn[block]) in chain.broken.sentence
    assert recall_link.number(max(drawn.values())) in chain.broken.sentence  # the last retrieved


def test_not_retrieved_from_the_edm(trained):
    closed = with_memory(trained, null=60.0)
    chain = recall_chain.of_outcome(closed, outcome_of(closed, "gpt2+edm", FREE))
    check_breaks(chain, "retrieved")
    assert "the null slot 1." in chain.broken.sentence


def test_retrieved_but_not_read_from_the_bank(trained):
    """40 nats less for every memory score: found all the same, and hardly attended to."""
    faint = FREE.with_fusion(strength=-40.0)
    one = outcome_of(trained, "gpt2+am", faint, tell=("I live in Rome.",))
    chain = recall_chain.of_outcome(trained, one)
    check_breaks(chain, "read")
    assert chain.broken.unit == "of the attention" and chain.broken.number < 1e-9


@pytest.mark.parametrize("variant", ["gpt2+edm", "gpt2-m"])
def test_retrieved_but_not_read_from_the_edm(tiny, variant):
    """The EDM finds it and adds nothing; fusion moves less than is needed."""
    mute = with_memory(tiny, output=0.0)
    one = outcome_of(mute, variant, FREE.with_fusion(needed=0.2), tell=TOLD[:1])
    assert variant == "gpt2+edm" or (one.asked.moved < 0.2 and not len(one.asked.kept))
    chain = recall_chain.of_outcome(mute, one)
    check_breaks(chain, "read")
    moved = one.asked.moved or 0
    assert chain.broken.number == moved and recall_link.percent(moved) in chain.broken.sentence


def test_the_edms_read_is_judged_by_its_own_numbers(trained):
    """What fusion needs to be read is not asked of the EDM."""
    one = outcome_of(trained, "gpt2+edm", FREE.with_fusion(needed=1.0), tell=TOLD[:1])
    read = recall_chain.of_outcome(trained, one).links[3]
    trace = probe.along(trained, one.asked.trace, one.scored.ids)
    row = len(one.asked.trace) - 1 + int(np.argmax(one.scored.rank > 1))
    silent = run(trained, trace.ids)
    p, q = (logits(trained, x, row)[0].double().softmax(-1) for x in (trace, silent))
    assert read.passed and read.number == pytest.approx(float((p - q).abs().sum() / 2))
    null = held.read_weights(trace)[:, row, 0].mean()
    assert f"{recall_link.percent(float(null))} to the null slot" in read.sentence
    assert recall_link.percent(read.number) in read.sentence


@pytest.mark.parametrize("variant", VARIANTS)
def test_read_but_not_said(trained, variant):
    one = outcome_of(trained, variant, FREE, tell=TOLD[:1])
    chain = recall_chain.of_outcome(trained, one)
    check_breaks(chain, "said")
    at = int(np.argmax(one.scored.rank > 1))
    assert chain.broken.number == pytest.approx(one.scored.probability[at])
    assert f"rank {one.scored.rank[at]:,}" in chain.broken.sentence
    assert one.continuation.strip() in chain.broken.sentence


def test_the_share_read_is_that_of_the_union_softmax(trained):
    one = outcome_of(trained, "gpt2+am", FREE, tell=TOLD[:1])
    trace = probe.along(trained, one.asked.trace, one.scored.ids)
    row = len(one.asked.trace) - 1 + int(np.argmax(one.scored.rank > 1))
    weights = fusion.read_weights(trained, trace)[:, :, row].mean((0, 1))
    own = one.state.bank.slots.block[one.asked.kept] == one.state.bank.slots.block[-1]
    read = recall_chain.of_outcome(trained, one).links[3]
    assert read.passed and read.number == pytest.approx(weights[own].sum())


def test_said_all_links_hold(embedded):
    one = outcome_of(embedded, "gpt2+am", Settings(), ask="Where do I live? You live in",
                     tell=("My name is James Theory. I live in New York.",), answer=" New York")
    chain = recall_chain.of_outcome(embedded, one)
    assert passed(chain) == [True] * 5 and chain.broken is None and chain.n_passed == 5
    assert chain.fact.text == "I live in New York."
    asked = asking.ask(embedded, one.state, one.ids, one.settings)
    fact = replace(chain.fact, wanted=())
    same = recall_chain.of_question(
        embedded, one.state, asked, one.settings, fact, one.settings, [one.state])
    assert same.links == chain.links and same.fact.wanted == chain.fact.wanted


def test_of_several_that_hold_it_the_one_that_came_furthest(trained):
    twice, alone = (*TOLD, "I live in Rome."), FREE.with_fusion(n_retrieved=1)
    one = outcome_of(trained, "gpt2+am", alone, tell=twice)
    chain = recall_chain.of_outcome(trained, one)
    own = [recall_chain.of_question(
        trained, one.state, one.asked, one.settings, fact, one.settings)
        for fact in told_facts.holding(trained, one.state.prompts, "Rome")]
    assert len(own) == 2 and chain.n_passed == max(other.n_passed for other in own)


def test_where_nothing_can_be_followed_there_is_no_chain(trained):
    for variant, answer in (("gpt2", " Rome"), ("gpt2+rnn", " Rome"), ("gpt2+am", None),
                            ("gpt2+am", " Oslo")):
        one = outcome_of(trained, variant, FREE, answer=answer)
        assert recall_chain.of_outcome(trained, one) is None


@pytest.mark.parametrize("variant, positions, unit", [
    *((variant, "parallel", "sentence") for variant in VARIANTS),
    *(("gpt2-m", positions, "sentence") for positions in fusion.POSITIONS),
    ("gpt2-m", "parallel", "prompt"), ("gpt2+am", "replay", "all"), ("gpt2+am", "continue", "all"),
])
def test_a_question_about_any_told_sentence(trained, variant, positions, unit):
    """Every sentence, every rule of reading: a whole chain, and nothing is raised."""
    settings = probe.settings_for(variant, FREE.with_fusion(positions=positions, unit=unit))
    tell = ("I am Ann. Hi.", "Ok.")
    plan = probe.prepare(trained, Probe(tell, "Who?"))
    state = probe.told(trained, plan, settings)
    asked = asking.ask(trained, state, tokens.encode(trained.tokenizer, "Who?"), settings)
    facts = [f for n, text in enumerate(tell, 1) for f in told_facts.sentences(trained, text, n)]
    assert [fact.text for fact in facts] == ["I am Ann.", "Hi.", "Ok."]
    for fact in facts:
        chain = recall_chain.of_question(trained, state, asked, settings, fact, settings, [state])
        assert [link.name for link in chain.links] == list(NAMES)
        assert all(link.sentence for link in chain.links[: chain.n_passed + 1])


def test_the_answers_tokens_are_found_where_they_were_told(embedded):
    for text, answer, said in (
        ("My name is Ann. I live in New York City.", " New York", " New York"),
        ("It is 71. It is 7.", "7", " 7"), ("“Hamlet” is it.", "Hamlet", "Hamlet"),
        ("My pet is 🧠🦊.", "🦊", "🦊"), ("私は東京に住む。", "東京", "東京"),
    ):
        fact = told_facts.holding(embedded, [text], answer)[-1]
        ids = tokens.encode(embedded.tokenizer, text)[list(fact.wanted)]
        assert said.strip() in embedded.tokenizer.decode(ids), text
    assert told_facts.holding(embedded, ["It is 71."], "7") == []
    assert told_facts.holding(embedded, ["I am fine."], ".") == []


def test_the_end_of_text_token_in_a_prompt_is_a_token_of_it(trained):
    tell = ("<|endoftext|>I am Ann. I live in Rome.",)
    high = FREE.with_fusion(threshold=1e3).with_edm(threshold=1e3)
    for variant in VARIANTS:
        chain = recall_chain.of_outcome(trained, outcome_of(trained, variant, high, tell=tell))
        check_breaks(chain, "written")


def test_numbers_are_never_in_e_notation():
    assert [recall_link.number(x) for x in (0, 1.0, -0.8379, 1e-9, -1e-9, 12345.6, np.inf)] == [
        "0", "1", "−0.838", "less than 0.001", "more than −0.001", "12,346", "∞"]
    assert [recall_link.percent(x) for x in (0, 1e-9, 0.2, 0.1584, 0.99999, 1)] == [
        "0 %", "less than 0.1 %", "20 %", "15.8 %", "more than 99.9 %", "100 %"]
