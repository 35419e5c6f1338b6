"""config.json and the weights beside it -> transformers' own GPT-2, checked before it is built.

Knows nothing of hubs, devices or tokenizers. Every name and shape in the file headers is compared
with the config before any memory is allocated, so that a wrong file gives one clear error.
"""

import hashlib
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.activations import ACT2FN

from model.loading.errors import CheckpointError
from model.loading.weight_files import PICKLED, SINGLE, read_header, read_json, some, weight_files

TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt")
_MASK_BUFFER = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")  # causal masks old files carry
_FLOATS = {"F64", "F32", "F16", "BF16"}
_OF_TORCH = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True)
class Stored:
    """One tensor on disk: its file, shape and dtype (safetensors' names); `read` loads it."""

    file: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], torch.Tensor]


# -- config.json ---------------------------------------------------------------------------------


def read_config(folder: Path) -> GPT2Config:
    """A folder's config.json -> GPT2Config with only the fields that GPT-2 has.

    Raises CheckpointError for another architecture, impossible sizes and features not shown here.
    """
    path = folder / "config.json"
    raw = read_json(path)
    if raw.get("model_type") != "gpt2":
        raise CheckpointError(
            f"Not a GPT-2: {path} has model_type {raw.get('model_type')!r} instead of 'gpt2'. "
            "Choose gpt2 or another model of that architecture."
        )
    if "quantization_config" in raw or raw.get("add_cross_attention"):
        what = "cross-attention" if raw.get("add_cross_attention") else "quantized weights"
        raise CheckpointError(
            f"Not a plain GPT-2: {path} has {what}. Choose a model without."
        )
    raw |= {real: raw[alias] for alias, real in GPT2Config.attribute_map.items() if alias in raw}
    try:
        config = GPT2Config(**{k: raw[k] for k in GPT2Config.__annotations__ if k in raw})
    except (StrictDataclassError, TypeError, ValueError) as error:
        cause = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(
            f"A field of {path} is no valid size ({cause}). Correct it."
        ) from error
    _check_sizes(config, path)
    return config


def _check_sizes(config: GPT2Config, path: Path) -> None:
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
    for layer in range(config.n_layer):
        for name, shape in block.items():
            yield f"h.{layer}.{name}.weight", shape
            yield f"h.{layer}.{name}.bias", shape[-1:]
    yield "ln_f.weight", (C,)
    yield "ln_f.bias", (C,)


# -- what lies on disk ---------------------------------------------------------------------------


def stored(folder: Path) -> dict[str, Stored]:
    """Every tensor of the folder's weight files; safetensors are not loaded, only their headers.

    Raises CheckpointError for a damaged, truncated or unsafe file.
    """
    files = weight_files(folder)
    if files == [PICKLED]:
        return _unpickled(folder / PICKLED)
    found: dict[str, Stored] = {}
    for name in files:
        found |= _headed(folder / name)
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
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError,
            KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(
            f"Unsafe weights: {path} holds more than tensors ({_first_line(error)}). The app ran "
            f"none of it. Get {SINGLE} instead."
        ) from error
    if not isinstance(found, dict) or not all(_is_weight(*item) for item in found.items()):
        raise CheckpointError(
            f"No table of named tensors in {path}: found a {type(found).__name__} with other "
            f"things. Save the model with save_pretrained to get {SINGLE}."
        )
    return {name: _in_memory(path, x) for name, x in found.items()}


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def _in_memory(path: Path, tensor: torch.Tensor) -> Stored:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Stored(path.name, tuple(tensor.shape), _OF_TORCH.get(dtype, dtype), lambda: tensor)


# -- does it fit the config? ---------------------------------------------------------------------


def match(config: GPT2Config, found: dict[str, Stored], folder: Path) -> dict[str, Stored]:
    """Tensors of a GPT-2 with this config, by GPT-2's bare names (`h.0.attn.c_attn.weight`).

    Reads files with and without the `transformer.` prefix; leaves out mask buffers and tensors that
    do not belong to GPT-2. Raises CheckpointError for a missing tensor, a wrong shape, a layer too
    many, or integers.
    """
    bare = {name.removeprefix("transformer."): tensor for name, tensor in found.items()}
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
    return {name: bare[name] for name in wanted}


def left_out(found: dict[str, Stored], used: dict[str, Stored]) -> list[str]:
    """Names in the files that do not belong to GPT-2 (expected mask buffers not counted)."""
    bare = (name.removeprefix("transformer.") for name in found)
    return sorted(n for n in bare if n not in used and not _MASK_BUFFER.fullmatch(n))


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


def not_finite(model: GPT2LMHeadModel) -> list[str]:
    """Names of parameters that hold NaN or infinity (a sum with one of them is not finite)."""
    return [
        name for name, x in model.named_parameters()
        if not x.sum(dtype=torch.float32).isfinite() and not x.isfinite().all()
    ]


def fingerprint(folder: Path) -> str:
    """16 hex digits of the SHA-256 of config.json, weights and tokenizer: changes with any byte."""
    digest = hashlib.sha256()
    for name in ["config.json", *weight_files(folder), *TOKENIZER_FILES]:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                digest.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _full(bare: str) -> str:
    return bare if bare == "lm_head.weight" else f"transformer.{bare}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
