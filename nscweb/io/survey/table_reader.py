"""Cells out of a file that holds many, one at a time, counted like files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nscweb.core.cells import CellImage
from nscweb.core.errors import JobCancelled, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.pixels.cell_table import CellTable
from nscweb.io.survey.cell_reader import CellReader

_CANCEL_EVERY = 256


class TableCellReader(CellReader):
    """Some rows of a `CellTable`; a cell counts as one file.

    Args:
        rows: numbers in the table, ascending.
        wanted: channels to keep, in the order of the pixels.
        needed: a cell without this channel is left out; "" asks for none.
    """

    def __init__(
        self,
        table: CellTable,
        rows: Sequence[int],
        wanted: Sequence[str],
        needed: str,
        limits: Limits,
        log: FindingLog,
        cancel: CancelAsked,
    ) -> None:
        super().__init__()
        self._table, self._rows = table, list(rows)
        self._wanted = tuple(name for name in wanted if name in table.channels)
        self._needed = needed
        self._limits, self._log, self._cancel = limits, log, cancel

    def __iter__(self) -> Iterator[CellImage]:
        for position in sorted(self.left_out):
            self._skip_deadly(self._log, self._table.where(self._rows[position]))
        kept = [position for position in range(len(self._rows)) if position not in self.left_out]
        rows = [self._rows[position] for position in kept]
        done = 0
        try:
            self.at(kept[0] if kept else 0)
            for row, found in self._table.read(rows, self._wanted, self._limits, self._log):
                if done % _CANCEL_EVERY == 0:
                    stop_if_asked(self._cancel)
                done += 1
                where = self._table.where(row)
                if isinstance(found, NscwebError):
                    self._skip(self._log, found, found.code, where)
                elif not found.channels:
                    message = "The file has none of the channels asked for."
                    self._skip(self._log, message, "E-CELL-NO-CHANNEL", where)
                elif self._needed and self._needed not in found.channels:
                    message = f"The cell has no usable image in {self._needed}."
                    self._skip(self._log, message, "E-CELL-NO-CHANNEL", where)
                else:
                    self.images += 1
                    yield found
                if done < len(kept):
                    self.at(kept[done])
        except JobCancelled:
            raise
        except NscwebError as error:
            for row in rows[done:]:
                self._skip(self._log, error, error.code, self._table.where(row))
