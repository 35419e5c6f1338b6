"""Recipes of the checkpoint and of its tables: tensors, heads' weights, sizes, a block's shapes,
tokens, neighbours, likeness, maps. Axes as in model.analysis.embeddings."""

from collections.abc import Callable
from typing import Any

import numpy as np

from model.analysis import anatomy, arithmetic, embeddings, shape_tour, tensor_values, tokenization
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace
from model.takeaway.recipe import Recipe

MOST_LIKE = 64  # tokens; of a longer prompt one row of cosines is compared

TENSOR = '''
tensors = dict(model.named_parameters())
values = tensors.get(NAME, tensors.get(f"transformer.{NAME}", model.lm_head.weight)).detach().double()
found |= {"shape": list(values.shape), "n": values.numel(), "mean": float(values.mean())}
found |= {"std": float(values.std(correction=0)), "length": float(values.norm())}
found |= {"smallest": float(values.min()), "largest": float(values.max())}
'''
HEADS = '''
both = model.transformer.h[LAYER].attn.c_attn.weight.detach()  # (C, 3 C): queries, keys, values side by side
parts = both.view(len(both), 3, model.config.n_head, -1)  # (C, 3, H, D)
found["length of every head's matrix"] = parts.double().permute(1, 2, 0, 3).flatten(2).norm(dim=-1).tolist()
'''
SIZE = '''
from transformers import GPT2Config

config = GPT2Config(n_layer=L, n_head=H, n_embd=D, n_inner=F, vocab_size=V, n_positions=P, tie_word_embeddings=TIED)
with torch.device("meta"):  # shapes without numbers
    blank = GPT2LMHeadModel(config)
parameters = {id(x): x.numel() for x in blank.parameters()}  # tied weights are one parameter
found["every trained number, once"] = sum(parameters.values())
'''
BLOCK = '''
block, H = model.transformer.h[LAYER], model.config.n_head
seen = {}
watch = lambda name: lambda m, given, out: seen.__setitem__(name, out[0] if isinstance(out, tuple) else out)
for name, part in {"wte": model.transformer.wte, "ln_1": block.ln_1, "c_attn": block.attn.c_attn,
                   "ln_2": block.ln_2, "c_fc": block.mlp.c_fc}.items():
    part.register_forward_hook(watch(name))
with torch.no_grad():
    logits = model(ids, output_attentions=True)
seen["weights"] = logits.attentions[LAYER]
split = seen["c_attn"].view(1, len(IDS), 3, H, -1).permute(2, 0, 3, 1, 4)  # q, k and v by head
seen |= dict(zip("qkv", split)) | {"lm_head": logits.logits}
for name in ("wte", "ln_1", "c_attn", "q", "k", "v", "weights", "ln_2", "c_fc"):
    found[f"{name} shape"] = list(seen[name].shape)
    found[f"{name} smallest and largest"] = [float(seen[name].min()), float(seen[name].max())]
'''
TEXT = '''
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(MODEL)
found["ids"] = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
cut = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(TEXT)  # before any merge
found["letters of each pre-token"] = [len(letters) for letters, _ in cut]
print(*zip(found["ids"], tokenizer.convert_ids_to_tokens(found["ids"])))
'''
LIKE = '''
with torch.no_grad():
    token = model.transformer.wte(ids[0])
    position = model.transformer.wpe(torch.arange(len(IDS)))
vectors = {"token": token, "position": position, "total": token + position}[KIND]
units = torch.nn.functional.normalize(vectors, dim=-1)
found["cosines to one token"] = (units @ units[AT]).tolist()
found["cosines"] = (units @ units.T).tolist()
'''
EVERYWHERE = '''
token = model.transformer.wte.weight[TOKEN].detach().double()
positions = model.transformer.wpe.weight.detach().double()
total = token + positions
unit = lambda x: torch.nn.functional.normalize(x, dim=-1)
found["length at every position"] = total.norm(dim=-1).tolist()
found["cosine to the token alone"] = (unit(total) @ unit(token)).tolist()
found["cosine to itself here"] = (unit(total) @ unit(total)[AT]).tolist()
'''
NEAR = '''
units = torch.nn.functional.normalize(model.transformer.wte.weight.detach(), dim=-1)
found["ids"], found["cosines"] = [], []
for plus, minus, n in ASKED:
    wanted = units[plus].sum(0) - units[minus].sum(0)
    best = (units @ (wanted / wanted.norm())).topk(n)
    found["ids"] += best.indices.tolist()
    found["cosines"] += best.values.tolist()
'''
MAP = '''
with torch.no_grad():
    vectors = model.transformer.wte(torch.tensor(WORDS))
    if PLACED:
        vectors = vectors + model.transformer.wpe(torch.arange(len(WORDS)))
centred = vectors.double() - vectors.double().mean(0)
_, sizes, axes = torch.linalg.svd(centred, full_matrices=False)
points = centred @ axes[:2].T
found["distance from the middle, on each axis"] = points.abs().tolist()  # an axis's sign is arbitrary
found["share kept by each axis"] = (sizes[:2] ** 2 / (sizes**2).sum()).tolist()
'''
def tensor(checkpoint: Checkpoint, trace: Trace | None, tensor_name: str) -> Recipe:
    """Facts about one stored tensor."""
    stored = anatomy.dissect(checkpoint.folder)
    one = stored.tensor(tensor_name)
    facts = tensor_values.facts(tensor_values.read(stored, one))
    expected = {"shape": list(one.shape), "n": facts.n, "mean": facts.mean, "std": facts.std,
                "length": facts.norm, "smallest": facts.minimum, "largest": facts.maximum}
    return Recipe(f"The tensor {tensor_name}", f"NAME = {tensor_name!r}\n{TENSOR}", expected)


def head_weights(checkpoint: Checkpoint, trace: Trace | None, layer: int) -> Recipe:
    """The lengths of every head's query, key and value matrix in a layer."""
    stored, n_head = anatomy.dissect(checkpoint.folder), checkpoint.model.config.n_head
    norms = tensor_values.head_weights(stored, layer, 0, n_head).norms
    return Recipe(f"The weights of layer {layer}'s heads", f"LAYER = {layer}\n{HEADS}",
                  {"length of every head's matrix": norms})


def size(checkpoint: Checkpoint, trace: Trace | None, shape: arithmetic.GptShape, tied: bool) -> Recipe:
    """The size of any GPT: transformers makes one without numbers, and its parameters are counted."""
    if shape.n_head * shape.d_head != shape.d_model:
        raise ValueError(
            f"This view has no notebook for these sizes: GPT-2 needs H × d_h = D, and {shape.n_head} × "
            f"{shape.d_head} is not {shape.d_model}."
        )
    code = (f"L, H, D, F = {shape.n_layer}, {shape.n_head}, {shape.d_model}, {shape.d_mlp}\n"
            f"V, P, TIED = {shape.n_vocab}, {shape.n_positions}, {tied}\n{SIZE}")
    return Recipe("The size of a GPT", code, {
        "every trained number, once": arithmetic.count(shape, tied).full})


def block(checkpoint: Checkpoint, trace: Trace, layer: int) -> Recipe:
    """The shapes that one block makes of the prompt, and the smallest and largest number of each."""
    steps = {one.operation.key: one for one in shape_tour.tour(checkpoint, trace, layer).steps}
    expected: dict[str, list[float]] = {}
    for name in ("wte", "ln_1", "c_attn", "q", "k", "v", "weights", "ln_2", "c_fc"):
        if name in steps:
            expected[f"{name} shape"] = list(steps[name].shape)
            expected[f"{name} smallest and largest"] = [steps[name].minimum, steps[name].maximum]
    return Recipe(f"Shapes and values in block {layer}", f"LAYER = {layer}\n{BLOCK}", expected)


def text(checkpoint: Checkpoint, trace: Trace | None, written: str) -> Recipe:
    """A text's ids, and how it is cut before merging."""
    written = written.encode("utf-8", "replace").decode()  # as the tokenizer is given it
    found = tokenization.pieces(tokenization.rules(checkpoint.tokenizer), written)
    expected: dict[str, Any] = {"ids": tokens.encode(checkpoint.tokenizer, written)}
    if all(one.kind != "special" for one in found):  # <|endoftext|> is taken out before the cut
        expected["letters of each pre-token"] = [len(one.letters) for one in found]
    return Recipe("From text to ids", f"TEXT = {written!r}\n{TEXT}", expected)


def likeness(checkpoint: Checkpoint, trace: Trace, kind: str, at: int) -> Recipe:
    """How like the prompt's vectors are to each other; kind: token, position or total."""
    vectors = getattr(embeddings.inputs(checkpoint, trace.ids), kind)
    cosines = embeddings.cosines(vectors)
    expected = {"cosines to one token": cosines[at]}
    expected |= {"cosines": cosines} if len(trace) <= MOST_LIKE else {}
    return Recipe("Which tokens of the prompt are alike", f"KIND, AT = {kind!r}, {at}\n{LIKE}", expected)


def everywhere(checkpoint: Checkpoint, trace: Trace | None, token: int, at: int) -> Recipe:
    """One token's input at every position."""
    found = embeddings.position_effect(checkpoint, token, at)
    expected = {"length at every position": found.total_norm, "cosine to the token alone": found.to_token,
                "cosine to itself here": found.to_here}
    return Recipe(f"Token {token} at every position", f"TOKEN, AT = {token}, {at}\n{EVERYWHERE}", expected)


Search = tuple[tuple[int, ...], tuple[int, ...], int]


def near(checkpoint: Checkpoint, trace: Trace | None, asked: tuple[Search, ...]) -> Recipe:
    """The tokens of the vocabulary that are nearest to sums of token vectors, each scaled to length 1:
    (plus, minus, how many) each."""
    units, found = embeddings.unit(embeddings.token_table(checkpoint)), []
    for plus, minus, n in asked:
        wanted = units[list(plus)].sum(0) - units[list(minus)].sum(0)
        found.append(embeddings.nearest(units, wanted, n))
    plain = [(list(plus), list(minus), n) for plus, minus, n in asked]
    expected = {"ids": np.concatenate([one.ids for one in found]),
                "cosines": np.concatenate([one.cosine for one in found])}
    return Recipe("The nearest tokens", f"ASKED = {plain}\n{NEAR}", expected)


def word_map(checkpoint: Checkpoint, trace: Trace | None, words: tuple[int, ...], placed: bool) -> Recipe:
    """Vectors on the two axes along which they differ most; placed: with their positions."""
    vectors = embeddings.token_table(checkpoint)[list(words)]
    if placed:
        vectors = vectors + embeddings.position_table(checkpoint)[: len(words)]
    found = embeddings.project(vectors)
    expected = {"distance from the middle, on each axis": np.abs(found.points),
                "share kept by each axis": found.explained}
    return Recipe("A map of token vectors", f"WORDS, PLACED = {list(words)}, {placed}\n{MAP}", expected)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "tensor": tensor, "head weights": head_weights, "size": size, "block": block, "text": text,
    "likeness": likeness, "everywhere": everywhere, "near": near, "word map": word_map,
}
WITHOUT_PROMPT = {"tensor", "head weights", "size", "text", "near", "word map"}  # they need no token
