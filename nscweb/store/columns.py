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


def write_columns(path: Path, further: FurtherColumns) -> None:
    """Write the columns as Parquet; the file appears when it is complete."""
    with atomic_write(path) as stream:
        further.table().to_parquet(stream, index=False)


def read_columns(path: Path, cells: int) -> pd.DataFrame:
    """The columns of a sample; only empty populations where no file brought any."""
    if not path.exists():
        return pd.DataFrame({POPULATIONS: [[] for _ in range(cells)]})
    return pd.read_parquet(path)
