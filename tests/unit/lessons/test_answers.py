"""Right answers on a random model, each computed another way: by transformers' own, or by hand."""

import numpy as np
import pytest
import torch

from model.analysis import attention, path_patching, recovery, score_parts
from model.lessons import answers, findings
from model.lessons.lesson import Question
from model.loading import checkpoint
from model.run import tokens, trace
from tests.conftest import random_gpt2

TEXT = "blue seven lamp blue seven"


@pytest.fixture(scope="module")
def run(tiny):
    return trace.run(tiny, answers.fitting(tiny, TEXT))


@pytest.fixture(scope="module")
def ids(run):
    return torch.tensor(run.ids)[None]


def ask(tiny, run, text=TEXT, **question) -> answers.Answer:
    found = answers.answer(tiny, run, text, Question(**question))
    assert 2 <= len(found.options) == len(found.notes) <= answers.MOST_OPTIONS
    assert len(set(found.options)) == len(found.options)
    return found


def right(found: answers.Answer) -> str:
    return found.options[found.right[0]]


def show(tiny, i) -> str:
    return tokens.display(tiny.tokenizer, [int(i)])[0]


def test_the_next_token_is_transformers_own(tiny, run, stock, ids):
    logits = stock(ids).logits[0, -1]
    found = ask(tiny, run, kind="next", options=("x", "word of many tokens"))
    assert right(found) == show(tiny, logits.argmax())
    assert found.notes[found.right[0]] == findings.percent(float(logits.softmax(-1).max()))
    assert len(found.options) == answers.LEAST_OPTIONS  # bytes: no offered word is one token


@pytest.mark.parametrize("head", ["induction", "previous", "first", "itself"])
def test_the_cell_is_the_largest_weight_of_the_strongest_head(tiny, run, eager, ids, head):
    maps = torch.stack(eager(ids, output_attentions=True).attentions)[:, 0].numpy()  # (L,H,T,T)
    n = len(run)
    score = {
        "previous": maps.diagonal(-1, 2, 3).mean(-1), "itself": maps.diagonal(0, 2, 3).mean(-1),
        "first": maps[:, :, 1:, 0].mean(-1), "induction": _induction(maps, run.ids),
    }[head]
    layer, number = np.unravel_index(score.argmax(), score.shape)
    key = int(maps[layer, number, -1].argmax())
    found = ask(tiny, run, kind="cell", head=head)
    assert right(found) == f"{show(tiny, run.ids[key])} ({key})"
    named = f"{score.max():.2f}" if head in findings.NAMED else f"layer {layer}, head {number}"
    assert named in found.sentence and f"({n - 1})" in found.options[-1]


def _induction(maps, ids):
    rows = []
    for query in range(len(ids)):
        after = [key + 1 for key in range(query) if ids[key] == ids[query] and key + 1 < query]
        if after:
            rows.append(maps[:, :, query, after].sum(-1))
    return np.mean(rows, axis=0)


def test_bytes_are_those_of_the_text_and_of_transformers_cache(tiny, run, stock, ids):
    assert right(ask(tiny, run, "né 東", kind="bytes", of="text")) == "7"
    layers = stock(ids, use_cache=True).past_key_values.layers
    n = sum(part.nbytes for layer in layers for part in (layer.keys, layer.values))
    assert right(ask(tiny, run, kind="bytes", of="cache")) == f"{n:,}"
    assert right(ask(tiny, run, kind="bytes", of="token")) == f"{n // len(run):,}"


def test_the_order_is_that_of_transformers_losses(tiny, run, stock, ids):
    logits = stock(ids).logits[0, :-1]
    bits = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none") / np.log(2)
    found = ask(tiny, run, kind="order")
    places = [int(one.rsplit("(", 1)[1][:-1]) for one in found.options]
    assert places == sorted(places) and 1 + int(bits.argmax()) == places[found.right[0]]
    falling = [float(bits[places[i] - 1]) for i in found.right]
    assert falling == sorted(falling, reverse=True)
    assert found.notes[0] == f"{bits[places[0] - 1]:.1f} bits"


def test_pairs_of_an_order_are_counted():
    assert answers.n_pairs_right([2, 0, 1], (2, 0, 1)) == (3, 3)
    assert answers.n_pairs_right([1, 0, 2], (2, 0, 1)) == (0, 3)
    assert answers.n_pairs_right([0, 1], (2, 0, 1)) == (1, 1)
    assert answers.n_pairs_right([], (1, 0)) == (0, 0)


def test_the_nearest_token_is_found_by_brute_force(tiny, run, stock):
    table = stock.transformer.wte.weight
    asked = tokens.encode(tiny.tokenizer, "x")[-1]
    cosine = torch.cosine_similarity(table, table[asked][None])
    cosine[asked] = -2
    found = ask(tiny, run, kind="nearest", token="x")
    assert right(found) == show(tiny, cosine.argmax())
    assert found.notes[found.right[0]] == f"{cosine.max():.2f}"
    assert show(tiny, asked) not in found.options


def test_the_layer_is_where_transformers_hidden_states_begin_to_say_it(tiny, run, stock, ids):
    states = stock.transformer(ids, output_hidden_states=True).hidden_states[:-1]  # the last is normed
    heads = [stock.lm_head(stock.transformer.ln_f(state[0, -1])).argmax() for state in states]
    heads.append(stock(ids).logits[0, -1].argmax())
    row = len(heads) - 1
    while row and heads[row - 1] == heads[-1]:
        row -= 1
    wanted = "the embedding" if row == 0 else f"layer {row - 1}"
    assert right(ask(tiny, run, kind="layer")) == wanted


def test_a_change_is_that_of_transformers(tiny, run, stock, ids):
    other = torch.tensor(answers.fitting(tiny, "seven blue"))[None]
    one, two = (stock(x).logits[0, -1] for x in (ids, other))
    wanted = ("the same word", "another word")[int(one.argmax() != two.argmax())]
    found = ask(tiny, run, kind="changed", of="text", other="seven blue")
    assert right(found) == wanted
    moved = float((one.softmax(-1) - two.softmax(-1)).abs().sum() / 2)
    assert findings.percent(moved) in found.sentence
    assert right(ask(tiny, run, kind="changed", of="cache")) == "the same word"
    ask(tiny, run, kind="changed", of="positions")


OTHER = "blue seven lamp blue doubt"  # no letter of "seven": every place stands for itself


def put_in(stock, ids, others, layer, place):
    """transformers' logits of `others` with one token's stream before a layer taken from `ids`."""
    def put(module, given):
        stream = given[0].clone()
        stream[0, place] = source[0, place]
        return (stream, *given[1:])

    source = stock.transformer(ids, output_hidden_states=True).hidden_states[layer]
    hook = stock.transformer.h[layer].register_forward_pre_hook(put)
    logits = stock(others).logits[0, -1]
    hook.remove()
    return logits


@pytest.mark.parametrize("of, layer", [("first", 0), ("last", 2)])
def test_the_token_that_brings_most_back_is_that_of_transformers(tiny, run, stock, ids, of, layer):
    assert layer in (0, len(stock.transformer.h) - 1)
    others = torch.tensor(answers.fitting(tiny, OTHER))[None]
    assert others.shape == ids.shape
    clean, corrupt = stock(ids).logits[0, -1], stock(others).logits[0, -1]
    answer = int(clean.argmax())
    against = next(i for i in corrupt.topk(2).indices.tolist() if i != answer)
    def difference(logits):
        return float(logits[answer] - logits[against])

    base = difference(corrupt)
    share = [(difference(put_in(stock, ids, others, layer, t)) - base) / (difference(clean) - base)
             for t in range(ids.shape[1])]
    best = int(np.argmax(share))
    found = ask(tiny, run, kind="patched", of=of, other=OTHER)
    assert right(found) == f"{show(tiny, others[0, best])} ({best})"
    assert found.notes[found.right[0]] == f"{100 * share[best]:.0f} %"


@pytest.mark.parametrize("of", ["layer", "head"])
def test_every_layer_and_head_that_is_offered_has_its_share(tiny, run, of):
    found = ask(tiny, run, kind="patched", of=of, other=OTHER)
    assert all(note.endswith(" %") or option == "no layer"
               for option, note in zip(found.options, found.notes))
    shares = [int(note[:-2].replace("−", "-")) for note in found.notes if note]
    if of == "head":
        assert shares[found.right[0]] == max(shares)
    else:
        enough = [i for i, share in enumerate(shares) if share >= 50]
        assert found.right[0] == (enough[0] if enough else len(shares))


@pytest.mark.parametrize("layer", [0, 2])
def test_the_writer_of_a_key_has_the_largest_part_of_its_score(tiny, run, monkeypatch, layer):
    monkeypatch.setattr(findings, "strongest", lambda *given: (layer, 1, 0.5))
    row = attention.weights(tiny, run, layer, 1)[-1]
    parts = score_parts.score_parts(tiny, run, layer, 1, len(run) - 1, int(row.argmax()))
    by_key = parts.parts.sum(0)
    found = ask(tiny, run, kind="writer", head="induction")
    best = parts.writers[int(by_key.argmax())]
    name = {"head": f"head {best.layer}.{best.head}", "mlp": f"MLP {best.layer}"}.get(best.kind, f"the {best.kind}")
    assert right(found) == name
    assert found.notes[found.right[0]] == f"{by_key.max():+.1f}"


def test_the_path_is_the_one_that_brings_most_back(tiny, run):
    found = ask(tiny, run, kind="patched", of="path", other=OTHER)
    other = trace.run(tiny, answers.fitting(tiny, OTHER))
    scores = attention.survey(tiny, run).facts["previous"][:-1]
    layer, head = (int(i) for i in np.unravel_index(scores.argmax(), scores.shape))
    answer = int(run.next_logits.argmax())
    against = next(i for i in other.next_logits.topk(2).indices.tolist() if i != answer)
    ends = path_patching.every_path(tiny, other, run, (layer, head)).ends
    share = recovery.recovered(tiny, ends, run, other, "difference", answer, against).share
    best = np.unravel_index(np.nanargmax(share), share.shape)
    assert right(found) == "layer {} head {}".format(*best) and best[0] > layer
    assert found.notes[found.right[0]] == f"{100 * share[best]:.0f} %".replace("-0 %", "0 %").replace("-", "−")


@pytest.mark.parametrize("head", ["induction", "previous"])
def test_a_head_switched_off_is_one_whose_output_weights_are_zero(tiny, run, ids, head):
    layer, number, _ = findings.strongest(tiny, run, head)
    other = random_gpt2()
    width = other.config.n_embd // other.config.n_head
    other.transformer.h[layer].attn.c_proj.weight[number * width : (number + 1) * width] = 0
    one, two = run.next_logits, other(ids).logits[0, -1]
    found = ask(tiny, run, kind="changed", of="head", head=head)
    assert found.right == (int(one.argmax() != two.argmax()),)
    assert findings.percent(float((one.softmax(-1) - two.softmax(-1)).abs().sum() / 2)) in found.sentence


def test_without_positions_is_transformers_run_without_wpe(tiny):
    one = trace.run(tiny, answers.fitting(tiny, "aaaa"))
    found = answers.answer(tiny, one, "aaaa", Question("changed", of="positions"))
    body = tiny.model.transformer
    bare = tiny.model(inputs_embeds=body.wte(torch.tensor(one.ids))[None] - body.wpe.weight[:4])
    assert (right(found) == "the same word") == (
        bare.logits[0, -1].argmax() == one.next_logits.argmax())


def test_recall_says_what_memory_says_and_what_the_model_says_alone(tiny, stock):
    text = "Where do I live?"
    run = trace.run(tiny, answers.fitting(tiny, text))
    found = ask(tiny, run, text, kind="recall", tell=("I live in Rome.",), options=("Rome", "Oslo"))
    start = torch.tensor([[256, *run.ids]])  # an ask begins with the end-of-text token
    alone = int(stock(start).logits[0, -1].argmax())
    said = " ".join(tokens.decode(tiny.tokenizer, [alone]).split())
    assert said in found.sentence.split("without memory “")[1]
    assert right(found) in ("Rome", "Oslo") or right(found) in found.sentence


def test_what_a_model_lacks_is_said_with_its_number(tiny, run):
    for name, (called, least) in findings.HEADS.items():
        layer, head, score = findings.strongest(tiny, run, name)
        said = findings.of_head(tiny, run, name)
        assert f"{score:.2f}" in said
        assert said.startswith(f"Layer {layer}, head {head} is" if score >= least else "This model has no")
    short = trace.run(tiny, answers.fitting(tiny, "ab"))  # no token came twice
    assert "best score of its 12 heads is 0.00" in findings.induction(tiny, short)


def test_the_row_by_hand_is_transformers_own(tiny, eager):
    run = trace.run(tiny, answers.fitting(tiny, "abcab"))
    layer, head, _ = findings.strongest(tiny, run, "itself")
    maps = eager(torch.tensor(run.ids)[None], output_attentions=True).attentions
    row = maps[layer][0, head, -1]
    assert findings.find(tiny, run, "row sum", "itself") == (
        " + ".join(f"{100 * x:.1f}" for x in row.tolist()) + " = 100.0 %.")
    said = findings.find(tiny, run, "row scale", "itself")
    assert f"divided by {8**0.5:.2f}" in said and findings.percent(float(row.max())) in said
    bare = (row.log() * 8**0.5).softmax(-1).max()  # log of the shares: the scores, but for a constant
    assert said.endswith(f"{findings.percent(float(bare))}.")
    assert findings.find(tiny, run, "row scores", "itself").startswith("8 products")


def test_the_entropy_is_that_of_transformers_distribution(tiny, run, stock, ids):
    bits = torch.distributions.Categorical(logits=stock(ids).logits[0, -1]).entropy() / np.log(2)
    assert findings.find(tiny, run, "entropy").startswith(f"{bits:.1f} bits")


@pytest.mark.parametrize("name", findings.FINDINGS)
def test_every_finding_is_one_line(tiny, run, name):
    said = findings.find(tiny, run, name)
    assert said.endswith(".") and "\n" not in said and "nan" not in said and "e-0" not in said


def test_a_prompt_that_is_too_long_or_empty():
    loaded = checkpoint.load("embedded")
    assert len(answers.fitting(loaded, "word " * 2000)) == loaded.model.config.n_positions
    with pytest.raises(ValueError, match="no prompt"):
        answers.fitting(loaded, "")


def test_too_short_a_prompt_has_no_order(tiny):
    run = trace.run(tiny, answers.fitting(tiny, "ab"))
    with pytest.raises(ValueError, match="no order"):
        ask(tiny, run, "ab", kind="order")
