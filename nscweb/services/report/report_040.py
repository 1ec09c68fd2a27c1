"""Tables of a report of version 0.4.0 as this version writes them: new names, per cent, digits, yes and no."""

from __future__ import annotations

import pandas as pd

from nscweb.files.outgoing import outgoing

# Said in every line then; in provenance.json now.
_SAID_ELSEWHERE = ("cells_are", "model_trained_on", "weights_sha256", "gates", "filters")


def table_of_040(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table as read from an old report.

    Its names and fractions are those that the program still computes with, so the table of names at the exit,
    `core.column_names`, is the one that reads them.

    Args:
        name: of the table, as in `parts.PARTS`.
        table: values as text or numbers, whichever the file had.
    """
    plain = table.drop(columns=[column for column in _SAID_ELSEWHERE if column in table])
    numbers = {column: _numbers(plain[column]) for column in plain.columns}
    return outgoing(pd.DataFrame(numbers, columns=plain.columns, index=plain.index), name)


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers where every value that is there is one, so that they can be scaled; else the values as they are."""
    there = values[values.notna() & (values != "")]
    if there.map(lambda value: isinstance(value, bool)).any():
        return values
    found = pd.to_numeric(there, errors="coerce")
    if there.empty or found.isna().any():
        return values
    return found.reindex(values.index).astype(float)
