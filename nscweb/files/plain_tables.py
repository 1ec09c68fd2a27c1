"""Tables as CSV in which text stays text: no cell is ever a formula in a spreadsheet."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd

# A spreadsheet takes text that begins like this for a formula, also after a tab or a line break.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


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
