"""Recipes of two prompts side by side, of patches between them, of cut edges, and of why a head reads
a token. Axes as in model.analysis."""

from collections.abc import Callable, Sequence

import numpy as np

from model.analysis import (
    comparison,
    cutting,
    patching,
    path_patching,
    recovery,
    rollout,
    score_parts,
)
from model.run import trace as runs
from model.run.checkpoint import Checkpoint
from model.run.cut_edges import CutEdge
from model.run.trace import Trace
from model.takeaway.recipe import Recipe, loaded_from

METRIC = '''
def metric(logits):
    """What is measured of the next token, from its logits (V,)."""
    logs = logits.double().log_softmax(-1)
    if METRIC == "difference":
        return float(logits[ANSWER] - logits[AGAINST])
    if METRIC == "probability":
        return float(logs[ANSWER].exp())
    return float((CLEAN.exp() * (CLEAN - logs)).sum())  # KL divergence from the clean prompt, nats


other = torch.tensor([CORRUPT])
with torch.no_grad():
    clean, corrupt = model(ids).logits[0, -1], model(other).logits[0, -1]
CLEAN = clean.double().log_softmax(-1)
FIRST, LAST = found["both prompts"] = [metric(clean), metric(corrupt)]
'''

PATCHING = '''
PLACES = {"stream": lambda block: block, "attn": lambda block: block.attn, "mlp": lambda block: block.mlp,
          "head": lambda block: block.attn.c_proj}
H, D = model.config.n_head, model.config.n_embd // model.config.n_head


@torch.no_grad()
def run(which, layer, change):
    """Logits behind the last token, with what this site of a layer holds (1, T, C) changed."""
    part = PLACES[SITE](model.transformer.h[layer])
    if SITE in ("stream", "head"):
        hook = part.register_forward_pre_hook(lambda m, given: (change(given[0]), *given[1:]))
    else:
        hook = part.register_forward_hook(
            lambda m, given, out: (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out))
    logits = model(which).logits[0, -1]
    hook.remove()
    return logits


def patched(layer, new, where):
    def change(x):
        x = x.clone()
        for at, source, columns in where:
            x[0, at, columns] = new[0, source, columns]
        return x
    return (metric(run(other, layer, change)) - LAST) / (FIRST - LAST)


def filled(x):
    """The clean prompt's values here (1, T, C) -> what is put in their place."""
    if FILL == "zero":
        return torch.zeros_like(x)
    if FILL == "mean":
        return x.mean(1, keepdim=True).expand_as(x)
    return x[:, OTHERS] if FILL == "resample" else x


some, everything = [t for t, pair in enumerate(PAIRS) if pair >= 0], slice(None)
share = []
for layer in range(len(model.transformer.h)):
    kept = []
    run(ids, layer, lambda x: kept.append(x.clone()) or x)  # what the clean prompt has here
    if SITE == "head":
        cells = [[(t, PAIRS[t], slice(h * D, h * D + D)) for t in some] for h in range(H)]
    else:
        cells = [[(t, PAIRS[t], everything)] for t in some]
    share.append([patched(layer, filled(kept[0]), where) for where in cells])
found["recovered share"] = share  # a row a layer, a column a patched token or a head
'''

CUT = '''
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask


def cut_attention(module, query, key, value, mask, scaling, **rest):
    """Attention as its definition says, with the changed scores."""
    scores = query @ key.transpose(2, 3) * scaling
    scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    for at, read, layer, head, factor in EDGES:
        if layer in (None, module.layer_idx):
            heads = slice(None) if head is None else slice(head, head + 1)
            scores[0, heads, at, read] = -torch.inf if factor is None else scores[0, heads, at, read] * factor
    return (scores.softmax(-1) @ value).transpose(1, 2), None


AttentionInterface.register("cut", cut_attention)
AttentionMaskInterface.register("cut", eager_mask)
with torch.no_grad():
    before = model(ids).logits[0, -1].double().log_softmax(-1)
    model.set_attn_implementation("cut")
    after = model(ids).logits[0, -1].double().log_softmax(-1)
found["probability before"], found["probability after"] = before.exp()[SHOWN].tolist(), after.exp()[SHOWN].tolist()
found["KL in nats"] = float((before.exp() * (before - after)).sum())
'''

SCORE = '''
z, mlps, streams, blocks = {}, {}, {}, model.transformer.h
for i, block in enumerate(blocks):
    block.attn.c_proj.register_forward_pre_hook(lambda m, given, i=i: z.__setitem__(i, given[0][0]))
    block.mlp.register_forward_hook(lambda m, given, out, i=i: mlps.__setitem__(i, out[0]))
    block.register_forward_pre_hook(lambda m, given, i=i: streams.__setitem__(i, given[0][0]))
with torch.no_grad():
    model(ids)
H, D, C = model.config.n_head, model.config.n_embd // model.config.n_head, model.config.n_embd


@torch.no_grad()
def parts_of(t, first):
    """Who wrote token t's query (first = 0) or key (first = C): token, position, every head and MLP
    before this layer, and what no token changes, (W, D)."""
    written = [model.transformer.wte.weight[IDS[t]], model.transformer.wpe.weight[t]]
    for i in range(LAYER):
        out = blocks[i].attn.c_proj.weight.view(H, D, C)
        written += [*torch.einsum("hd,hdc->hc", z[i][t].view(H, D), out), mlps[i][t]]
    written.append(sum((blocks[i].attn.c_proj.bias for i in range(LAYER)), torch.zeros(C)))
    written, norm, read = torch.stack(written).double(), blocks[LAYER].ln_1, blocks[LAYER].attn.c_attn
    x = streams[LAYER][t].double()
    sigma = (x.var(correction=0) + norm.eps).sqrt()  # held at its value
    normed = (written - written.mean(-1, keepdim=True)) / sigma * norm.weight.double()
    normed[-1] += norm.bias.double()
    columns = slice(first + HEAD * D, first + HEAD * D + D)
    parts = normed @ read.weight.double()[:, columns]
    parts[-1] += read.bias.double()[columns]
    return parts


q, k = parts_of(QUERY, 0), parts_of(KEY, C)
scale = blocks[LAYER].attn.scaling
found["parts"] = (q @ k.T * scale).tolist()  # row: who wrote the query, column: who wrote the key
found["score"] = float(q.sum(0) @ k.sum(0) * scale)
'''

ROLLOUT = '''
with torch.no_grad():
    maps = model(ids, output_attentions=True).attentions
held = torch.eye(len(IDS))
layers = []
for weights in maps:
    mixed = (weights[0].mean(0) + torch.eye(len(IDS))) / 2  # half is the residual connection
    held = mixed @ held
    layers.append(held[-1].tolist())
found["of the last token, behind every block"] = layers
'''

COMPARE = '''
def stations(which, model):
    """The stream at every station, (2L+1, T, C), and the next token's log-distributions (T, V)."""
    seen = []
    norms = [norm for block in model.transformer.h for norm in (block.ln_1, block.ln_2)]
    hooks = [norm.register_forward_pre_hook(lambda m, given: seen.append(given[0][0].double()))
             for norm in (*norms, model.transformer.ln_f)]
    with torch.no_grad():
        logits = model(which).logits[0]
    for hook in hooks:
        hook.remove()
    return torch.stack(seen), logits.double().log_softmax(-1)


firsts, seconds = (list(places) for places in zip(*PAIRS))
a, p = (x[..., firsts, :] for x in stations(ids, model))
b, q = (x[..., seconds, :] for x in stations(torch.tensor([OTHER]), other_model))
if a.shape == b.shape:  # models of other sizes have no streams to compare
    mean = (a.norm(dim=-1) + b.norm(dim=-1)) / 2
    found["distance of the streams"] = ((b - a).norm(dim=-1) / mean).tolist()  # (2L+1, pairs)
middle = torch.logaddexp(p, q) - np.log(2)
js = ((p.exp() * (p - middle)).sum(-1) + (q.exp() * (q - middle)).sum(-1)) / 2
found["Jensen-Shannon in nats"] = js.clamp(min=0).tolist()
'''

PATH = '''
D, C = model.config.n_embd // model.config.n_head, model.config.n_embd


@torch.no_grad()
def see(which):
    """What the sender mixes (T, D), and the stream that the receiver's block reads (1, T, C)."""
    seen = {}
    hooks = [model.transformer.h[SENDER[0]].attn.c_proj.register_forward_pre_hook(
                 lambda m, given: seen.update(z=given[0][0, :, SENDER[1] * D : SENDER[1] * D + D])),
             model.transformer.h[RECEIVER[0]].register_forward_pre_hook(lambda m, given: seen.update(x=given[0]))]
    model(which)
    for hook in hooks:
        hook.remove()
    return seen


a, b = see(ids), see(other)
block = model.transformer.h[RECEIVER[0]]
with torch.no_grad():
    message = (a["z"] - b["z"]) @ model.transformer.h[SENDER[0]].attn.c_proj.weight[SENDER[1] * D : SENDER[1] * D + D]
    heard = block.attn.c_attn(block.ln_1(b["x"] + message))


def hear(m, given, out):
    """The receiver's q, k or v of the stream with the message, all other heads' as they were."""
    out = out.clone()
    for i in ("qkv".index(name) for name in INPUTS):
        own = slice(i * C + RECEIVER[1] * D, i * C + RECEIVER[1] * D + D)
        out[..., own] = heard[..., own]
    return out


block.attn.c_attn.register_forward_hook(hear)
with torch.no_grad():
    out = model(other, output_attentions=True)
found["the receiver's last row"] = out.attentions[RECEIVER[0]][0, RECEIVER[1], -1].tolist()
found["recovered share"] = (metric(out.logits[0, -1]) - LAST) / (FIRST - LAST)
'''


def patched(
    checkpoint: Checkpoint, trace: Trace, corrupt: Sequence[int], pairs: Sequence[int], site: str,
    metric: str, answer: int, against: int, fill: str = "patch",
) -> Recipe:
    """Every cell of a site, the prompt's value put into the run of `corrupt` (T,); pairs (T,) and fill
    as in model.analysis.patching."""
    base = runs.run(checkpoint, corrupt, trace)
    grid = patching.every_cell(checkpoint, base, trace, site, np.array(pairs), fill)
    read = recovery.recovered(checkpoint, grid, trace, base, metric, answer, against)
    share = read.share if site == "head" else read.share[:, np.array(pairs) >= 0]
    code = (f"CORRUPT, PAIRS = {list(corrupt)}, {list(pairs)}\nSITE = {site!r}\n" + _fill(fill, len(trace))
            + _metric(metric, answer, against) + METRIC + PATCHING)
    expected = {"both prompts": [read.clean, read.corrupt], "recovered share": share}
    return Recipe(f"Patching every cell: {site}, {fill}", code, expected)


def path(
    checkpoint: Checkpoint, trace: Trace, corrupt: Sequence[int], sender: tuple[int, int],
    receiver: tuple[int, int], inputs: str, metric: str, answer: int, against: int,
) -> Recipe:
    """The direct path from a head of the prompt to a later head in the run of `corrupt` (T,)."""
    base = runs.run(checkpoint, corrupt, trace)
    found = path_patching.direct_path(checkpoint, base, trace, sender, receiver, inputs)
    grid = patching.Grid("stream", found.last[None, None])
    read = recovery.recovered(checkpoint, grid, trace, base, metric, answer, against)
    code = (f"CORRUPT = {list(corrupt)}\nSENDER, RECEIVER, INPUTS = {sender}, {receiver}, {inputs!r}\n"
            + _metric(metric, answer, against) + METRIC + PATH)
    expected = {"both prompts": [read.clean, read.corrupt], "the receiver's last row": found.after[-1],
                "recovered share": read.share[0, 0]}
    return Recipe(f"The path from head {_name(sender)} to head {_name(receiver)}", code, expected)


def cut(checkpoint: Checkpoint, trace: Trace, edges: Sequence[CutEdge]) -> Recipe:
    """The next token with edges between the prompt's own tokens cut."""
    if any(edge.slot for edge in edges):
        raise ValueError("A notebook has no memory, and these cuts include a slot. Take the picture's "
                         "numbers as CSV or NPZ.")
    found = cutting.effect(checkpoint, trace, edges)
    given = [(e.query, e.key, e.layer, e.head, e.factor) for e in edges]
    code = f"EDGES = {given}  # query, key, layer, head (None: all), factor of the score (None: cut)\n"
    code += f"SHOWN = {found.ids.tolist()}\n{CUT}"
    expected = {"probability before": found.probability_before,
                "probability after": found.probability_after, "KL in nats": found.kl_nats}
    return Recipe("The next token with edges of attention cut", code, expected)


def score(
    checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int, key: int
) -> Recipe:
    """Why a head reads a token: its score by who wrote the query and the key."""
    found = score_parts.score_parts(checkpoint, trace, layer, head, query, key)
    code = f"LAYER, HEAD, QUERY, KEY = {layer}, {head}, {query}, {key}\n{SCORE}"
    expected = {"parts": found.parts, "score": found.score}
    return Recipe(f"Why head {_name((layer, head))} reads token {key} at token {query}", code, expected)


def rolled(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """Attention rollout, of the last token."""
    found = rollout.attention_rollout(checkpoint, trace)[:, -1]
    return Recipe("Attention rollout", ROLLOUT, {"of the last token, behind every block": found})


def compared(
    checkpoint: Checkpoint, trace: Trace, other: Sequence[int], pairs: Sequence[tuple[int, int]]
) -> Recipe:
    """This prompt beside another, pairs (N,2) of their tokens."""
    sides = [comparison.Side(checkpoint, run) for run in (trace, runs.run(checkpoint, other, trace))]
    return _side_by_side("Two prompts side by side", sides, np.array(pairs), "other_model = model")


def two_models(
    checkpoint: Checkpoint, trace: Trace, second: Callable[[], Checkpoint | None], other: Sequence[int],
    pairs: Sequence[tuple[int, int]],
) -> Recipe:
    """This prompt on another model, too. second: gives that model, such as a weak reference, which keeps
    none alive; other: the prompt's ids there; pairs (N,2) of both runs' tokens. Raises ValueError where
    the model is no longer loaded."""
    loaded = second()
    if loaded is None:
        raise ValueError("The second model is no longer loaded. Open Compare, Models again.")
    sides = [comparison.Side(checkpoint, trace), comparison.Side(loaded, runs.run(loaded, other))]
    load = (f"OTHER_MODEL = {loaded_from(loaded)!r}  # as MODEL\n"
            "other_model = GPT2LMHeadModel.from_pretrained(OTHER_MODEL, attn_implementation=\"eager\", "
            "dtype=torch.float32).eval()")
    return _side_by_side("One prompt on two models", sides, np.array(pairs), load)


def _side_by_side(title: str, sides: Sequence[comparison.Side], places: np.ndarray, load: str) -> Recipe:
    """load: code that leaves the second model in `other_model`."""
    code = (f"OTHER, PAIRS = {sides[1].trace.ids.tolist()}, {[tuple(pair) for pair in places.tolist()]}\n"
            f"{load}\n{COMPARE}")
    expected = {"Jensen-Shannon in nats": comparison.js_nats(sides[0], sides[1], places)}
    if comparison.are_alike(sides[0], sides[1]):
        expected["distance of the streams"] = comparison.apart(sides[0], sides[1], places).distance
    return Recipe(title, code, expected)


def _fill(fill: str, n: int) -> str:
    drawn = f"OTHERS = {patching.others(n, 0)}  # the token whose value each gets\n" if fill == "resample" else ""
    return f"FILL = {fill!r}\n{drawn}"


def _metric(metric: str, answer: int, against: int) -> str:
    return f"METRIC, ANSWER, AGAINST = {metric!r}, {int(answer)}, {int(against)}\n"


def _name(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"


RECIPES: dict[str, Callable[..., Recipe]] = {
    "patching": patched, "path": path, "cut": cut, "score": score, "rollout": rolled, "comparison": compared,
    "two models": two_models,
}
