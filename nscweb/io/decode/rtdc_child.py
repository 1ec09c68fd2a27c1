"""The other side of `io.decode.rtdc_apart`: reads the HDF5 files that it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import error_as_dict
from nscweb.io.decode.guarded_server import Answer, serve, told

if TYPE_CHECKING:
    from nscweb.io.formats.rtdc import RtdcCells


def main() -> None:
    """Answer until nobody asks any more."""
    serve(_make)


def _make() -> Answer:
    import h5py  # noqa: F401 - before memory is limited

    return _Files().answer


class _Files:
    """The file that was asked for last; it stays open for the next rows."""

    def __init__(self) -> None:
        self._known: tuple[Any, ...] = ()
        self._table: RtdcCells | None = None

    def answer(self, asked: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        if "close" in asked:
            if self._known[:1] == (asked["close"],):
                self._forget()
            return {"findings": []}, b""
        limits = Limits(**asked["limits"])
        try:
            table = self._opened(asked["path"], limits)
            return _rows(table, asked, limits) if "rows" in asked else (_about(table), b"")
        except NscwebError as error:
            return {"findings": [], "error": error_as_dict(error)}, b""

    def _opened(self, path: str, limits: Limits) -> RtdcCells:
        from nscweb.io.formats.rtdc import RtdcCells

        try:
            status = Path(path).stat()
            key: tuple[Any, ...] = (path, status.st_mtime_ns, status.st_size, limits)
        except OSError:
            key = (path,)
        if self._table is None or key != self._known:
            self._forget()
            self._table = RtdcCells(Path(path), limits)
            self._known = key
        return self._table

    def _forget(self) -> None:
        table, self._table, self._known = self._table, None, ()
        if table is not None:
            table.close()


def _about(table: RtdcCells) -> dict[str, Any]:
    (sample,) = table.groups
    return {
        "findings": [],
        "notes": told(FindingLog(table.notes)),
        "cells": table.cells,
        "sample": sample,
        "pixel_size_um": table.pixel_size_um,
        "has_masks": table.has_masks,
        "cell_bytes": table.cell_bytes,
    }


def _rows(table: RtdcCells, asked: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Pixels, masks and numbers of all rows one after another; a row that cannot be had is told in the header."""
    log, found = FindingLog(), []
    errors: dict[int, dict[str, str]] = {}
    masked: list[int] = []
    features: dict[str, int] = {}
    values: list[Mapping[str, float | str]] = []
    reply: dict[str, Any] = {"channels": [], "shape": [0], "dtype": "u1"}
    for place, (_, cell) in enumerate(table.read(asked["rows"], asked["channels"], limits, log)):
        if not isinstance(cell, CellImage):
            errors[place] = error_as_dict(cell)
            values.append({})
            continue
        reply = {"channels": cell.channels, "shape": cell.pixels.shape, "dtype": cell.pixels.dtype.str}
        found.append(cell.pixels.tobytes())
        values.append(cell.values)
        for name in cell.values:
            features.setdefault(name, len(features))
        if cell.masks is not None:
            masked.append(place)
            found.append(cell.masks.tobytes())
    # Numbers as they are: as text they would take longer than the pixels. NaN stands for one that a cell does not have.
    numbers = np.array([[row.get(name, np.nan) for name in features] for row in values], np.float64)
    reply |= {"findings": told(log), "errors": list(errors.items()), "masked": masked, "features": list(features)}
    return reply, b"".join([numbers.tobytes(), *found])
