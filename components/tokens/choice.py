"""What the visitor chooses on the Tokens page. The token of the prompt is shared with other pages
(frame/place.py)."""

from components.frame.choices import Choice, OneOf, Text, Whole

VIEWS = {
    "merges": "Text to ids",
    "vectors": "Vectors",
    "likeness": "Likeness",
    "positions": "Positions",
    "neighbours": "Neighbours",
    "map": "Map",
    "vocabulary": "Vocabulary",
}
VECTORS = {"token": "token (wte)", "position": "position (wpe)", "total": "their sum"}
LIKENESS = {"token": "tokens alone (wte)", "total": "with their positions (wte + wpe)"}
SOURCES = {
    "list": "words of your own", "prompt": "the prompt’s tokens",
    "placed": "the prompt’s tokens with positions",
}
SUMS = {  # examples of vector arithmetic: a − b + c
    "he − his + her": (" he", " his", " her"),
    "brother − boy + girl": (" brother", " boy", " girl"),
    "king − man + woman": (" king", " man", " woman"),
}
LISTS = {  # examples for the map
    "pronouns": "he she it they we I him her them us me his their my our your",
    "verbs": "is was are were has had have do did does go went see saw come came say said",
    "numbers": "one two three four five six seven eight nine ten hundred",
    "people": "man woman boy girl brother sister father mother son daughter king queen",
}

VIEW = Choice("tokens", OneOf(VIEWS), "merges")
WORD = Choice("word", Text(), "")  # any text, instead of the prompt
PIECE = Choice("piece", Whole())
TOKEN = Choice("token", Text(), "·she")
VECTORS_OF = Choice("token_vectors", OneOf(VECTORS), "token")
LIKENESS_OF = Choice("token_likeness", OneOf(LIKENESS), "token")
MAP_OF = Choice("token_map", OneOf(SOURCES), "list")
WORDS = Choice("token_list", Text(), LISTS["pronouns"])
SEARCH = Choice("token_search", Text(), "ing")
SUM = tuple(
    Choice(f"sum_{letter}", Text(), first) for letter, first in zip("abc", SUMS["he − his + her"])
)
CHOICES = (VIEW, WORD, PIECE, TOKEN, VECTORS_OF, LIKENESS_OF, MAP_OF, WORDS, SEARCH, *SUM)
