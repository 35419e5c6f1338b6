"""The residual stream of a trace: how long it is, what each block adds, one LayerNorm in steps.

Stations are numbered as in a trace: 2l before block l, 2l+1 between its attention and its MLP, 2L
after the last block. Knows nothing of what the stream means. L layers, T tokens, C model width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import GPT2LMHeadModel

from model.analysis.attention import check_token
from model.grafts.blocks import blocks
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class Stream:
    """Lengths and directions along the stream, all float32.

    norm (2L+1,T): Euclidean length of the stream at every station.
    added (2L,T): length of what is added between station i and i+1; even i: the attention of layer
    i/2 with its bias, odd i: its MLP with its bias.
    cosine (2L,T): cosine between what is added and the stream it is added to, -1 to 1; NaN where
    one of them has no length.
    """

    norm: np.ndarray
    added: np.ndarray
    cosine: np.ndarray


@torch.inference_mode()
def measure(trace: Trace) -> Stream:
    """Norms and cosines of a trace; raises ValueError if the stream is not finite."""
    before = trace.layer_stream(0).double()  # (T,C)
    norm, added, cosine = [before.norm(dim=-1)], [], []
    for i in range(1, 2 * trace.n_layers + 1):
        after = trace.layer_stream(i).double()
        check_finite(after, i)
        step = after - before
        added.append(step.norm(dim=-1))
        cosine.append((step * before).sum(-1) / (added[-1] * norm[-1]))
        norm.append(after.norm(dim=-1))
        before = after
    return Stream(*(torch.stack(x).float().cpu().numpy() for x in (norm, added, cosine)))


def stream_at(trace: Trace, position: int) -> torch.Tensor:
    """The stream of one token at every station, (2L+1,C) float64.

    Raises ValueError for a position outside the prompt and for a stream that is not finite.
    """
    check_token(trace, position)
    rows = torch.stack([trace.layer_stream(i)[position] for i in range(2 * trace.n_layers + 1)])
    for i, row in enumerate(rows):
        check_finite(row, i)
    return rows.double()


def check_finite(stream: torch.Tensor, station: int) -> None:
    """stream (..., C); raises ValueError with the place where it is NaN or infinite."""
    if torch.isfinite(stream).all():
        return
    raise ValueError(
        f"The residual stream holds NaN or infinity {station_name(station)}. The model's weights "
        "are damaged or its number format overflows: choose float32 or another checkpoint."
    )


def station_name(station: int) -> str:
    """Where a station lies, in words: "after the MLP of layer 3"."""
    if station == 0:
        return "in the embeddings"
    block = "attention" if station % 2 else "MLP"
    return f"after the {block} of layer {(station - 1) // 2}"


@dataclass(frozen=True, eq=False)
class NormSteps:
    """One LayerNorm on one vector: output = (x − mean) / sigma × gamma + beta, float64.

    x, gamma, beta, output (C,); centred = x − mean; normed = centred / sigma; sigma =
    √(mean(centred²) + eps); error: the largest difference to what the module itself puts out.
    """

    x: np.ndarray
    mean: float
    centred: np.ndarray
    eps: float
    sigma: float
    normed: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    output: np.ndarray
    error: float


@torch.inference_mode()
def norm_steps(checkpoint: Checkpoint, trace: Trace, station: int, position: int) -> NormSteps:
    """The LayerNorm that reads the stream at a station: ln_1, ln_2 of a layer, or ln_f at 2L."""
    module = norm_at(checkpoint.model, station)
    row = trace.layer_stream(station)[position]
    check_finite(row, station)
    x, gamma, beta = row.double(), module.weight.double(), module.bias.double()
    mean = x.mean()
    centred = x - mean
    sigma = (centred.square().mean() + module.eps).sqrt()
    normed = centred / sigma
    output = normed * gamma + beta
    error = (output - module(row).double()).abs().max()
    return NormSteps(
        x=_array(x), mean=float(mean), centred=_array(centred), eps=module.eps, sigma=float(sigma),
        normed=_array(normed), gamma=_array(gamma), beta=_array(beta), output=_array(output),
        error=float(error),
    )


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


def norm_at(model: GPT2LMHeadModel, station: int) -> torch.nn.LayerNorm:
    """The LayerNorm that reads a station."""
    layers = blocks(model)
    if station == 2 * len(layers):
        return model.transformer.ln_f
    block = layers[station // 2]
    return block.ln_2 if station % 2 else block.ln_1


@dataclass(frozen=True, eq=False)
class Exit:
    """Turns a direction of the stream into logits at one token, float64: gain (C,) is ln_f's γ / σ,
    with σ frozen at this token's value.

    A part v of the stream adds unembedding @ (gain × (v − mean v)) to the logits; all parts of the
    stream and β together give the logits.
    """

    gain: torch.Tensor
    beta: torch.Tensor
    sigma: float

    def project(self, v: torch.Tensor) -> torch.Tensor:
        """v (..., C) -> (..., C): the part of v that the unembedding reads."""
        return (v - v.mean(-1, keepdim=True)) * self.gain


def exit_at(model: GPT2LMHeadModel, last: torch.Tensor) -> Exit:
    """last (C,) float64: the stream after the last block at one token."""
    norm = model.transformer.ln_f
    sigma = (last.var(correction=0) + norm.eps).sqrt()
    return Exit(norm.weight.double() / sigma, norm.bias.double(), float(sigma))
