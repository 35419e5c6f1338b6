"""Recipes of the residual stream: the lens, a logit's parts, parts switched off, one MLP, one
LayerNorm. Axes as in model.analysis."""

from collections.abc import Callable

import numpy as np
import torch

from model.analysis import ablation, attribution, flow, neurons, residual
from model.analysis import lens as lenses
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace
from model.takeaway.recipe import Recipe

MOST_LENS = 64  # tokens; of a longer prompt one position is compared

LENS = '''
with torch.no_grad():
    out = model(ids, output_hidden_states=True)
    rows = [model.lm_head(model.transformer.ln_f(x[0])) for x in out.hidden_states[:-1]]  # before every block
    p = torch.stack([*rows, out.logits[0]]).double().softmax(-1)  # (L + 1, T, V), the model's own answer last
best = p.max(-1)
found["probability of the best word"] = best.values[:, FIRST:LAST].tolist()
own = best.indices[-1].expand(len(p), -1)[..., None]
found["probability of the last layer's word"] = p.gather(-1, own)[:, FIRST:LAST, 0].tolist()
found["best words here"] = best.indices[:, AT].tolist()
'''

FLOW = '''
seen = {}
hooks = []
for i, block in enumerate(model.transformer.h):
    hooks.append(block.attn.c_attn.register_forward_hook(lambda m, given, out, i=i: seen.__setitem__((i, "qkv"), out[0])))
    hooks.append(block.ln_2.register_forward_pre_hook(lambda m, given, i=i: seen.__setitem__((i, "after"), given[0][0])))
with torch.no_grad():
    out = model(ids, output_attentions=True, output_hidden_states=True)
for hook in hooks:
    hook.remove()
T, H = len(IDS), model.config.n_head


@torch.no_grad()
def contributions(layer, t):
    """ALTI: what each token's part of attention, and its own residual, is of token t's new stream."""
    block, y = model.transformer.h[layer], seen[layer, "after"][t]
    v = seen[layer, "qkv"].view(T, 3, H, -1)[: t + 1, 2]  # (S, H, D)
    mixed = out.attentions[layer][0, :, t, : t + 1].T[..., None] * v
    parts = torch.einsum("shd,hdc->sc", mixed, block.attn.c_proj.weight.view(H, -1, len(y)))
    parts[t] += out.hidden_states[layer][0, t] + block.attn.c_proj.bias
    left = (y - parts).abs().sum(-1)
    near = (y.abs().sum() - left).clamp(min=0)  # L1 proximity
    near = near if near.sum() > 0 else (left == left.min()).float()
    return near / near.sum()


passing = torch.zeros(T)
passing[AT] = 1
shares = [passing]
for layer in reversed(range(len(model.transformer.h))):
    before = torch.zeros(T)
    for t in torch.nonzero(passing >= FOLLOWED)[:, 0].tolist():  # smaller shares are not followed
        before[: t + 1] += passing[t] * contributions(layer, t)
    passing = before
    shares.append(passing)
found["share that passes through each token"] = torch.stack(shares[::-1]).tolist()
with torch.no_grad():
    rows = [model.lm_head(model.transformer.ln_f(x[0, AT])) for x in out.hidden_states[:-1]]
best = torch.stack([*rows, out.logits[0, AT]]).double().softmax(-1).max(-1)
found["best words"], found["their probability"] = best.indices.tolist(), best.values.tolist()
'''

PARTS = '''
mixed = {}  # layer -> (T, C), what all heads read, before the output projection
hooks = [block.attn.c_proj.register_forward_pre_hook(lambda m, given, i=i: mixed.__setitem__(i, given[0][0]))
         for i, block in enumerate(model.transformer.h)]
mlps = {}
hooks += [block.mlp.register_forward_hook(lambda m, given, out, i=i: mlps.__setitem__(i, out[0]))
          for i, block in enumerate(model.transformer.h)]
last = []
hooks.append(model.transformer.ln_f.register_forward_pre_hook(lambda m, given: last.append(given[0][0])))
with torch.no_grad():
    logits = model(ids).logits[0, AT].double()
for hook in hooks:
    hook.remove()

body, H = model.transformer, model.config.n_head
x = last[0][AT].detach().double()
sigma = (x.var(correction=0) + body.ln_f.eps).sqrt()  # frozen at its value here
direction = model.lm_head.weight[TOKEN].detach().double()
if AGAINST is not None:
    direction = direction - model.lm_head.weight[AGAINST].detach().double()
gain = body.ln_f.weight.detach().double() / sigma


def share(v):
    """What a part of the stream adds to the logit, through the final LayerNorm and the unembedding."""
    v = v.detach().double()
    return ((v - v.mean(-1, keepdim=True)) * gain) @ direction


by_head = [block.attn.c_proj.weight.view(H, -1, len(x)) for block in body.h]  # (H, D, C)
heads = torch.stack([share(torch.einsum("hd,hdc->hc", mixed[i][AT].view(H, -1), rows))
                     for i, rows in enumerate(by_head)])
biases = torch.stack([share(block.attn.c_proj.bias) for block in body.h])
mlp = torch.stack([share(mlps[i][AT]) for i in range(len(body.h))])
token, position = share(body.wte.weight[IDS[AT]]), share(body.wpe.weight[AT])
final = body.ln_f.bias.detach().double() @ direction
found |= {"heads": heads.tolist(), "mlps": mlp.tolist(), "token": float(token), "position": float(position)}
found |= {"sum of all": float(heads.sum() + biases.sum() + mlp.sum() + token + position + final)}
own = logits[TOKEN] if AGAINST is None else logits[TOKEN] - logits[AGAINST]
found["logit"] = float(own)
assert abs(found["sum of all"] - float(own)) < 1e-2 * max(1, abs(float(own)))  # the parts are the whole
'''

OFF = '''
H, D = model.config.n_head, model.config.n_embd // model.config.n_head
means = lambda x: x[0].mean(0) if FILL == "mean" else torch.zeros_like(x[0, 0])  # over the prompt's positions
fills = {}
blocks = model.transformer.h
keep = lambda key: lambda m, given, out: fills.__setitem__(key, means((out[0] if isinstance(out, tuple) else out)))
hooks = [blocks[i].mlp.register_forward_hook(keep(("mlp", i))) for i in MLPS]
hooks += [blocks[i].attn.c_proj.register_forward_pre_hook(
    lambda m, given, i=i: fills.__setitem__(("heads", i), means(given[0]))) for i in {i for i, _ in HEADS}]
hooks += [blocks[i].register_forward_hook(
    lambda m, given, out, i=i: fills.__setitem__(("all", i), means((out[0] if isinstance(out, tuple) else out) - given[0])))
    for i in LAYERS]
with torch.no_grad():
    before = model(ids).logits[0, AT].double().log_softmax(-1)
for hook in hooks:
    hook.remove()


def heads_off(m, given, i):
    x = given[0].clone()
    for h in (h for layer, h in HEADS if layer == i):
        x[..., h * D : (h + 1) * D] = fills["heads", i][h * D : (h + 1) * D]
    return (x, *given[1:])


def layer_off(m, given, out, i):
    x = given[0] + fills["all", i]
    return (x, *out[1:]) if isinstance(out, tuple) else x


for i in {i for i, _ in HEADS}:
    blocks[i].attn.c_proj.register_forward_pre_hook(lambda m, given, i=i: heads_off(m, given, i))
for i in MLPS:
    blocks[i].mlp.register_forward_hook(lambda m, given, out, i=i: fills["mlp", i].expand_as(out))
for i in LAYERS:
    blocks[i].register_forward_hook(lambda m, given, out, i=i: layer_off(m, given, out, i))
with torch.no_grad():
    after = model(ids).logits[0, AT].double().log_softmax(-1)
found["probability before"] = before.exp()[SHOWN].tolist()
found["probability after"] = after.exp()[SHOWN].tolist()
found["KL in nats"] = float((before.exp() * (before - after)).sum())
'''

MLP = '''
seen = {}
block = model.transformer.h[LAYER]
hooks = [block.mlp.c_fc.register_forward_hook(lambda m, given, out: seen.__setitem__("pre", out[0, AT])),
         block.mlp.c_proj.register_forward_pre_hook(lambda m, given: seen.__setitem__("post", given[0][0, AT]))]
with torch.no_grad():
    model(ids)
found["before the activation"] = seen["pre"].tolist()
found["after it"] = seen["post"].tolist()
found["length written"] = (seen["post"].abs() * block.mlp.c_proj.weight.detach().norm(dim=-1)).tolist()
'''

NORM = '''
seen = {}
blocks = model.transformer.h
norm = model.transformer.ln_f if STATION == 2 * len(blocks) else (
    blocks[STATION // 2].ln_2 if STATION % 2 else blocks[STATION // 2].ln_1)
norm.register_forward_hook(lambda m, given, out: seen.update(x=given[0][0, AT], out=out[0, AT]))
with torch.no_grad():
    model(ids)
x = seen["x"].double()
sigma = ((x - x.mean()).square().mean() + norm.eps).sqrt()
found |= {"x": x.tolist(), "mean": float(x.mean()), "sigma": float(sigma), "output": seen["out"].tolist()}
by_hand = (x - x.mean()) / sigma * norm.weight.detach().double() + norm.bias.detach().double()
assert torch.allclose(by_hand.float(), seen["out"], atol=1e-4)  # the module does just that
'''


def flows(checkpoint: Checkpoint, trace: Trace, at: int) -> Recipe:
    """What flows into the last stream of a token, back through every block; and the lens's words."""
    found = flow.follow(checkpoint, trace, at)
    ids, probability = lenses.best_words(checkpoint, trace, at)
    code = f"AT, FOLLOWED = {at}, {flow.FOLLOWED}\n{FLOW}"
    expected = {"share that passes through each token": found.shares, "best words": ids,
                "their probability": probability}
    return Recipe(f"What flows into token {at}", code, expected)


def lens(checkpoint: Checkpoint, trace: Trace, at: int) -> Recipe:
    """What every layer would say next: of every token of a short prompt, of one of a long one."""
    first, last = (0, len(trace)) if len(trace) <= MOST_LENS else (at, at + 1)
    read = lenses.lens(checkpoint, trace, first, last)
    code = f"AT, FIRST, LAST = {at}, {first}, {last}\n{LENS}"
    expected = {"probability of the best word": read.probability,
                "probability of the last layer's word": read.final_probability,
                "best words here": read.ids[:, at - first]}
    return Recipe(f"Logit lens; the words after token {at}", code, expected)


def logit_parts(
    checkpoint: Checkpoint, trace: Trace, at: int, token: int, against: int | None
) -> Recipe:
    """One logit as a sum over everything that wrote into the stream."""
    found = attribution.attribute(checkpoint, trace, at, token, against)
    expected = {"heads": found.heads, "mlps": found.mlp, "token": found.token, "position": found.position,
                "sum of all": found.total, "logit": found.logit}
    code = f"AT, TOKEN, AGAINST = {at}, {token}, {against}\n{PARTS}"
    return Recipe(f"Who made the logit of token {token} after token {at}", code, expected)


def parts_off(checkpoint: Checkpoint, trace: Trace, at: int, off: ablation.Off) -> Recipe:
    """The next token with parts of the model switched off."""
    before, after = (ablation.logits(checkpoint, trace, one, at) for one in (ablation.Off(), off))
    change = ablation.compare(checkpoint, before, after)
    code = f"AT, HEADS, MLPS, LAYERS = {at}, {sorted(off.heads)}, {sorted(off.mlps)}, {sorted(off.layers)}\n"
    code += f"FILL, SHOWN = {off.fill!r}, {change.ids.tolist()}\n{OFF}"
    expected = {"probability before": change.probability_before,
                "probability after": change.probability_after, "KL in nats": change.kl_nats}
    return Recipe("The next token with parts switched off", code, expected)


def mlp(checkpoint: Checkpoint, trace: Trace, layer: int, at: int) -> Recipe:
    """The neurons of one layer at one token."""
    found = neurons.activations(checkpoint, trace, layer, at)
    expected = {"before the activation": found.pre, "after it": found.post, "length written": found.written}
    return Recipe(f"The MLP of layer {layer} at token {at}", f"LAYER, AT = {layer}, {at}\n{MLP}", expected)


@torch.inference_mode()
def layer_norm(checkpoint: Checkpoint, trace: Trace, station: int, at: int) -> Recipe:
    """One LayerNorm on one token's vector."""
    steps = residual.norm_steps(checkpoint, trace, station, at)
    expected = {"x": steps.x, "mean": steps.mean, "sigma": steps.sigma, "output": np.float32(steps.output)}
    return Recipe(f"A LayerNorm at token {at}", f"STATION, AT = {station}, {at}\n{NORM}", expected)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "flow": flows, "lens": lens, "logit parts": logit_parts, "off": parts_off, "mlp": mlp, "norm": layer_norm,
}
