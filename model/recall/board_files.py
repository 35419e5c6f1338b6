"""The files that measurements of recall are kept in: their schemas, and how one is read. Knows nothing
of measuring.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from model.disk.schema import Count, Told, checked, from_json
from model.disk.whole import place


class Versioned(Told):
    """Any of these files, before its version is known to be ours."""

    version: Count


def read(path: Path, version: int, schema: type[Told]) -> dict[str, Any] | None:
    """What a file of this version holds; None where there is none. Raises ValueError, a few words, for
    another version and for what is not as the schema says, and OSError."""
    if not path.is_file():
        return None
    board: dict[str, Any] = from_json(path.read_bytes())
    if (found := checked(Versioned, board).version) != version:
        raise ValueError(f"it is version {found}, this program reads {version}")
    checked(schema, board)
    return board


def check_ours(path: Path, *names: str) -> None:
    """Raises ValueError where a file lies that has not these fields, so that another program's is never
    replaced; NotWritten where no file can be written."""
    if not os.path.lexists(path):
        return
    try:
        found = from_json(place(path).read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= set(names):
        raise ValueError(f"{path} is there already and holds something else. Choose another file, or move "
                         "that one away.")


ROUNDED = 1e-4  # what a written share may be off


def check_share(hits: int, n: int, share: float, low: float, high: float) -> None:
    """Raises ValueError, a few words, for a share that is not hits of n, or not inside its interval."""
    if hits > n or abs(share - hits / n) > ROUNDED:
        raise ValueError(f"{hits} of {n} is no share of {share:.80}")
    if not 0 <= low <= share + ROUNDED or not share - ROUNDED <= high <= 1:
        raise ValueError(f"the interval from {low:.80} to {high:.80} does not hold the share {share:.80}")


class ShareTold(Told):
    """hits of n with their interval; no share where n is 0."""

    hits: Count
    n: Count
    share: float | None
    low: float
    high: float

    @model_validator(mode="after")
    def fits_together(self) -> "ShareTold":
        """The share is hits of n, inside its interval."""
        if (self.share is None) != (self.n == 0):
            raise ValueError(f"of n = {self.n} the share is {self.share}")
        if self.share is not None:
            check_share(self.hits, self.n, self.share, self.low, self.high)
        return self


class CaseTold(Told):
    """One case of `recall headline`."""

    title: str
    variants: dict[str, ShareTold]
    labels: dict[str, dict[str, ShareTold]]


class TextVariantTold(Told):
    """Bits per byte of ordinary text, and percent against GPT-2 with its interval."""

    bits_per_byte: float
    percent: float
    low: float
    high: float


class TextTold(Told):
    """The case of ordinary text."""

    passages: Count
    bytes: Count
    variants: dict[str, TextVariantTold]


class SpanTold(Told):
    """A mean with its interval."""

    mean: float
    low: float
    high: float


class GistTold(Told):
    """What a recurrent memory keeps of a book."""

    pairs: Count
    saved_by_own: SpanTold
    saved_by_other: SpanTold
    percent: SpanTold


class HeadlineTold(Told):
    """The file of `recall headline`."""

    model: str
    fingerprint: str
    memory: str | None
    rules: Count
    cases: dict[str, CaseTold]
    text: TextTold | None = None
    gist: dict[str, GistTold] | None = None


class HeadlineLineTold(Told):
    """One probe of one case, in the file of episodes beside it."""

    mark: str
    case: str
    probe: str
    hits: dict[str, bool]


def _hits_of_n(both: list[int]) -> list[int]:
    if both[0] > both[1]:
        raise ValueError(f"{both[0]} hits are more than n = {both[1]}")
    return both


HitsOfN = Annotated[list[Count], Field(min_length=2, max_length=2), AfterValidator(_hits_of_n)]


class RowTold(Told):
    """A point of one variant; series: name -> [hits, n]."""

    variant: str
    point: str
    x: float
    y: float | None
    stop: Count
    n_stops: Count
    episodes: Count
    series: dict[str, HitsOfN]


class CurveTold(Told):
    """One curve of recall_curves.json."""

    n: Count
    made: str
    rows: list[RowTold]


class BoardCellTold(Told):
    """A cell of the scoreboard; no value: it cannot be measured."""

    value: float | None
    low: float | None
    high: float | None
    n: Count
    unit: Literal["share", "tokens", "percent", "bytes", "ms"]
    how: str


class BoardCellsTold(Told):
    """A row's cells, one a column."""

    context_limit: BoardCellTold
    inside: BoardCellTold
    beyond: BoardCellTold
    across: BoardCellTold
    false_recall: BoardCellTold
    perplexity: BoardCellTold
    bytes: BoardCellTold
    ms: BoardCellTold


class BoardRowTold(Told):
    """A variant on the scoreboard."""

    variant: str
    cells: BoardCellsTold


class SlotsTold(Told):
    """How many slots each kind of memory had."""

    am: Count
    edm: Count


class BoardTold(Told):
    """scoreboard.json."""

    model: str
    fingerprint: str
    memory: str | None
    made: str
    episodes: Count
    slots: SlotsTold
    policy: str
    window: Count
    rows: list[BoardRowTold]


class CurvesTold(Told):
    """recall_curves.json."""

    model: str
    fingerprint: str
    memory: str | None
    rules: Count
    settings: dict[str, Any]
    curves: dict[str, CurveTold]


class EpisodeTold(Told):
    """One record in a file of episodes."""

    curve: str
    variant: str
    point: str
    seed: int
    made_with: str


class AnsweredTold(Told):
    """What a variant did with a line that has an answer."""

    exact: bool
    said: bool | None
    continuation: str
    probability: float
    log_probability: float
    ranks: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]


class UnansweredTold(Told):
    """The same without an answer."""

    exact: None
    continuation: str
    false_recall: bool


class ProbeResultTold(Told):
    """A line of the results of a file of probes: what each variant did, or what is wrong."""

    key: str
    found: dict[str, AnsweredTold | UnansweredTold] | str
