"""How many weights a GPT of any size has: matrices and parameters, group by group.

Pure arithmetic on seven numbers; knows no checkpoint and loads nothing.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loads torch, which `anatomy --preset` can do without
    from transformers import GPT2Config


class SizeError(ValueError):
    """A size that no GPT can have."""


@dataclass(frozen=True)
class GptShape:
    """The seven numbers that fix the size of a GPT.

    n_layer L, n_head H, d_model C, d_head D, d_mlp F, n_vocab V, n_positions P. GPT-2 needs
    H × D = C; the arithmetic does not.
    """

    n_layer: int
    n_head: int
    d_model: int
    d_head: int
    d_mlp: int
    n_vocab: int
    n_positions: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise SizeError(f"{field.name} must be at least 1, got {value}. Choose a larger "
                                "one.")


@dataclass(frozen=True)
class Group:
    """One kind of weights: `matrices` of them, each `rows` × `columns`, `weights` in all."""

    name: str
    formula: str
    matrices: int
    rows: int
    columns: int

    @property
    def weights(self) -> int:
        return self.matrices * self.rows * self.columns


PRESETS = {
    "gpt2": GptShape(12, 12, 768, 64, 3072, 50_257, 1024),
    "gpt2-medium": GptShape(24, 16, 1024, 64, 4096, 50_257, 1024),
    "gpt2-large": GptShape(36, 20, 1280, 64, 5120, 50_257, 1024),
    "gpt2-xl": GptShape(48, 25, 1600, 64, 6400, 50_257, 1024),
    "gpt3": GptShape(96, 96, 12_288, 128, 49_152, 50_257, 2048),
}
"""GPT-2: the configurations published with its weights. GPT-3 175B: Brown et al. 2020
(arXiv:2005.14165), table 2.1, with GPT-2's vocabulary."""

TITLES = {
    "gpt2": "GPT-2 small",
    "gpt2-medium": "GPT-2 medium",
    "gpt2-large": "GPT-2 large",
    "gpt2-xl": "GPT-2 XL",
    "gpt3": "GPT-3 175B",
}


def of_config(config: "GPT2Config") -> GptShape:
    """transformers' GPT2Config -> GptShape."""
    C, H = config.n_embd, config.n_head
    F = config.n_inner if config.n_inner is not None else 4 * C
    return GptShape(config.n_layer, H, C, C // H, F, config.vocab_size, config.n_positions)


def counted(shape: GptShape) -> list[Group]:
    """The eight groups of matrices, the way GPT-3's 175,181,291,520 is commonly counted.

    Query, key and value have a matrix per head; embedding and unembedding are counted apart; no
    biases, no LayerNorms, no position table.
    """
    L, H, C, D, F, V = (getattr(shape, f.name) for f in fields(shape)[:6])
    return [
        Group("embedding", "V × D", 1, V, C),
        Group("query", "L × H × d_h × D", L * H, D, C),
        Group("key", "L × H × d_h × D", L * H, D, C),
        Group("value", "L × H × d_h × D", L * H, D, C),
        Group("output", "L × D × (H × d_h)", L, C, H * D),
        Group("up-projection", "L × F × D", L, F, C),
        Group("down-projection", "L × D × F", L, C, F),
        Group("unembedding", "V × D", 1, V, C),
    ]


def left_out(shape: GptShape) -> list[Group]:
    """What the common count leaves out: vectors and the position table."""
    L, C, HD, F = shape.n_layer, shape.d_model, shape.n_head * shape.d_head, shape.d_mlp
    return [
        Group("position table", "P × D", 1, shape.n_positions, C),
        Group("attention biases", "L × (3 × H × d_h + D)", L, 1, 3 * HD + C),
        Group("MLP biases", "L × (F + D)", L, 1, F + C),
        Group("LayerNorms", "(2 × L + 1) × 2 × D", 2 * L + 1, 2, C),
    ]


@dataclass(frozen=True)
class Count:
    """The common count and the full one, reconciled: full = weights + left out − tied."""

    groups: list[Group]
    left_out: list[Group]
    tied: int

    @property
    def matrices(self) -> int:
        return sum(g.matrices for g in self.groups)

    @property
    def weights(self) -> int:
        return sum(g.weights for g in self.groups)

    @property
    def full(self) -> int:
        """Every trained number once: GPT-2 stores the unembedding as the embedding itself."""
        return self.weights + sum(g.weights for g in self.left_out) - self.tied


def count(shape: GptShape, tied: bool = True) -> Count:
    """GptShape -> Count; tied: the unembedding is the embedding (GPT-2 and GPT-3)."""
    groups = counted(shape)
    return Count(groups, left_out(shape), groups[-1].weights if tied else 0)
