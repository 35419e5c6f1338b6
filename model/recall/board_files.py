"""The files that measurements of recall are kept in: their schemas, and how one is read. Knows nothing
of measuring.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from model.disk.schema import Count, Told, checked, from_json


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


class ShareTold(Told):
    """hits of n with their interval; no share where n is 0."""

    hits: Count
    n: Count
    share: float | None
    low: float
    high: float


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


class RowTold(Told):
    """A point of one variant; series: name -> [hits, n]."""

    variant: str
    point: str
    x: float
    y: float | None
    stop: Count
    n_stops: Count
    episodes: Count
    series: dict[str, Annotated[list[Count], Field(min_length=2, max_length=2)]]


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
