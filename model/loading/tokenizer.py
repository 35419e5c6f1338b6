"""A folder's tokenizer, as transformers' AutoTokenizer reads it, checked against the vocabulary.

No code of the folder is run. Knows nothing of weights.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import (
    AutoTokenizer,
    BertTokenizer,
    GPT2Config,
    GPT2Tokenizer,
    PreTrainedTokenizerBase,
)

from model.loading import weight_files
from model.loading.errors import CheckpointError
from model.run import borders, tokens

OWN = ("tokenizer.json", "vocab.json", "merges.txt")
OTHERS = (  # of tokenizers that are not GPT-2's
    "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model",
    "tiktoken.model", "vocab.bpe", "tokenizer.tiktoken",
)
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
            "chat_template.jinja")
ID_SETTINGS = ("add_prefix_space", "add_bos_token", "add_eos_token", "added_tokens_decoder",
               "do_lower_case")  # of tokenizer_config.json: they change ids


def read_tokenizer(
    folder: Path, config: GPT2Config
) -> tuple[PreTrainedTokenizerBase, list[str]]:
    """The folder's tokenizer, and what is odd about it, a sentence each.

    A prompt is never cut silently: transformers' call switches off what a file says of truncation and
    padding. Raises CheckpointError if the files are missing, unreadable or larger than the
    vocabulary.
    """
    tokenizer, odd = _auto(folder, config)
    odd += _fit(tokenizer, folder, config.vocab_size)
    return tokenizer, odd + _said_of_ids(tokenizer, config)


def _auto(folder: Path, config: GPT2Config) -> tuple[PreTrainedTokenizerBase, list[str]]:
    there = [name for name in (*OWN, *OTHERS) if (folder / name).is_file()]
    settings = _settings(folder)
    reads: Any = AutoTokenizer
    more: dict[str, Any] = {}
    odd = []
    if there == ["vocab.txt"] and not _named_class(folder, settings):
        reads, more = BertTokenizer, {"do_lower_case": _is_lower(folder)}
        odd = ["No file says which tokenizer vocab.txt belongs to: it is read as BERT's (WordPiece)."]
    more |= {"local_files_only": True, "config": _with_class(config, folder)}
    try:
        tokenizer = reads.from_pretrained(folder, trust_remote_code=False, **more)
    except Exception as error:  # noqa: BLE001 (each kind of tokenizer raises another)
        tokenizer = _as_gpt2s(folder, there, error)
        odd = [("transformers' AutoTokenizer cannot read this folder unless it runs the folder's code: the "
               "tokenizer's files are read as GPT-2's.")]
    if len(tokenizer.get_vocab()) <= len(tokenizer.added_tokens_decoder):
        raise _missing(folder)
    return tokenizer, odd


def _as_gpt2s(folder: Path, there: list[str], error: Exception) -> PreTrainedTokenizerBase:
    """GPT-2's files are read though tokenizer_config.json names a class or code that does not."""
    if not {"vocab.json", "merges.txt"} <= set(there) and "tokenizer.json" not in there:
        raise _unreadable(folder, there, error) from error
    try:
        return GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as same:
        raise _unreadable(folder, there, error) from same


def _is_lower(folder: Path) -> bool:
    """Whether vocab.txt holds lower-case words without accents only, as BERT's uncased tokenizer."""
    words = (folder / "vocab.txt").read_text(encoding="utf-8", errors="replace").split()
    plain = (word for word in words if not word.startswith("["))
    return all(word.isascii() and word == word.lower() for word in plain if word.isalpha())


def _settings(folder: Path) -> dict:
    path = folder / "tokenizer_config.json"
    return weight_files.read_json(path) if path.is_file() else {}


def _named_class(folder: Path, settings: dict) -> str | None:
    """The class of tokenizer that the folder's files name."""
    return settings.get("tokenizer_class") or weight_files.read_json(folder / "config.json").get(
        "tokenizer_class")


def _with_class(config: GPT2Config, folder: Path) -> GPT2Config:
    """A copy of the config for AutoTokenizer, which looks for a class there."""
    named = weight_files.read_json(folder / "config.json").get("tokenizer_class")
    copy = GPT2Config(**config.to_dict())
    copy.tokenizer_class = named if isinstance(named, str) else None
    return copy


def _missing(folder: Path) -> CheckpointError:
    return CheckpointError(
        f"No tokenizer in {folder}: found neither tokenizer.json nor vocab.json and merges.txt. "
        "Copy the tokenizer's files there; for GPT-2 weights, those of gpt2."
    )


def _unreadable(folder: Path, there: list[str], error: Exception) -> CheckpointError:
    if not there:
        return _missing(folder)
    why = " ".join(str(error).split())[:160] or type(error).__name__
    return CheckpointError(
        f"No readable tokenizer in {folder}: transformers' AutoTokenizer does not take "
        f"{' and '.join(there)} ({why}). Get the tokenizer's files again."
    )


def _fit(tokenizer: PreTrainedTokenizerBase, folder: Path, n_vocab: int) -> list[str]:
    """Check the tokenizer against the embedding's rows. Tokens added beyond them are left out: typing
    one would be an index error."""
    added = tokenizer.added_tokens_decoder
    own = max((i for i in tokenizer.get_vocab().values() if i not in added), default=0) + 1
    if own > n_vocab:
        raise CheckpointError(
            f"Tokenizer too large: the tokenizer of {folder} has {own} tokens, config.json "
            f"allows {n_vocab}. Get the tokenizer and the weights of the same model."
        )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return []
    gone = [str(token) for i, token in sorted(added.items()) if i >= n_vocab]
    if not gone:
        return []
    tokenizer._tokenizer = _without(backend, n_vocab)
    said = f"{len(gone)} added tokens have no row in the embedding and are left out, the first: "
    return [f"{said}{gone[0]!r}."]


def _without(backend: Tokenizer, n_vocab: int) -> Tokenizer:
    """The same tokenizer without its added tokens from id n_vocab on."""
    wanted = json.loads(backend.to_str())
    wanted["added_tokens"] = [t for t in wanted["added_tokens"] if t["id"] < n_vocab]
    return Tokenizer.from_str(json.dumps(wanted))


def _around(tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, list[str]]]:
    """What stands before a text's own tokens and behind them."""
    if not tokenizer.num_special_tokens_to_add():
        return []
    mark = max(set(tokenizer.get_vocab().values()) - set(tokenizer.added_tokens_decoder), default=0)
    text = tokens.decode(tokenizer, [mark])
    whole, part = tokens.encode(tokenizer, text).tolist(), tokens.encode_part(tokenizer, text).tolist()
    at = next((i for i in range(len(whole)) if whole[i : i + len(part)] == part), 0)
    before, behind = whole[:at], whole[at + len(part) :]
    return [(where, tokens.display(tokenizer, ids))
            for where, ids in (("before", before), ("behind", behind))]


def _said_of_ids(tokenizer: PreTrainedTokenizerBase, config: GPT2Config) -> list[str]:
    """What this tokenizer puts round a text, and where a text begins in memory, if not as usual."""
    odd = []
    if around := [f"{' '.join(names)} {where} it" for where, names in _around(tokenizer) if names]:
        odd.append(f"This tokenizer puts more than a prompt's own tokens: {' and '.join(around)}. So "
                   "does transformers. Memory and answers leave them out.")
    start, own = borders.start_of(tokenizer, config), tokenizer.special_tokens_map
    named = (own.get("bos_token"), own.get("cls_token"))
    first = tokenizer.convert_ids_to_tokens(int(start[0])) if len(start) else None
    if not len(start):
        odd.append("This vocabulary has no token for the beginning or the end of a text, and no space: "
                   "nothing stands in front of what memory reads.")
    elif first in borders.SPACES:
        odd.append("This vocabulary has no token for the beginning or the end of a text: a space stands "
                   "in front of what memory reads.")
    elif first not in named and start[0] != config.bos_token_id:
        odd.append(f"This vocabulary names no token for the beginning of a text: {first}, its end, stands in "
                   "front of what memory reads.")
    return odd
