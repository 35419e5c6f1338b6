"""Schemas of the files in a training's folder. Knows nothing of processes."""

from typing import Annotated

from pydantic import Field

from model.disk.schema import Count, Seconds, Told


class RequestTold(Told):
    """A request in job.json."""

    model: str
    variant: str
    steps: Count
    seed: Count = 0
    cell: str = "gru"
    lora: Count = 0
    texts: Annotated[tuple[str, ...], Field(strict=False)] = ()  # JSON has lists, no tuples
    episodes: Count = 512


class JobTold(Told):
    """What job.json says."""

    request: RequestTold
    created: Seconds
    pid: int = Field(default=0, ge=0, lt=2**31)
    birth: str = ""


class FigureTold(Told):
    """A share on a card."""

    hits: Count
    n: Count
    share: float
    low: float
    high: float


class StabilityTold(Told):
    """What memory does to ordinary text, on a card."""

    tokens: Count
    relative_change: float
    kl_nats_per_token: float


class CardTold(Told):
    """Of a training's card, what the page shows."""

    recall: dict[str, dict[str, FigureTold]] = Field(default_factory=dict)
    refused: dict[str, FigureTold] = Field(default_factory=dict)
    stability: StabilityTold | None = None
    n_parameters: Count | None = None
    seconds: Seconds = 0.0
    seed: Count = 0
