"""What the visitor chose on the Recall page: the probe, the memory's settings, the variant.

Knows nothing of results.
"""

from dataclasses import dataclass

from components.frame.choices import Cells, Choice, OneOf, Several, Text, Whole, choose, chosen
from components.kit.own_sentence import Sentence
from model.memory import eviction, salience
from model.memory.settings import Settings
from model.recall.probe import Probe

VIEWS = {
    "probe": "One probe", "cause": "What causes it", "curves": "Curves",
    "tasks": "Standard tasks", "file": "Your probes", "board": "Scoreboard",
}
TITLES = {
    "gpt2": "GPT-2", "gpt2+rnn": "+ RNN", "gpt2+edm": "+ EDM", "gpt2+am": "+ AM",
    "gpt2-m": "GPT2-M",
}
WHAT = {
    "gpt2": "no memory", "gpt2+rnn": "recurrent states, before and after the stack",
    "gpt2+edm": "external memory: slots of key and value",
    "gpt2+am": "attention over Local ∪ Memory", "gpt2-m": "all of them",
}
DISTANCES = (0, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
SOURCES = {"made": "made-up talk", "own": "your own text", "file": "a text file"}
SLOTS = (16, 32, 64, 128, 256, 512)
MOST_TELL, MOST_ASK, MOST_TEXT = 50_000, 4_000, 100_000  # characters
PLAIN, PLAIN_SLOTS = Settings(), 128


@dataclass(frozen=True)
class ProbeExample:
    """A probe to begin with, and one sentence on what to look at."""

    tell: str
    ask: str
    answer: str
    look: str
    distance: int = 0


EXAMPLES = {
    "James Theory": ProbeExample(
        "My name is James Theory. I live in New York.", "Where do I live? You live in",
        " New York",
        "Only the columns with memory can say New York: it is not in the question's prompt.",
    ),
    "Two people": ProbeExample(
        "The favourite drink of Mary is tea. The favourite drink of Tom is coffee.",
        "What is the favourite drink of Mary? The favourite drink of Mary is", " tea",
        "Two drinks are in memory. Under “What causes it”, swap the values of tea and coffee.",
    ),
    "He moved": ProbeExample(
        "I live in Boston.\nI moved to Madrid.", "Where do I live? You live in", " Madrid",
        "Two contradicting facts were told. Does it answer the latest, the first, or neither?",
    ),
    "Never told": ProbeExample(
        "My name is James Theory. I live in New York.", "What is my job? You work as a", "",
        "The answer was never told. An honest memory changes nothing here.",
    ),
    "After 250 tokens": ProbeExample(
        "My name is James Theory. I live in New York.", "Where do I live? You live in",
        " New York", "Other talk came in between. Which memories still hold the fact?", 250,
    ),
}
FIRST = EXAMPLES["James Theory"]  # filled in on a first visit
HOW = {
    "without": "Take words away", "only": "Keep only them", "swap": "Swap two values",
    "edit": "Change a value",
}
CURVES = {
    "distance": "Distance", "far": "Far", "facts": "Facts", "slots": "Slots",
    "policy": "Policy × salience", "contradiction": "Contradiction", "paraphrase": "Paraphrase",
}
TASKS = {"passkey": "Passkey", "needle": "Needle", "mqar": "MQAR", "babi": "bAbI-style"}
CURVE_SOURCES = {"shipped": "Shipped", "own": "Measured here"}
EPISODES_A_POINT = {n: str(n) for n in (5, 10, 25, 50, 125)}
CLICKED_PROMPT = "recall:clicked prompt"  # session key, until the next run takes its words
IN_LINK = Text(2000)  # longer texts stay in the tab
TEXTS = "the probe’s texts, which are too long"

VIEW = Choice("recall_view", OneOf(VIEWS), "probe")
TELL = Choice("recall_tell", IN_LINK, FIRST.tell, what=TEXTS)
ASK = Choice("recall_ask", IN_LINK, FIRST.ask, what=TEXTS)
ANSWER = Choice("recall_answer", IN_LINK, FIRST.answer, what=TEXTS)
DISTANCE = Choice("recall_distance", Whole(0, 1_000_000), FIRST.distance)
SEED = Choice("recall_seed", Whole(), 0)
SOURCE = Choice("recall_source", OneOf(SOURCES), "made")
TEXT = Choice("recall_text", IN_LINK, "", what=TEXTS)
BUDGET = Choice("recall_slots", OneOf({n: str(n) for n in SLOTS}), PLAIN_SLOTS)
POLICY = Choice("recall_policy", OneOf({n: eviction.title(n) for n in eviction.NAMES}), PLAIN.policy)
SCORE = Choice("recall_score", OneOf({name: name for name in salience.SCORES}), PLAIN.fusion.score)
BEST = Choice("recall_best", Whole(0, 64), 0)
VARIANT = Choice("recall_variant", OneOf(TITLES), "gpt2-m")  # the whole system at first
CHANGE = Choice("recall_how", OneOf(HOW), "without")
WORDS = Choice("recall_words", Cells(), [])  # (prompt, position) of each word that is changed
OTHER = Choice("recall_other", Text(), "")  # the token that is put in a word's place
CURVE = Choice("recall_curve", OneOf(CURVES), "slots")  # a shipped one
TASK = Choice("recall_task", OneOf(TASKS), "passkey")
CURVE_SOURCE = Choice("recall_curve_source", OneOf(CURVE_SOURCES), "shipped")
CURVE_VARIANTS = Choice("recall_curve_variants", Several(TITLES))
EPISODES = Choice("recall_episodes", OneOf(EPISODES_A_POINT), 10)
EPISODES_OF = Choice("recall_episodes_of", OneOf(TITLES))
FILE_VARIANTS = Choice("recall_file_variants", Several(TITLES))
CHOICES = (VIEW, TELL, ASK, ANSWER, DISTANCE, SEED, SOURCE, TEXT, BUDGET, POLICY, SCORE, BEST,
           VARIANT, CHANGE, WORDS, OTHER, CURVE, TASK, CURVE_SOURCE, CURVE_VARIANTS, EPISODES,
           EPISODES_OF, FILE_VARIANTS)


def use_example(name: str) -> None:
    """Fill the form with an example."""
    one = EXAMPLES[name]
    use(Probe(tuple(one.tell.split("\n")), one.ask, one.answer or None, one.distance))


def use_sentence(one: Sentence) -> None:
    """Fill the form with a sentence and a question about it."""
    use(Probe((one.tell,), one.ask, one.answer))


def use(probe: Probe) -> None:
    """Fill the form with a probe, and look at it."""
    choose(TELL, "\n".join(probe.tell))
    choose(ASK, probe.ask)
    choose(ANSWER, probe.answer or "")
    choose(DISTANCE, probe.distance)
    choose(SEED, probe.seed)
    choose(SOURCE, "own" if probe.distraction else "made")
    if probe.distraction:
        choose(TEXT, probe.distraction)
    forget_words()


def look_sentence() -> str:
    """The one sentence on what to look at, of the example that is filled in; else a plain one."""
    now = (chosen(TELL), chosen(ASK), chosen(DISTANCE))
    for one in EXAMPLES.values():
        if now == (one.tell, one.ask, one.distance):
            return one.look
    return "Compare the columns: a memory adds what GPT-2 alone does not say."


def probe(text: str) -> Probe:
    """The probe in the form; text: the distraction's, "" if it is made up."""
    lines = tuple(line for line in chosen(TELL).split("\n") if line.strip())
    answer = chosen(ANSWER) if chosen(ANSWER).strip() else None
    return Probe(lines, chosen(ASK), answer, chosen(DISTANCE), text, chosen(SEED))


def settings() -> Settings:
    """The memory's settings, the same for all modules."""
    own = Settings(policy=chosen(POLICY), best=chosen(BEST))
    return own.with_slots(chosen(BUDGET)).with_fusion(score=chosen(SCORE))


def variant() -> str:
    """The chosen variant."""
    return chosen(VARIANT)


def choose_variant(name: str) -> None:
    """Remember a variant."""
    choose(VARIANT, name)


def forget_words() -> None:
    """No word is removed, swapped or changed any more."""
    choose(WORDS, [])
