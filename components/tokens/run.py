"""What the Tokens page shows, computed by the model's side and cached. Arrays in, no looks."""

from dataclasses import dataclass

import numpy as np

from components.frame import visit
from model.analysis import embeddings, tokenization, vocabulary
from model.run import tokens

MOST_BYTES = 64  # of a word in the picture; the merges are those of the whole word
MOST_CHARS = 20_000  # of a text that is taken apart
MOST_PIECES = 1_000  # pre-tokens shown of it


@dataclass(frozen=True, eq=False)
class SplitText:
    """A text taken apart: its first pre-tokens (at most MOST_PIECES) with the tokens of each.

    n_pieces, n_ids: of the whole text, or of its first MOST_CHARS where is_cut; is_same: the ids
    of all steps together are the tokenizer's own.
    """

    pieces: list[tokenization.PreToken]
    tokens: list[list[tuple[str, int]]]
    n_pieces: int
    n_ids: int
    is_same: bool
    is_cut: bool


def rules() -> tokenization.Rules:
    """The tokenizer's own rules; ValueError where it has no such steps."""
    return visit.read_off(_rules)


def why_no_steps() -> str:
    """Why this tokenizer's steps cannot be shown; "" where they can."""
    try:
        rules()
    except tokenization.TokenizationError as reason:
        return str(reason)
    return ""


def take_apart(text: str) -> SplitText:
    """Pre-tokens and tokens of a text, through every step."""
    return visit.read_off(_apart, text)


def staircase(piece: tokenization.PreToken) -> list[tokenization.MergeStep]:
    """A word before and after each merge."""
    return visit.read_off(_staircase, piece)


def piece_ids(piece: tokenization.PreToken) -> list[int]:
    """The tokens a pre-token ends up as."""
    return tokenization.ids(rules(), piece)


def letters_of(token_id: int) -> str:
    """A token as it stands in the vocabulary file."""
    return visit.checkpoint().tokenizer.convert_ids_to_tokens(int(token_id)) or ""


def words() -> vocabulary.Vocabulary:
    """The whole vocabulary."""
    return visit.read_off(vocabulary.read)


def search(query: str) -> np.ndarray:
    """Ids of the tokens that match; see model.analysis.vocabulary.search."""
    return vocabulary.search(words(), query)


def token(wanted: str) -> int:
    """A token by text or "#id"; ValueError says what else it is."""
    return vocabulary.find(words(), wanted, visit.checkpoint().tokenizer)


def made_by(ids: np.ndarray) -> list[str]:
    """The merge that makes each token, as "left + right"; empty for bytes and special tokens."""
    try:
        made, show = rules().made_by, tokenization.show_letters
    except tokenization.TokenizationError:
        return [""] * len(ids)
    pairs = (made.get(letters_of(i)) for i in ids)
    return ["" if pair is None else f"{show(pair[0])} + {show(pair[1])}" for pair in pairs]


def norms() -> np.ndarray:
    """Length of each token's vector (V,)."""
    return visit.of_model(_norms)


def inputs() -> embeddings.Inputs | None:
    """Token, position and summed vectors of the prompt; None without a prompt."""
    ids = visit.prompt().ids
    return embeddings.inputs(visit.checkpoint(), ids) if len(ids) else None


def neighbours(token_id: int, k: int) -> embeddings.Neighbours:
    """The k nearest of the whole vocabulary, the token itself first."""
    units = _units_now()
    return embeddings.nearest(units, units[token_id], k)


def plus_minus(a: int, b: int, c: int, k: int) -> embeddings.Neighbours:
    """The k tokens nearest to a − b + c, the three themselves among them."""
    units = _units_now()
    return embeddings.nearest(units, embeddings.plus_minus(units, a, b, c), k)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Cosine of each pair."""
    return embeddings.cosines(vectors)


def vectors_of(ids) -> np.ndarray:
    """Token vectors (n,C) of any ids."""
    return embeddings.token_table(visit.checkpoint())[np.asarray(ids, dtype=np.int64)]


def project(vectors: np.ndarray) -> embeddings.Projection:
    """Two principal components."""
    return embeddings.project(vectors)


def position_effect(token_id: int, here: int) -> embeddings.PositionEffect:
    """One token at every position."""
    return embeddings.position_effect(visit.checkpoint(), token_id, here)


def _units_now() -> np.ndarray:
    return visit.of_model(
        _units, doing="Scaling every token's vector to length 1, once …"
    )


def _rules(chosen) -> tokenization.Rules:
    return tokenization.rules(chosen.tokenizer)


def _apart(chosen, text: str) -> SplitText:
    taken = text[:MOST_CHARS]
    pieces = tokenization.pieces(rules(), taken)
    ids = [tokenization.ids(rules(), piece) for piece in pieces]
    theirs = tokens.encode_part(chosen.tokenizer, taken).tolist()
    texts = words().texts
    shown = [[(texts[i], i) for i in one] for one in ids[:MOST_PIECES]]
    return SplitText(
        pieces[:MOST_PIECES], shown, len(pieces), len(theirs),
        is_same=[i for one in ids for i in one] == theirs, is_cut=len(text) > MOST_CHARS,
    )


def _staircase(chosen, piece: tokenization.PreToken) -> list[tokenization.MergeStep]:
    return tokenization.rows(rules(), piece, MOST_BYTES)


def _norms(chosen) -> np.ndarray:
    return embeddings.norm(embeddings.token_table(chosen))


def _units(chosen) -> np.ndarray:
    return embeddings.unit(embeddings.token_table(chosen))
