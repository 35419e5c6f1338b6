"""The glossary: each technical word's meaning in one place, shown on hover wherever it is used.

`marked` works on HTML and on a line of Markdown alike; text inside tags and addresses stays as it is.
Captions need no mark: kit/terms.js finds the words in them.
"""

import html
import re

from components.kit import assets

MEANINGS = {
    "token": "A piece of text with a number of its own: a word, a part of a word, or a single byte. "
             "A model reads and writes tokens, not letters.",
    "embedding": "The vector that a model looks up for a token: its row in the table wte.",
    "wte": "The table of token vectors: one row for each token of the vocabulary.",
    "wpe": "The table of position vectors: one row for each place in the window. Added to the "
           "token's vector.",
    "query": "The vector with which a token looks for others. It is compared with every key.",
    "key": "The vector by which a token is found. A query that points the same way reads it.",
    "value": "The vector that a token hands over when it is read.",
    "attention": "Every token reads a weighted mean of the values of the tokens before it and of its "
                 "own.",
    "head": "One of several readers of a layer, each with queries, keys and values of its own.",
    "induction head": "A head that finds the earlier copy of the current token and reads what came "
                      "after it.",
    "previous-token head": "A head that reads the token just before.",
    "softmax": "Turns scores into shares: e to the power of each score, divided by the sum of all. "
               "The shares sum to 1.",
    "mask": "Scores of later tokens are set to minus infinity, so that no token reads its future.",
    "residual stream": "One vector for each token that runs through the model. Every block reads it "
                       "and adds to it.",
    "logit": "The score of a possible next token, before softmax makes it a probability.",
    "logit lens": "An early layer's stream, read as if it were the last: what would the model say "
                  "now?",
    "temperature": "A number that divides every logit before softmax: below 1 sharper, above 1 "
                   "flatter.",
    "entropy": "How unsure a distribution is: 0 bits for one sure token, log2(n) bits for n equally "
               "likely ones.",
    "surprisal": "How unexpected a token was: minus the logarithm of its probability. 1 bit is the "
                 "surprise of a coin.",
    "KL": "Kullback-Leibler divergence: the extra bits (or nats) that it costs to expect one "
          "distribution where another one holds. 0 if both are equal.",
    "nat": "Unit of surprise with the natural logarithm: 1 nat is 1.44 bits.",
    "MLP": "The other half of a block. It works on each token alone, and keeps much of what training "
           "left.",
    "LayerNorm": "Brings a vector to mean 0 and deviation 1, then scales it by learned numbers.",
    "KV cache": "The keys and values of the tokens read so far, kept so that they are not computed "
                "again.",
    "window": "The most tokens that a model can read at once.",
    "RoPE": "Rotary positions: query and key are turned by an angle that grows with their place.",
    "ALiBi": "Attention with linear biases: a score falls with the distance to the key.",
    "slot": "One place of a memory: a key to find it by, a value to read, and the word that wrote it.",
    "EDM": "External differentiable memory: slots of key and value outside the prompt, read by "
           "attention.",
    "AM": "Attention over Local ∪ Memory: the keys and values of stored words join those of the "
          "prompt, in one softmax.",
    "GPT2-M": "GPT-2 with every memory of this app: recurrent states, EDM and AM.",
    "salience": "A token's score: how much it is worth keeping in memory.",
}
_OTHER_FORMS = {  # as it may stand in a sentence -> its entry
    "tokens": "token", "embeddings": "embedding", "queries": "query", "keys": "key",
    "values": "value", "heads": "head", "induction heads": "induction head",
    "previous-token heads": "previous-token head", "logits": "logit", "nats": "nat",
    "slots": "slot", "MLPs": "MLP",
}
_BESIDE = {"value": {"query", "key", "head", "slot"}}  # a term beside one of these: else a number is meant
_FORMS = {name: name for name in MEANINGS} | _OTHER_FORMS
_FORMS |= {form[0].upper() + form[1:]: name for form, name in _FORMS.items() if name not in ("wte", "wpe")}
_mount = assets.component("terms", "kit/terms", "<i></i>", "kit/sizes.css")
_WORD = re.compile(
    r"(<[^>]*>|\]\([^)]*\)|\$[^$]*\$)|(?<![\w-])("
    + "|".join(sorted(map(re.escape, _FORMS), key=len, reverse=True)) + r")(?![\w-])"
)


def marked(text: str) -> str:
    """HTML or Markdown with the first use of every term marked: its meaning shows on hover."""
    seen: set[str] = set()
    said = {_FORMS[found[2]] for found in _WORD.finditer(text) if found[2]}

    def mark(found: re.Match) -> str:
        tag, word = found.groups()
        name = _FORMS.get(word, "")
        if tag or name in seen or not _BESIDE.get(name, said) & said:
            return found[0]
        seen.add(name)
        return f'<abbr title="{html.escape(MEANINGS[name])}" tabindex="0">{word}</abbr>'

    return _WORD.sub(mark, text)


def meaning(word: str) -> str:
    """What a word means, in any of its forms; "" for one that the glossary lacks."""
    return MEANINGS.get(_FORMS.get(word, ""), "")


def explain() -> None:
    """Explain the glossary's words in the captions of the page: underlined, with their meaning on
    hover. Call it once a run."""
    beside = {meaning(name): [meaning(other) for other in others] for name, others in _BESIDE.items()}
    _mount(key="terms", data={"forms": {form: meaning(form) for form in _FORMS}, "beside": beside})


def table() -> str:
    """Every term with its meaning, as HTML."""
    rows = "".join(f"<dt><b>{html.escape(name)}</b></dt><dd>{html.escape(MEANINGS[name])}</dd>"
                   for name in sorted(MEANINGS, key=str.lower))
    return f"<dl class='glossary'>{rows}</dl>"
