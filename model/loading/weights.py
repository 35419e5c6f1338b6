"""config.json and the weights beside it -> transformers' own GPT-2, checked before it is built.

Knows nothing of hubs, devices or tokenizers. Every name and shape in the file headers is compared
with the config before any memory is allocated, so that a wrong file gives one clear error.
"""

import hashlib
import json
import pickle
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from huggingface_hub.errors import StrictDataclassError
from pydantic import Field
from safetensors import SafetensorError, safe_open
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.activations import ACT2FN

from model.disk.schema import Told, checked
from model.loading import tokenizer
from model.loading.errors import CheckpointError
from model.loading.naming import MASK_BUFFER, Stored, as_gpt2
from model.loading.weight_files import (
    SINGLE,
    are_pickled,
    check_kind,
    read_header,
    read_json,
    some,
    weight_files,
)

ADDED = "added_tokens.json"
WRAPPERS = ("state_dict", "model_state_dict", "model")  # what training programs put weights in
_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_OF_TORCH = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}


Int32 = Annotated[int, Field(gt=-(2**31), lt=2**31)]


class ConfigTold(Told):
    """Of a config.json, the numbers that GPT2Config takes as they come."""

    bos_token_id: Int32 | None = None
    eos_token_id: Int32 | list[Int32] | None = None
    pad_token_id: Int32 | None = None
    resid_pdrop: float = Field(default=0.1, ge=0, le=1)
    embd_pdrop: float = Field(default=0.1, ge=0, le=1)
    attn_pdrop: float = Field(default=0.1, ge=0, le=1)
    layer_norm_epsilon: float = Field(default=1e-5, ge=0, le=1)
    initializer_range: float = Field(default=0.02, ge=0, le=100)


# -- config.json ---------------------------------------------------------------------------------


def read_config(folder: Path) -> GPT2Config:
    """A folder's config.json -> GPT2Config with only the fields that GPT-2 has.

    Raises CheckpointError for another architecture, impossible sizes and features not shown here.
    """
    path = folder / "config.json"
    if not path.is_file():
        check_kind(folder)
    raw = read_json(path)
    _check_architecture(raw, path)
    if "quantization_config" in raw or raw.get("add_cross_attention"):
        what = "cross-attention" if raw.get("add_cross_attention") else "quantized weights"
        raise CheckpointError(
            f"Not a plain GPT-2: {path} has {what}. Choose a model without."
        )
    raw = {"bos_token_id": None, "eos_token_id": None} | raw  # transformers ends at none but named
    raw |= {real: raw[alias] for alias, real in GPT2Config.attribute_map.items() if alias in raw}
    try:
        config = GPT2Config(**{k: raw[k] for k in GPT2Config.__annotations__ if k in raw})
        checked(ConfigTold, raw)
    except (StrictDataclassError, TypeError, ValueError) as error:
        cause = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(
            f"A field of {path} is no valid size ({cause}). Correct it."
        ) from error
    check_sizes(config, path)
    return config


OTHERS = {
    "gpt_bigcode": "its heads share one key and one value (multi-query attention)",
    "gpt_neo": "it reads only the last 256 tokens in every other block, and does not divide q·k by "
               "√D",
    "gptj": "it turns queries and keys by their position and runs attention and MLP side by side",
    "gpt_neox": "it turns queries and keys by their position and runs attention and MLP side by "
                "side",
    "openai-gpt": "it normalizes after each part of a block, not before",
    "opt": "its positions begin at 2 and its parts have other names",
}
"""Model types that people take for a GPT-2, and what every view here would show wrongly."""


def _check_architecture(raw: dict, path: Path) -> None:
    """A config without model_type (of 2019) is GPT-2's where it has GPT-2's names for sizes."""
    kind = raw.get("model_type", "gpt2" if {"n_embd", "n_layer", "n_head"} <= raw.keys() else None)
    if kind == "gpt_bigcode" and not raw.get("multi_query", True):
        why = ", whose matrices are stored and multiplied the other way round"
    else:
        why = f": {OTHERS[kind]}" if isinstance(kind, str) and kind in OTHERS else ""
    if kind != "gpt2":
        raise CheckpointError(
            f"Not a GPT-2: {path} has model_type {kind!r:.80} instead of 'gpt2'{why}. Choose gpt2 or "
            "another model of that architecture."
        )


def check_sizes(config: GPT2Config, path: Path) -> None:
    """Raises CheckpointError for sizes that make no network."""
    sizes = {name: getattr(config, name) for name in _SIZES}
    bad = [f"{name} = {size}" for name, size in sizes.items() if size is not None and size < 1]
    if not bad and config.n_embd % config.n_head:
        bad = [f"n_embd = {config.n_embd}, which n_head = {config.n_head} does not divide"]
    if not bad and config.activation_function not in ACT2FN:
        bad = [f"activation_function = {config.activation_function!r}, which transformers lacks"]
    if bad:
        raise CheckpointError(
            f"The sizes in {path} make no network: {', '.join(bad)}. Correct them."
        )


_SIZES = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner")


def expected(config: GPT2Config) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, shape) of every tensor of a GPT-2 body, by arithmetic; lm_head is not among them."""
    C, V = config.n_embd, config.vocab_size
    F = config.n_inner or 4 * C
    yield "wte.weight", (V, C)
    yield "wpe.weight", (config.n_positions, C)
    block = {"attn.c_attn": (C, 3 * C), "attn.c_proj": (C, C), "mlp.c_fc": (C, F),
             "mlp.c_proj": (F, C), "ln_1": (C,), "ln_2": (C,)}
    own = ACT2FN[config.activation_function].state_dict()  # PReLU and xIELU are trained, too
    activation = {name: tuple(x.shape) for name, x in own.items()}
    for layer in range(config.n_layer):
        for name, shape in block.items():
            yield f"h.{layer}.{name}.weight", shape
            yield f"h.{layer}.{name}.bias", shape[-1:]
        for name, shape in activation.items():
            yield f"h.{layer}.mlp.act.{name}", shape
    yield "ln_f.weight", (C,)
    yield "ln_f.bias", (C,)


# -- what lies on disk ---------------------------------------------------------------------------


def stored(folder: Path) -> dict[str, Stored]:
    """Every tensor of the folder's weight files; safetensors are not loaded, only their headers.

    Raises CheckpointError for a damaged, truncated or unsafe file.
    """
    files = weight_files(folder)
    read = _unpickled if are_pickled(files) else _headed
    found: dict[str, Stored] = {}
    for name in files:
        found |= read(folder / name)
    return found


def _headed(path: Path) -> dict[str, Stored]:
    _, header = read_header(path)
    return {
        name: Stored(path.name, tuple(e["shape"]), e["dtype"], partial(_read, path, name))
        for name, e in header.items()
    }


def _read(path: Path, name: str) -> torch.Tensor:
    try:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"Could not read {name} from {path} ({error}). Get this file again."
        ) from error


def _unpickled(path: Path) -> dict[str, Stored]:
    """Pickled weights, by torch's restricted unpickler: tensors come in, code never runs."""
    found = unpickled(path)
    return {name: in_memory(path, x) for name, x in found.items()}


def unpickled(path: Path) -> dict[str, torch.Tensor]:
    """A pickled file's tensors by name. Raises CheckpointError where it holds anything else."""
    found = whole_pickle(path)
    wrapped = next((k for k in WRAPPERS if isinstance(found, dict) and k in found), None)
    found = found if wrapped is None else found[wrapped]
    if not isinstance(found, dict) or not all(_is_weight(*item) for item in found.items()):
        raise CheckpointError(
            f"No table of named tensors in {path}: found a {type(found).__name__} with other "
            f"things. Save the model with save_pretrained to get {SINGLE}."
        )
    return {name: tensor.detach() for name, tensor in found.items()}


def whole_pickle(path: Path) -> Any:
    """A pickle of tensors, texts, numbers, lists and dictionaries. Raises CheckpointError where it
    holds anything else."""
    try:
        mapped = zipfile.is_zipfile(path)  # then only what is read is loaded
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError,
            KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(
            f"Unsafe weights: {path} holds more than tensors ({_first_line(error)}). The app ran "
            f"none of it. Get {SINGLE} instead."
        ) from error


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def in_memory(path: Path, tensor: torch.Tensor) -> Stored:
    """A tensor that was read from `path` already."""
    return Stored(path.name, tuple(tensor.shape), dtype_name(tensor), lambda: tensor)


def dtype_name(tensor: torch.Tensor) -> str:
    """A tensor's number format by safetensors' name."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return _OF_TORCH.get(dtype, dtype)


# -- does it fit the config? ---------------------------------------------------------------------


def match(
    config: GPT2Config, found: dict[str, Stored], folder: Path
) -> tuple[dict[str, Stored], list[str]]:
    """Tensors of a GPT-2 with this config, by GPT-2's bare names (`h.0.attn.c_attn.weight`), and what
    is odd about the files, a sentence each.

    Leaves out mask buffers and tensors that do not belong to GPT-2. Raises CheckpointError for a
    missing tensor, a wrong shape, a layer too many, or integers.
    """
    bare, odd = as_gpt2(config, found)
    layers = {int(m[1]) for name in bare if (m := re.match(r"h\.(\d+)\.", name))}
    if len(layers) != config.n_layer or layers != set(range(len(layers))):
        raise CheckpointError(
            f"Wrong number of layers: config.json of {folder} says {config.n_layer}, the weights "
            f"have {len(layers)}. Get config.json and weights from the same model."
        )
    wanted = dict(expected(config))
    if not config.tie_word_embeddings or "lm_head.weight" in bare:
        wanted["lm_head.weight"] = wanted["wte.weight"]
    _check_names(wanted, bare, folder)
    for name, shape in wanted.items():
        _check_tensor(name, shape, bare[name], folder)
    used = {name: bare[name] for name in wanted}
    if left_out := sorted(n for n in bare if n not in used and not MASK_BUFFER.fullmatch(n)):
        odd.append(f"{len(left_out)} tensors in the files do not belong to GPT-2 and are not used; "
                   f"the first: {left_out[0]}.")
    return used, odd


def _check_names(wanted: dict, bare: dict, folder: Path) -> None:
    missing = [name for name in wanted if name not in bare]
    if missing:
        raise CheckpointError(
            f"Tensors missing in {folder}: all but {some(missing)} of GPT-2's {len(wanted)} are "
            "there. Get config.json and weights from the same model."
        )


def _check_tensor(name: str, shape: tuple[int, ...], tensor: Stored, folder: Path) -> None:
    where = f"{tensor.file} of {folder}"
    if tensor.shape != shape:
        raise CheckpointError(
            f"Wrong shape of {name}: {shape} in config.json, {tensor.shape} in {where}. Get "
            "config.json and weights from the same model."
        )
    if tensor.dtype not in _FLOATS:
        raise CheckpointError(
            f"Not floating-point numbers: {name} is {tensor.dtype} in {where}. Choose weights that "
            "are not quantized."
        )


# -- into the model ------------------------------------------------------------------------------


def build(config: GPT2Config, tensors: dict[str, Stored], dtype: torch.dtype) -> GPT2LMHeadModel:
    """transformers' GPT2LMHeadModel holding these tensors as dtype: on the CPU, eval, no gradients.

    Reads one tensor at a time, so the peak is the model and its largest tensor. An lm_head that
    differs from the token embedding stays its own matrix, as in transformers, whatever the config
    says (then `model.config.tie_word_embeddings` becomes False).
    """
    values = {_full(name): tensor.read().to(dtype, copy=True) for name, tensor in tensors.items()}
    head, embedding = values.get("lm_head.weight"), values["transformer.wte.weight"]
    if head is not None and config.tie_word_embeddings:
        if torch.equal(head, embedding):
            del values["lm_head.weight"]
        else:
            config.tie_word_embeddings = False
    with torch.device("meta"):
        model = GPT2LMHeadModel(config)
    missing, _ = model.load_state_dict(values, assign=True, strict=False)
    assert set(missing) <= {"lm_head.weight"}, missing
    if config.tie_word_embeddings:
        model.tie_weights()
    return model.eval().requires_grad_(False)


def set_ends(model: GPT2LMHeadModel, folder: Path) -> list[str]:
    """Give the model the end tokens that transformers would: those of generation_config.json, and
    of config.json where that file is missing. Returns what is odd about them."""
    path, config = folder / "generation_config.json", model.config
    where = path if path.is_file() else folder / "config.json"
    raw = read_json(where)
    named = raw.get("eos_token_id")
    model.generation_config.eos_token_id = ends = _as_ends(named, where)
    odd = _said_of_drawing(raw, where.name)
    if not any(0 <= i < config.vocab_size for i in ends):
        odd.append("No token of this vocabulary ends a text: eos_token_id of "
                   f"{where.name} is {json.dumps(named)}. A generation goes on until its limit.")
    return odd


DRAWING: dict[str, int | None] = {
    "repetition_penalty": 1, "no_repeat_ngram_size": 0, "min_length": 0, "min_new_tokens": 0,
    "num_beams": 1, "guidance_scale": 1, **dict.fromkeys((
        "bad_words_ids", "sequence_bias", "suppress_tokens", "begin_suppress_tokens",
        "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty",
        "stop_strings",
    )),
}
"""What a file can tell transformers' generate that changes the next token even at temperature 0 -> the
value that changes nothing."""


def _said_of_drawing(raw: dict, name: str) -> list[str]:
    told = [f"{key} = {str(raw[key])[:40]}" for key, nothing in DRAWING.items()
            if raw.get(key) not in (None, nothing, [], {})]
    if not told:
        return []
    said = f"{name} asks generate for {', '.join(told)}. This program draws from the model's own "
    return [said + "probabilities without it, so transformers' generate may choose other tokens."]


def _as_ends(named: object, path: Path) -> list[int]:
    ends: list = named if isinstance(named, list) else [] if named is None else [named]
    if not all(type(i) is int for i in ends):
        raise CheckpointError(
            f"No token ids in {path}: eos_token_id is {str(named)[:80]}. Correct it."
        )
    return ends


def not_finite(model: GPT2LMHeadModel) -> list[str]:
    """Names of parameters that hold NaN or infinity (a sum with one of them is not finite)."""
    return [
        name for name, x in model.named_parameters()
        if not x.sum(dtype=torch.float32).isfinite() and not x.isfinite().all()
    ]


def fingerprint(folder: Path) -> str:
    """16 hex digits of the SHA-256 of config.json, weights and tokenizer: changes with any byte."""
    digest = hashlib.sha256()
    for name in ["config.json", *weight_files(folder), *tokenizer.OWN, *tokenizer.OTHERS, ADDED]:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                digest.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    path = folder / "tokenizer_config.json"
    said = read_json(path) if path.is_file() else {}
    if odd := {name: said[name] for name in tokenizer.ID_SETTINGS if said.get(name)}:
        digest.update(json.dumps(odd, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _full(bare: str) -> str:
    return bare if bare == "lm_head.weight" else f"transformer.{bare}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
