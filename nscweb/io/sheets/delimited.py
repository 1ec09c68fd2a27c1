"""A table out of CSV-like bytes: encoding and separator are recognised and told; every value stays text."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.io.sheets.sheet_columns import known_titles

SEPARATORS: dict[str, str] = {",": "comma", ";": "semicolon", "\t": "tab"}
# Control characters but for tab, line ends, vertical tab and form feed.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class TextTable:
    """Header and rows as text; rows are as long as they are in the file.

    Attributes:
        header: of the columns.
        rows: (number of the row in the file, from 1 for the header; values).
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_text_table(data: bytes, name: str, log: FindingLog) -> TextTable:
    """Parse CSV, semicolon- or tab-separated text in UTF-8, UTF-16 or Western European encoding.

    Raises:
        InputRefused: binary data, an unclosed quote, nothing in it.
    """
    text, encoding = decode_text(data, name)
    separator = _separator(text, name)
    rows = _parse(text, separator, name)
    log.add("note", "N-SHEET-READ", f"The sheet was read as {encoding}, separated by {SEPARATORS[separator]}.", name)
    if not rows:
        raise InputRefused(f"{name} is empty.", "Start from the template.", "E-SHEET-EMPTY")
    return TextTable(rows[0][1], tuple(rows[1:]))


def decode_text(data: bytes, name: str) -> tuple[str, str]:
    """(text, name of the encoding).

    Raises:
        InputRefused: empty or binary.
    """
    if not data.strip():
        raise InputRefused(f"{name} is empty.", "Start from the template.", "E-SHEET-EMPTY")
    text, encoding = _decoded(data)
    if text is None or _CONTROL.search(text):
        raise InputRefused(
            f"{name} holds binary data, so it is not a table.", "Save it as CSV or XLSX.", "E-SHEET-BINARY"
        )
    return text, encoding


def _decoded(data: bytes) -> tuple[str | None, str]:
    attempts = [("utf-8-sig", "UTF-8"), ("cp1252", "Western European text"), ("latin-1", "Western European text")]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        attempts = [("utf-16", "UTF-16")]
    for codec, shown in attempts:
        try:
            return data.decode(codec), shown
        except UnicodeDecodeError:
            continue
    return None, ""


def _separator(text: str, name: str) -> str:
    """The separator by which all rows have equally many columns, with the most titles that are known."""
    head = text.lstrip("\ufeff").split("\n", 1)[0].split("\r", 1)[0]
    in_header = [separator for separator in SEPARATORS if separator in head]
    if len(in_header) <= 1:
        return in_header[0] if in_header else ","
    scores: list[tuple[bool, int, int, bool, str]] = []
    for separator in in_header:
        try:
            rows = _parse(text, separator, name)
        except InputRefused:
            continue
        if rows:
            even = len({len(row) for _, row in rows}) == 1
            # A comma is a decimal sign too, so it gives way when all else is equal.
            scores.append((even, known_titles(rows[0][1]), len(rows[0][1]), separator != ",", separator))
    return max(scores)[-1] if scores else in_header[0]


def _parse(text: str, separator: str, name: str) -> list[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    try:
        for row in reader:
            if any(value.strip() for value in row):
                rows.append((reader.line_num, tuple(row)))
    except csv.Error as error:
        raise InputRefused(
            f"{name} has a quotation mark that is not closed, or a value far too long, at row {reader.line_num}.",
            "Correct that row.",
            "E-SHEET-QUOTE",
        ) from error
    return rows
