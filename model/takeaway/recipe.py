"""A recipe: how a picture's numbers are computed with transformers and torch alone, and what they are.

Knows nothing of notebooks' files.
"""

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from model.loading.checkpoint import source
from model.run.checkpoint import Checkpoint

LINE = 2000  # characters of a line of arrays


@dataclass(frozen=True, eq=False)
class Recipe:
    """title: what is computed; code: leaves name -> number or array in `found`; expected: the same
    names with the page's numbers. arrays: what the code finds under these names in `DATA`. ids: the
    tokens that it reads; None: the trace's. note: said above the code."""

    title: str
    code: str
    expected: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    ids: list[int] | None = None
    note: str = ""


def loaded_from(checkpoint: Checkpoint) -> str:
    """What from_pretrained loads: a hub name, or the folder of this machine."""
    return checkpoint.name if source(checkpoint.name) == "hub" else str(checkpoint.folder.resolve())


def small(tensor: torch.Tensor) -> np.ndarray:
    """The numbers in 16 bits where none is lost by that, else in 32."""
    whole = tensor.detach().float().cpu().numpy()
    half = whole.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), whole) else whole


def packed(arrays: dict[str, np.ndarray]) -> str:
    """Code that leaves the arrays in `DATA`."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    text = base64.b64encode(file.getvalue()).decode()
    lines = "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
    return f'''import base64
import io

DATA = dict(np.load(io.BytesIO(base64.b64decode("""
{lines}
""")), allow_pickle=False))
print({{name: array.shape for name, array in DATA.items()}})'''
