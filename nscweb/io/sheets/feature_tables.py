"""Tables and lists that IDEAS writes beside the images: features per object (`.txt`) and populations (`.pop`).

A feature table is tab-separated text, first column "Object Number" (FACTS section 2); other separators, lines before
the header, UTF-16 and decimal commas come from spreadsheets in between. A `.pop` is a list of object numbers.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.io.names.file_names import suffix_of
from nscweb.io.sheets.delimited import decode_text

JoinKind = Literal["table", "population"]
TABLE_SUFFIXES = frozenset({".txt", ".tsv", ".csv"})
JOIN_SUFFIXES = TABLE_SUFFIXES | {".pop"}
HEAD_BYTES = 65_536
MOST_COLUMNS = 300
_LINES_BEFORE_HEADER = 60
_NAME_LENGTH = 200
_OBJECT = re.compile(r'^\s*"?\s*object[ _]?(?:number|no\.?|nr\.?)\s*"?\s*$', re.IGNORECASE)
_NUMBER = re.compile(r"^\+?(\d{1,15})(?:[.,]0*)?$", re.ASCII)
_HEADLESS = re.compile(r"^\s*\d+(?:\t[+-]?\d[^\t]*){2,}\s*$", re.ASCII)


@dataclass(frozen=True, slots=True)
class JoinFile:
    """One table or list as found: where it lies, and what it is."""

    source: int
    member: int
    name: str
    kind: JoinKind


@dataclass(frozen=True)
class FeatureTable:
    """Features by object number.

    Attributes:
        rows: object number -> position in the columns; the first row of a number counts.
        columns: name -> (R,) float64 with NaN where there is none, or a list of text.
        twice: rows whose number had come before.
        broken: rows without a number, or with more values than there are columns.
        left_out: columns over `MOST_COLUMNS`.
    """

    rows: dict[int, int]
    columns: dict[str, NDArray[np.float64] | list[str]] = field(default_factory=dict)
    twice: int = 0
    broken: int = 0
    left_out: int = 0


def kind_of(name: str, head: bytes) -> JoinKind | None:
    """What a file beside the images is, by its name and first bytes; None for any other text.

    Raises:
        InputRefused: a table of numbers whose header is missing.
    """
    suffix = suffix_of(name)
    if suffix == ".pop":
        return "population"
    try:
        text = _text(head[: len(head) // 4 * 4], name)
    except InputRefused:
        return None
    lines = [line for line in text.splitlines() if line.strip()][:_LINES_BEFORE_HEADER]
    if any(_separator(line) for line in lines):
        return "table"
    if suffix != ".csv" and len(lines) > 1 and all(_HEADLESS.match(line) for line in lines[:2]):
        raise InputRefused(
            "The table of numbers has no header, so its columns cannot be joined to the cells.",
            "Export it again with the header; its first column is Object Number.",
            "E-TABLE-NO-HEADER",
        )
    return None


def _text(data: bytes, name: str) -> str:
    try:
        return decode_text(data, name)[0]
    except InputRefused as error:
        raise InputRefused(
            f"{name} is empty or holds binary data, so it is neither a table nor a list of objects.",
            "Export it again from IDEAS.",
            "E-TABLE-BINARY",
        ) from error


def _separator(line: str) -> str:
    """The separator of a header line that starts with Object Number, "" for any other line."""
    for separator in ("\t", ";", ","):
        first, found, _ = line.lstrip("\ufeff").partition(separator)
        if found and _OBJECT.match(first):
            return separator
    return ""


def read_table(data: bytes, name: str, *, values: bool) -> FeatureTable:
    """Parse a feature table.

    Args:
        values: False reads the object numbers only.

    Raises:
        InputRefused: no header, binary, an unclosed quotation mark, a title twice, no rows.
    """
    text = _text(data, name)
    lines = text.splitlines(keepends=True)
    start, separator = next(
        ((i, sep) for i, line in enumerate(lines[: 4 * _LINES_BEFORE_HEADER]) if (sep := _separator(line))), (-1, "")
    )
    if start < 0:
        raise InputRefused(
            f"{name} has no header that starts with Object Number.", "Export it again from IDEAS.", "E-TABLE-NO-HEADER"
        )
    body = "".join(lines[start:])
    del lines, text
    header, *_ = _rows(body, separator, name)
    titles = _titles(header[1:])
    rows: dict[int, int] = {}
    keep: list[bool] = []
    twice = broken = 0
    for row in _data_rows(body, separator, name, fields=0 if values else len(header)):
        match = _NUMBER.match(row[0].strip())
        usable = match is not None and not any(value.strip() for value in row[len(header) :])
        number = int(match[1]) if match else -1
        broken += not usable
        twice += usable and number in rows
        keep.append(usable and number not in rows)
        if keep[-1]:
            rows[number] = len(rows)
    if not rows:
        raise InputRefused(f"{name} has no row with an object number.", "Export it again from IDEAS.", "E-TABLE-EMPTY")
    table = FeatureTable(rows, {}, twice, broken, max(0, len(titles) - MOST_COLUMNS))
    if values:
        table.columns.update(_columns(body, separator, name, titles[:MOST_COLUMNS], keep))
    return table


def _titles(header: list[str]) -> list[str]:
    """Names of the columns behind the object number; a name that is missing or comes twice gets a number."""
    titles: list[str] = []
    taken: set[str] = set()
    while header and not header[-1].strip():
        header = header[:-1]  # IDEAS ends lines with a tab
    for position, raw in enumerate(header):
        base = " ".join(raw.split())[:_NAME_LENGTH] or f"column {position + 2}"
        title, copy = base, 2
        while title in taken:
            title, copy = f"{base} ({copy})", copy + 1
        taken.add(title)
        titles.append(title)
    return titles


def _rows(body: str, separator: str, name: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise InputRefused(
            f"{name} has a quotation mark that is not closed, or a value far too long.",
            "Export it again from IDEAS.",
            "E-TABLE-QUOTE",
        ) from error


def _data_rows(body: str, separator: str, name: str, fields: int = 0) -> Iterator[list[str]]:
    """Rows below the header that are not blank.

    Args:
        fields: a row of no more than these is not split behind its first value; 0 splits all.
    """
    if '"' in body:
        rows = _rows(body, separator, name)
        next(rows)
        yield from (row for row in rows if any(value.strip() for value in row))
        return
    # Without quotation marks a line is a row, which takes a third of the time.
    lines = iter(io.StringIO(body, newline=None))
    next(lines)
    blank = f"{separator} \t\n"
    for line in lines:
        if line.strip(blank).strip():
            line = line.removesuffix("\n")
            yield line.split(separator, 1 if line.count(separator) < fields else -1)


def _columns(
    body: str, separator: str, name: str, titles: list[str], keep: list[bool]
) -> dict[str, NDArray[np.float64] | list[str]]:
    """Columns of the rows that are kept; those that are wholly numbers as numbers. Columns without a value go."""
    numbers = [_Numbers() for _ in titles]
    width = len(titles) + 1
    for used, row in zip(keep, _data_rows(body, separator, name), strict=True):
        if used:
            for column, value in zip(numbers, [*row[1:width], *[""] * (width - len(row))], strict=True):
                column.add(value)
    texts: dict[int, list[str]] = {i: [] for i, column in enumerate(numbers) if not column.whole}
    for used, row in zip(keep, _data_rows(body, separator, name) if texts else iter(()), strict=bool(texts)):
        if used:
            for position, values in texts.items():
                values.append(row[position + 1].strip() if position + 1 < len(row) else "")
    found: dict[str, Any] = {}
    for position, title in enumerate(titles):
        if position in texts:
            if any(texts[position]):
                found[title] = texts[position]
            continue
        as_numbers = np.array(numbers[position].values, np.float64)
        if np.isfinite(as_numbers).any():
            found[title] = as_numbers
    return found


class _Numbers:
    """A column as numbers for as long as it holds nothing else.

    A comma stands for the decimal point unless the same column has points too.
    """

    def __init__(self) -> None:
        self.values = array("d")
        self.whole = True
        self._sign = ""

    def add(self, raw: str) -> None:
        if not self.whole:
            return
        text = raw.strip()
        sign = "," if "," in text else "." if "." in text else ""
        try:
            value = float(text.replace(",", ".") if sign == "," else text) if text else float("nan")
        except ValueError:
            self.whole = False
            return
        if "_" in text or (sign and self._sign and sign != self._sign):
            self.whole = False
            return
        self._sign = sign or self._sign
        self.values.append(value)


def read_population(data: bytes, name: str) -> tuple[frozenset[int], int]:
    """(object numbers of a `.pop`, entries that are none); a first line that is a title does not count.

    Raises:
        InputRefused: binary, or other words than object numbers. An empty population is none.
    """
    text = _text(data, name) if data.strip() else ""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if lines and not any(_NUMBER.match(entry) for entry in _entries(lines[0])):
        lines = lines[1:]
    numbers: set[int] = set()
    broken = 0
    for line in lines:
        for entry in _entries(line):
            match = _NUMBER.match(entry)
            broken += match is None
            if match:
                numbers.add(int(match[1]))
    if not numbers and broken:
        raise InputRefused(f"{name} lists no object numbers.", "Export the population again from IDEAS.", "E-POP-EMPTY")
    return frozenset(numbers), broken


def _entries(line: str) -> list[str]:
    return [entry.strip('"') for entry in re.split(r"[\s,;]+", line) if entry]
