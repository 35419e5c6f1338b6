"""Sampling: equal to transformers' own logits processors, exact at the edges, repeatable draws."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.run import sampling
from model.run.sampling import SamplingSettings, stages


def their_scores(logits, wanted):
    """transformers' processors in generate's order, with generate's rules for leaving one out."""
    chain = LogitsProcessorList()
    if wanted.temperature != 1.0:
        chain.append(TemperatureLogitsWarper(wanted.temperature))
    if wanted.top_k != 0:
        chain.append(TopKLogitsWarper(wanted.top_k))
    if wanted.top_p < 1.0:
        chain.append(TopPLogitsWarper(wanted.top_p))
    return chain(None, logits.float()[None].clone())[0]


def random_logits(seed, n, levels):
    """n logits; with `levels` only that many different values: full of ties."""
    g = torch.Generator().manual_seed(seed)
    if levels:
        return torch.randint(levels, (n,), generator=g).float()
    return torch.randn(n, generator=g) * 4


@settings(max_examples=400)
@given(
    seed=st.integers(0, 10_000),
    n=st.sampled_from([1, 2, 3, 17, 300, 4096]),
    levels=st.sampled_from([0, 1, 2, 5]),
    temperature=st.one_of(st.just(1.0), st.floats(0.001, 1000)),
    top_k=st.one_of(st.just(0), st.integers(1, 5000)),
    top_p=st.one_of(st.just(1.0), st.floats(1e-6, 1.0)),
)
@example(seed=0, n=4096, levels=2, temperature=1.0, top_k=3, top_p=0.5)
def test_every_setting_gives_what_transformers_gives(seed, n, levels, temperature, top_k, top_p):
    logits, wanted = random_logits(seed, n, levels), SamplingSettings(temperature, top_k, top_p)
    ours, theirs = stages(logits, wanted), their_scores(logits, wanted)
    assert torch.equal(ours.after_top_p, theirs)
    assert torch.allclose(ours.probabilities, theirs.softmax(-1).double(), atol=1e-6)


def test_half_precision_logits_are_processed_in_float32_as_generate_does():
    logits, wanted = random_logits(1, 500, 0).bfloat16(), SamplingSettings(0.7, 50, 0.9)
    assert torch.equal(stages(logits, wanted).after_top_p, their_scores(logits, wanted))


def test_the_figures_of_each_stage_by_hand():
    logits = torch.tensor([4.0, 2.0, 1.0, 1.0]).log()  # probabilities 1/2, 1/4, 1/8, 1/8
    made = stages(logits, SamplingSettings(top_k=2, top_p=0.6))
    first, tempered, top_k, top_p = made.facts
    assert [s.name for s in made.facts] == ["logits", "temperature", "top-k", "top-p"]
    assert first.entropy_bits == pytest.approx(1.75) == tempered.entropy_bits
    assert (first.n_alive, top_k.n_alive, top_p.n_alive) == (4, 2, 1)
    assert top_k.cut == pytest.approx(1 / 4)
    assert top_k.entropy_bits == pytest.approx(math.log2(3) - 2 / 3)
    assert top_p.cut == pytest.approx(1 / 3)  # of what top-k left
    assert made.kept == pytest.approx(1 / 2)
    assert made.probabilities.tolist() == [1, 0, 0, 0]


def test_temperature_two_by_hand():
    made = stages(torch.tensor([9.0, 1.0]).log(), SamplingSettings(temperature=2))
    assert made.probabilities.tolist() == pytest.approx([3 / 4, 1 / 4])
    assert made.facts[1].cut == 0 and made.facts[1].top == pytest.approx(3 / 4)


def test_temperature_zero_is_greedy_and_takes_the_first_of_equals():
    made = stages(torch.tensor([1.0, 5.0, 5.0, 2.0]), SamplingSettings(temperature=0))
    assert made.probabilities.tolist() == [0, 1, 0, 0]
    assert [s.n_alive for s in made.facts] == [4, 1, 1, 1]
    assert made.facts[1].entropy_bits == 0 == made.facts[1].cut


@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize("n", [1, 40, 50257])
def test_top_p_zero_leaves_exactly_one_most_probable_token(n, levels):
    logits = random_logits(5, n, levels)
    made = stages(logits, SamplingSettings(top_p=0))
    assert made.n_alive == 1
    assert logits[made.probabilities.argmax()] == logits.max()


def test_top_p_one_and_a_top_k_beyond_the_vocabulary_keep_everything():
    logits = random_logits(5, 40, 0)
    for wanted in (SamplingSettings(top_p=1), SamplingSettings(top_k=0), SamplingSettings(top_k=40),
                   SamplingSettings(top_k=10**9)):
        made = stages(logits, wanted)
        assert made.n_alive == 40 and made.kept == pytest.approx(1)
        assert torch.equal(made.after_top_p, logits)


def test_the_kept_set_is_the_smallest_that_reaches_p():
    logits = random_logits(8, 1000, 0)
    made = stages(logits, SamplingSettings(top_p=0.8))
    before = sampling.softmax(logits).sort(descending=True).values.cumsum(0)
    assert before[made.n_alive - 1] >= 0.8 > before[made.n_alive - 2]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_broken_logit_is_named_and_never_drawn_from(bad):
    logits = torch.zeros(10)
    logits[7] = bad
    with pytest.raises(ValueError, match=r"logits after token 3 \(10,\).*first at \(7,\)"):
        stages(logits, SamplingSettings(), "logits after token 3")


def test_a_logit_that_overflows_at_the_temperature_is_named():
    with pytest.raises(ValueError, match="/ temperature 0.001 .*2 infinite"):
        stages(torch.tensor([3e38, -3e38, 0.0]), SamplingSettings(temperature=0.001))


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"temperature": -0.1}, "Temperature out of range: -0.1"),
        ({"temperature": math.nan}, "Temperature out of range: nan"),
        ({"temperature": 1e-30}, "0.001"),
        ({"temperature": "hot"}, "'hot'"),
        ({"temperature": True}, "True"),
        ({"top_k": -1}, "Top-k out of range: -1"),
        ({"top_k": 2.5}, "whole number"),
        ({"top_k": True}, "Top-k out of range: True"),
        ({"top_p": 1.01}, "Top-p out of range: 1.01"),
        ({"top_p": -0.01}, "Top-p out of range: -0.01"),
        ({"top_p": math.nan}, "Top-p out of range: nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        SamplingSettings(**wrong)


# -- draws ----------------------------------------------------------------------------------------


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def test_segments_lie_from_the_most_probable_token_on():
    p = torch.tensor([0.25, 0.5, 0.0, 0.25], dtype=torch.float64)
    points = torch.tensor([0.0, 0.49, 0.5, 0.74, 0.75, 0.999999], dtype=torch.float64)
    assert sampling.at(p, points).tolist() == [1, 1, 0, 0, 3, 3]


def test_a_point_beyond_the_rounded_sum_gives_the_last_living_token():
    p = torch.full((3,), 1 / 3, dtype=torch.float64)
    p = torch.cat([p, torch.zeros(5, dtype=torch.float64)])
    assert sampling.at(p, torch.tensor([1.0], dtype=torch.float64)).tolist() == [2]


@pytest.mark.parametrize("levels", [0, 3])
def test_looking_at_the_likely_tokens_first_changes_nothing(levels, monkeypatch):
    p = stages(random_logits(2, 5000, levels), SamplingSettings()).probabilities
    points = sampling.uniform(300, seeded())
    fast = torch.tensor([int(sampling.at(p, points[i : i + 1])[0]) for i in range(300)])
    monkeypatch.setattr(sampling, "LIKELY", 5000)
    assert torch.equal(fast, sampling.at(p, points))


def test_a_seed_repeats_the_draws_and_many_begin_with_the_one():
    p = stages(random_logits(3, 100, 0), SamplingSettings()).probabilities
    g = seeded()
    one_by_one = [sampling.draw(p, g) for _ in range(40)]
    assert one_by_one == sampling.at(p, sampling.uniform(40, seeded())).tolist()
    assert one_by_one != [sampling.draw(p, seeded(8)) for _ in range(40)]


def test_a_cut_token_is_never_drawn_and_frequencies_follow_the_probabilities():
    made = stages(random_logits(4, 30, 0), SamplingSettings(top_k=5))
    n = 20_000
    counts = sampling.at(made.probabilities, sampling.uniform(n, seeded())).bincount(minlength=30)
    p = made.probabilities
    assert counts[p == 0].sum() == 0
    sigma = (n * p * (1 - p)).sqrt()
    assert ((counts - n * p).abs() <= 5 * sigma + 1e-9).all()
