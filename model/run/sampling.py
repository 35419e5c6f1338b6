"""From logits to the next token: temperature, top-k, top-p, renormalise, draw; each stage as data.

The stages and their order are those of transformers' `generate`. Knows nothing of models or text.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch

LIKELY = 256  # how many tokens a draw looks at first; it sorts all of them only when it must


@dataclass(frozen=True)
class SamplingSettings:
    """temperature: 0 (greedy) or 0.001 to 1,000; top_k: 0 = all; top_p: 0 = the first, 1 = all."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        t, k, p = self.temperature, self.top_k, self.top_p
        if not (_is_number(t) and (t == 0 or 0.001 <= t <= 1000)):
            raise ValueError(
                f"Temperature out of range: {t!r}. Use 0 (greedy) or 0.001 to 1,000; 1 is the "
                "model as trained."
            )
        if not (isinstance(k, int) and not isinstance(k, bool) and k >= 0):
            raise ValueError(
                f"Top-k out of range: {k!r}. Use a whole number, 0 (all tokens) or more; 40 is "
                "common."
            )
        if not (_is_number(p) and 0 <= p <= 1):
            raise ValueError(
                f"Top-p out of range: {p!r}. Use 0 (only the most probable token) to 1 (all "
                "tokens)."
            )


@dataclass(frozen=True)
class SamplingStage:
    """One stage's figures.

    n_alive: tokens with a finite score; n_cut: tokens this stage removed;
    cut: the probability they held together just before, 0 to 1;
    entropy_bits: of the survivors, renormalised; top: the highest probability, renormalised.
    """

    name: str
    n_alive: int
    n_cut: int
    cut: float
    entropy_bits: float
    top: float


@dataclass(frozen=True, eq=False)
class SamplingStages:
    """The scores after each stage, (V,) float32 each, -inf for a token that is out.

    Temperature 0 leaves only the highest logit (the first of equals): the limit of T -> 0.
    """

    settings: SamplingSettings
    logits: torch.Tensor
    tempered: torch.Tensor
    after_top_k: torch.Tensor
    after_top_p: torch.Tensor

    @cached_property
    def probabilities(self) -> torch.Tensor:
        """What a token is drawn from: softmax of the survivors, (V,) float64, exactly 0 if out."""
        return softmax(self.after_top_p)

    @cached_property
    def facts(self) -> tuple[SamplingStage, ...]:
        """The figures of the four stages: logits, temperature, top-k, top-p."""
        scores = (self.logits, self.tempered, self.after_top_k, self.after_top_p)
        before = (self.logits, self.tempered, self.tempered, self.after_top_k)
        names = ("logits", "temperature", "top-k", "top-p")
        return tuple(map(_facts, names, before, scores))

    @property
    def n_alive(self) -> int:
        """How many tokens can be drawn."""
        return self.facts[-1].n_alive

    @property
    def kept(self) -> float:
        """The probability that top-k and top-p leave of the distribution after temperature, 0 to 1.
        The survivors are divided by it, so that they sum to 1."""
        return float(softmax(self.tempered)[self.after_top_p > -math.inf].sum().clamp(max=1))


@torch.inference_mode()
def stages(
    logits: torch.Tensor, settings: SamplingSettings, name: str = "logits"
) -> SamplingStages:
    """logits (V,), any float dtype -> every stage, computed in float32 as `generate` does.

    Raises ValueError with `name` when a logit, or a logit divided by the temperature, is NaN or
    infinite. Equal to TemperatureLogitsWarper, TopKLogitsWarper and TopPLogitsWarper, except at
    top-p 0: rounding may leave them several tokens; here exactly one stays.
    """
    check_finite(logits, name)
    logits = logits.float()
    tempered = _temper(logits, settings.temperature)
    if settings.temperature:
        check_finite(tempered, f"{name} / temperature {settings.temperature:g}")
    after_top_k = _keep_top_k(tempered, settings.top_k)
    return SamplingStages(
        settings, logits, tempered, after_top_k, _keep_top_p(after_top_k, settings.top_p)
    )


def check_finite(tensor: torch.Tensor, name: str) -> None:
    """Raise ValueError if the tensor is not finite: its name, the counts, where the first is."""
    broken = ~torch.isfinite(tensor)
    if not broken.any():
        return
    n_nan = int(torch.isnan(tensor).sum())
    first = tuple(broken.nonzero()[0].tolist())
    raise ValueError(
        f"Not finite: {name} {tuple(tensor.shape)} holds {n_nan:,} NaN and "
        f"{int(broken.sum()) - n_nan:,} infinite (the first at {first}). The weights are damaged "
        "or the dtype overflows: choose float32 or another checkpoint."
    )


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """Scores (..., V) -> probabilities in float64."""
    return scores.double().softmax(-1)


def ranking(scores: torch.Tensor) -> torch.Tensor:
    """Ids (V,) from the highest score to the lowest; of equal scores, the lower id first."""
    return scores.cpu().sort(descending=True, stable=True).indices


def draw(probabilities: torch.Tensor, generator: torch.Generator) -> int:
    """One id from probabilities (V,): the segment of [0, 1) that one uniform number falls into.

    The segments lie in `ranking` order, so a number near 0 always means a probable token. The
    generator is a CPU one: a seed gives the same draw on every device.
    """
    return int(at(probabilities, uniform(1, generator))[0])


def uniform(n: int, generator: torch.Generator) -> torch.Tensor:
    """The generator's next n numbers from [0, 1), (n,) float64; 1 + 1 are the same as 2."""
    return torch.rand(n, dtype=torch.float64, generator=generator)


def at(probabilities: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """points (n,) in [0, 1) -> the ids (n,) whose segments they fall into."""
    p = probabilities.double().cpu()
    points = points * p.sum()
    least = p.topk(min(LIKELY, len(p))).values[-1]
    for floor in (max(float(least), _TINY), _TINY):
        ids = (p >= floor).nonzero()[:, 0]
        ids = ids[ranking(p[ids])]
        ends = p[ids].cumsum(0)
        if points.max() < ends[-1]:
            break
    places = torch.searchsorted(ends, points, right=True)
    return ids[places.clamp(max=len(ids) - 1)]  # rounding: the last token ends at the sum


_TINY = torch.finfo(torch.float64).tiny


def _temper(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    if temperature:
        return logits / temperature
    greedy = torch.full_like(logits, -math.inf)
    greedy[logits.argmax()] = logits.max()
    return greedy


def _keep_top_k(scores: torch.Tensor, k: int) -> torch.Tensor:
    """Ties with the k-th score stay."""
    if k == 0 or k >= len(scores):
        return scores
    return scores.masked_fill(scores < scores.topk(k).values[-1], -math.inf)


def _keep_top_p(scores: torch.Tensor, p: float) -> torch.Tensor:
    """The smallest set whose probabilities sum to p or more (Holtzman et al. 2019,
    arXiv:1904.09751); removed from the low end, as transformers does, in float32."""
    if p == 1:
        return scores
    ascending, order = scores[None].sort(descending=False)  # (1,V): the sort transformers calls
    out = ascending.softmax(-1).cumsum(-1) <= 1 - p
    if p == 0:
        out[:] = True
    out[:, -1] = False
    return scores.masked_fill(torch.zeros_like(out).scatter(1, order, out)[0], -math.inf)


def _facts(name: str, before: torch.Tensor, after: torch.Tensor) -> SamplingStage:
    p, alive = softmax(after), after > -math.inf
    n_before = int((before > -math.inf).sum())
    removes = name.startswith("top")  # temperature moves probability and cuts no token
    cut = float(softmax(before)[~alive].sum().clamp(0, 1)) if removes else 0.0
    n_alive = int(alive.sum())
    entropy = -float(torch.special.xlogy(p, p).sum()) / math.log(2)
    n_cut = n_before - n_alive if removes else 0
    return SamplingStage(name, n_alive, n_cut, cut, max(entropy, 0.0), float(p.max()))


def _is_number(x: object) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)
