"""EDM, recurrent memory and the graft: identities that hold for any weights."""

import dataclasses

import numpy as np
import pytest
import torch

from model.grafts import external, modules
from model.grafts.adapter import save_adapter
from model.grafts.external import Contents, one_before
from model.grafts.graft import Graft
from model.run import trace

C, HEADS, LAYER = 32, 4, 1
IDS = np.arange(40, 60)


def random_modules(config, seed=0, cell="gru"):
    """Modules whose ways into the stream are open."""
    torch.manual_seed(seed)
    made = modules.Modules(modules.Sizes(config.n_embd, HEADS, LAYER, cell))
    generator = torch.Generator().manual_seed(seed)
    for module in (made.early, made.late, made.external):
        module.output.weight.data.normal_(std=0.5, generator=generator)
    made.external.gate.weight.data.normal_(std=0.3, generator=generator)
    made.external.null.data.normal_(generator=generator)
    made.parts = ("early", "edm", "late")
    return made.eval().requires_grad_(False)


def random_contents(rows=1, slots=6, seed=1, filled=None):
    g = torch.Generator().manual_seed(seed)
    keys, values = (torch.randn(rows, slots, C, generator=g) for _ in range(2))
    newer = torch.arange(slots).flip(0).float().expand(rows, -1)
    full = torch.ones(rows, slots, dtype=torch.bool) if filled is None else filled
    return Contents(keys, values, torch.randn(rows, slots, generator=g), newer, full)


def stream(rows=1, t=5, seed=2):
    return torch.randn(rows, t, C, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def opened(tiny):
    return random_modules(tiny.model.config)


def states(made, rows=1, seed=3):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, m.state_width, generator=g) for m in (made.early, made.late)]


def everything(made, rows=1):
    return Graft(made, *states(made, rows), random_contents(rows))


# -- non-destructive extension -------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_untrained_memory_is_the_base_model_bit_for_bit(tiny, stock, cell):
    fresh = modules.untrained(tiny.model.config, cell)
    full = Graft(fresh, *states(fresh), random_contents())
    with torch.inference_mode():
        base = stock(torch.tensor(IDS)[None]).logits[0]
    found = trace.run(tiny, IDS, graft=full)
    assert torch.equal(trace.logits(tiny, found), trace.logits(tiny, trace.run(tiny, IDS)))
    torch.testing.assert_close(trace.logits(tiny, found), base, atol=1e-5, rtol=0)


def test_empty_memory_is_the_base_model_bit_for_bit_also_after_training(tiny, opened):
    none_filled = random_contents(filled=torch.zeros(1, 6, dtype=torch.bool))
    zeros = [torch.zeros_like(state) for state in states(opened)]
    empty = Graft(opened, *zeros, none_filled)
    base = trace.run(tiny, IDS)
    assert torch.equal(trace.run(tiny, IDS, graft=empty).next_logits, base.next_logits)
    no_slots = Graft(opened, None, None, external.nothing(stream()))
    assert torch.equal(trace.run(tiny, IDS, graft=no_slots).next_logits, base.next_logits)


def test_open_memory_changes_the_run_and_leaves_nothing_behind(tiny, opened):
    before = trace.run(tiny, IDS).next_logits
    changed = trace.run(tiny, IDS, graft=everything(opened)).next_logits
    assert (changed - before).abs().max() > 0.1
    assert torch.equal(trace.run(tiny, IDS).next_logits, before)


@pytest.mark.parametrize("part", ["early", "late", "external"])
def test_each_module_alone_reaches_the_logits(tiny, opened, part):
    alone = dataclasses.replace(
        Graft(opened), **{part: getattr(everything(opened), part)}
    )
    base = trace.run(tiny, IDS).next_logits
    assert (trace.run(tiny, IDS, graft=alone).next_logits - base).abs().max() > 1e-3


def test_lora_is_the_changed_projection_and_off_by_default(tiny, stock):
    """Beside the frozen matrix = within it, checked on a copy whose weights were changed."""
    import copy

    sizes = modules.Sizes(C, HEADS, LAYER, rank=2, n_layers=tiny.model.config.n_layer)
    made = modules.Modules(sizes).eval().requires_grad_(False)
    made.lora.up.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
    changed = copy.deepcopy(stock)
    for layer, block in enumerate(changed.transformer.h):
        block.attn.c_attn.weight += 2.0 * made.lora.down[layer] @ made.lora.up[layer]
    with torch.inference_mode():
        wanted = changed(torch.tensor(IDS)[None]).logits[0, -1]
    found = trace.run(tiny, IDS, graft=Graft(made, lora=True)).next_logits
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)
    off = trace.run(tiny, IDS, graft=Graft(made)).next_logits
    assert torch.equal(off, trace.run(tiny, IDS).next_logits)


def test_without_the_edm_the_rest_of_a_graft_stays_as_it_is():
    """So that two runs differ in the EDM alone, LoRA or not."""
    made, contents, state = object(), object(), torch.ones(1, 2)
    assert Graft(made, external=contents).without_external() is None
    carried = Graft(made, state, external=contents).without_external()
    assert carried.early is state and carried.external is None
    lora = Graft(made, external=contents, lora=True).without_external()
    assert lora.lora and lora.external is None


def test_peft_computes_the_same_from_the_adapter_folder(tiny, stock, tmp_path):
    """The adapter that is written for others is the adapter that was trained."""
    import copy

    from peft import PeftModel

    sizes = modules.Sizes(C, HEADS, LAYER, rank=3, n_layers=tiny.model.config.n_layer)
    made = modules.Modules(sizes).eval().requires_grad_(False)
    made.lora.up.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
    save_adapter(made.lora, tmp_path / "adapter", "tiny")
    theirs = PeftModel.from_pretrained(copy.deepcopy(stock), tmp_path / "adapter").eval()
    with torch.inference_mode():
        wanted = theirs(torch.tensor(IDS)[None]).logits[0, -1]
    found = trace.run(tiny, IDS, graft=Graft(made, lora=True)).next_logits
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert (found - trace.run(tiny, IDS).next_logits).abs().max() > 1e-2


# -- the EDM --------------------------------------------------------------------------------------


def test_read_weights_sum_to_one_and_empty_slots_get_none(opened):
    filled = torch.tensor([[True, False, True, True, False, False]])
    _, weights = opened.external.read(stream(), random_contents(filled=filled))
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert weights.shape == (1, HEADS, 5, 7)
    assert (weights[..., 1:][..., ~filled[0]] == 0).all()
    assert (weights[..., 1:][..., filled[0]] > 0).all()


def test_a_whole_prompt_at_once_equals_a_loop_over_tokens(opened):
    """The same definition, written out for one token, one head and one slot at a time."""
    edm, stored, x = opened.external, random_contents(slots=4), stream(t=3)
    added, weights = edm.read(x, stored)
    heads, width = edm.heads, C // edm.heads
    for t in range(3):
        q = edm.query(edm.norm_read(x[0, t]))
        mean = torch.zeros(4)
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            scores = [edm.null[h]]
            for m in range(4):
                dot = q[part] @ stored.keys[0, m, part] / width**0.5 * edm.sharpness[h].exp()
                fade = torch.nn.functional.softplus(edm.recency[h]) * (1 + stored.newer[0, m]).log()
                scores.append(dot + stored.salience[0, m].sigmoid().log() - fade)
            row = torch.stack(scores).softmax(0)
            torch.testing.assert_close(weights[0, h, t], row, atol=1e-5, rtol=1e-4)
            mean += row[1:] / heads
        torch.testing.assert_close(added[0, t], edm.output(mean @ stored.values[0]), atol=1e-4,
                                   rtol=1e-4)


def test_permuting_slots_changes_nothing(opened):
    stored, order = random_contents(), torch.tensor([3, 1, 5, 0, 4, 2])
    moved = Contents(*(getattr(stored, f.name)[:, order] for f in dataclasses.fields(stored)))
    first, second = (opened.external.read(stream(), s)[0] for s in (stored, moved))
    torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)


def test_of_two_equal_slots_the_newer_weighs_more(opened):
    stored = random_contents(slots=2)
    same = Contents(stored.keys[:, :1].expand(1, 2, C), stored.values, torch.zeros(1, 2),
                    torch.tensor([[5.0, 0.0]]), stored.filled)
    weights = opened.external.read(stream(), same)[1]
    assert (weights[..., 2] > weights[..., 1]).all()


def test_gradients_reach_every_tensor_of_the_edm_and_its_writes(tiny):
    made = random_modules(tiny.model.config).requires_grad_(True)
    edm, middle, first = made.external, stream(t=6, seed=7), stream(t=6, seed=8)
    salience = edm.salience(middle, torch.rand(1, 6))
    keys, values = edm.write(middle, one_before(middle), first)
    stored = Contents(keys, values, salience, torch.arange(6).flip(0)[None].float(),
                      torch.ones(1, 6, dtype=torch.bool))
    edm.read(stream(), stored)[0].square().sum().backward()
    missing = [n for n, p in edm.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


# -- recurrent memory ------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_leaves_no_trace_in_the_state(tiny, cell):
    memory = random_modules(tiny.model.config, cell=cell).early
    x, state = stream(t=5), torch.zeros(1, memory.state_width)
    alone = memory.write(x[:, :3], state, torch.tensor([3]))
    padded = memory.write(x, state, torch.tensor([3]))
    torch.testing.assert_close(alone, padded)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_two_prompts_one_after_the_other_equal_both_at_once(tiny, cell):
    memory = random_modules(tiny.model.config, cell=cell).late
    x, state = stream(t=7), torch.zeros(1, memory.state_width)
    first = memory.write(x[:, :4], state, torch.tensor([4]))
    second = memory.write(x[:, 4:], first, torch.tensor([3]))
    torch.testing.assert_close(second, memory.write(x, state, torch.tensor([7])))
    path = memory.path(x, state)
    torch.testing.assert_close(path[-1], second[0, :C])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gradients_reach_every_tensor_of_a_recurrent_memory(tiny, cell):
    memory = random_modules(tiny.model.config, cell=cell).early.requires_grad_(True)
    state = memory.write(stream(), torch.zeros(1, memory.state_width), torch.tensor([5]))
    memory.read(stream(seed=9), state).square().sum().backward()
    assert [n for n, p in memory.named_parameters() if p.grad is None] == []


# -- rows do not mix ----------------------------------------------------------------------------


def test_rows_of_a_batch_never_mix(tiny, opened):
    both = Graft(opened, *states(opened, 2), random_contents(2))
    alone = [Graft(opened, both.early[[r]], both.late[[r]],
                   Contents(*(getattr(both.external, f.name)[[r]]
                              for f in dataclasses.fields(both.external)))) for r in range(2)]
    ids = torch.tensor(np.stack([IDS, IDS[::-1].copy()]))
    with torch.inference_mode(), both.open():
        together = tiny.model(ids).logits
    for row in range(2):
        with torch.inference_mode(), alone[row].open():
            torch.testing.assert_close(tiny.model(ids[[row]]).logits[0], together[row],
                                       atol=1e-5, rtol=1e-5)


def test_a_graft_open_in_one_thread_is_not_open_in_another(tiny, opened):
    from concurrent.futures import ThreadPoolExecutor

    base = trace.run(tiny, IDS).next_logits
    with everything(opened).open(), ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: trace.run(tiny, IDS).next_logits).result()
    assert torch.equal(other, base)


# -- traces ----------------------------------------------------------------------------------------


def test_a_trace_from_a_prefix_equals_one_from_scratch(tiny, opened):
    full = everything(opened)
    prefix = trace.run(tiny, IDS[:12], graft=full)
    typed = trace.run(tiny, IDS, prefix=prefix, graft=full)
    scratch = trace.run(tiny, IDS, graft=full)
    assert typed.n_run == len(IDS) - 12
    torch.testing.assert_close(typed.next_logits, scratch.next_logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(typed.external_query(), scratch.external_query())
    assert trace.run(tiny, IDS, prefix=prefix).n_run == len(IDS)  # another memory: no prefix


def test_the_stream_adds_up_with_what_the_edm_added(tiny, opened):
    full = everything(opened)
    found = trace.run(tiny, IDS, graft=full)
    layer = opened.external.layer
    added = opened.external.read(found.external_query()[None], full.external)[0][0]
    torch.testing.assert_close(found.external_query() + added, found.layer_stream(2 * layer))
    torch.testing.assert_close(
        found.layer_stream(2 * layer - 1) + found.mlp_added(layer - 1), found.external_query()
    )


# -- files -------------------------------------------------------------------------------------------


def test_saved_equals_loaded_and_only_the_trained_parts_are_kept(tiny, opened, tmp_path):
    path = tmp_path / "memory.safetensors"
    modules.save_modules(opened, path, "tiny-0", ["edm"], {"seed": 7})
    assert path.stat().st_size < 40_000  # without the recurrent memories
    back = modules.load_modules(path, tiny.model.config, "tiny-0")
    assert back.parts == ("edm",) and back.card == {"seed": 7} and len(back.fingerprint) == 16
    for name, tensor in opened.external.state_dict().items():
        assert torch.equal(back.external.state_dict()[name], tensor.half().float())
    assert (back.early.output.weight == 0).all()
    assert not any(p.requires_grad for p in back.parameters())


def test_a_file_that_fits_nothing_says_so(tiny, opened, tmp_path):
    path, config = tmp_path / "memory.safetensors", tiny.model.config
    modules.save_modules(opened, path, "tiny-0", ["edm"], {})
    with pytest.raises(ValueError, match="trained for another model"):
        modules.load_modules(path, config, "other")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="only a part"):
        modules.load_modules(path, config, "tiny-0")
    opened_nan = random_modules(config)
    opened_nan.external.null.data[0] = float("nan")
    modules.save_modules(opened_nan, path, "tiny-0", ["edm"], {})
    with pytest.raises(ValueError, match="not finite"):
        modules.load_modules(path, config, "tiny-0")
