"""A page's numbers as a Jupyter notebook that computes them with transformers and torch alone, and
asserts that it found what the page shows.

A recipe is code that leaves its results in `found`, and the numbers of the page, which come from this
program's own arithmetic. Knows nothing of pages but their names.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from model.analysis import attention, embeddings, forecast
from model.analysis import surprisal as surprisals
from model.grafts.blocks import blocks
from model.run import sampling
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, final_logits
from model.takeaway import of_interventions, of_memory, of_positions, of_stream, of_weights
from model.takeaway.recipe import Recipe, loaded_from, packed

MOST_MAP = 64  # tokens; of a longer prompt's map one row is compared
MOST_COMPARED = 20  # tokens of the vocabulary
EXACT, ROUGH = 1e-3, 5e-2  # relative, in float32 and in 16-bit numbers


def made(
    checkpoint: Checkpoint, trace: Trace | None, prompt: str, name: str, where: dict[str, Any]
) -> bytes:
    """The notebook of a page's picture; name: a key of RECIPES, where: what was chosen there. trace:
    None where nothing is typed, for those in WITHOUT_PROMPT."""
    recipe = RECIPES[name](checkpoint, trace, **where)
    cells = [
        _cell("markdown", _words(checkpoint, prompt, recipe)),
        _cell("code", _loading(checkpoint, _ids(trace) if recipe.ids is None else recipe.ids)),
        *([_cell("code", packed(recipe.arrays))] if recipe.arrays else []),
        _cell("code", recipe.code.strip()),
        _cell("code", _check(checkpoint, recipe)),
    ]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, ensure_ascii=False, indent=1).encode()


def _ids(trace: Trace | None) -> list[int]:
    found: list[int] = [] if trace is None else trace.ids.tolist()
    return found


def _cell(kind: str, text: str) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": lines}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def _words(checkpoint: Checkpoint, prompt: str, recipe: Recipe) -> str:
    quoted = prompt.replace("`", "'").replace("\n", " ")[:500]
    return (
        f"# {recipe.title}\n\nPrompt: `{quoted}`  \nModel: `{loaded_from(checkpoint)}`\n\nThe code below needs "
        "`torch`, `transformers` and `numpy`. It computes the numbers of the picture from the model's "
        "files; the last cell compares them with what Mnemoscope showed."
        + (f"\n\n{recipe.note}" if recipe.note else "")
    )


def _loading(checkpoint: Checkpoint, ids: list[int]) -> str:
    return f'''import numpy as np
import torch
from transformers import GPT2LMHeadModel

MODEL = {loaded_from(checkpoint)!r}  # a name of the Hugging Face hub, or a folder with its files
IDS = {ids}
model = GPT2LMHeadModel.from_pretrained(MODEL, attn_implementation="eager", dtype=torch.float32).eval()
ids = torch.tensor([IDS])
found = {{}}'''


def _check(checkpoint: Checkpoint, recipe: Recipe) -> str:
    is_exact = checkpoint.placement.dtype == torch.float32
    tolerance = EXACT if is_exact else ROUGH
    expected = {name: _plain(value) for name, value in recipe.expected.items()}
    lines = [f"    {name!r}: {json.dumps(value)}," for name, value in expected.items()]
    shown = "\n".join(lines)
    return f'''EXPECTED = {{
{shown}
}}
for name, numbers in EXPECTED.items():
    numbers = np.array(numbers, dtype=np.float64)
    least = {tolerance} * np.abs(numbers).max()
    np.testing.assert_allclose(np.array(found[name], dtype=np.float64), numbers, {tolerance}, least, err_msg=name)
print("The same numbers:", ", ".join(EXPECTED))'''


def _plain(value: Any) -> Any:
    """Numbers with nine digits, which carry a float32."""
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        return array.tolist()
    return json.loads(json.dumps(array.astype(np.float64).tolist()), parse_float=lambda x: float(f"{float(x):.9g}"))


# -- recipes ---------------------------------------------------------------------------------------


@torch.inference_mode()
def next_token(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """The most probable next tokens."""
    best = trace.next_logits.double().softmax(-1).topk(5)
    code = """
with torch.no_grad():
    p = model(ids).logits[0, -1].double().softmax(-1)
best = p.topk(5)
found["ids"], found["probabilities"] = best.indices.tolist(), best.values.tolist()
"""
    expected = {"ids": best.indices.tolist(), "probabilities": best.values.cpu().numpy()}
    return Recipe("The next token", code, expected)


def parameters(checkpoint: Checkpoint, trace: Trace | None) -> Recipe:
    """How many parameters every part has; tied weights count once."""
    model = checkpoint.model
    counts = {"all": model.num_parameters()}
    counts |= {name: getattr(model.transformer, name).weight.numel() for name in ("wte", "wpe")}
    counts["a_block"] = sum(x.numel() for x in blocks(model)[0].parameters())
    code = """
count = lambda part: sum(x.numel() for x in part.parameters())  # tied weights are one parameter
body = model.transformer
found = {"all": count(model), "wte": count(body.wte), "wpe": count(body.wpe), "a_block": count(body.h[0])}
"""
    return Recipe("Parameters", code, counts)


def inputs(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """The vectors that enter the first block."""
    total = embeddings.inputs(checkpoint, trace.ids).total
    code = """
with torch.no_grad():
    vectors = model.transformer.wte(ids[0]) + model.transformer.wpe(torch.arange(len(IDS)))
found["lengths"] = vectors.norm(dim=-1).tolist()
found["last"] = vectors[-1].tolist()
"""
    expected = {"lengths": np.linalg.norm(total, axis=-1), "last": total[-1]}
    return Recipe("What enters the first block: a row of wte plus a row of wpe", code, expected)


def one_head(checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int) -> Recipe:
    """One head's attention: the whole map of a short prompt, one row of a long one."""
    weights = attention.weights(checkpoint, trace, layer, head)
    code = f"""
LAYER, HEAD, QUERY = {layer}, {head}, {query}
with torch.no_grad():
    weights = model(ids, output_attentions=True).attentions[LAYER][0, HEAD]  # (T, T), a row a query
assert torch.allclose(weights.sum(-1), torch.ones(len(IDS)), atol=1e-5)  # every row sums to 1
found["row"] = weights[QUERY].tolist()
found["map"] = weights.tolist()
"""
    expected = {"row": weights[query]} | ({"map": weights} if len(trace) <= MOST_MAP else {})
    return Recipe(f"Attention of layer {layer}, head {head}", code, expected)


def stream(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """The length of the residual stream at every station."""
    lengths = trace.stream.float().norm(dim=-1).cpu().numpy()  # (2L+1,T)
    code = """
stations = []  # the stream before and between the two halves of every block, and after the last
see = lambda module, given: stations.append(given[0][0])
norms = [norm for block in model.transformer.h for norm in (block.ln_1, block.ln_2)]
hooks = [norm.register_forward_pre_hook(see) for norm in (*norms, model.transformer.ln_f)]
with torch.no_grad():
    model(ids)
for hook in hooks:
    hook.remove()
found["lengths"] = torch.stack(stations).norm(dim=-1).tolist()  # (2 L + 1, T)
"""
    return Recipe("Length of the residual stream", code, {"lengths": lengths})


@torch.inference_mode()
def distribution(
    checkpoint: Checkpoint, trace: Trace, at: int, temperature: float, top_k: int, top_p: float
) -> Recipe:
    """What a token is drawn from after a position."""
    settings = sampling.SamplingSettings(temperature, top_k, top_p)
    found = forecast.forecast(checkpoint, trace, at)
    p = forecast.stages(found.scores, settings, at).probabilities
    best = p.topk(min(MOST_COMPARED, int((p > 0).sum())))
    code = f"""
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

AT, TEMPERATURE, TOP_K, TOP_P = {at}, {temperature!r}, {top_k}, {top_p!r}
with torch.no_grad():
    scores = model(ids).logits[:, AT]
if TEMPERATURE == 0:  # the limit: only the best token
    scores = torch.full_like(scores, -torch.inf).scatter(1, scores.argmax(1, keepdim=True), 0.0)
else:
    scores = TemperatureLogitsWarper(float(TEMPERATURE))(ids, scores)
if TOP_K:
    scores = TopKLogitsWarper(TOP_K)(ids, scores)
if TOP_P < 1:
    scores = TopPLogitsWarper(float(TOP_P))(ids, scores)
p = scores[0].double().softmax(-1)
found["drawable"] = int((p > 0).sum())
found["probabilities"] = p.topk({len(best.values)}).values.tolist()
found["best"] = int(p.argmax())
"""
    expected = {"drawable": int((p > 0).sum()), "probabilities": best.values.cpu().numpy(),
                "best": int(best.indices[0])}
    return Recipe(f"The next token after token {at}", code, expected)


@torch.inference_mode()
def surprisal(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """How much each token of the prompt surprised the model, in bits."""
    reading = surprisals.read(checkpoint, trace)
    code = """
with torch.no_grad():
    p = model(ids).logits[0, :-1].double().log_softmax(-1)  # after token t: row t
bits = -p.gather(1, ids[0, 1:, None])[:, 0] / np.log(2)
found["bits"] = bits.tolist()
found["bits_per_token"] = float(bits.mean())
"""
    bits = reading.bits[1:]
    return Recipe("Surprisal of every token", code, {"bits": bits, "bits_per_token": bits.mean()})


@torch.inference_mode()
def cached(checkpoint: Checkpoint, trace: Trace) -> Recipe:
    """The KV cache of the prompt, and that it changes no answer."""
    layer = trace.n_layers - 1
    k, v = trace.layer_k(layer)[:, -1].float(), trace.layer_v(layer)[:, -1].float()
    n_numbers = sum(x.numel() for rows in trace.rows for x in (*rows.k, *rows.v))
    best = final_logits(checkpoint.model, trace.layer_stream(-1)[-1]).argmax()
    code = f"""
with torch.no_grad():
    out = model(ids, use_cache=True)
    layers = out.past_key_values.layers
    front = model(ids[:, :-1], use_cache=True).past_key_values if len(IDS) > 1 else None
    step = model(ids[:, -1:], past_key_values=front).logits[0, -1]  # one token on a cached prefix
assert torch.allclose(step, out.logits[0, -1], atol=1e-3 * float(step.abs().max()))  # the same answer
found["numbers"] = sum(one.keys.numel() + one.values.numel() for one in layers)
found["key"] = layers[{layer}].keys[0, :, -1].tolist()  # of the last token in the last layer, (H, D)
found["value"] = layers[{layer}].values[0, :, -1].tolist()
found["best"] = int(step.argmax())
"""
    expected = {"numbers": n_numbers, "key": k.cpu().numpy(), "value": v.cpu().numpy(),
                "best": int(best)}
    return Recipe("The KV cache", code, expected)


def places(checkpoint: Checkpoint, trace: Trace | None, at: int) -> Recipe:
    """How like every position's vector is to one position's, and how long it is."""
    table = embeddings.position_table(checkpoint)
    lengths = np.linalg.norm(table, axis=-1)
    code = f"""
AT = {at}
table = model.transformer.wpe.weight.detach()
found["cosines"] = torch.nn.functional.cosine_similarity(table, table[AT : AT + 1]).tolist()
found["lengths"] = table.norm(dim=-1).tolist()
"""
    expected = {"cosines": table @ table[at] / lengths / lengths[at], "lengths": lengths}
    return Recipe(f"Which positions are like position {at}", code, expected)


OF_PROMPT: dict[str, Callable[..., Recipe]] = {
    "next": next_token, "parameters": parameters, "inputs": inputs, "attention": one_head,
    "stream": stream, "prediction": distribution, "surprisal": surprisal, "cache": cached, "positions": places,
}
RECIPES = (OF_PROMPT | of_weights.RECIPES | of_stream.RECIPES | of_positions.RECIPES
           | of_memory.RECIPES | of_interventions.RECIPES)
WITHOUT_PROMPT = of_weights.WITHOUT_PROMPT | of_positions.WITHOUT_PROMPT | {"parameters", "positions"}
