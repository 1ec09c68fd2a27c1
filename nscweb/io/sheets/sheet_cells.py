"""Cells of a workbook as text, whichever library read them, and the table that they make."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.io.sheets.delimited import TextTable

# What to do about a workbook that cannot be read.
SAVE_AGAIN = "Save it again, or as CSV."


def cell_text(value: object) -> str:
    """A value as a person would write it: 1 for 1.0, an ISO date, "" for nothing; text stays as it is."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def damaged(name: str) -> InputRefused:
    """The error for a workbook that no reader understands."""
    return InputRefused(f"The workbook {name} is damaged.", SAVE_AGAIN, "E-SHEET-DAMAGED")


def merged_note(name: str, log: FindingLog) -> None:
    """Say that merged cells hold one value."""
    log.add("warn", "W-SHEET-MERGED", "The sheet has merged cells; only the first of each holds a value.", name)


def first_sheet_note(sheets: int, title: str, name: str, log: FindingLog) -> None:
    """Say which of several sheets was read."""
    if sheets > 1:
        log.add("note", "N-SHEET-FIRST", f"The workbook has {sheets} sheets; {title!r} was read.", name)


def table_of(rows: Iterable[Sequence[str]], name: str) -> TextTable:
    """Rows from the top of a sheet as a table; those without a value are left out.

    Raises:
        InputRefused: no row has a value.
    """
    filled = [(number, _trimmed(tuple(row))) for number, row in enumerate(rows, start=1) if any(row)]
    if not filled:
        raise InputRefused(f"{name} is empty.", "Start from the template.", "E-SHEET-EMPTY")
    width = len(filled[0][1])
    padded = [(number, row + ("",) * (width - len(row))) for number, row in filled]
    return TextTable(padded[0][1], tuple(padded[1:]))


def _trimmed(row: tuple[str, ...]) -> tuple[str, ...]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]
