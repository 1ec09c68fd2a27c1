"""OpenDocument spreadsheets (.ods) as text, with merged ranges and numbers as they are shown; runs in the child."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from defusedxml.ElementTree import iterparse

from nscweb.core.limits import Limits
from nscweb.io.sheets.sheet_cells import Grid, Merged, cell_text, numbered

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_DURATION = re.compile(r"^PT(\d{1,6})H(\d{1,2})M(\d{1,2})(?:[.,]\d*)?S$")


def read_ods_grids(clean: bytes, name: str, limits: Limits) -> tuple[list[Grid], int]:
    """(the visible sheets, number of all sheets).

    Raises:
        LimitExceeded: more filled rows or columns than allowed.
    """
    grids: list[Grid] = []
    hidden: set[str] = set()
    count = 0
    with zipfile.ZipFile(io.BytesIO(clean)) as parts:
        for _, element in iterparse(io.BytesIO(parts.read("content.xml"))):
            if element.tag == f"{_STYLE}style":
                if any(child.get(f"{_TABLE}display") == "false" for child in element):
                    hidden.add(element.get(f"{_STYLE}name", ""))
            elif element.tag == f"{_TABLE}table":
                count += 1
                if element.get(f"{_TABLE}style-name", "") not in hidden:
                    grids.append(_grid(element, name, limits))
                element.clear()
    return grids, count


def _grid(table: Any, name: str, limits: Limits) -> Grid:
    rows: list[list[str]] = []
    merged: list[Merged] = []
    for row in table.iter(f"{_TABLE}table-row"):
        values: list[str] = []
        for cell in row:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            text = _value(cell) if cell.tag.endswith("}table-cell") else ""
            repeated = _number(cell, "number-columns-repeated")
            if text:
                limits.check("max_sheet_columns", len(values) + repeated, f"Columns of {name}")
                down, across = _number(cell, "number-rows-spanned"), _number(cell, "number-columns-spanned")
                if down > 1 or across > 1:
                    at = len(rows) + 1, len(values)
                    merged.append((*at, at[0] + down - 1, at[1] + across - 1))
            # Empty cells are repeated to the right edge of the sheet, a million rows below.
            values.extend([text] * (repeated if text else min(repeated, limits.max_sheet_columns + 1)))
        repeated = _number(row, "number-rows-repeated")
        if any(values):
            limits.check("max_sheet_rows", len(rows) + repeated, f"Rows of {name}")
        rows.extend([values] * (repeated if any(values) else min(repeated, limits.max_sheet_rows + 1 - len(rows))))
    return Grid(table.get(f"{_TABLE}name", "") or "Sheet", numbered(rows), merged)


def _number(element: Any, attribute: str) -> int:
    text = element.get(f"{_TABLE}{attribute}", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1


def _value(cell: Any) -> str:
    kind = cell.get(f"{_OFFICE}value-type", "")
    shown = "\n".join("".join(_letters(part)) for part in cell if part.tag == f"{_TEXT}p")
    if kind in ("float", "percentage", "currency"):
        number = cell_text(float(cell.get(f"{_OFFICE}value", "nan")))
        # 001 and 24 h are shown so; a rounded or local number is not what the cell holds.
        return shown if re.fullmatch(rf"[^\d.,-]*0*{re.escape(number)}[^\d.,%]*", shown) else number
    if kind == "date":
        return str(cell.get(f"{_OFFICE}date-value", "")).removesuffix("T00:00:00").replace("T", " ")
    if kind == "time":
        found = _DURATION.match(cell.get(f"{_OFFICE}time-value", ""))
        return f"{int(found[1])}:{int(found[2]):02}:{int(found[3]):02}" if found else shown
    if kind == "boolean":
        return str(cell.get(f"{_OFFICE}boolean-value") == "true")
    return shown or str(cell.get(f"{_OFFICE}string-value", ""))


def _letters(part: Any) -> Iterator[str]:
    if part.tag == f"{_TEXT}s":
        count = part.get(f"{_TEXT}c", "1")
        yield " " * (min(int(count), 1000) if count.isdigit() else 1)
    elif part.tag == f"{_TEXT}tab":
        yield "\t"
    elif part.tag.startswith(_OFFICE):
        return  # a comment on the cell
    yield part.text or ""
    for child in part:
        yield from _letters(child)
        yield child.tail or ""
