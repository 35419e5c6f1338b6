"""Recipes of positions: other schemes for one head, another order, the text shifted down the table;
and a cache that drops entries. Axes as in model.analysis.what_if."""

from collections.abc import Callable

import numpy as np

from model.analysis import embeddings, position_table, what_if
from model.run import cache_budget
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace
from model.takeaway.recipe import Recipe

FACTORS = (0.1, 0.5, 1.0, 2.0, 10.0, 100.0)  # how much longer a position is made
MOST_MAP = 64  # tokens; of a longer prompt one row is compared

TABLE = '''
learned = model.transformer.wpe.weight.detach().double()
P, C = learned.shape
turns = torch.arange(P).double()[:, None] * 10000.0 ** (-torch.arange(0, C, 2).double() / C)
formula = torch.stack([turns.sin(), turns.cos()], -1).flatten(1)[:, :C]  # Vaswani et al. 2017
table = formula * (learned.norm(dim=-1).mean() / formula.norm(dim=-1).mean())  # as long as wpe on average
found["cosines"] = torch.nn.functional.cosine_similarity(table, table[AT : AT + 1]).tolist()
found["lengths"] = table.norm(dim=-1).tolist()
'''
SCHEMES = '''
def heads_q_and_k(table):
    """q and k (T, D) of the head, in a run with this table (T, C) in place of wpe."""
    seen = []
    hook = model.transformer.h[LAYER].attn.c_attn.register_forward_hook(lambda m, given, out: seen.append(out[0]))
    with torch.no_grad():
        places = model.transformer.wpe(torch.arange(len(IDS)))
        model(inputs_embeds=model.transformer.wte(ids) + (table - places))  # the model adds wpe
    hook.remove()
    q, k, _ = seen[0].double().view(len(IDS), 3, model.config.n_head, -1)[:, :, HEAD].unbind(1)
    return q, k


T, C = len(IDS), model.config.n_embd
scale = model.transformer.h[LAYER].attn.scaling
place = torch.arange(T).double()
future = torch.ones(T, T).triu(1) > 0
weights = lambda scores: scores.masked_fill(future, -torch.inf).softmax(-1)
q, k = heads_q_and_k(torch.zeros(T, C))  # no position at all


def turned(x):
    """RoPE (Su et al. 2021): pair i turns by position x 10000^(-2i/d)."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    angles = place[:, None] * 10000.0 ** (-torch.arange(0, x.shape[-1], 2).double() / x.shape[-1])
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


maps = {"none": weights(q @ k.T * scale), "rope": weights(turned(q) @ turned(k).T * scale),
        "alibi": weights(q @ k.T * scale - SLOPE * (place[:, None] - place))}
learned = model.transformer.wpe.weight.detach().double()[:T]
angles = place[:, None] * 10000.0 ** (-torch.arange(0, C, 2).double() / C)
waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :C]
waves = waves * (learned.norm(dim=-1).mean() / waves.norm(dim=-1).mean())
q, k = heads_q_and_k(waves.float())
maps["sinusoidal"] = weights(q @ k.T * scale)
with torch.no_grad():
    maps["learned"] = model(ids, output_attentions=True).attentions[LAYER][0, HEAD]
for name, found_map in maps.items():
    found[name] = (found_map if WHOLE else found_map[QUERY]).tolist()
'''
ORDER = '''
def last(words, places, placed):
    """log p of the next token, with the prompt's tokens `words` at `places`; placed: with wpe."""
    at = torch.tensor([places])
    vectors = model.transformer.wte(ids[:, words])
    if not placed:
        vectors = vectors - model.transformer.wpe(at)  # the model adds it again
    everything = torch.ones_like(at)  # else transformers takes a gap in positions for a new text
    return model(inputs_embeds=vectors, position_ids=at, attention_mask=everything).logits[0, -1].double().log_softmax(-1)


with torch.no_grad():
    before, after = last(*BEFORE), last(*AFTER)
found["KL in bits"] = float((before.exp() * (before - after)).sum() / np.log(2))
found["before"], found["after"] = before.exp()[SHOWN].tolist(), after.exp()[SHOWN].tolist()
'''
SHIFTED = '''
bits = []
for shift in SHIFTS:
    at = torch.arange(len(IDS))[None] + shift
    with torch.no_grad():
        p = model(ids, position_ids=at, attention_mask=torch.ones_like(at)).logits[0, :-1].double().log_softmax(-1)
    bits.append(float(-p.gather(1, ids[0, 1:, None]).mean() / np.log(2)))
found["bits a token at every shift"] = bits
'''
LOUDER = '''
word = model.transformer.wte.weight[IDS[AT]].detach().double()
place = model.transformer.wpe.weight[AT].detach().double()
normed = lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5)
sums = word + torch.tensor(FACTORS).double()[:, None] * place
cosine = lambda x, y: torch.nn.functional.cosine_similarity(x, y[None]).tolist()
found |= {"length before": sums.norm(dim=-1).tolist(), "length after": normed(sums).norm(dim=-1).tolist()}
found["cosine to the word"] = cosine(normed(sums), normed(word))
found["cosine to the position"] = cosine(normed(sums), normed(place))
'''
DROPPED = '''
T = len(IDS)
row, column = torch.arange(T)[:, None], torch.arange(T)
past = column <= row
kept = {"full context": past,
        "slide": past & (column > row - BUDGET),  # the newest entries
        "sinks": past & ((column < min(4, BUDGET - 1)) | (column > row - BUDGET + min(4, BUDGET - 1)))}
for name, seen in kept.items():  # a token's key and value come from what that token could see
    mask = torch.zeros(T, T).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]
    with torch.no_grad():
        p = model(ids, attention_mask=mask, position_ids=column[None]).logits[0, :-1].double().log_softmax(-1)
    found[name] = (-p.gather(1, ids[0, 1:, None])[:, 0] / np.log(2)).tolist()
'''


def sinusoids(checkpoint: Checkpoint, trace: Trace | None, at: int) -> Recipe:
    """How like every row of the sinusoidal table is to one row, and how long it is."""
    table = position_table.sinusoidal_like(embeddings.position_table(checkpoint))
    lengths = np.linalg.norm(table, axis=-1)
    expected = {"cosines": table @ table[at] / lengths / lengths[at], "lengths": lengths}
    return Recipe("The sinusoidal table, in place of wpe", f"AT = {at}\n{TABLE}", expected)


def schemes(checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int, slope: float) -> Recipe:
    """One head's attention under five ways to tell the order. slope: ALiBi's, of this head."""
    bare, waves = (what_if.other_positions(checkpoint, trace.ids, kind) for kind in ("none", "sinusoidal"))
    maps = what_if.maps(checkpoint, trace, bare, waves, layer, head)
    is_whole = len(trace) <= MOST_MAP
    code = f"LAYER, HEAD, QUERY, SLOPE, WHOLE = {layer}, {head}, {query}, {slope!r}, {is_whole}\n{SCHEMES}"
    expected = {name: one if is_whole else one[query] for name, one in maps.items()}
    return Recipe(f"Five ways to tell the order, layer {layer}, head {head}", code, expected)


Placing = tuple[tuple[int, ...], tuple[int, ...], bool]


def order(checkpoint: Checkpoint, trace: Trace, before: Placing, after: Placing) -> Recipe:
    """The next token before and after a change of order: (words, places, with positions) each."""
    one, other = (what_if.last_of(checkpoint, trace.ids, what_if.Order(
        np.array(words), np.array(places), placed)) for words, places, placed in (before, after))
    change = what_if.compare(one, other)
    plain = [(list(words), list(places), placed) for words, places, placed in (before, after)]
    code = f"BEFORE = {plain[0]}\nAFTER = {plain[1]}\nSHOWN = {change.ids.tolist()}\n{ORDER}"
    expected = {"KL in bits": change.kl_bits, "before": change.before, "after": change.after}
    return Recipe("The prompt in another order", code, expected)


def shifted(checkpoint: Checkpoint, trace: Trace, shifts: tuple[int, ...]) -> Recipe:
    """What the prompt's tokens cost, further down the table of positions."""
    costs = [what_if.bits_when_shifted(checkpoint, trace.ids, shift) for shift in shifts]
    return Recipe("The prompt at other positions", f"SHIFTS = {list(shifts)}\n{SHIFTED}",
                  {"bits a token at every shift": costs})


def scaled(checkpoint: Checkpoint, trace: Trace, at: int) -> Recipe:
    """A token's input with its position made longer, before and after LayerNorm."""
    word = embeddings.token_table(checkpoint)[int(trace.ids[at])]
    found = position_table.scale_position(word, embeddings.position_table(checkpoint)[at], np.array(FACTORS))
    expected = {"length before": found.length_before, "length after": found.length_after,
                "cosine to the word": found.to_word, "cosine to the position": found.to_position}
    return Recipe(f"Token {at} with a longer position", f"AT, FACTORS = {at}, {list(FACTORS)}\n{LOUDER}", expected)


def dropped(checkpoint: Checkpoint, trace: Trace, budget: int) -> Recipe:
    """Bits of every token with a cache that holds `budget` entries, dropped by their place."""
    found = cache_budget.compared(checkpoint, trace.ids, budget, "counted")
    expected = {name: found[name].surprisal for name in (cache_budget.FULL, "slide", "sinks")}
    note = ("A mask computes the two policies that go by a token's place, in one pass. The others "
            "look at attention step by step, or draw; this notebook leaves them out.")
    return Recipe("A cache that is full", f"BUDGET = {budget}\n{DROPPED}", expected, note=note)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "sinusoids": sinusoids, "schemes": schemes, "order": order, "shifted": shifted, "dropped": dropped,
    "scaled": scaled,
}
WITHOUT_PROMPT = {"sinusoids"}
