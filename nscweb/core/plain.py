"""Dataclasses to what JSON holds and back: how cards, runs, requests, orders and marks are kept.

::

    stream.write(json.dumps(to_plain(gates)).encode())
    gates = from_plain(Gates, json.loads(text), "The gates of the study")

pydantic does the work, on our plain dataclasses: their annotations say what is possible, ``__post_init__`` what makes
sense. A class with ``__pydantic_config__ = REFUSE_UNKNOWN`` refuses names that it does not have; others pass over them,
so that files of a newer version open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from nscweb.core.errors import NscwebError, WrongUse

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")
REFUSE_UNKNOWN: ConfigDict = {"extra": "forbid"}


class _Exact:
    """Nothing else is taken for it. pydantic asks for this method by its name."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), "strict": True}


# For values that people choose: "yes" is not true, and true is not 1.
YesNo = Annotated[bool, _Exact()]
Whole = Annotated[int, _Exact()]

# What pydantic calls a fault -> what a value should have been. Looked up by the beginning.
_EXPECTED = {
    "missing": "",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "string": "text",
    "path": "the name of a file",
    "tuple": "a list",
    "too_long": "a shorter list",
    "list": "a list",
    "dict": "fields with names",
    "mapping": "fields with names",
    "dataclass": "fields with names",
}


def to_plain(value: Any) -> Any:
    """What JSON can hold: dataclasses become dictionaries, tuples lists, paths text.

    Raises:
        ValueError: something in it has no form in JSON, an array for example.
    """
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def from_plain(kind: type[T], data: object, what: str, error: Callable[[str], NscwebError] = WrongUse) -> T:
    """A `kind` from what `to_plain` made of one; whatever is not named has its default.

    Args:
        kind: a dataclass, or a type of them such as ``tuple[Finding, ...]``.
        what: names the file or thing, begins the sentence of an error.
        error: makes the error.

    Raises:
        NscwebError: made by `error`; it names the first field that is missing, unknown or has an impossible value.
            Errors of a check in ``__post_init__`` come as they are when they are of this tree.
    """
    from pydantic import ValidationError

    try:
        made: T = _adapter(cast(Any, kind)).validate_python(data)
        return made
    except ValidationError as refused:
        faults = refused.errors(include_url=False)
        more = f", and {len(faults) - 1} more like this" if len(faults) > 1 else ""
        raise error(f"{what} cannot be read: {_said(faults[0])}{more}.") from refused


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _said(fault: ErrorDetails) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).removeprefix(".")
    place, kind = place or "it", fault["type"]
    if kind == "missing":
        return f"{place} is missing"
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place} is not a name that this program knows"
    if kind == "value_error":
        return f"{place}: {fault['msg'].removeprefix('Value error, ')}"
    expected = next((words for start, words in _EXPECTED.items() if kind.startswith(start)), "")
    if kind == "literal_error":
        expected = f"one of {fault['ctx']['expected'].replace(' or ', ', ')}".replace("'", "")
    return f"{place} is {_short(fault['input'])}, where {expected or fault['msg']} is expected"


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table of names"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
