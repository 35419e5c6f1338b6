"""Direct logit attribution: a logit as a sum over everything that wrote into the residual stream.

The last stream vector is a sum (embeddings, every head, every bias, every MLP); with the final
LayerNorm's σ frozen at its value, ln_f and the unembedding are linear, so the logit is a sum too
(Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). "Direct": a part's effect
through later layers is counted for those layers. L layers, H heads, C model width, V vocabulary.
All in float64.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import GPT2Config

from model.analysis.attention import check_token
from model.analysis.residual import exit_at, stream_at
from model.grafts.blocks import blocks
from model.run import sampling
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, final_logits, scaling


@dataclass(frozen=True, eq=False)
class Attribution:
    """One logit, or the difference of two, in its parts; everything in logits.

    token, position: the two embeddings of the token that is read; heads (L,H): each head, with the
    bias of its values, without the output bias; attention_bias (L,): each layer's output bias;
    mlp (L,): each MLP with its biases; final_bias: β of ln_f.
    logit: what the model itself puts out; sigma: the frozen σ of the final LayerNorm.
    """

    token: float
    position: float
    heads: np.ndarray
    attention_bias: np.ndarray
    mlp: np.ndarray
    final_bias: float
    logit: float
    sigma: float

    @property
    def total(self) -> float:
        """The sum of all parts."""
        arrays = (self.heads, self.attention_bias, self.mlp)
        return self.token + self.position + self.final_bias + float(sum(x.sum() for x in arrays))


@torch.inference_mode()
def attribute(
    checkpoint: Checkpoint, trace: Trace, position: int, token: int, against: int | None = None
) -> Attribution:
    """The logit of `token` after `position`; with `against`, minus the logit of that token.

    Raises ValueError for a token or position that does not exist and for logits that are not
    finite.
    """
    model = checkpoint.model
    check_id(model.config, token)
    stream = stream_at(trace, position)  # (2L+1,C)
    unembedding = model.lm_head.weight
    direction = unembedding[token].double()
    logits = final_logits(model, trace.layer_stream(-1)[position])
    sampling.check_finite(logits, "the logits of the model")
    logit = float(logits[token])
    if against is not None:
        check_id(model.config, against)
        direction = direction - unembedding[against].double()
        logit -= float(logits[against])
    way_out = exit_at(model, stream[-1])

    def share(v: torch.Tensor) -> np.ndarray:
        return (way_out.project(v) @ direction).cpu().numpy()

    body = model.transformer
    parts = [head_writes(checkpoint, trace, i, position) for i in range(trace.n_layers)]
    biases = torch.stack([block.attn.c_proj.bias.double() for block in blocks(model)])
    return Attribution(
        token=float(share(body.wte.weight[int(trace.ids[position])].double())),
        position=float(share(body.wpe.weight[position].double())),
        heads=share(torch.stack(parts)),
        attention_bias=share(biases),
        mlp=share(stream[2::2] - stream[1::2]),
        final_bias=float(way_out.beta @ direction),
        logit=logit,
        sigma=way_out.sigma,
    )


@torch.inference_mode()
def head_writes(checkpoint: Checkpoint, trace: Trace, layer: int, position: int) -> torch.Tensor:
    """What each head of a layer writes into the stream of one token, (H,C) float64, without the
    output bias; computed from q, k and v."""
    check_token(trace, position)
    q = trace.layer_q(layer)[:, position].double()  # (H,D)
    k = trace.layer_k(layer)[:, : position + 1].double()  # (H,S,D)
    v = trace.layer_v(layer)[:, : position + 1].double()
    scores = torch.einsum("hd,hsd->hs", q, k) * scaling(checkpoint, layer)
    mixed = torch.einsum("hs,hsd->hd", scores.softmax(-1), v)
    rows = blocks(checkpoint.model)[layer].attn.c_proj.weight.double()  # (C,C), row = input
    return torch.einsum("hd,hdc->hc", mixed, rows.view(*mixed.shape, -1))


def check_id(config: GPT2Config, token: int) -> None:
    """Raises ValueError for an id outside the vocabulary."""
    if not 0 <= token < config.vocab_size:
        raise ValueError(
            f"There is no token {token}. Choose one of this vocabulary: ids 0 to "
            f"{config.vocab_size - 1}."
        )
