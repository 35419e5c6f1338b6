"""A checkpoint under other names and shapes -> a folder that transformers loads.

For nanoGPT's ckpt.pt, and for folders whose weights `naming` has to rename or turn. Pickles are read
by restricted unpicklers: no code of a file is run.
"""

import io
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, PreTrainedTokenizerFast

from model.disk.schema import one_line
from model.disk.whole import NotWritten, new_folder
from model.loading import tokenizer as tokenizers
from model.loading import weights
from model.loading.errors import CheckpointError
from model.loading.naming import Stored
from model.loading.weight_files import NANOGPT

META = "meta.pkl"  # nanoGPT's vocabulary of characters
MOST_CHARACTERS = 2_000_000  # Unicode has 1,114,112
END = 50256  # <|endoftext|> of GPT-2's vocabulary, which nanoGPT uses where it has no meta.pkl


def convert(source: Path, out: Path, tokenizer: Path | None = None) -> list[str]:
    """Write config.json, model.safetensors and the tokenizer of `source` to the new folder `out`;
    returns what was done, a sentence each.

    source: nanoGPT's ckpt.pt or its folder, or a folder with config.json. tokenizer: a folder with
    a tokenizer's files, where source has none. Raises CheckpointError for anything that cannot be
    read, and where `out` cannot be written or is there already, and leaves nothing then.
    """
    try:
        with new_folder(out) as draft:
            return _convert(source, draft, tokenizer)
    except NotWritten as problem:
        raise CheckpointError(str(problem)) from problem


def _convert(source: Path, out: Path, tokenizer: Path | None) -> list[str]:
    folder = source if source.is_dir() else source.parent
    ckpt = source if source.is_file() else source / NANOGPT
    if (folder / "config.json").is_file() and not source.is_file():
        config, found = weights.read_config(folder), weights.stored(folder)
    else:
        config, found = _nanogpt(ckpt)
    tensors, odd = weights.match(config, found, folder)
    files = _tokenizer_files(tokenizer or folder)
    vocab = None if files else _characters((tokenizer or folder) / META)
    model = weights.build(config, tensors, torch.float32)
    if not_finite := weights.not_finite(model):
        odd.append(f"NaN or infinity in {', '.join(not_finite[:3])}{', …' * (len(not_finite) > 3)}.")
    try:
        model.save_pretrained(out)
    except SafetensorError as problem:  # so the library says that the disk is full
        raise OSError(one_line(problem)) from problem
    for path in files:
        shutil.copy(path, out / path.name)
    if vocab is not None:
        odd.append(_write_characters(vocab, out))
    return odd


def _nanogpt(path: Path) -> tuple[GPT2Config, dict[str, Stored]]:
    """ckpt.pt -> the config that its model_args make, and its tensors."""
    if not path.is_file():
        raise CheckpointError(
            f"Nothing to convert: found neither config.json nor {path}. Choose the folder that holds "
            "one of them."
        )
    whole = weights.whole_pickle(path)
    whole = whole if isinstance(whole, dict) else {}
    args, state = whole.get("model_args"), whole.get("model")
    names = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")
    if not isinstance(args, dict) or not all(type(args.get(name)) is int for name in names):
        raise CheckpointError(
            f"Not nanoGPT's: {path} has no model_args with {', '.join(names)}. Choose the ckpt.pt "
            "that nanoGPT's train.py wrote."
        )
    if not isinstance(state, dict) or not all(isinstance(x, torch.Tensor) for x in state.values()):
        raise CheckpointError(
            f"No weights in {path}: `model` is missing or holds other things. Get this file again."
        )
    end = END if args["vocab_size"] > END else None
    config = GPT2Config(
        vocab_size=args["vocab_size"], n_positions=args["block_size"], n_embd=args["n_embd"],
        n_layer=args["n_layer"], n_head=args["n_head"], activation_function="gelu",
        bos_token_id=end, eos_token_id=end,
    )
    weights.check_sizes(config, path)
    return config, {name: weights.in_memory(path, x.detach()) for name, x in state.items()}


def _tokenizer_files(folder: Path) -> list[Path]:
    names = (*tokenizers.OWN, *tokenizers.OTHERS, *tokenizers.SETTINGS)
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found and not (folder / META).is_file():
        raise CheckpointError(
            f"No tokenizer in {folder}: nanoGPT saves none. Add --tokenizer FOLDER, a folder with "
            f"GPT-2's vocab.json and merges.txt (or the {META} of a model of characters)."
        )
    return found


class _PlainUnpickler(pickle.Unpickler):
    """Dictionaries, texts and numbers; anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _characters(path: Path) -> dict[str, int]:
    """nanoGPT's meta.pkl -> the id of each character."""
    try:
        said = _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
        vocab = {str(char): int(i) for char, i in said["stoi"].items()}
        if not vocab:
            raise ValueError("it lists none")
        ids = set(vocab.values())
        if len(ids) < len(vocab) or min(ids) < 0 or max(ids) >= MOST_CHARACTERS:
            raise ValueError(f"its ids are not {len(vocab)} different numbers from 0 on")
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError,
            IndexError, ImportError, MemoryError) as error:
        raise CheckpointError(
            f"No characters in {path} ({error}). Get the file that nanoGPT's prepare.py wrote."
        ) from error
    return vocab


def _write_characters(vocab: dict[str, int], out: Path) -> str:
    """Write tokenizer.json, a token a character -> what was done."""
    unknown = next((c for c in (" ", "\n") if c in vocab), min(vocab, key=lambda c: vocab[c]))
    raw = Tokenizer(models.WordLevel(vocab, unk_token=unknown))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    raw.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=raw).save_pretrained(out)
    return f"Each of {len(vocab)} characters is a token; any other is read as {json.dumps(unknown)}."
