"""Cells of a table as text, whichever program wrote them and whichever library read them."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field

from nscweb.core.errors import InputRefused

_NUMBER = re.compile(r"^[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?$")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Range of merged cells: first row, first column, last row, last column; rows from 1, columns from 0.
Merged = tuple[int, int, int, int]
# Spreadsheets keep a duration as a date that begins here; 1 is one day.
_DURATION_ZERO = datetime.datetime(1899, 12, 31)
_FIRST_DATE = datetime.datetime(1900, 3, 1)

# What to do about a workbook that cannot be read.
SAVE_AGAIN = "Save it again, or as CSV."


@dataclass(frozen=True)
class Grid:
    """One sheet of a workbook, or a text file.

    Attributes:
        title: of the sheet, "" for a text file.
        rows: (number of the row in the file, values as text); rows without a value are left out.
        merged: ranges of merged cells.
    """

    title: str
    rows: list[tuple[int, tuple[str, ...]]]
    merged: list[Merged] = field(default_factory=list)


@dataclass(frozen=True)
class TextTable:
    """Header and rows as text; rows are as long as they are in the file.

    Attributes:
        header: of the columns.
        rows: (number of the row in the file, from 1; values).
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def cell_text(value: object, number_format: str = "") -> str:
    """A value as a person would write it: 1 for 1.0, an ISO date, "" for nothing; text stays as it is.

    Args:
        number_format: of the cell, as Excel writes it: ``000`` keeps the zeros of 001, ``0" h"`` the unit.
    """
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value < _FIRST_DATE:
        value = value - _DURATION_ZERO
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        whole = not isinstance(value, float) or (value.is_integer() and abs(value) < 1e15)
        return _as_shown(str(int(value)) if whole else str(value), number_format)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def _as_shown(number: str, number_format: str) -> str:
    """The number with the zeros in front and the letters around it that its format adds."""
    if number_format in ("", "General", "@", "0") or number.startswith("-"):
        return number
    before, core, after = "", "", ""
    for quoted, escaped, digits in re.findall(r'"([^"]*)"|\\(.)|([0#?.,]+|General)', number_format.split(";")[0]):
        if digits:
            core += digits
        elif core:
            after += quoted or escaped
        else:
            before += quoted or escaped
    rest = re.sub(r'"[^"]*"|\\.|[0#?.,]+|General|\[[^\]]*\]|_.|\*.|\s', "", number_format.split(";")[0])
    if rest or not core:
        return number
    if re.fullmatch(r"0{2,}", core) and number.isdigit():
        number = number.zfill(len(core))
    return f"{before}{number}{after}"


def damaged(name: str) -> InputRefused:
    """The error for a workbook that no reader understands."""
    return InputRefused(f"The workbook {name} is damaged.", SAVE_AGAIN, "E-SHEET-DAMAGED")


def empty(name: str) -> InputRefused:
    """The error for a table without a value."""
    return InputRefused(f"{name} is empty.", "Start from the template.", "E-SHEET-EMPTY")


def numbered(rows: list[list[str]]) -> list[tuple[int, tuple[str, ...]]]:
    """Rows of a sheet with their numbers; without those that hold nothing, and without empty cells at their ends."""
    found = []
    for number, row in enumerate(rows, start=1):
        end = len(row)
        while end and not row[end - 1].strip():
            end -= 1
        if end:
            found.append((number, tuple(row[:end])))
    return found


def to_cell(text: str) -> str:
    """Text for a CSV cell: a leading quote stops spreadsheets from running it; numbers are left alone."""
    if text.startswith("'") or (text.startswith(_FORMULA) and not _NUMBER.match(text)):
        return f"'{text}"
    return text


def from_cell(text: str) -> str:
    """Inverse of `to_cell`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(("'", *_FORMULA)) else text
