"""Columns and populations on their way to the cells of one sample, by object number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.io.cell_reader import CellReader
from nscweb.io.feature_tables import FeatureTable


@dataclass(frozen=True)
class SampleJoin:
    """All that is joined to the cells of one sample; can be pickled.

    Attributes:
        tables: (object number -> row, name -> column).
        tags: object number -> populations.
        unclear: object numbers of several cells, which get nothing, because a row belongs to one cell.
    """

    tables: tuple[FeatureTable, ...] = ()
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    unclear: frozenset[int] = frozenset()

    def part(self, numbers: NDArray[np.int64]) -> SampleJoin:
        """What concerns some object numbers only."""
        wanted = sorted(set(numbers.tolist()))
        tables = []
        for table in self.tables:
            there = [number for number in wanted if number in table.rows]
            positions = [table.rows[number] for number in there]
            columns: dict[str, NDArray[np.float64] | list[str]] = {
                name: column[positions]
                if isinstance(column, np.ndarray)
                else [column[row] for row in positions]
                for name, column in table.columns.items()
            }
            tables.append(FeatureTable({number: row for row, number in enumerate(there)}, columns))
        tags = {number: self.tags[number] for number in wanted if number in self.tags}
        return SampleJoin(tuple(tables), tags, self.unclear)

    def wrap(self, reader: CellReader) -> CellReader:
        """The same cells with their values and populations."""
        return JoinedReader(reader, self)

    def joined(self, cell: CellImage) -> CellImage:
        """The cell with its values and populations."""
        number = cell.object_number
        if number in self.unclear:
            return cell
        values: dict[str, float | str] = dict(cell.values)
        for table in self.tables:
            row = table.rows.get(number)
            if row is None:
                continue
            for name, column in table.columns.items():
                value = column[row]
                if value == value and value != "":  # neither NaN nor empty
                    key = f"{name} (table)" if name in cell.values else name
                    values[key] = value if isinstance(value, str) else float(value)
        tags = tuple(dict.fromkeys((*cell.tags, *self.tags.get(number, ()))))
        return replace(cell, tags=tags, values=values)


class JoinedReader(CellReader):
    """Cells of another reader with what is joined to them; counts as the other does."""

    def __init__(self, inner: CellReader, join: SampleJoin) -> None:
        super().__init__()
        self._inner, self._join = inner, join
        self._count()

    def _count(self) -> None:
        self.images, self.skipped = self._inner.images, self._inner.skipped
        self.ignored = self._inner.ignored

    def __iter__(self) -> Iterator[CellImage]:
        try:
            for cell in self._inner:
                self._count()
                yield self._join.joined(cell)
        finally:
            self._count()
