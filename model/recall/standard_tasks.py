"""Standard tasks of recall, generated here and scored as the field does: passkey, needle in a
haystack, MQAR, single facts in the manner of bAbI.

The sentences are this project's own; sizes are small enough for a small model. The text is told to
a memory prompt by prompt, then the question is asked in a prompt of its own. If everything fits the
window, the same text in one piece is the ceiling ("in context"). `runs` measures.
"""

import random
from collections.abc import Callable
from functools import cache, partial

from transformers import PreTrainedTokenizerBase

from model.memory.settings import Settings
from model.recall import episodes, words
from model.recall.trial import Curve, CurvePoint, Question, Trial
from model.run import tokens

LENGTHS = (100, 400, 2_000)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
PAIRS = (4, 8, 16, 32)
SENTENCES = (1, 2, 5, 10)
PROMPT_TOKENS = 64
DIGITS = 4

GARBAGE = ("The sky is wide.", "The road is long.", "The water is cold.", "The stones are grey.",
           "There it goes and here it comes.", "Round and round it turns.")
ROOMS = ("kitchen", "garden", "bedroom", "office", "cellar", "stable", "library", "tower")
MOVES = ("went to the {r}", "walked into the {r}", "moved to the {r}", "is now in the {r}")


def _passkey(rng: random.Random, tokenizer: PreTrainedTokenizerBase, length: int) -> Trial:
    """A number somewhere in text that repeats itself."""
    key = str(rng.randrange(10 ** (DIGITS - 1), 10**DIGITS))
    text = _filled(tokenizer, lambda: rng.choice(GARBAGE), length)
    needle = f"The pass key is {key}. Remember it. {key} is the pass key."
    tell = _with(text, needle, rng.random())
    asked = Question("What is the pass key? The pass key is", f" {key}.", scored="first integer")
    return Trial(tell, (asked,))


def _needle(
    rng: random.Random, tokenizer: PreTrainedTokenizerBase, length: int, depth: float
) -> Trial:
    """One sentence with a city and its number at a given depth of varied talk."""
    city, key = rng.choice(words.CITY[0]), str(rng.randrange(10 ** (DIGITS - 1), 10**DIGITS))
    text = _filled(tokenizer, lambda: episodes.filler(rng), length)
    tell = _with(text, f"The number of {city} is {key}.", depth)
    asked = Question(f"What is the number of {city}? The number of {city} is", f" {key}.",
                     scored="contained")
    return Trial(tell, (asked,))


def _mqar(rng: random.Random, tokenizer: PreTrainedTokenizerBase, n: int) -> Trial:
    """n pairs of words of one token each, then a key alone: the next token must be its value."""
    chosen = rng.sample(_single_words(tokenizer), 2 * n)
    pairs = list(zip(chosen[:n], chosen[n:]))
    told = "".join(key + value for key, value in pairs)
    asked = rng.sample(pairs, min(8, n))
    return Trial((told,), tuple(Question(key, value) for key, value in asked))


def _babi(rng: random.Random, tokenizer: PreTrainedTokenizerBase, n: int) -> Trial:
    """n people walk to rooms, perhaps more than once; where is one of them now?"""
    people = rng.sample(words.FIRST[0], max(1, (n + 1) // 2))
    where: dict[str, str] = {}
    tell = []
    for _ in range(n):
        who = rng.choice(people)
        where[who] = rng.choice([room for room in ROOMS if room != where.get(who)])
        tell.append(f"{who} {rng.choice(MOVES).format(r=where[who])}.")
    who = rng.choice(list(where))
    asked = Question(f"Where is {who}? {who} is in the", f" {where[who]}.", labels=ROOMS,
                     scored="only label")
    return Trial(tuple(tell), (asked,))


def _filled(
    tokenizer: PreTrainedTokenizerBase, sentence: Callable[[], str], length: int
) -> list[str]:
    """Sentences of at least `length` tokens in all."""
    found, n = [], 0
    while n < length:
        found.append(sentence())
        n += len(tokens.encode_part(tokenizer, " " + found[-1]))
    return found


def _with(sentences: list[str], needle: str, depth: float) -> tuple[str, ...]:
    """The needle between sentences, 0 first to 1 last -> prompts of about 64 tokens. The other
    prompts are the same for every depth."""
    at, size = round(depth * len(sentences)), max(1, PROMPT_TOKENS // 8)
    prompts = [list(sentences[i : i + size]) for i in range(0, len(sentences), size)]
    number = min(at // size, len(prompts) - 1)
    prompts[number].insert(at - number * size, needle)
    return tuple(" ".join(prompt) for prompt in prompts)


@cache
def _single_words(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Words of at least three lower-case letters that are one token after a space; ValueError if
    the tokenizer has too few."""
    texts = tokens.display(tokenizer, range(tokens.spelling(tokenizer).n_ids))
    found = [" " + t[1:] for t in texts if t[:1] == "·" and len(t) > 3 and t[1:].isalpha()
             and t[1:].isascii() and t[1:].islower()]
    if len(found) < 2 * max(PAIRS):
        raise ValueError(
            f"MQAR needs {2 * max(PAIRS)} words of one token each, and this tokenizer has "
            f"{len(found)}. Choose another model."
        )
    return found


def _passkeys(settings: Settings) -> list[CurvePoint]:
    return [
        CurvePoint(f"{n:,} tokens", n, settings, partial(_passkey, length=n)) for n in LENGTHS
    ]


def _needles(settings: Settings) -> list[CurvePoint]:
    return [
        CurvePoint(f"{n:,} tokens, depth {depth:.0%}", n, settings,
                   partial(_needle, length=n, depth=depth), y=depth)
        for n in LENGTHS for depth in DEPTHS
    ]


def _pairs(settings: Settings) -> list[CurvePoint]:
    return [CurvePoint(f"{n} pairs", n, settings, partial(_mqar, n=n)) for n in PAIRS]


def _stories(settings: Settings) -> list[CurvePoint]:
    return [
        CurvePoint(f"{n} sentence{'s' * (n > 1)}", n, settings, partial(_babi, n=n))
        for n in SENTENCES
    ]


TASKS = {task.name: task for task in (
    Curve("passkey", "A four-digit number hidden in text that repeats itself; right if it is the "
          "first whole number of the reply (Mohtashami & Jaggi 2023, arXiv:2305.16300).",
          "tokens of text", _passkeys,
          "The easiest of the tasks: the text around it is dull, the number stands out. It shows "
          "that something survives, not that it is understood."),
    Curve("needle", "A city's number in varied talk, by depth and length; right if the reply holds "
          "the number (after Kamradt 2023 and RULER, arXiv:2404.06654).",
          "tokens of text", _needles,
          "The haystack is made of simple sentences; with essays a model of this size is lost for "
          "other reasons. Read the map for where the memory loses, not for its level."),
    Curve("mqar", "Pairs of words, then a key alone: its value must be the next token; share of "
          "the answer positions that are right (Arora et al. 2023, arXiv:2312.04927).",
          "pairs", _pairs,
          "The field trains a model on this task; here it is asked as it is, words without "
          "grammar. It shows what the copying heads can do through the memory, and nothing of "
          "language."),
    Curve("babi", "People walk to rooms; where is one of them now? Right if the room is the only "
          "one named in the first sentence (in the manner of bAbI task 1, arXiv:1502.05698, scored "
          "as in BABILong, arXiv:2406.10149).", "sentences", _stories,
          "These stories were not in the training, and later moves replace earlier ones: a small "
          "model can find the name and still say the earlier room."),
)}
