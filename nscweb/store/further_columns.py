"""Further columns of cells: features of the instrument's software and hand-made populations, one row per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nscweb.store.files import atomic_write

POPULATIONS = "populations"
"""Column with the populations of a cell, a list of names."""


class FurtherColumns:
    """Collects the columns of cells in order; true when any cell had some."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[int, float | str]] = {}
        self._tags: dict[int, tuple[str, ...]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._columns or self._tags)

    def add(self, tags: Sequence[str], values: Mapping[str, float | str]) -> None:
        """The next cell."""
        if tags:
            self._tags[self._count] = tuple(tags)
        for name, value in values.items():
            self._columns.setdefault(name, {})[self._count] = value
        self._count += 1

    def table(self) -> pd.DataFrame:
        """One row per cell; numbers as float64 with NaN, text with "", populations as lists."""
        columns: dict[str, Any] = {POPULATIONS: [list(self._tags.get(row, ())) for row in range(self._count)]}
        for name, found in self._columns.items():
            if name == POPULATIONS:
                continue
            if all(isinstance(value, (int, float)) for value in found.values()):
                numbers = np.full(self._count, np.nan)
                numbers[list(found)] = [float(value) for value in found.values()]
                columns[name] = numbers
            else:
                columns[name] = [str(found.get(row, "")) for row in range(self._count)]
        return pd.DataFrame(columns)


def join_columns(parts: Sequence[tuple[pd.DataFrame | None, int]]) -> pd.DataFrame:
    """One table out of those of the parts of a sample.

    Args:
        parts: (table, or None where no cell had a column; cells) in order. A column that holds text in one
            part holds text in all.
    """
    names = list(dict.fromkeys(name for table, _ in parts if table is not None for name in table.columns))
    columns: dict[str, Any] = {}
    for name in names:
        found = [None if table is None or name not in table else table[name] for table, _ in parts]
        numbers = all(column is None or column.dtype.kind == "f" for column in found)
        values: list[Any] = []
        for column, (_, cells) in zip(found, parts, strict=True):
            if name == POPULATIONS:
                values += [[]] * cells if column is None else [list(tags) for tags in column]
            elif column is None:
                values += [np.nan if numbers else ""] * cells
            elif numbers or column.dtype.kind != "f":
                values += column.tolist()
            else:
                values += [_as_text(value) for value in column.tolist()]
        columns[name] = np.array(values, np.float64) if numbers and name != POPULATIONS else values
    return pd.DataFrame(columns)


def _as_text(value: float) -> str:
    if np.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else str(value)


def write_columns(path: Path, further: FurtherColumns | pd.DataFrame) -> None:
    """Write the columns as Parquet; the file appears when it is complete."""
    table = further if isinstance(further, pd.DataFrame) else further.table()
    with atomic_write(path) as stream:
        table.to_parquet(stream, index=False)


def read_columns(path: Path, cells: int) -> pd.DataFrame:
    """The columns of a sample; only empty populations where no file brought any."""
    if not path.exists():
        return pd.DataFrame({POPULATIONS: [[] for _ in range(cells)]})
    return pd.read_parquet(path)
