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
                name: column[positions] if isinstance(column, np.ndarray) else [column[row] for row in positions]
                for name, column in table.columns.items()
            }
            tables.append(FeatureTable({number: row for row, number in enumerate(there)}, columns))
        tags = {number: self.tags[number] for number in wanted if number in self.tags}
        return SampleJoin(tuple(tables), tags, self.unclear)

    def wrap(self, reader: CellReader) -> CellReader:
        """The same cells with their values and populations."""
        return JoinedReader(reader, self)


class _Rows:
    """A table by rows, which is how cells ask for it."""

    def __init__(self, table: FeatureTable) -> None:
        self._rows = table.rows
        numbers = {name: column for name, column in table.columns.items() if isinstance(column, np.ndarray)}
        self._texts = {name: column for name, column in table.columns.items() if isinstance(column, list)}
        self._names = tuple(numbers)
        self._numbers = np.stack(list(numbers.values()), axis=1) if numbers else np.zeros((len(self._rows), 0))

    def of(self, number: int) -> dict[str, float | str]:
        """Name -> value of one object; what is missing is left out."""
        row = self._rows.get(number)
        if row is None:
            return {}
        values = zip(self._names, self._numbers[row].tolist(), strict=True)
        found: dict[str, float | str] = {name: value for name, value in values if value == value}  # no NaN
        return found | {name: column[row] for name, column in self._texts.items() if column[row]}


class JoinedReader(CellReader):
    """Cells of another reader with what is joined to them; counts as the other does."""

    def __init__(self, inner: CellReader, join: SampleJoin) -> None:
        super().__init__()
        self._inner, self._join = inner, join
        self._tables = [_Rows(table) for table in join.tables]
        self._count()

    def _count(self) -> None:
        self.images, self.skipped = self._inner.images, self._inner.skipped
        self.ignored = self._inner.ignored

    def __iter__(self) -> Iterator[CellImage]:
        try:
            for cell in self._inner:
                self._count()
                yield self._joined(cell)
        finally:
            self._count()

    def _joined(self, cell: CellImage) -> CellImage:
        number, own = cell.object_number, cell.values
        if number in self._join.unclear:
            return cell
        values: dict[str, float | str] = dict(own)
        for table in self._tables:
            found = table.of(number)
            if own:
                found = {f"{name} (table)" if name in own else name: value for name, value in found.items()}
            values |= found
        tags = tuple(dict.fromkeys((*cell.tags, *self._join.tags.get(number, ()))))
        return replace(cell, tags=tags, values=values)
