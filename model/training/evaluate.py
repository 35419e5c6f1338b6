"""What a trained model can do, in numbers: bits per byte, recall, "I do not know", heads.

Every share comes with its n and a 95 % interval. This file does not know how the model was trained.
"""

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from model.recall import episodes
from model.recall.episodes import Episode, Plan
from model.recall.phrases import UNKNOWN
from model.recall.share import Share
from model.training.corpus import END_ID


def forward(model: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """ids (B,T) -> float32 logits (B,T,V): plain causal attention, whichever kernel is set."""
    return model(ids, attention_mask=_causal(ids), use_cache=False).logits.float()


def _causal(ids: torch.Tensor) -> torch.Tensor:
    B, T = ids.shape
    return torch.full((1, 1, T, T), -1e9, device=ids.device).triu(1).expand(B, -1, -1, -1)


@torch.no_grad()
def bits_per_byte(
    model: GPT2LMHeadModel, tokenizer: Tokenizer, text: str, window: int = 0
) -> float:
    """Mean bits the model needs for a byte of text (UTF-8); every token is predicted once.

    Windows of so many tokens, as long as the model's positions where none is given, half a window
    apart: except at the start a token has at least half a window before it.
    """
    ids = torch.tensor([END_ID, *tokenizer.encode(text).ids], device=model.device)
    window, nats, scored = window or model.config.n_positions, 0.0, 1
    while scored < len(ids):
        start = max(0, scored - window // 2)
        part = ids[start : start + window]
        logits = forward(model, part[None, :-1])[0]
        targets = part[scored - start :]
        nats += F.cross_entropy(logits[scored - start - 1 :], targets, reduction="sum").item()
        scored = start + len(part)
    return nats / math.log(2) / len(text.encode())


@torch.no_grad()
def exact(
    model: GPT2LMHeadModel, contexts: list[list[int]], answers: list[list[int]], rows: int = 64
) -> list[bool]:
    """Whether greedy decoding after each context gives exactly the answer's tokens."""
    hits = [False] * len(contexts)
    order = sorted(range(len(contexts)), key=lambda i: len(contexts[i]))  # little padding
    for first in range(0, len(order), rows):
        part = order[first : first + rows]
        best = forward(model, _padded([contexts[i] + answers[i] for i in part], model.device))
        for row, i in zip(best.argmax(-1).tolist(), part):
            start = len(contexts[i]) - 1
            hits[i] = row[start : start + len(answers[i])] == answers[i]
    return hits


def _padded(rows: list[list[int]], device: torch.device) -> torch.Tensor:
    T = max(map(len, rows))
    return torch.tensor([row + [END_ID] * (T - len(row)) for row in rows], device=device)


def question_and_answer(tokenizer: Tokenizer, one: Episode) -> tuple[list[int], list[int]]:
    """The episode up to its last answer, and that answer with its full stop, as ids. If the
    sentence continues after the answer, the rest is left out: the sentence may as well end
    there."""
    parts = list(episodes.pieces(one))
    context = tokenizer.encode("".join(text for text, _ in parts[:-2])).ids
    ending = "." if parts[-1][0] == "." else ""
    return context, tokenizer.encode(parts[-2][0] + ending).ids


def quick_recall(
    model: GPT2LMHeadModel, tokenizer: Tokenizer, plan: Plan, source: str, n: int = 96
) -> float:
    """Share of n episodes of a plan whose (told) answer is recalled exactly; for curves."""
    rng = random.Random(f"quick {source}")
    plan = replace(plan, source=source, unknown=0.0, asks=(1, 1))
    pairs = [question_and_answer(tokenizer, episodes.episode(rng, plan)) for _ in range(n)]
    pairs = [(c, a) for c, a in pairs if len(c) + len(a) <= model.config.n_positions]
    return sum(exact(model, [c for c, _ in pairs], [a for _, a in pairs])) / len(pairs)


# --- the measurements of the model card ----------------------------------------------------------

TOLD = Plan(asks=(1, 1), unknown=0.0)
NEVER_TOLD = Plan(asks=(1, 1), unknown=1.0)
Wanted = Callable[[Episode, int], bool]  # (episode, tokens of its answer) -> does it count?


def share_recalled(
    model: GPT2LMHeadModel,
    tokenizer: Tokenizer,
    name: str,
    plan: Plan,
    n: int,
    wanted: Wanted,
) -> Share:
    """Exact recall after question and lead ("Where do I live? You live in"), n episodes."""
    rng = random.Random(f"recall {name}")
    drawn = (episodes.episode(rng, plan) for _ in range(200 * n))
    return share_of(model, tokenizer, name, drawn, n, wanted)


def share_of(
    model: GPT2LMHeadModel,
    tokenizer: Tokenizer,
    name: str,
    drawn: Iterable[Episode],
    n: int,
    wanted: Wanted,
) -> Share:
    """Exact recall of the last answer of n episodes, among those drawn that are wanted.

    Fewer than n, perhaps none, if few episodes are wanted or fit the positions.
    """
    pairs = []
    for one in drawn:
        context, answer = question_and_answer(tokenizer, one)
        fits = len(context) + len(answer) <= model.config.n_positions
        if fits and wanted(one, len(answer) - 1):
            pairs.append((context, answer))
        if len(pairs) == n:
            break
    contexts, answers = [c for c, _ in pairs], [a for _, a in pairs]
    return Share(name, sum(exact(model, contexts, answers)), len(pairs))


def recall(model: GPT2LMHeadModel, tokenizer: Tokenizer, n: int) -> list[Share]:
    """Recall in every setting of the model card, n held-out episodes each; empty ones left out."""
    known, unseen = replace(TOLD, source="known"), replace(TOLD, source="unseen")
    many = replace(unseen, facts=(8, 8), others=(0, 0))
    settings: list[tuple[str, Plan, Wanted]] = [
        ("known values", known, lambda one, size: True),
        ("values never seen", unseen, lambda one, size: True),
        ("values never seen, one token", unseen, lambda one, size: size == 1),
        ("values never seen, several tokens", unseen, lambda one, size: size > 1),
        ("phrasings never seen, known values", replace(known, held_out_phrasing=True),
         lambda one, size: True),
        ("phrasings and values never seen", replace(unseen, held_out_phrasing=True),
         lambda one, size: True),
        ("about somebody else, values never seen", replace(unseen, others=(1, 3)),
         _is_about_another),
        ("replaced later, the latest wins, values never seen", replace(unseen, update=0.8),
         _was_replaced),
        ("eight facts told, values never seen", many, lambda one, size: True),
        ("bare continuation, no question, values never seen", unseen,
         lambda one, size: not one.question),
    ]
    shares = [share_recalled(model, tokenizer, name, plan, n, wanted)
              for name, plan, wanted in settings]
    return [share for share in shares if share.n]


def _is_about_another(one: Episode, size: int) -> bool:
    asked = one.asks[-1].fact
    return asked is not None and asked.subject != episodes.ME


def _was_replaced(one: Episode, size: int) -> bool:
    asked = one.asks[-1].fact
    if asked is None:
        return False
    told = [fact for fact in one.facts if (fact.subject, fact.kind) == (asked.subject, asked.kind)]
    return len(told) > 1


def question_alone(one: Episode) -> str:
    """The episode's text up to its last question mark: the model must begin the answer itself."""
    parts = list(episodes.pieces(one))
    while parts[-1][1] != "asked":
        parts.pop()
    return "".join(text for text, _ in parts)


@torch.no_grad()
def reply(model: GPT2LMHeadModel, tokenizer: Tokenizer, text: str, longest: int = 24) -> str:
    """Greedy continuation of a text up to its first full stop, at most `longest` tokens."""
    fed = tokenizer.encode(text).ids[longest - model.config.n_positions :]
    said: list[int] = []
    cache = None
    while len(said) < longest and END_ID not in said and "." not in tokenizer.decode(said):
        out = model(torch.tensor([fed], device=model.device), past_key_values=cache, use_cache=True)
        said.append(int(out.logits[0, -1].argmax()))
        fed, cache = said[-1:], out.past_key_values
    return tokenizer.decode(said)


def replies(model: GPT2LMHeadModel, tokenizer: Tokenizer, n: int) -> list[Share]:
    """The model's own sentences as answers, with no first words given, n questions each."""
    told = _questions(replace(TOLD, source="unseen"), n)
    said = [reply(model, tokenizer, question_alone(one)) for one in told]
    right = sum(answer.endswith(f" {one.answer}.") for one, answer in zip(told, said))
    denied = sum(answer.strip() == UNKNOWN for answer in said)
    empty = replace(NEVER_TOLD, facts=(0, 0), others=(0, 0), near=0.0, fillers=(0, 0))
    shares = [Share("told, whole sentence right, values never seen", right, n),
              Share('told, but said "I do not know."', denied, n)]
    for name, plan in (("stand-alone question", empty), ("other things told", NEVER_TOLD)):
        asked = [tokenizer.encode(question_alone(one)).ids
                 for one in _questions(replace(plan, source="unseen"), n)]
        unknown = sum(exact(model, asked, [tokenizer.encode(f" {UNKNOWN}").ids] * n))
        shares += [Share(f'never told, {name}: "I do not know."', unknown, n),
                   Share(f"never told, {name}: something else (false recall)", n - unknown, n)]
    return shares


def _questions(plan: Plan, n: int) -> list[Episode]:
    """n episodes that end in a question, not in a bare continuation."""
    rng = random.Random(f"questions {plan}")
    found: list[Episode] = []
    while len(found) < n:
        one = episodes.episode(rng, plan)
        if one.question:
            found.append(one)
    return found


@torch.no_grad()
def best_heads_along(model: GPT2LMHeadModel, step: int = 100, n: int = 8) -> list[dict]:
    """For every `step` positions of the window: the best head's induction score and its
    previous-token score, as in `head_scores`, of the queries there.

    One random sequence of half the window, repeated once, fills all positions. The first half has
    no repetition, so there induction is measured with a sequence of a quarter of the window.
    """
    window = model.config.n_positions
    found: dict[int, dict[str, float]] = {}
    for length in (window // 2, window // 8):
        maps = _maps_of_repeats(model, length, window // length, n)
        for start in range(0, window, step):
            rows = slice(start, min(start + step, window))
            scores = found.setdefault(start, {"induction": 0.0, "previous": 0.0})
            for m in maps:
                scores["induction"] = max(scores["induction"], _on_diagonal(m, length - 1, rows, length))
                scores["previous"] = max(scores["previous"], _on_diagonal(m, 1, rows, 1))
    return [{"from": start, **{k: round(v, 4) for k, v in one.items()}} for start, one in found.items()]


def _maps_of_repeats(model: GPT2LMHeadModel, length: int, times: int, n: int) -> list[torch.Tensor]:
    """L maps (n,H,T,T) of n random sequences of `length` tokens, each said `times` times."""
    generator = torch.Generator().manual_seed(0)
    once = torch.randint(1, model.config.vocab_size, (n, length), generator=generator)
    ids = once.repeat(1, times).to(model.device)
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    maps = model(ids, attention_mask=_causal(ids), output_attentions=True).attentions
    model.set_attn_implementation(before)
    return list(maps)


def _on_diagonal(m: torch.Tensor, back: int, rows: slice, first: int) -> float:
    """The best head's mean weight from the queries `rows` to the key `back` before each; queries
    before `first` do not count. 0 if no query is left."""
    start = max(rows.start, first, back)
    if start >= rows.stop:
        return 0.0
    queries = torch.arange(start, rows.stop, device=m.device)
    return float(m[:, :, queries, queries - back].mean((0, 2)).max())


@torch.no_grad()
def head_scores(
    model: GPT2LMHeadModel, n: int = 64, length: int = 50, seed: int = 0
) -> tuple[list, list]:
    """Induction and previous-token score of every head, each L lists of H numbers from 0 to 1.

    n sequences of `length` random tokens, said twice. Induction (Olsson et al. 2022): mean
    attention of a token of the second half to the token after its first occurrence. Previous: of
    every token to the one before.
    """
    generator = torch.Generator().manual_seed(seed)
    once = torch.randint(1, model.config.vocab_size, (n, length), generator=generator)
    ids = torch.cat([once, once], 1).to(model.device)  # (n, 2*length)
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    maps = model(ids, attention_mask=_causal(ids), output_attentions=True).attentions
    model.set_attn_implementation(before)
    induction = [m.diagonal(1 - length, 2, 3)[..., 1:].mean((0, 2)).tolist() for m in maps]
    previous = [m.diagonal(-1, 2, 3).mean((0, 2)).tolist() for m in maps]
    return induction, previous
