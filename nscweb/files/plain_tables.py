"""Tables as CSV and XLSX in which text stays text: no cell is ever a formula in a spreadsheet."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

# A spreadsheet takes text that begins like this for a formula, also after a tab or a line break.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
# Control characters that XLSX cannot hold.
_FORBIDDEN = {code: None for code in range(32) if code not in (9, 10, 13)}
_MAX_XLSX_ROWS = 1_048_576


def neutral(value: Any) -> Any:
    """`value` with an apostrophe in front if it is text that a spreadsheet would take for a formula.

    Numbers, also negative ones, pass unchanged; leading spaces do not hide a formula. A carriage return becomes
    a line feed, because a bare one ends the row for some readers, and what follows would be a cell of its own.
    """
    if not isinstance(value, str):
        return value
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return "'" + value if value.lstrip(" ").startswith(_DANGEROUS) else value


def neutral_table(table: pd.DataFrame) -> pd.DataFrame:
    """A copy whose column names and text are `neutral`. Times, numbers and truth values are untouched."""
    result = table.copy()
    result.columns = [neutral(str(name)) for name in table.columns]
    for position, dtype in enumerate(table.dtypes):
        if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(dtype) or dtype.kind == "O":
            column = table.iloc[:, position].astype(object)
            # Few different names, many rows: each name is looked at once.
            codes, values = pd.factorize(column, use_na_sentinel=True)
            safe = np.array([neutral(value) for value in values], dtype=object)
            text = np.full(len(column), None, dtype=object)
            text[codes >= 0] = safe[codes[codes >= 0]]
            result.isetitem(position, text)
    return result


def csv_bytes(table: pd.DataFrame) -> bytes:
    """UTF-8 CSV of a table without its index: one header line, lines end in ``\\n``, missing values empty."""
    stream = io.StringIO()
    neutral_table(table).to_csv(stream, index=False, lineterminator="\n")
    return stream.getvalue().encode("utf-8")


def xlsx_bytes(tables: Mapping[str, pd.DataFrame], provenance: Mapping[str, Any] | None = None) -> bytes:
    """An XLSX workbook with one sheet per table, text as text, first row frozen; provenance on a sheet of its own.

    Args:
        tables: sheet name -> table; names are cut to 31 characters and freed of characters that Excel refuses.
        provenance: written to a sheet "provenance" as key and value.

    Raises:
        ValueError: a table has more rows than a sheet can hold.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    used: set[str] = set()
    sheets = dict(tables)
    if provenance:
        sheets["provenance"] = pd.DataFrame({"key": list(provenance), "value": [str(v) for v in provenance.values()]})
    for name, table in sheets.items():
        if len(table) >= _MAX_XLSX_ROWS:
            raise ValueError(f"the table {name} has {len(table):,} rows; a spreadsheet holds {_MAX_XLSX_ROWS:,}")
        sheet = book.create_sheet(_sheet_name(name, used))
        sheet.freeze_panes = "A2"
        sheet.append([_xlsx_text(column) for column in table.columns])
        for row in table.itertuples(index=False, name=None):
            sheet.append([_xlsx_value(value) for value in row])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _sheet_name(name: str, used: set[str]) -> str:
    cleaned = "".join("_" if mark in "[]:*?/\\'" else mark for mark in name.translate(_FORBIDDEN))[:31] or "table"
    candidate, number = cleaned, 2
    while candidate.casefold() in used:
        candidate, number = f"{cleaned[:27]} {number}", number + 1
    used.add(candidate.casefold())
    return candidate


def _xlsx_value(value: Any) -> Any:
    if isinstance(value, str):
        return _xlsx_text(value)
    if value is None or value is pd.NaT or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bool | int | float):
        return value
    return _xlsx_text(str(value))


def _xlsx_text(text: object) -> str:
    return str(neutral(str(text).translate(_FORBIDDEN)))
