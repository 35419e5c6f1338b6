"""Where a text begins and ends for a model: the token in front of it, and the tokens that end it.

Both come from what the model's folder has. Knows nothing of how files are read.
"""

import numpy as np
from transformers import GPT2Config, PreTrainedTokenizerBase

from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids

SPACES = ("Ġ", "▁", " ")  # how tokenizers write a space


def start(checkpoint: Checkpoint) -> np.ndarray:
    """The token in front of a text that is read alone, (1,) int64, (0,) where there is none.

    The first that is in the vocabulary: the tokenizer's token for a beginning, config.json's, BERT's
    [CLS], the tokenizer's token for an end, config.json's, a space.
    """
    return start_of(checkpoint.tokenizer, checkpoint.model.config)


def start_of(tokenizer: PreTrainedTokenizerBase, config: GPT2Config) -> np.ndarray:
    """`start` of a tokenizer and a config."""
    own, end = tokenizer.special_tokens_map, config.eos_token_id
    named = [
        own.get("bos_token"), config.bos_token_id, own.get("cls_token"), own.get("eos_token"),
        *(end if isinstance(end, list) else [end]), *SPACES,
    ]
    found = (_id_of(tokenizer, config.vocab_size, one) for one in named)
    return np.array([i for i in found if i is not None][:1], dtype=np.int64)


def with_start(checkpoint: Checkpoint, ids: Ids) -> np.ndarray:
    """ids (T,) of a text behind its start token."""
    found: np.ndarray = np.r_[start(checkpoint), np.asarray(ids, dtype=np.int64)]
    return found


def start_length(checkpoint: Checkpoint, ids: Ids) -> int:
    """1 where the first token is the start token, else 0."""
    first = start(checkpoint)
    return int(len(first) > 0 and len(ids) > 0 and ids[0] == first[0])


def ends(checkpoint: Checkpoint) -> frozenset[int]:
    """The tokens that end a generation, as transformers' generate has them."""
    found = checkpoint.model.generation_config.eos_token_id
    return frozenset(found if isinstance(found, list) else [] if found is None else [found])


def _id_of(tokenizer: PreTrainedTokenizerBase, n_vocab: int, named: str | int | None) -> int | None:
    """The id of a token by its text or id, None where the vocabulary lacks it."""
    if named is None:
        return None
    i = named if isinstance(named, int) else tokenizer.convert_tokens_to_ids(named)
    if not isinstance(i, int) or not 0 <= i < n_vocab:
        return None
    text = tokenizer.convert_ids_to_tokens(i)
    return i if text is not None and (isinstance(named, int) or text == named) else None
