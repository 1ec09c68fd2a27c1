"""Cells whose images were padded with one value: the frame is cut off where that is plain, others are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nscweb.core.cells import CellImage
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.survey.cell_reader import CellReader
from nscweb.preprocess.padding import find_padding

_PADDED = (
    "The image is padded with one value (a mask, or the corners of a turned crop), so its background is not known."
)
_CUT = "The image was padded with one value on its sides; that frame was cut off."


class PaddedCells(CellReader):
    """The cells that another reader gives, without padding; files of cells that are left out count as skipped."""

    def __init__(self, inner: CellReader, brightfield: str, limits: Limits, log: FindingLog) -> None:
        super().__init__()
        self._inner, self._brightfield, self._limits, self._log = inner, brightfield, limits, log
        self._out = 0
        self._count()

    def _count(self) -> None:
        self.images, self.skipped = self._inner.images - self._out, self._inner.skipped + self._out
        self.ignored = self._inner.ignored

    def __iter__(self) -> Iterator[CellImage]:
        before = self._inner.images
        try:
            for cell in self._inner:
                files, before = self._inner.images - before, self._inner.images
                kept = self._without_padding(cell, files)
                if kept is not None:
                    yield kept
        finally:
            self._count()

    def _without_padding(self, cell: CellImage, files: int) -> CellImage | None:
        if self._brightfield not in cell.channels:
            return cell
        found = find_padding(cell.channel(self._brightfield))
        if found is None:
            return cell
        (rows, columns), side = found.box, self._limits.min_side
        if found.masked or min(rows.stop - rows.start, columns.stop - columns.start) < side:
            self._out += files
            for _ in range(files):
                self._log.add("skip", "E-CELL-PADDED", _PADDED, cell.source)
            return None
        self._log.add("warn", "W-CELL-PADDED", _CUT, cell.source)
        masks = None if cell.masks is None else cell.masks[:, rows, columns]
        return replace(cell, pixels=cell.pixels[:, rows, columns], masks=masks)
