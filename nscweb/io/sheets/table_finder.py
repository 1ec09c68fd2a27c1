"""The table of samples on the sheets of a file: which sheet, where its header is, which rows are none of its own.

Laboratories put titles above the header, a second header above it, units below it, comments, and totals at the end.
What is passed over is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nscweb.core.findings import FindingLog
from nscweb.core.look_alikes import plain_text
from nscweb.io.sheets.sheet_cells import Grid, Merged, TextTable, empty
from nscweb.io.sheets.sheet_columns import column_of, known_titles, unit_row

# Rows from the top in which the header is looked for.
HEADER_ROWS = 40
# So many titles below one another are a header that runs down.
_LEAST_TITLES = 2
_Rows = list[tuple[int, tuple[str, ...]]]


def find_table(grids: Sequence[Grid], name: str, log: FindingLog, *, sheets: int = 1) -> TextTable:
    """The table on the sheet whose header names most columns of a sample sheet.

    Args:
        grids: the visible sheets.
        sheets: how many sheets the workbook has, the hidden ones among them.

    Raises:
        InputRefused: no sheet has a value.
    """
    filled = [_turned(grid, name, log) for grid in grids if grid.rows]
    if not filled:
        raise empty(name)
    known = [known_titles(grid.rows[header_at(grid.rows)][1]) for grid in filled]
    place = known.index(max(known))
    grid = filled[place]
    if sheets > 1:
        others = [other.title for other, titles in zip(filled, known, strict=True) if titles > 1 and other is not grid]
        why = ", because it names most columns of a sample sheet" if len(filled) > 1 else ""
        more = f" Also a table: {', '.join(map(repr, others))}; not read." if others else ""
        message = f"The workbook has {sheets} sheets; {grid.title!r} was read{why}.{more}"
        log.add("warn" if others else "note", "N-SHEET-FIRST", message, name)
    return _table(grid, name, log)


def header_at(rows: _Rows) -> int:
    """Position of the header: the row that names most columns, else the first that is as wide as those below it."""
    titles = [known_titles(row) for _, row in rows[:HEADER_ROWS]]
    if max(titles) > 1:
        return titles.index(max(titles))
    for place, (_, row) in enumerate(rows[:HEADER_ROWS]):
        below = [_width(other) for _, other in rows[place + 1 : place + 4]]
        if not _is_comment(row) and (not below or _width(row) >= min(2, *below)):
            return place
    return 0


def _turned(grid: Grid, name: str, log: FindingLog) -> Grid:
    """A sheet with a sample in each column, with rows and columns exchanged; others as they are."""
    titles = [row[0] if row else "" for _, row in grid.rows]
    known = known_titles(titles)
    if known < _LEAST_TITLES or known <= max(known_titles(row) for _, row in grid.rows) or grid.merged:
        return grid
    width = max(len(row) for _, row in grid.rows)
    lines = ([row[place] if place < len(row) else "" for _, row in grid.rows] for place in range(width))
    message = "The sheet has a sample in each column; it was read with rows and columns exchanged."
    log.add("warn", "W-SHEET-TURNED", message, f"{name}: {', '.join(filter(None, titles[:4]))}")
    return replace(grid, rows=[(number, tuple(line)) for number, line in enumerate(lines, start=1)])


def _table(grid: Grid, name: str, log: FindingLog) -> TextTable:
    at = header_at(grid.rows)
    number, header = grid.rows[at]
    above = [row for row in grid.rows[:at] if row[1]]
    if above:
        message = f"The header was found in row {number}; what stands above it was left out."
        log.add("note", "N-SHEET-HEADER", message, f"{name}: {above[0][1][0] or next(filter(None, above[0][1]))}")
    header = (header[0].lstrip("#").strip() if len(header) > 1 and len(header[0]) > 1 else header[0], *header[1:])
    rows = _filled_down(grid, number, name, log)
    header, rows = _with_units(header, rows)
    header = _with_row_names(header, rows, name, log)
    kept = [row for row in rows if not _left_out(row, header, name, log)]
    # A spreadsheet does not write empty cells at the end of a row; in a text file a short row is a mistake.
    width = len(header) if grid.title else 0
    return TextTable(header, tuple((line, row + ("",) * (width - len(row))) for line, row in kept))


def _filled_down(grid: Grid, header: int, name: str, log: FindingLog) -> _Rows:
    below = {number: list(row) for number, row in grid.rows if number > header}
    told = []
    for first, column, last, last_column in grid.merged:
        if last < header:
            continue
        value = next((row[column] for number, row in grid.rows if number == first and column < len(row)), "")
        if first <= header or last == first:
            across = f"row {first}" + (f", columns {column + 1} to {last_column + 1}" if last_column > column else "")
            message = "The sheet has merged cells side by side; only the first of each holds a value."
            log.add("warn", "W-SHEET-MERGED", message, f"{name}: {across}")
            continue
        for number in range(first + 1, last + 1):
            row = below.setdefault(number, [])
            row.extend([""] * (column + 1 - len(row)))
            row[column] = value
        told.append(f"rows {first} to {last}: {value}")
    if told:
        message = "The sheet has merged cells; the value of each was taken for all rows that it spans."
        log.add("warn", "W-SHEET-MERGED", message, f"{name}: {'; '.join(told[:5])}")
    return [(number, tuple(row)) for number, row in sorted(below.items()) if any(value.strip() for value in row)]


def _with_units(header: tuple[str, ...], rows: _Rows) -> tuple[tuple[str, ...], _Rows]:
    if not rows or not unit_row(rows[0][1], header):
        return header, rows
    units = rows[0][1] + ("",) * (len(header) - len(rows[0][1]))
    titles = tuple(
        f"{title} ({unit.strip(' ()[]')})" if unit.strip() else title
        for title, unit in zip(header, units, strict=False)
    )
    return titles, rows[1:]


def _with_row_names(header: tuple[str, ...], rows: _Rows, name: str, log: FindingLog) -> tuple[str, ...]:
    """R writes names of rows without a title: every row is one longer than the header."""
    if not rows or not all(len(row) == len(header) + 1 and row[-1].strip() for _, row in rows):
        return header
    first = [row[0].strip() for _, row in rows]
    numbers = all(value.isdigit() for value in first) and len(set(first)) == len(first)
    if not numbers and (len(set(first)) < len(first) or any(column_of(title).field == "sample" for title in header)):
        return header
    log.add("note", "N-SHEET-ROW-NAMES", "The first value of each row has no title, as R writes names of rows.", name)
    return ("", *header)


def _left_out(row: tuple[int, tuple[str, ...]], header: Sequence[str], name: str, log: FindingLog) -> bool:
    number, values = row
    filled = [plain_text(value) for value in values if value.strip()]
    where = f"{name}, row {number}: {', '.join(filled[:3])}"
    if [value.casefold() for value in filled] == [plain_text(title).casefold() for title in header if title.strip()]:
        log.add("note", "N-SHEET-HEADER-AGAIN", "The header comes again; the row was left out.", where)
    elif len(header) > 1 and _is_comment(values):
        log.add("note", "N-SHEET-COMMENT", "The row is a comment; it was left out.", where)
    else:
        return False
    return True


def _is_comment(row: Sequence[str]) -> bool:
    filled = [value for value in row if value.strip()]
    return bool(filled) and filled[0].lstrip().startswith("#") and len(filled) == 1 and len(filled[0].strip()) > 2


def _width(row: Sequence[str]) -> int:
    return sum(bool(value.strip()) for value in row)


def merged_range(reference: str) -> Merged | None:
    """``B2:C4`` as (2, 1, 4, 2)."""
    corners = []
    for corner in reference.split(":"):
        letters = corner.rstrip("0123456789")
        if not letters.isascii() or not letters.isalpha() or letters == corner:
            return None
        column = 0
        for letter in letters.upper():
            column = column * 26 + ord(letter) - 64
        corners.append((int(corner[len(letters) :]), column - 1))
    return (*corners[0], *corners[-1])
