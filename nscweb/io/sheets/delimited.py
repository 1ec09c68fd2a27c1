"""A table out of CSV-like bytes: encoding and separator are recognised and told; every value stays text."""

from __future__ import annotations

import csv
import io
import re

from nscweb.core.encodings import decoded
from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.io.sheets.sheet_cells import Grid, TextTable, empty
from nscweb.io.sheets.sheet_columns import known_titles
from nscweb.io.sheets.table_finder import HEADER_ROWS, find_table, header_at

SEPARATORS: dict[str, str] = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
# Control characters but for tab, line ends, vertical tab and form feed.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_SEP_LINE = re.compile(r"^\"?sep=(.|\\t)\"?[,;\t|]*\s*$", re.IGNORECASE)
_Rows = list[tuple[int, tuple[str, ...]]]


def read_text_table(data: bytes, name: str, log: FindingLog) -> TextTable:
    """Parse text separated by commas, semicolons, tabs, pipes or, with a known header, spaces.

    Raises:
        InputRefused: binary data, an unclosed quote, nothing in it.
    """
    text, encoding = decode_text(data, name, log)
    lines = re.split(r"\r\n|\r|\n", text.lstrip("\ufeff"))
    before = 0
    said = _SEP_LINE.match(lines[0])
    if said:
        before = 1
    # Comments may hold quotation marks that are not closed.
    while before < len(lines) and _is_comment(lines[before]):
        before += 1
    body = "\n".join(lines[before:])
    separator = {"\\t": "\t"}.get(said[1], said[1]) if said else _separator(body, name)
    # Word processors make curly quotes of those that enclose a value.
    curly = rf"(^|{re.escape(separator)})[“„]([^“”\"\n]*)[”“](?=$|{re.escape(separator)})"
    body = re.sub(curly, r'\1"\2"', body, flags=re.MULTILINE)
    rows = [(number + before, row) for number, row in _parse(body, separator, name)]
    shown = SEPARATORS.get(separator, repr(separator))
    log.add("note", "N-SHEET-READ", f"The sheet was read as {encoding}, separated by {shown}.", name)
    if not rows:
        raise empty(name)
    return find_table([Grid("", rows)], name, log)


def _is_comment(line: str) -> bool:
    """Whether a line before the header is a comment; ``#sample,group`` is a header."""
    if not line.startswith("#"):
        return False
    return all(known_titles(line.lstrip("# ").split(separator)) < 2 for separator in SEPARATORS if separator != " ")


def decode_text(data: bytes, name: str, log: FindingLog | None = None) -> tuple[str, str]:
    """(text, name of the encoding); a guess is said with an example.

    Raises:
        InputRefused: empty or binary.
    """
    if not data.strip():
        raise empty(name)
    found = decoded(data)
    if found.text is None or _CONTROL.search(found.text):
        raise InputRefused(
            f"{name} holds binary data, so it is not a table.", "Save it as CSV or XLSX.", "E-SHEET-BINARY"
        )
    if found.guessed and log is not None:
        message = (
            f"The file does not say how its letters are written; {found.shown} was taken, which gives for example "
            f"{found.example!r}. If that is wrong, save it as CSV UTF-8 or XLSX."
        )
        log.add("warn", "W-SHEET-ENCODING", message, name)
    return found.text, found.shown


def _separator(text: str, name: str) -> str:
    """The separator by which the header names most columns and all rows have equally many."""
    head = "\n".join(text.split("\n")[:HEADER_ROWS])
    found = [separator for separator in SEPARATORS if separator in head]
    if len(found) == 1 and found != [" "]:
        return found[0]
    scores: list[tuple[int, bool, int, bool, str]] = []
    for separator in found:
        try:
            rows = _parse(text, separator, name)
        except InputRefused:
            continue
        if not rows:
            continue
        at = header_at(rows)
        known, width = known_titles(rows[at][1]), len(rows[at][1])
        widths = {len(row) for _, row in rows[at:]}
        even = len(widths) == 1 or (len(widths) == 2 and {len(row) for _, row in rows[at + 1 :]} == {width + 1})
        # Names hold spaces and numbers hold commas, so those give way when all else is equal.
        if separator != " " or (known > 1 and even):
            scores.append((known, even and width > 1, width, separator not in ", ", separator))
    return max(scores)[-1] if scores else next((separator for separator in found if separator != " "), ",")


def _parse(text: str, separator: str, name: str) -> _Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: _Rows = []
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
