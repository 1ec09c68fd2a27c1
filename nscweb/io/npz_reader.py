"""Cells out of a NumPy `.npz`, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.cell_reader import CellReader
from nscweb.io.formats.npz import NpzCells
from nscweb.io.pixel_policy import check_plane

_CANCEL_EVERY = 256


class NpzCellReader(CellReader):
    """Cells of one class of an `.npz`; the object number is the row in the file, from 1."""

    def __init__(
        self,
        table: NpzCells,
        group: str,
        wanted: Sequence[str],
        limits: Limits,
        log: FindingLog,
        cancel: CancelAsked,
    ) -> None:
        self._table, self._rows = table, table.groups[group]
        self._wanted = tuple(name for name in wanted if name in table.channels)
        self._limits, self._log, self._cancel = limits, log, cancel

    def __iter__(self) -> Iterator[CellImage]:
        positions = [self._table.channels.index(name) for name in self._wanted]
        done = 0
        try:
            for row, pixels in self._table.rows(self._rows):
                if done % _CANCEL_EVERY == 0:
                    stop_if_asked(self._cancel)
                done += 1
                where = f"{self._table.name} row {row + 1}"
                try:
                    for position in positions:
                        check_plane(pixels[position], where, self._limits, self._log)
                except NscwebError as error:
                    self._skip(self._log, error, error.code, where)
                    continue
                if not positions:
                    self._skip(
                        self._log, "The file has none of the channels asked for.", "E-CELL-NO-CHANNEL", where
                    )
                    continue
                self.images += 1
                chosen = pixels if positions == list(range(len(pixels))) else pixels[positions]
                yield CellImage(row + 1, self._wanted, chosen, where)
        except NscwebError as error:
            if error.code.startswith("E-JOB"):
                raise
            for row in self._rows[done:].tolist():
                self._skip(self._log, error, error.code, f"{self._table.name} row {row + 1}")
