"""How an open fact is asked for: its own words again, other words, or a question.

Everything here turns a frame (open_frames.py) into a question, the words that lead to the value and
the words behind it. This file does not know values.
"""
import random
import re
from dataclasses import dataclass

from model.recall.open_frames import Frame, V

# "word": the sentence again from its beginning. "last": its last words before the value. "other":
# another way to say it. "thin": the same words with some left out. "front": its end comes first.
# "turned": my becomes your. "question": a question, and the beginning of its answer.
STYLES = ("word", "last", "other", "thin", "front", "turned", "question")
_TURNED = {"i": "you", "me": "you", "my": "your", "we": "you", "us": "you", "our": "your",
           "your": "my", "am": "are", "mine": "yours"}
_PREPOSITIONS = ("in", "on", "at", "under", "behind", "near", "with", "from", "to", "for", "by", "after",
                 "before", "during", "over", "through", "into", "upon", "beside", "against")
_LOWER = {"the", "a", "an", "my", "our", "his", "her", "their", "your", "this", "that", "in", "on", "at",
          "to", "if", "when", "you", "there", "it", "as", "from", "for", "only", "nobody", "he", "she",
          "they", "we", "since", "under", "behind", "near", "beside", "no", "every", "last", "some",
          "one", "what", "who", "and", "but", "then", "so", "by", "with", "inside", "above", "below",
          "outside", "opposite", "beyond", "before", "after", "whoever", "according", "instead",
          "rather", "these", "those", "how", "why", "where", "nothing", "all", "both"}


@dataclass(frozen=True)
class Asking:
    """`question lead VALUE tail`; question or lead may be empty, not both."""
    question: str
    lead: str
    tail: str


def turned(text: str) -> str:
    """What I say about me, said to me: "my sister" -> "your sister"."""
    def turn(match: re.Match[str]) -> str:
        new = _TURNED.get(match[0].lower())
        if new is None:
            return match[0]
        return new.capitalize() if match[0] != "I" and match[0][0].isupper() else new
    text = re.sub(r"[A-Za-z']+", turn, text)
    return upper(re.sub(r"\byou was\b", "you were", text))


def lower(text: str) -> str:
    """Fit to stand inside a sentence."""
    first = "".join(re.findall(r"\A\w*", text))
    return text[:1].lower() + text[1:] if first.lower() in _LOWER else text


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def asking(frame: Frame, way: str, style: str, seed: str) -> Asking | None:
    """The fact told as `way`, asked in a style; the same seed asks a near frame in the same words.
    None where the sentence cannot be asked so."""
    rng = random.Random(seed)
    if style == "question":
        return _question(rng, frame)
    before: str | None
    before, _, after = way.partition(V)
    if style == "other":
        others = [other for other in frame.ways if other != way]
        if not others:
            return None
        before, _, after = rng.choice(others).partition(V)
    elif style == "last":
        before = _last(rng, before)
    elif style == "thin":
        before = _thin(rng, before)
    elif style == "turned":
        before, after = turned(before), _turned_tail(after)
        before = None if before == way.partition(V)[0] else before
    elif style == "front":
        before, after = _fronted(before, after)
    if before is None or not before.strip():
        return None
    return Asking("", before.strip(), after)


def _question(rng: random.Random, frame: Frame) -> Asking | None:
    if not frame.asks:
        return None
    question, answer = rng.choice(frame.asks)
    if rng.random() < 0.5:
        answer = turned(answer)
    before, _, after = answer.partition(V)
    if rng.random() < 0.12:
        question = rng.choice(("Tell me, ", "Please tell me, ", "And ", "So ", "Now, ")) + lower(question)
    return Asking(question, before.strip(), after)


def _last(rng: random.Random, before: str) -> str | None:
    """The last three to six words."""
    said = before.split()
    n = rng.randint(3, 6)
    return " ".join(said[-n:]) if len(said) > n else None


def _thin(rng: random.Random, before: str) -> str | None:
    """One to three words left out; the last two stay."""
    said = before.split()
    if len(said) < 5:
        return None
    gone = set(rng.sample(range(len(said) - 2), min(len(said) - 3, rng.randint(1, 3))))
    return upper(" ".join(word for i, word in enumerate(said) if i not in gone))


def _turned_tail(after: str) -> str:
    return re.sub(r"[A-Za-z']+", lambda m: _TURNED.get(m[0].lower(), m[0]), after)


def _fronted(before: str, after: str) -> tuple[str | None, str]:
    """"X planted [v] behind the house." -> "Behind the house X planted", "."."""
    words = "|".join(_PREPOSITIONS)
    found = re.match(rf"^( [\w' ]*?)?\s((?:{words}) [\w' ]{{3,40}})([.!?])$", after)
    if not found or not before.strip():
        return None, after
    return f"{upper(found[2])} {lower(before)}", (found[1] or "") + found[3]
