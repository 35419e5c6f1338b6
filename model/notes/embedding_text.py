"""A text as one vector: the mean of hidden states, of the loaded GPT or of a sentence model.

Knows nothing of notes. A GPT was trained to continue texts, not to compare them: its vectors find
less than those of a model that was trained for it. Axes: N texts, T tokens, C width.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from model.disk.home import expanded
from model.disk.schema import from_json
from model.notes.note import NotesError
from model.run import borders, tokens, trace
from model.run.checkpoint import Checkpoint

MOST_TOKENS = 256  # of a text that a sentence model reads, or fewer where it holds fewer


class Embedder(Protocol):
    """What an index needs: the model that made its vectors, their width, and the vectors."""

    key: str
    width: int

    def embed(self, texts: list[str]) -> np.ndarray:
        """N texts -> (N,C) float32, finite. Raises ValueError if they are not finite."""


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """The loaded model's residual stream before block `layer` (0 to L; L: after the last block),
    averaged over the text's tokens. <|endoftext|> comes first, as in a run, and is left out of the
    mean: attention rests on a first token, and its state is many times longer than the others.
    """

    checkpoint: Checkpoint
    layer: int

    @property
    def key(self) -> str:
        """Changes with the weights and with the layer."""
        return f"{self.checkpoint.fingerprint} layer {self.layer}"

    @property
    def width(self) -> int:
        """C."""
        return self.checkpoint.model.config.n_embd

    def embed(self, texts: list[str]) -> np.ndarray:
        """N texts -> (N,C), one run each; a text beyond the window is cut to its last tokens."""
        return _finite(np.stack([self._one(text) for text in texts]), self.key)

    def _one(self, text: str) -> np.ndarray:
        ids = tokens.encode_part(self.checkpoint.tokenizer, text)
        ids = ids[-(self.checkpoint.model.config.n_positions - 1) :]
        run = trace.run(self.checkpoint, borders.with_start(self.checkpoint, ids))
        behind = len(run) - len(ids) if len(ids) else 0
        states = run.layer_stream(2 * self.layer)[behind:]  # (T,C)
        return states.float().mean(0).cpu().numpy()


@dataclass(frozen=True, eq=False)
class SentenceModel:
    """A sentence-embedding model from a folder, on the CPU: its last hidden states, averaged over
    the text's tokens. odd: settings of its files that we do not follow, "" for none."""

    name: str
    key: str
    model: PreTrainedModel
    tokenizer: Callable[..., Any]
    n_most: int
    odd: str = ""

    @property
    def width(self) -> int:
        """C."""
        return self.model.config.hidden_size

    @torch.inference_mode()
    def embed(self, texts: list[str]) -> np.ndarray:
        """N texts -> (N,C); a text beyond n_most tokens is cut to its first tokens."""
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.n_most, return_tensors="pt"
        )
        states = self.model(**batch).last_hidden_state.float()  # (N,T,C)
        mask = batch["attention_mask"][..., None]  # (N,T,1)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return _finite(means.numpy(), self.name)


def load_sentence_model(folder: Path) -> SentenceModel:
    """A folder with config.json, tokenizer and safetensors -> its model; none of its code runs.

    Raises NotesError, one line, if something is missing in the folder.
    """
    folder = expanded(folder)
    if not (folder / "config.json").is_file() or not list(folder.glob("model*.safetensors")):
        raise NotesError(
            f"No sentence-embedding model in {folder}. Please choose a folder that holds "
            "config.json, tokenizer files and model.safetensors."
        )
    quiet = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **quiet)
        tokenizer = AutoTokenizer.from_pretrained(folder, **quiet)
        model, found = AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=torch.float32,
            output_loading_info=True, **quiet,
        )
    except Exception as error:  # transformers raises whatever a broken file makes it raise
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise NotesError(
            f"The sentence-embedding model in {folder}: could not load one ({line}). Choose "
            "another folder."
        ) from error
    missing = [name for name in found["missing_keys"] if "pooler" not in name]
    if missing:
        raise NotesError(
            f"Weights missing: the {config.model_type} in {folder} has none for {min(missing)} and "
            f"{len(missing) - 1} more. Choose a whole model."
        )
    n_most = min(MOST_TOKENS, getattr(config, "max_position_embeddings", MOST_TOKENS))
    return SentenceModel(
        folder.name, _fingerprint(folder), model.eval().requires_grad_(False), tokenizer,
        n_most, _other_pooling(folder),
    )


def _fingerprint(folder: Path) -> str:
    """16 hex digits that change with any byte of config, weights or tokenizer."""
    digest = hashlib.sha256()
    kinds = (".json", ".safetensors", ".txt")
    for path in sorted(p for p in folder.iterdir() if p.suffix in kinds):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _other_pooling(folder: Path) -> str:
    """The pooling that sentence-transformers' own file asks for, if it is not the mean."""
    try:
        told = from_json((folder / "1_Pooling" / "config.json").read_bytes())
        asks_mean = told.get("pooling_mode_mean_tokens", True)
    except (OSError, ValueError, AttributeError):
        return ""
    if asks_mean:
        return ""
    return "This model was trained with another pooling than the mean, which is used here."


def _finite(vectors: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(vectors).all():
        raise NotesError(
            f"The vectors of {name} are not finite vectors: they hold NaN or infinity. Its weights "
            "are damaged: choose another model or layer."
        )
    return vectors.astype(np.float32, copy=False)
