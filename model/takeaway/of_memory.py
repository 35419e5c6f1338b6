"""Recipes of what memory adds: one softmax over Memory ∪ Local, the EDM, the recurrent states, LoRA.

A notebook carries what the run read: stored keys and values, and the trained modules' weights. Of
this program it needs nothing. Axes as in model.memory; N stored tokens were read.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from model.analysis import cutting
from model.grafts.graft import Graft
from model.grafts.reading import Reading
from model.memory import added, asking, effect, fusion, held
from model.memory.heard import surprisal
from model.run import borders
from model.run.bits import as_bits, weigh
from model.run.checkpoint import Checkpoint
from model.run.cut_edges import CutEdge
from model.run.trace import Trace, logits, run
from model.takeaway.recipe import Recipe, small

MOST_ROWS = 64  # tokens; of a longer prompt one row of the weights is compared
MOST_SHOWN = 7  # next tokens, as on the page
MOST_TOLD = 1500  # characters of what was told that a notebook repeats
RECURRENT = ("norm.weight", "norm.bias", "gate.weight", "gate.bias", "output.weight")
EXTERNAL = ("norm_read.weight", "norm_read.bias", "query.weight", "output.weight", "null", "sharpness",
            "recency")
WRITING = ("norm_write.weight", "norm_write.bias", "norm_value.weight", "norm_value.bias", "key.weight",
           "before.weight", "value.weight", "gate.weight", "gate.bias", "surprise")

FUSED = '''
from torch.nn import functional as F
from transformers import AttentionInterface

with torch.no_grad():
    plain = model(torch.tensor([PLAIN])).logits[0].double().log_softmax(-1)  # GPT-2 without memory

T, own = len(IDS), torch.arange(len(IDS))
W = {name: torch.tensor(array).float() for name, array in DATA.items()}
positions = (own + START) * (own > 0) if BEHIND_FIRST else own + START
# What was told apart would fade in a long prompt: half of ln(n / 16) nats for a token with n before it.
nats = STRENGTH + (((own + 1) / 16).clamp(min=1).log() / 2 if APART else torch.zeros(T))
union = {}  # layer -> (heads, T, N + T), memory's columns first


def over_memory_and_local(module, query, key, value, attention_mask, scaling=None, **kwargs):
    """Attention in one softmax over the stored keys, which every token may read, and the prompt's."""
    layer = module.layer_idx
    stored = query @ W["keys"][layer].transpose(-1, -2) * scaling + nats[:, None]
    if BEHIND_FIRST:
        stored[:, :, 0] = -torch.inf
    for at, slot, where, head in CUTS:  # a token, a column of memory, layer and head (None: all)
        if where in (None, layer):
            stored[0, slice(None) if head is None else slice(head, head + 1), at, slot] = -torch.inf
    local = query @ key.transpose(-1, -2) * scaling
    local = local.masked_fill(torch.ones(T, T).triu(1) > 0, -torch.inf)  # no token reads the future
    union[layer] = torch.cat([stored, local], -1).softmax(-1)[0]
    mixed = union[layer] @ torch.cat([W["values"][layer], value[0]], 1)
    return mixed.transpose(0, 1)[None].contiguous(), union[layer][None]


AttentionInterface.register("over_memory_and_local", over_memory_and_local)
model.set_attn_implementation("over_memory_and_local")
norm = lambda x, name: F.layer_norm(x, x.shape[-1:], W[f"{name}.weight"], W[f"{name}.bias"])
lengths, openness, slots = {}, {}, None
'''
CARRIED = '''

def carry(kind):
    """A recurrent memory: the state that earlier prompts left, through a gate, into the stream."""
    def add(module, given):
        stream = given[0]
        gate = F.linear(norm(stream, f"{kind}.norm"), W[f"{kind}.gate.weight"], W[f"{kind}.gate.bias"]).sigmoid()
        more = F.linear(W[f"{kind}.state"] * gate, W[f"{kind}.output.weight"])
        openness[kind], lengths[kind] = gate[0].mean(-1), more[0].norm(dim=-1)
        return (stream + more, *given[1:])
    return add

'''
EDM = '''

def read_slots(module, given):
    """The EDM: its slots and a null slot in one softmax; salient and newer slots weigh more."""
    global slots
    split = lambda x: x.unflatten(-1, (len(W["edm.null"]), -1)).transpose(-2, -3)
    stream = given[0]
    q = split(F.linear(norm(stream, "edm.norm_read"), W["edm.query.weight"]))
    k = split(W["edm.keys"])
    sharp = W["edm.sharpness"].exp()[:, None, None] / q.shape[-1] ** 0.5
    fade = F.softplus(W["edm.recency"])[:, None] * W["edm.newer"].clamp(min=0).log1p()
    scores = (q * sharp) @ k.transpose(-1, -2) + (F.logsigmoid(W["edm.gate"]) - fade)[:, None]
    scores = scores.masked_fill(W["edm.filled"] == 0, -torch.inf)
    null = W["edm.null"][:, None, None].expand(*scores.shape[:-1], 1)
    slots = torch.cat([null, scores], -1).softmax(-1)[0]  # (heads, T, 1 + slots), the null slot first
    more = F.linear(slots[..., 1:].mean(0) @ W["edm.values"], W["edm.output.weight"])
    openness["edm"], lengths["edm"] = 1 - slots[..., 0].mean(0), more.norm(dim=-1)
    return (stream + more, *given[1:])


'''
LORA = '''

def adapt(layer):
    """LoRA beside the projection to q, k and v."""
    return lambda module, given, out: out + 2 * (given[0] @ W["lora.down"][layer] @ W["lora.up"][layer])


for layer, block in enumerate(model.transformer.h):
    block.attn.c_attn.register_forward_hook(adapt(layer))
'''
RUN = '''
with torch.no_grad():
    out = model(ids, position_ids=positions[None], use_cache=False).logits[0].double().log_softmax(-1)
union = torch.stack([union[layer] for layer in range(len(union))])  # (layers, heads, T, N + T)
assert torch.allclose(union.sum(-1), torch.ones(1), atol=1e-4)  # every row sums to 1
N = W["keys"].shape[2]
'''
ASKED = '''
found["with memory"] = out[-1].exp()[SHOWN].tolist()
found["without memory"] = plain[-1].exp()[SHOWN].tolist()
of = union.mean((0, 1)) if HEAD is None else union[HEAD]
found["row over memory and prompt"] = of[ROW].tolist()
found["map over memory and prompt"] = of.tolist()
found["share of memory, head by head"] = union[:, :, ROW, :N].sum(-1).tolist()
found["most read of each stored token"] = union.mean((0, 1))[FIRST:, :N].max(0).values.tolist()
if slots is not None:
    of = slots.mean(0) if EDM_HEAD is None else slots[EDM_HEAD]
    found["row over the EDM, the null slot first"] = of[ROW].tolist()
    found["most read of each slot of the EDM"] = slots.mean(0)[FIRST:, 1:].max(0).values.tolist()
'''
CUT_SLOTS = '''
after = out[-1]
CUTS.clear()  # the run as it is
union = {}
with torch.no_grad():
    before = model(ids, position_ids=positions[None], use_cache=False).logits[0, -1].double().log_softmax(-1)
found["probability before"], found["probability after"] = before.exp()[SHOWN].tolist(), after.exp()[SHOWN].tolist()
found["KL in nats"] = float((before.exp() * (before - after)).sum())
'''
WAYS = '''
found["with memory"] = out[-1].exp()[SHOWN].tolist()
found["without memory"] = plain[-1].exp()[SHOWN].tolist()
if N:
    openness["am"] = union[..., :N].sum(-1).mean((0, 1))
    for layer, block in enumerate(model.transformer.h):  # what stored values put into the stream
        mixed = (union[layer, ..., :N] @ W["values"][layer]).transpose(0, 1).flatten(1)
        lengths[f"am {layer}"] = (mixed @ block.attn.c_proj.weight).norm(dim=-1)
for name, x in openness.items():
    found[f"open {name}"] = x[FIRST:].tolist()
for name, x in lengths.items():
    found[f"length added by {name}"] = x.detach()[FIRST:].tolist()
'''
ANSWER = '''
rows = torch.arange(len(WANTED)) + len(IDS) - len(WANTED)  # the predictions of the answer's tokens
found["with memory"] = out[rows, WANTED].exp().tolist()
found["without memory"] = plain[torch.arange(len(WANTED)) + len(PLAIN) - len(WANTED), WANTED].exp().tolist()
found["all together"] = float(out[rows, WANTED].sum().exp())
found["read of each stored token"] = union.mean((0, 1))[rows, :N].tolist()
if slots is not None:
    found["read of each slot of the EDM"] = slots.mean(0)[rows, 1:].tolist()
'''
WRITTEN = '''
from torch.nn import functional as F

W = {name: torch.tensor(array).float() for name, array in DATA.items()}
with torch.no_grad():
    out = model(ids, use_cache=True, output_hidden_states=True)
nats = -out.logits[0, :-1].double().log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
found["surprisal in bits"] = (nats / np.log(2)).tolist()
layers = out.past_key_values.layers  # the bank takes every layer's and head's own keys and values
found["length of the keys"] = torch.stack([one.keys[0, :, 1:].norm(dim=-1) for one in layers]).tolist()
found["length of the values"] = torch.stack([one.values[0, :, 1:].norm(dim=-1) for one in layers]).tolist()
'''
WRITTEN_SLOTS = '''
norm = lambda x, name: F.layer_norm(x, x.shape[-1:], W[f"{name}.weight"], W[f"{name}.bias"])
stream, first = out.hidden_states[EDM_LAYER][0], out.hidden_states[0][0]
before = F.pad(stream[:-1], (0, 0, 1, 0))  # of the token before each
surprise = W["edm.surprise"] * (nats.float() - 3) / 2
gate = F.linear(norm(stream, "edm.norm_write"), W["edm.gate.weight"], W["edm.gate.bias"])[1:, 0] + surprise
keys = F.linear(norm(stream, "edm.norm_write"), W["edm.key.weight"]) + F.linear(
    norm(before, "edm.norm_write"), W["edm.before.weight"])
values = F.linear(norm(first, "edm.norm_value"), W["edm.value.weight"])
found["learned gate, a logit"] = gate.tolist()
found["length of the EDM's keys"] = keys[1:].norm(dim=-1).tolist()
found["length of the EDM's values"] = values[1:].norm(dim=-1).tolist()
'''


def asked(
    checkpoint: Checkpoint, trace: Trace, row: int, head: tuple[int, int] | None, edm_head: int | None,
    told: Sequence[str],
) -> Recipe:
    """What a prompt reads of memory, and the next token with it and without. row: a token, counted
    behind <|endoftext|>; head, edm_head: None for the mean over all."""
    first = borders.start_length(checkpoint, trace.ids)
    shown, expected = _next_token(checkpoint, trace, first)
    union = torch.stack([fusion.union_weights(checkpoint, trace, i) for i in range(trace.n_layers)])
    n, mean = _n_read(trace), union.mean((0, 1))
    of = mean if head is None else union[head]
    expected |= {"row over memory and prompt": of[first + row].numpy(force=True),
                 "share of memory, head by head": union[:, :, first + row, :n].sum(-1).numpy(force=True)}
    if len(trace) <= MOST_ROWS:
        expected["map over memory and prompt"] = of.numpy(force=True)
    if n:
        expected["most read of each stored token"] = mean[first:, :n].amax(0).numpy(force=True)
    if trace.external_query() is not None:
        read = held.read_weights(trace)
        external = read.mean(0) if edm_head is None else read[edm_head]
        expected |= {"row over the EDM, the null slot first": external[first + row],
                     "most read of each slot of the EDM": read.mean(0)[first:, 1:].max(0)}
    code = f"FIRST, ROW, HEAD, EDM_HEAD = {first}, {first + row}, {head}, {edm_head}\nSHOWN = {shown}\n"
    code += _run_code(checkpoint, trace, trace.ids[first:]) + ASKED
    return Recipe("What the prompt reads of memory", code, expected, _arrays(trace), note=_told(told))


def cut_slots(
    checkpoint: Checkpoint, trace: Trace, edges: Sequence[CutEdge], told: Sequence[str]
) -> Recipe:
    """The next token with edges from the prompt's tokens to slots of the bank cut. Raises ValueError as
    model.analysis.cutting."""
    assert all(edge.slot and edge.factor is None for edge in edges), f"edges to slots, cut: {edges}"
    change = cutting.effect(checkpoint, trace, edges, MOST_SHOWN)
    first = borders.start_length(checkpoint, trace.ids)
    code = f"SHOWN = {change.ids.tolist()}\n" + _run_code(checkpoint, trace, trace.ids[first:], edges) + CUT_SLOTS
    expected = {"probability before": change.probability_before,
                "probability after": change.probability_after, "KL in nats": change.kl_nats}
    return Recipe("The next token with edges to slots cut", code, expected, _arrays(trace), note=_told(told))


def ways(checkpoint: Checkpoint, trace: Trace, told: Sequence[str]) -> Recipe:
    """How far every module is open at each token, and how long the vector is that it adds."""
    first = borders.start_length(checkpoint, trace.ids)
    shown, expected = _next_token(checkpoint, trace, first)
    parts = {name: one.norms[0] for name, one in added.by_modules(checkpoint, trace).items()}
    if _n_read(trace):
        parts |= {f"am {i}": added.by_attention(checkpoint, trace, i).norms[0]
                  for i in range(trace.n_layers)}
    expected |= {f"open {name}": x[first:] for name, x in added.openness(checkpoint, trace).items()}
    expected |= {f"length added by {name}": x[first:] for name, x in parts.items()}
    code = f"FIRST = {first}\nSHOWN = {shown}\n" + _run_code(checkpoint, trace, trace.ids[first:]) + WAYS
    return Recipe("How far memory's ways into the stream are open, and what they add", code, expected,
                  _arrays(trace), note=_told(told))


@torch.inference_mode()
def answer(
    checkpoint: Checkpoint, trace: Trace, lead: tuple[int, ...], wanted: tuple[int, ...],
    told: Sequence[str],
) -> Recipe:
    """The probability of a probe's answer, token by token, with memory and without; trace: of the
    question; lead: ids said before the answer, wanted: the answer's."""
    behind = np.array([*lead, *wanted][:-1], dtype=np.int64)
    first, ids = borders.start_length(checkpoint, trace.ids), np.r_[trace.ids, behind]
    whole = run(checkpoint, ids, prefix=trace, reading=trace.reading, graft=trace.graft)
    plain = asking.plain(checkpoint, ids[first:])
    rows = slice(len(ids) - len(wanted), len(ids))
    p, base = (np.exp(-weigh(logits(checkpoint, one, len(one) - len(wanted))).nats(
        np.array(wanted)).cpu().numpy()) for one in (whole, plain))
    expected = {"with memory": p, "without memory": base, "all together": float(p.prod())}
    if _n_read(whole):
        expected["read of each stored token"] = fusion.read_weights(checkpoint, whole).mean((0, 1))[rows]
    if whole.external_query() is not None:
        expected["read of each slot of the EDM"] = held.read_weights(whole).mean(0)[rows, 1:]
    code = f"WANTED = {list(wanted)}\n" + _run_code(checkpoint, whole, ids[first:]) + ANSWER
    return Recipe("A probe: the answer with memory and without", code, expected, _arrays(whole),
                  ids.tolist(), _told(told))


@torch.inference_mode()
def written(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """What telling a prompt can write: the plain model's own keys and values; the EDM's, and its gate.
    trace: of <|endoftext|> and the prompt, without memory."""
    nats = surprisal(checkpoint, trace)
    expected = {"surprisal in bits": as_bits(nats[1:])}
    for name, part in (("keys", trace.k), ("values", trace.v)):
        expected[f"length of the {name}"] = part[:, :, 1:].float().norm(dim=-1).cpu().numpy()
    code, arrays, modules = WRITTEN, {}, checkpoint.memory
    if modules is not None and "edm" in modules.parts:
        weights, layer = modules.external.state_dict(), modules.external.layer
        arrays = {f"edm.{name}": small(weights[name]) for name in WRITING}
        code = f"EDM_LAYER = {layer}\n{WRITTEN}{WRITTEN_SLOTS}"
        keys, values = held.keys_and_values(modules, trace)
        expected |= {"learned gate, a logit": held.gate(modules, trace, nats)[1:].cpu().numpy(),
                     "length of the EDM's keys": keys[1:].norm(dim=-1).cpu().numpy(),
                     "length of the EDM's values": values[1:].norm(dim=-1).cpu().numpy()}
    note = ("What would be written of each token if all were. Which tokens are written follows from "
            "the salience chosen on the page; this notebook does not compute it.")
    return Recipe("What telling this prompt writes", code, expected, arrays, note=note)


def _next_token(checkpoint: Checkpoint, trace: Trace, first: int) -> tuple[list[int], dict[str, np.ndarray]]:
    plain = asking.plain(checkpoint, trace.ids[first:])
    two = effect.compare(checkpoint, trace.next_logits, plain.next_logits, MOST_SHOWN)
    return two.ids.tolist(), {"with memory": two.after, "without memory": two.before}


def _n_read(trace: Trace) -> int:
    return 0 if trace.reading is None else len(trace.reading.kept)


def _told(told: Sequence[str]) -> str:
    text = "\n".join(f"> {one}" for one in told)[:MOST_TOLD].replace("`", "'")
    return f"Told before, each in a prompt of its own:\n\n{text}" if told else "Nothing was told before."


def _run_code(
    checkpoint: Checkpoint, trace: Trace, ids: np.ndarray, edges: Sequence[CutEdge] = ()
) -> str:
    """The run with memory; ids: of the prompt behind <|endoftext|>; edges: to slots, which are cut."""
    read, graft = trace.reading, trace.graft
    start, strength, apart, behind = (
        (0, 0.0, False, False) if read is None
        else (read.start, float(read.strength), read.apart, read.behind_first))
    plain = borders.with_start(checkpoint, ids).tolist()
    given = f"PLAIN = {plain}  # the prompt as GPT-2 reads it without memory\n"
    given += f"CUTS = {[(edge.query, edge.key, edge.layer, edge.head) for edge in edges]}\n"
    given += f"START, STRENGTH, APART, BEHIND_FIRST = {start}, {strength!r}, {apart}, {behind}\n"
    return given + FUSED + ("" if graft is None else _graft_code(graft)) + RUN


def _graft_code(graft: Graft) -> str:
    code, hooks = "", ""
    if graft.early is not None or graft.late is not None:
        code += CARRIED
    if graft.early is not None:
        hooks += 'model.transformer.h[0].register_forward_pre_hook(carry("early"))\n'
    if graft.external is not None:
        code += EDM
        hooks += f"model.transformer.h[{graft.modules.external.layer}].register_forward_pre_hook(read_slots)\n"
    if graft.late is not None:
        hooks += 'model.lm_head.register_forward_pre_hook(carry("late"))\n'
    return code + hooks + (LORA if graft.lora and graft.modules.lora is not None else "")


def _arrays(trace: Trace) -> dict[str, np.ndarray]:
    """What the run read: stored keys and values, and of trained memory what it uses."""
    found = _stored(trace.reading, trace)
    graft = trace.graft
    if graft is None:
        return found
    for name, state in (("early", graft.early), ("late", graft.late)):
        if state is not None:
            module = getattr(graft.modules, name)
            weights = module.state_dict()
            found |= {f"{name}.{part}": small(weights[part]) for part in RECURRENT}
            found[f"{name}.state"] = small(state[0, : module.width])
    if graft.external is not None:
        weights, stored = graft.modules.external.state_dict(), graft.external
        found |= {f"edm.{part}": small(weights[part]) for part in EXTERNAL}
        found |= {f"edm.{name}": small(x[0]) for name, x in (
            ("keys", stored.keys), ("values", stored.values), ("gate", stored.salience),
            ("newer", stored.newer), ("filled", stored.filled))}
    if graft.lora and graft.modules.lora is not None:
        found |= {f"lora.{part}": small(getattr(graft.modules.lora, part)) for part in ("down", "up")}
    return found


def _stored(read: Reading | None, trace: Trace) -> dict[str, np.ndarray]:
    if read is not None:
        return {"keys": small(read.keys), "values": small(read.values)}
    H, _, D = trace.layer_k(0).shape
    nothing = np.zeros((trace.n_layers, H, 0, D), dtype=np.float16)
    return {"keys": nothing, "values": nothing}


RECIPES: dict[str, Callable[..., Recipe]] = {
    "memory": asked, "ways": ways, "written": written, "answer": answer,
    "slot cut": cut_slots,
}
