"""The files that measurements of recall are kept in: their schemas, and how one is read. Knows nothing
of measuring.
"""

import json
import os
from collections.abc import Callable
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
    _check_letters(board)
    return board


def _check_letters(board: dict[str, Any]) -> None:
    """Raises ValueError for half an emoji: JSON can hold it, but no page can show it."""
    try:
        json.dumps(board, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        half = ascii(problem.object[problem.start : problem.end])
        raise ValueError(f"it holds half of a letter, {half}") from None


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


MOST = 2.0**53  # what a number on a page can be at most
ROUNDED = 1e-4  # what a written share may be off


def check_share(hits: int, n: int, share: float, low: float, high: float) -> None:
    """Raises ValueError, a few words, for a share that is not hits of n, or not inside its interval."""
    if hits > n or abs(share - hits / n) > ROUNDED:
        raise ValueError(f"{hits} of {n} is no share of {share:.6g}")
    if not 0 <= low <= share + ROUNDED or not share - ROUNDED <= high <= 1:
        raise ValueError(f"the interval from {low:.6g} to {high:.6g} does not hold the share {share:.6g}")


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


# What a value of each unit can be: perplexity falls by 100 percent at most.
RANGES = {"share": (0.0, 1.0), "tokens": (0.0, MOST), "percent": (-100.0, MOST), "bytes": (0.0, MOST),
          "ms": (0.0, MOST)}


class BoardCellTold(Told):
    """A cell of the scoreboard; no value: it cannot be measured."""

    value: float | None
    low: float | None
    high: float | None
    n: Count
    unit: Literal["share", "tokens", "percent", "bytes", "ms"]
    how: str

    @model_validator(mode="after")
    def fits_together(self) -> "BoardCellTold":
        """The value is one of its unit, inside its interval, which is whole or missing."""
        least, most = RANGES[self.unit]
        for one in (self.value, self.low, self.high):
            if one is not None and not least <= one <= most:
                raise ValueError(f"{one:.6g} is no value in {self.unit}")
        if (self.low is None) != (self.high is None) or self.value is None and self.low is not None:
            raise ValueError(f"the interval of {self.value} is from {self.low} to {self.high}")
        if self.value is not None and self.low is not None and self.high is not None and not (
            self.low - ROUNDED <= self.value <= self.high + ROUNDED
        ):
            raise ValueError(f"the interval from {self.low:.6g} to {self.high:.6g} does not hold "
                             f"{self.value:.6g}")
        return self


def _in(unit: str) -> Callable[[BoardCellTold], BoardCellTold]:
    """A check: the cell has the unit of its column."""

    def same(cell: BoardCellTold) -> BoardCellTold:
        if cell.unit != unit:
            raise ValueError(f"a cell has the unit {cell.unit}, its column has {unit}")
        return cell

    return same


ShareCell = Annotated[BoardCellTold, AfterValidator(_in("share"))]


class BoardCellsTold(Told):
    """A row's cells, one a column."""

    context_limit: Annotated[BoardCellTold, AfterValidator(_in("tokens"))]
    inside: ShareCell
    beyond: ShareCell
    across: ShareCell
    false_recall: ShareCell
    perplexity: Annotated[BoardCellTold, AfterValidator(_in("percent"))]
    bytes: Annotated[BoardCellTold, AfterValidator(_in("bytes"))]
    ms: Annotated[BoardCellTold, AfterValidator(_in("ms"))]


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
