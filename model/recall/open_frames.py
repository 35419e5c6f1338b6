"""Frames of open facts: sentences in which any words may stand, and how they are asked for.

A frame says one thing in several ways, each a sentence with the place of the value, "[v]". The
words in it are drawn from `grammar_words`, so that hardly any frame comes twice. This file does not
know values, nor what else is said (open_facts.py).
"""
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from model.recall import grammar_words as g
from model.recall.phrases_of_things import MINE, Phrases

V = "[v]"


@dataclass(frozen=True)
class Frame:
    """ways: sentences that tell the same; asks: (question, sentence that answers it); value: which
    values fit, "name", "word", "number", "any"."""
    ways: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    value: str = "any"

    def map(self, change: Callable[[str], str]) -> "Frame":
        """The same with every text changed."""
        asks = tuple((change(question), change(answer)) for question, answer in self.asks)
        return replace(self, ways=tuple(map(change, self.ways)), asks=asks)


@dataclass(frozen=True)
class Family:
    """Templates of one kind of sentence. `parts`: which words they need, by letter: see `_draw`."""
    parts: str
    ways: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    value: str = "any"


FAMILIES = (
    Family("A X", ("{A} of {X} is [v].", "{X.s} {A.bare} is [v].", "[v] is {A} of {X}.",
                   "{X} has [v] for {A.bare}."),
           (("What is {A} of {X}?", "It is [v]."), ("What is {X.s} {A.bare}?", "It is [v]."),
            ("What is {A} of {X}?", "{A} of {X} is [v]."),
            ("What {A.bare} does {X} have?", "The {A.bare} is [v]."))),
    Family("m a X", ("The {m} {a} of {X} is [v].", "The {a} of {X.s} {m} is [v].",
                     "{X.s} {m} {a} is [v].", "For the {m} of {X} the {a} is [v]."),
           (("What is the {m} {a} of {X}?", "It is [v]."),
            ("What is {X.s} {m} {a}?", "It is [v]."),
            ("Which {a} does the {m} of {X} have?", "The {a} is [v]."))),
    Family("N", ("{N} is called [v].", "{N} is named [v].", "The name of {N} is [v].",
                 "{N.s} name is [v].", "They call {N} [v].", "{N} goes by the name of [v].",
                 "[v] is the name of {N}."),
           (("What is {N} called?", "{N.it} is called [v]."), ("What is {N} named?", "It is named [v]."),
            ("What is the name of {N}?", "The name is [v]."), ("What do they call {N}?", "They call {N.obj} [v]."),
            ("How is {N} called?", "{N} is called [v].")), "name"),
    Family("S N W", ("{S} named {N} [v] {W}.", "{W} {S} named {N} [v].", "{S} called {N} [v] {W}.",
                     "{N} was named [v] {W}.", "{S} gave {N} the name [v]."),
           (("What did {S} name {N}?", "{S.it} named {N.obj} [v]."),
            ("What did {S} call {N}?", "{S.it} called {N.obj} [v]."),
            ("What was {N} named {W}?", "{N.it} was named [v].")), "name"),
    Family("S L T U", ("{S} {L.past} {T} {U} [v].", "{T} was {L.part} {U} [v].",
                       "{T} was {L.part} {U} [v] by {S}.", "It was {U} [v] that {S} {L.past} {T}."),
           (("Where did {S} {L.base} {T}?", "{S.it} {L.past} {T.obj} {U} [v]."),
            ("Where was {T} {L.part}?", "It was {L.part} {U} [v]."),
            ("Where did {S} {L.base} {T}?", "{U} [v]."))),
    Family("S L T U W", ("{S} {L.past} {T} {U} [v] {W}.", "{W} {S} {L.past} {T} {U} [v].",
                         "{T} was {L.part} {U} [v] {W}."),
           (("Where did {S} {L.base} {T} {W}?", "{S.it} {L.past} {T.obj} {U} [v]."),
            ("Where was {T} {L.part} {W}?", "{U} [v]."))),
    Family("S O Q", ("{S} {O.past} [v] {Q}.", "{Q} {S} {O.past} [v].", "[v] was {O.part} {Q}.",
                     "{Q} [v] was {O.part} by {S}."),
           (("What did {S} {O.base} {Q}?", "{S.it} {O.past} [v]."), ("What was {O.part} {Q}?", "[v]."),
            ("Whom did {S} {O.base} {Q}?", "{S.it} {O.past} [v]."))),
    Family("S O W", ("{S} {O.past} [v] {W}.", "{W} {S} {O.past} [v].", "[v] was {O.part} by {S} {W}.",
                     "It was [v] that {S} {O.past} {W}."),
           (("What did {S} {O.base} {W}?", "{S.it} {O.past} [v]."),
            ("Who was {O.part} by {S} {W}?", "[v]."))),
    Family("X O H", ("{X} {O.third} [v] {H}.", "{H} {X} {O.third} [v].", "[v] is {O.part} by {X} {H}."),
           (("What does {X} {O.base} {H}?", "{X.it} {O.third} [v]."),
            ("Whom does {X} {O.base} {H}?", "{H} {X.it} {O.third} [v]."))),
    Family("X P", ("{X} {P.third} {P.prep} [v].", "It is [v] that {X} {P.third} {P.prep}.",
                   "As I know, {X} {P.third} {P.prep} [v]."),
           (("What does {X} {P.base} {P.prep}?", "{X.it} {P.third} {P.prep} [v]."),
            ("Where does {X} {P.base} {P.prep}?", "{X.it} {P.third} {P.prep} [v]."),
            ("Where does {X} {P.base}?", "{X} {P.third} {P.prep} [v]."),
            ("Who does {X} {P.base} {P.prep}?", "{P.prep} [v]."))),
    Family("X P H", ("{X} {P.third} {P.prep} [v] {H}.", "{H} {X} {P.third} {P.prep} [v].",
                     "{P.prep} [v] {X} {P.third} {H}."),
           (("Where does {X} {P.base} {H}?", "{X.it} {P.third} {P.prep} [v]."),
            ("What does {X} {P.base} {P.prep} {H}?", "{X.it} {P.third} {P.prep} [v]."))),
    Family("S P W", ("{S} {P.past} {P.prep} [v] {W}.", "{W} {S} {P.past} {P.prep} [v]."),
           (("Where did {S} {P.base} {W}?", "{S.it} {P.past} {P.prep} [v]."),
            ("Who did {S} {P.base} {P.prep} {W}?", "{S.it} {P.past} {P.prep} [v]."))),
    Family("X P T", ("{X} {P.third} {P.prep} [v] and {T}.", "{X} {P.third} {P.prep} [v] with {T}.",
                     "{X} {P.third} {P.prep} {T} and [v]."),
           (("What does {X} {P.base} {P.prep} besides {T}?", "{X.it} {P.third} {P.prep} [v]."),
            ("What does {X} {P.base} {P.prep}?", "{X.it} {P.third} {P.prep} [v]."))),
    Family("O T W", ("[v] {O.past} {T} {W}.", "{T} was {O.part} by [v] {W}.", "{W} [v] {O.past} {T}.",
                     "It was [v] who {O.past} {T} {W}.", "The one who {O.past} {T} {W} is [v]."),
           (("Who {O.past} {T} {W}?", "It was [v]."), ("Who {O.past} {T} {W}?", "[v] {O.past} {T.obj}."),
            ("By whom was {T} {O.part} {W}?", "{T.it} was {O.part} by [v].")), "name"),
    Family("T", ("Nobody but [v] has {T}.", "Only [v] has {T}.", "{T} is with [v].",
                 "[v] alone has {T}.", "No one except [v] has {T}.", "{T} belongs to nobody but [v]."),
           (("Who has {T}?", "Nobody but [v]."), ("Who has {T}?", "Only [v] has {T.obj}."),
            ("Where is {T}?", "{T.it} is with [v].")), "name"),
    Family("O T", ("Nobody but [v] {O.third} {T}.", "Only [v] {O.third} {T}.",
                   "No one else than [v] {O.third} {T}.", "{T} is {O.part} by nobody but [v]."),
           (("Who {O.third} {T}?", "Nobody but [v]."), ("Who {O.third} {T}?", "Only [v] {O.third} {T.obj}."),
            ("By whom is {T} {O.part}?", "By [v].")), "name"),
    Family("J O T h", ("{J} [v] will {O.base} {T} {h}.", "{h} {J} [v] will {O.base} {T}.",
                       "{T} will be {O.part} by {J} [v] {h}.", "{h} {T} will be {O.part} by {J} [v]."),
           (("Who will {O.base} {T} {h}?", "{J} [v]."),
            ("Who will {O.base} {T} {h}?", "{h} {T} will be {O.part} by {J} [v]."),
            ("By whom will {T} be {O.part} {h}?", "By {J} [v].")), "name"),
    Family("J O I h", ("{J} [v] will {O.base} {I} {h}.", "{h} {J} [v] will {O.base} {I}.",
                       "{J} [v] is going to {O.base} {I} {h}."),
           (("Who will {O.base} {I} {h}?", "{J} [v]."),
            ("Who will {O.base} {I} {h}?", "{h} {J} [v] will {O.base} {I}.")), "name"),
    Family("e f M H", ("The {e} {f} [v] {M} {H}.", "{H} the {e} {f} [v] {M}.", "{H} {M} the {e} {f} [v]."),
           (("Which {e} {M} {H}?", "The {e} {f} [v]."), ("Which {e} {M} {H}?", "{H} {M} the {e} {f} [v]."),
            ("What {M} {H}?", "The {e} {f} [v].")), "name"),
    Family("t Q", ("{Q} you will find the [v] {t}.", "The [v] {t} is {Q}.", "{Q} is the [v] {t}.",
                   "{Q} there is the [v] {t}."),
           (("Which {t} is {Q}?", "The [v] {t} is {Q}."), ("What is {Q}?", "The [v] {t}."),
            ("Which {t} will I find {Q}?", "The [v] {t}."))),
    Family("S O t W", ("{S} {O.past} the [v] {t} {W}.", "{W} {S} {O.past} the [v] {t}.",
                       "The [v] {t} was {O.part} by {S} {W}."),
           (("Which {t} did {S} {O.base} {W}?", "The [v] {t}."),
            ("Which {t} did {S} {O.base} {W}?", "{S.it} {O.past} the [v] {t}."))),
    Family("X b D T", ("{X} {b} said that [v] {D.third} {T}.", "As {X} {b} said, [v] {D.third} {T}.",
                       "[v] {D.third} {T}, {X} {b} said.", "According to {X}, [v] {D.third} {T}."),
           (("What {D.third} {T}, as {X} said?", "[v]."), ("What did {X} say {D.third} {T}?", "[v] {D.third} {T}."),
            ("Who {D.third} {T}, according to {X}?", "According to {X}, [v] {D.third} {T}."))),
    Family("X b N q", ("{X} {b} said that {N} was {q} [v].", "As {X} {b} said, {N} was {q} [v]."),
           (("What was {N} {q}, as {X} said?", "{N.it} was {q} [v]."),
            ("What did {X} say that {N} was {q}?", "{q} [v]."))),
    Family("d T k", ("To {d} {T}, {k} [v].", "You must {k} [v] to {d} {T}.", "If you want to {d} {T}, {k} [v].",
                     "{k} [v] when you want to {d} {T}.", "Whoever wants to {d} {T} must {k} [v]."),
           (("What must I {k} to {d} {T}?", "{k} [v]."), ("How do I {d} {T}?", "{k} [v]."),
            ("What do you {k} to {d} {T}?", "To {d} {T}, {k} [v]."))),
    Family("d T k r", ("To {d} {T}, {k} [v] {r}.", "{k} [v] {r} to {d} {T}.", "You {d} {T} when you {k} [v] {r}."),
           (("What must I {k} to {d} {T}?", "{k} [v]."), ("How can I {d} {T}?", "{k} [v] {r}."))),
    Family("S n C", ("{S} paid {n} {C} for the [v].", "For {n} {C} {S} bought the [v].",
                     "The [v] cost {S.obj} {n} {C}.", "{S} gave {n} {C} for the [v]."),
           (("What did {S} pay {n} {C} for?", "For the [v]."), ("What did {S} buy for {n} {C}?", "The [v]."),
            ("What did {S} pay {n} {C} for?", "{S.it} paid {n} {C} for the [v]."))),
    Family("S B T W", ("{S} {B.past} {T} from [v] {W}.", "{W} {S} {B.past} {T} from [v].",
                       "{T} was {B.part} from [v] {W}."),
           (("From whom did {S} {B.base} {T}?", "{S.it} {B.past} {T.obj} from [v]."),
            ("Who did {S} {B.base} {T} from?", "From [v]."),
            ("From whom was {T} {B.part}?", "{T.it} was {B.part} from [v].")), "name"),
    Family("S G T W", ("{S} {G.past} {T} to [v] {W}.", "{W} {S} {G.past} {T} to [v].",
                       "{T} was {G.part} to [v] {W}.", "{S} {G.past} [v] {T} {W}."),
           (("To whom did {S} {G.base} {T}?", "{S.it} {G.past} {T.obj} to [v]."),
            ("Who did {S} {G.base} {T} to?", "To [v].")), "name"),
    Family("X D", ("{X} {D.third} [v].", "What {X} {D.third} is [v].", "[v] is what {X} {D.third}."),
           (("What does {X} {D.base}?", "{X.it} {D.third} [v]."), ("Whom does {X} {D.base}?", "[v]."))),
    Family("X D l", ("{X} {D.third} the {l} of [v].", "The {l} of [v] is {D.part} by {X}.",
                     "One sees the {l} of [v] on {X}."),
           (("What does {X} {D.base}?", "The {l} of [v]."), ("Which {l} does {X} {D.base}?", "The {l} of [v]."),
            ("What does {X} {D.base}?", "{X.it} {D.third} the {l} of [v].")), "name"),
    Family("X K", ("{X} has [v] {K}.", "There are [v] {K} in {X}.", "{X} comes with [v] {K}.",
                   "One counts [v] {K} in {X}."),
           (("How many {K} has {X}?", "{X.it} has [v] {K}."), ("How many {K} does {X} have?", "{X.it} has [v]."),
            ("How many {K} are there in {X}?", "There are [v].")), "number"),
    Family("X", ("{X} is [v] years old.", "The age of {X} is [v].", "{X} has lived for [v] years."),
           (("How old is {X}?", "{X.it} is [v] years old."), ("What age is {X}?", "{X.it} is [v].")), "number"),
    Family("T C", ("{T} costs [v] {C}.", "The price of {T} is [v] {C}.", "They ask [v] {C} for {T}.",
                   "You can buy {T} for [v] {C}."),
           (("How much does {T} cost?", "It costs [v] {C}."), ("What is the price of {T}?", "[v] {C}."),
            ("How many {C} does {T} cost?", "It costs [v].")), "number"),
    Family("X z", ("{X} {z[0]} [v] {z[1]}.", "As they say, {X} {z[0]} [v] {z[1]}."),
           (("{z[2]} {X}?", "{X.it} {z[0]} [v]."), ("{z[2]} {X}?", "{X} {z[0]} [v] {z[1]}.")), "number"),
    Family("Q", ("There is a [v] {Q}.", "{Q} there is a [v].", "{Q} stands a [v].", "A [v] is {Q}.",
                 "{Q} you can see a [v]."),
           (("What is {Q}?", "There is a [v] {Q}."), ("What is there {Q}?", "A [v]."),
            ("What stands {Q}?", "{Q} stands a [v].")), "word"),
    Family("t X O H", ("The {t} that {X} {O.third} {H} is called [v].", "{H} {X} {O.third} a {t} called [v].",
                       "{X} {O.third} a {t} called [v] {H}.", "The name of the {t} that {X} {O.third} {H} is [v]."),
           (("What is the {t} called that {X} {O.third} {H}?", "It is called [v]."),
            ("What is the name of the {t} that {X} {O.third} {H}?", "Its name is [v].")), "name"),
    Family("t S O W", ("The {t} that {S} {O.past} {W} is [v].", "{W} {S} {O.past} a {t}, it was [v]."),
           (("What is the {t} that {S} {O.past} {W}?", "It is [v]."),
            ("Which {t} did {S} {O.base} {W}?", "The {t} is [v]."))),
    Family("E y x", ("{E} {y.third} {x} [v].", "{x} [v] {E} {y.third}.", "They say that {E} {y.third} {x} [v]."),
           (("When does {E} {y.base}?", "{E.it} {y.third} {x} [v]."), ("When does {E} {y.base}?", "{x} [v]."),
            ("{x} what does {E} {y.base}?", "{E} {y.third} {x} [v]."))),
    Family("X T", ("{X} prefers [v] to {T}.", "{X} likes [v] better than {T}.", "Rather than {T}, {X} takes [v].",
                   "Instead of {T}, {X} chose [v]."),
           (("What does {X} prefer to {T}?", "{X.it} prefers [v] to {T}."),
            ("What does {X} like better than {T}?", "[v]."))),
    Family("X T u", ("{X} uses [v] {u} {T}.", "{u} {T} {X} uses [v].", "[v] is what {X} uses {u} {T}."),
           (("What does {X} use {u} {T}?", "{X.it} uses [v]."), ("What is used {u} {T}?", "[v]."))),
    Family("X q", ("{X} is {q} [v].", "They say that {X} is {q} [v].", "{X} has always been {q} [v].",
                   "What {X} is {q} is [v]."),
           (("What is {X} {q}?", "{X.it} is {q} [v]."), ("Who is {X} {q}?", "{X.it} is {q} [v]."))),
    Family("R X", ("The {R} of {X} is [v].", "[v] is the {R} of {X}.", "{X.s} {R} is [v].",
                   "{X} has [v] for a {R}."),
           (("Who is the {R} of {X}?", "It is [v]."), ("Who is {X.s} {R}?", "The {R} of {X} is [v]."),
            ("Who is the {R} of {X}?", "[v] is the {R} of {X}.")), "name"),
    Family("T2 Z", ("The word for {T2} is [v].", "[v] is the word for {T2}.", "In {Z} {T2} is [v].",
                    "{T2} is called [v] in {Z}.", "[v] means {T2}."),
           (("What is the word for {T2}?", "It is [v]."), ("What is {T2} in {Z}?", "In {Z} it is [v]."),
            ("Which word means {T2}?", "[v]."))),
    Family("X i", ("You can {i} {X} at [v].", "To {i} {X}, go to [v].", "At [v] you can {i} {X}."),
           (("Where can I {i} {X}?", "You can {i} {X.obj} at [v]."), ("Where can I {i} {X}?", "At [v]."))),
    Family("X I W2", ("{X} will meet {I} at [v] {W2}.", "{W2} {X} will meet {I} at [v].",
                      "{X} will be waiting for {I} at [v] {W2}."),
           (("Where will {X} meet {I} {W2}?", "{X.it} will meet {I} at [v]."),
            ("Where will {X} be {W2}?", "At [v]."))),
    Family("T F k", ("If {T} {F.third}, {k} [v].", "{k} [v] if {T} {F.third}.", "When {T} {F.third}, you must {k} [v]."),
           (("What should I {k} if {T} {F.third}?", "{k} [v]."), ("What must I {k} when {T} {F.third}?", "[v]."))),
    Family("X o", ("{X} wants to become {o} [v].", "Some day {X} will be {o} [v]."),
           (("What does {X} want to become?", "{X.it} wants to become {o} [v]."),
            ("What will {X} be some day?", "{X.it} will be {o} [v]."))),
    Family("A X W", ("{W} {A} of {X} was [v].", "{A} of {X} was [v] {W}.", "{X.s} {A.bare} was [v] {W}."),
           (("What was {A} of {X} {W}?", "It was [v]."), ("What was {X.s} {A.bare} {W}?", "It was [v] {W}."))),
    Family("X j Y", ("From {X} to {Y} it is [v] {j}.", "It is [v] {j} from {X} to {Y}.",
                     "{Y} is [v] {j} away from {X}."),
           (("How far is it from {X} to {Y}?", "It is [v] {j}."),
            ("How many {j} is {Y} away from {X}?", "It is [v].")), "number"),
    Family("X s", ("{X} has been {s} since [v].", "Since [v] {X} has been {s}."),
           (("Since when has {X} been {s}?", "Since [v]."),
            ("Since when has {X} been {s}?", "{X.it} has been {s} since [v]."))),
    Family("B2 X", ("The {B2} about {X} was written by [v].", "[v] wrote the {B2} about {X}.",
                    "The author of the {B2} about {X} is [v]."),
           (("Who wrote the {B2} about {X}?", "It was written by [v]."),
            ("Who is the author of the {B2} about {X}?", "[v].")), "name"),
)

_MEASURES = (("weighs", "pounds", "How much does weigh"), ("is", "feet high", "How high is"),
             ("is", "miles long", "How long is"), ("is", "metres deep", "How deep is"),
             ("is", "inches wide", "How wide is"), ("lasts", "minutes", "How long lasts"),
             ("needs", "days", "How many days needs"), ("holds", "people", "How many people holds"))
_STATES = ("made of", "full of", "covered with", "afraid of", "famous for", "married to", "painted in",
           "built on", "proud of", "tired of", "known for", "fond of", "related to", "filled with",
           "surrounded by", "engaged to", "jealous of", "close to", "good at", "bad at", "allergic to",
           "ruled by", "guarded by", "owned by", "loved by", "sold at", "interested in", "ready for")
_SINCE = ("ill", "closed", "open", "away", "lost", "empty", "broken", "at home", "in danger", "for sale",
          "out of order", "under water", "in use", "asleep", "famous")


def _draw(rng: random.Random, p: Phrases) -> dict[str, Any]:
    """A word or phrase for every letter that templates use, drawn when asked for. Pronouns, prepositions
    and numbers are free: the rule holds out nouns, verbs and adjectives."""
    choose = p.choose
    return {
        "A": p.attribute, "X": p.anything, "Y": p.place, "N": p.named, "S": p.subject, "T": p.thing,
        "E": p.event, "R": lambda: p.word(g.PEOPLE), "Q": p.where, "W": lambda: p.word(g.TIMES),
        "H": lambda: p.word(g.HABITS), "h": lambda: choose((p.word(g.HABITS), "tomorrow", "at four",
                                                            "at ten", "next week", "on Sunday")),
        "W2": lambda: choose(("tomorrow", "tonight", "at five", "at eight", "on Friday", "next week")),
        "U": lambda: rng.choice(g.PREPOSITIONS), "L": lambda: p.verb(g.PLACE_VERBS),
        "O": lambda: p.verb(g.OBJECT_VERBS), "P": lambda: p.verb(g.PLACED_VERBS),
        "G": lambda: p.verb(g.GIVE_VERBS), "B": lambda: p.verb(g.TAKE_VERBS),
        "D": lambda: p.verb(g.SHOW_VERBS), "d": lambda: p.word(g.DO_VERBS),
        "k": lambda: p.word(g.TOLD_TO), "m": lambda: p.word(g.MODIFIERS),
        "a": lambda: p.word(g.ATTRIBUTES), "t": lambda: p.word(rng.choice((g.THINGS, g.NAMED))),
        "e": lambda: p.word(rng.choice((g.EVENTS, g.NAMED))), "J": lambda: p.word(g.TITLES),
        "n": lambda: rng.choice(g.NUMBERS), "C": lambda: p.word(g.COINS), "K": lambda: p.word(g.UNITS),
        "I": lambda: rng.choice(("me", "us", "you", "him", "her", "them")),
        "f": lambda: rng.choice(("from", "to", "for", "of", "with", "via")),
        "M": lambda: choose(("arrives", "leaves", "begins", "ends", "stops", "comes", "opens", "sails")),
        "b": lambda: choose(("always", "often", "once", "never", "still", "also")),
        "r": lambda: choose(("twice", "three times", "slowly", "softly", "at once", "before noon")),
        "l": lambda: choose(("island", "town", "king", "house", "battle", "ghost", "river", "city", "family",
                             "kingdom", "castle", "story", "queen", "street", "mountain", "forest")),
        "z": lambda: choose(_MEASURES), "q": lambda: choose(_STATES), "s": lambda: choose(_SINCE),
        "y": lambda: g.verb(choose(("begin", "end", "start", "open", "close", "leave", "return", "stop"))),
        "x": lambda: rng.choice(("at", "on", "in", "before", "after")),
        "u": lambda: rng.choice(("for", "with", "against", "instead of")),
        "T2": lambda: p.word(rng.choice((g.THINGS, g.PLACES, g.PEOPLE))),
        "Z": lambda: choose(("French", "Latin", "their language", "Spanish", "my language", "old English")),
        "i": lambda: choose(("reach", "find", "buy", "visit", "see", "meet", "call", "hire")),
        "F": lambda: g.verb(choose(("stop", "break", "ring", "leak", "burn", "fall", "shake", "open", "fail"))),
        "o": lambda: rng.choice(("a", "the", "like", "as good as")),
        "j": lambda: choose(("miles", "steps", "hours", "days", "minutes", "metres")),
        "B2": lambda: choose(("book", "poem", "song", "play", "story", "report", "article", "film")),
    }


def grammar_frame(rng: random.Random, held_out: bool = False) -> Frame:
    """A frame that hardly any other call gives. held_out: of words never trained on."""
    family = rng.choice(FAMILIES)
    drawers = _draw(rng, Phrases(rng, held_out))
    parts = {letter: drawers[letter]() for letter in family.parts.split()}
    frame = Frame(family.ways, family.asks, family.value)
    return frame.map(lambda text: sentence(text.format(**parts)))


_OBJECT = {"I": "me", "we": "us"}


def sentence(text: str) -> str:
    """With a capital, "an" where it belongs, and English where the templates were too simple."""
    text = re.sub(r"\b([aA]) (?=[aeioAEIO])", r"\1n ", text)
    text = re.sub(r"\b(by|for|to|from|with) (I|we)\b", lambda m: f"{m[1]} {_OBJECT[m[2]]}", text)
    text = re.sub(r"^How much does weigh (.*)\?", r"How much does \1 weigh?", text)
    text = re.sub(r"^How long lasts (.*)\?", r"How long does \1 last?", text)
    text = re.sub(r"^How many (days|people) (need|hold)s (.*)\?", r"How many \1 does \3 \2?", text)
    return text[:1].upper() + text[1:]


_CLASSES = ((MINE[:4], MINE[:4]), g.PEOPLE, g.RELATIVES, g.KIN, g.THINGS, g.NAMED, g.PLACES, g.EVENTS, g.GROUPS, g.ATTRIBUTES,
            g.MODIFIERS, g.ADJECTIVES, g.UNITS, g.TIMES, g.HABITS)
_LISTS_OF: dict[tuple[str, bool], list[Any]] = {}
for _listed in _CLASSES:
    for _side in (False, True):
        for _word in _listed[_side]:
            _LISTS_OF.setdefault((_word.lower(), _side), []).append(_listed)


def near(rng: random.Random, frame: Frame, held_out: bool = False) -> Frame | None:
    """The same frame with one of its words replaced by another of its kind, in every sentence; None
    where there is no such word."""
    said = frame.ways[0].lower()
    inside = [(word, listed) for word in re.findall(r"[a-z]+", said)
              for listed in _LISTS_OF.get((word, held_out), ())]
    inside += [(word, listed) for listed in (g.TIMES, g.HABITS) for word in listed[held_out]
               if " " in word and word.lower() in said]
    if not inside:
        return None
    word, listed = rng.choice(inside)
    others = [other for other in listed[held_out] if other != word]
    if not others:
        return None
    other: str = rng.choice(others)

    def swap(match: re.Match[str]) -> str:
        return other[0].upper() + other[1:] if match[0][0].isupper() else other

    return frame.map(lambda text: re.sub(rf"\b{re.escape(word)}\b", swap, text, flags=re.IGNORECASE))
