"""What a file says, checked against a schema before anything is done with it.

JSON says anything: a number where a list should be, 10**30, NaN, two million brackets. A schema is a
`Told` with the fields that a reader needs. Knows no file's format.
"""

import json
import reprlib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=0, lt=2**53)]  # what every program reads as a whole number
Seconds = Annotated[float, Field(ge=0, lt=2.5e11)]  # since 1970, up to the year 9892


class Told(BaseModel):
    """Fields of exactly their types: no "3" for 3, no true for 1, no NaN, no infinity. What a file
    says besides is left out."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


Schema = TypeVar("Schema", bound=Told)


def check_is_file(path: Path) -> None:
    """Raises ValueError where there is no file, so that it is not taken for a damaged one."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "missing"
        raise ValueError(f"Cannot read {path}: it is {what}. Name a file that is there.")


def from_json(text: str | bytes) -> Any:
    """What a JSON text says. ValueError, a few words, for what is no JSON or nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its brackets are nested too deep") from None


def checked(schema: type[Schema], found: object) -> Schema:
    """What was found, as the schema's fields. ValueError, a few words: which field, what it is, what
    it should be."""
    try:
        return schema.model_validate(found)
    except ValidationError as problem:
        raise ValueError(_in_words(problem)) from None


def one_line(problem: Exception, most: int = 200) -> str:
    """What another program says of a file, on one line."""
    return " ".join(str(problem).split())[:most]


def _in_words(problem: ValidationError) -> str:
    """The first field that is wrong."""
    first = problem.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"{place} is missing"
    if first["type"] == "value_error":  # in the words of the schema's own check
        return str(first["ctx"]["error"])
    is_table = first["type"] in ("model_type", "dict_type")
    said = "Input should be a table" if is_table else first["msg"]
    wanted = said.replace("Input should be", "it should be")
    return f"{place or 'it'} is {reprlib.repr(first['input'])}; {wanted}"
