"""Schemas of the files in a training's folder. Knows nothing of processes."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from model.disk.schema import Count, Seconds, Told
from model.recall.board_files import check_share


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
    """A share on a card: hits of n, and its interval."""

    hits: Count
    n: int = Field(ge=1, lt=2**53)
    share: float
    low: float
    high: float

    @model_validator(mode="after")
    def fits_together(self) -> "FigureTold":
        """The share is hits of n, inside its interval; a card rounds to four digits."""
        check_share(self.hits, self.n, self.share, self.low, self.high)
        return self


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


class WentOnTold(Told):
    """The training that another one went on from; empty where it began anew."""

    steps: Count = 0
    tokens: Count = 0
    seconds: Seconds = 0.0
    base: str = ""


class CellTold(FigureTold):
    """A cell of the grid."""

    about: str
    facts: Count
    between: Count
    variant: str
    seed: int


class SeedTold(Told):
    """The training of one seed."""

    seed: int
    steps: Count
    tokens: Count
    seconds: Seconds


class RowsTold(Told):
    """The rows that `train grid` goes on from."""

    cells: dict[str, list[CellTold]] = Field(default_factory=dict)
    whole: dict[str, list[CellTold]] = Field(default_factory=dict)
    made_with: dict[str, list[Any]] = Field(default_factory=dict)


class GridTold(RowsTold):
    """The same with what MEMORY.md says of the trainings."""

    seeds: list[SeedTold] = Field(default_factory=list)


class WholeCardTold(CardTold):
    """Of a card, what MEMORY.md says."""

    base: str
    seed: Count
    steps: Count
    tokens: Count
    seconds: Seconds
    platform: str
    file_bytes: Count
    n_parameters: Count
    recall: dict[str, Annotated[dict[str, FigureTold], Field(min_length=1)]] = Field(min_length=1)
    refused: dict[str, FigureTold] = Field(min_length=1)
    stability: StabilityTold
    went_on_from: WentOnTold | None = None
