"""Rows put straight into a workbook: 20 times faster than cell by cell, and with all digits of a number.

openpyxl writes 16 significant digits, where some numbers need 17 to come back the same.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from nscweb.reports.tables import neutral

# A cell of a sheet holds no more characters.
LONGEST_TEXT = 32_767
FORBIDDEN = {code: None for code in range(32) if code not in (9, 10, 13)}
_ROWS_AT_ONCE = 20_000
_END = b"</sheetData>"
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_STAMP = (1980, 1, 1, 0, 0, 0)


def sheet_text(text: str) -> str:
    """Text as a sheet may hold it: no control characters, never a formula, not too long."""
    return str(neutral(text.translate(FORBIDDEN)))[:LONGEST_TEXT]


def fill_sheets(
    book: BinaryIO,
    out: BinaryIO,
    tables: Mapping[str, tuple[pd.DataFrame, Sequence[int]]],
    progress: Callable[[int], None],
) -> None:
    """Copy a workbook and put rows at the end of some of its sheets.

    Args:
        book: as openpyxl saved it, with the header rows of these sheets.
        tables: path of the sheet inside the file -> rows, and the style of each column.
        progress: called with the rows that are written.
    """
    done = 0
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename == "docProps/core.xml":
                # The same report gives the same bytes.
                content = _TIME.sub(b"1980-01-01T00:00:00Z", content)
            there = zipfile.ZipInfo(info.filename, _STAMP)
            there.compress_type = zipfile.ZIP_DEFLATED
            with target.open(there, "w", force_zip64=True) as member:
                if info.filename not in tables:
                    member.write(content)
                    continue
                head, end, tail = content.rpartition(_END)
                member.write(head)
                table, styles = tables[info.filename]
                for start in range(0, len(table), _ROWS_AT_ONCE):
                    part = table.iloc[start : start + _ROWS_AT_ONCE]
                    member.write(_rows(part, start + 2, styles).encode("utf-8"))
                    done += len(part)
                    progress(done)
                member.write(end + tail)


def _rows(table: pd.DataFrame, first: int, styles: Sequence[int]) -> str:
    columns = [_cells(table.iloc[:, i], styles[i]) for i in range(table.shape[1])]
    numbers = (f'<row r="{number}">' for number in range(first, first + len(table)))
    return "".join("".join(row) + "</row>" for row in zip(numbers, *columns, strict=True))


def _cells(column: pd.Series, style: int = 0) -> list[str]:
    """Each value of a column as the XML of a cell."""
    # Numbers that may be missing are objects for NumPy.
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    begin = f'<c s="{style}">' if style else "<c>"
    if kind in "iu":
        return [f"{begin}<v>{value}</v></c>" for value in column.tolist()]
    if kind == "f":
        # Every digit that a float of its own width needs to come back the same.
        text = column.to_numpy().astype(str).tolist()
        there = np.isfinite(column.to_numpy()).tolist()
        return [f"{begin}<v>{value}</v></c>" if use else "<c/>" for value, use in zip(text, there, strict=True)]
    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=True)
    made = np.array([*(_cell(_value(value)) for value in distinct), "<c/>"], dtype=object)
    return list(made[codes].tolist())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return sheet_text(str(value))
