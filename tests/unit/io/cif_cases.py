"""Writing a `.cif` to a path and reading all of it, for the tests of `.cif` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cif_encoder as encoder
import numpy as np

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats.cif import CifCells

LIMITS = Limits()


def write(path: Path, objects: Sequence[encoder.Object], **options: Any) -> list[tuple[int, int]]:
    with path.open("wb") as stream:
        return encoder.write_cif(stream, objects, **options)


def read_all(path: Path, channels: Sequence[str] | None = None) -> tuple[dict[int, CellImage], list[str], set[str]]:
    """Cells by number, codes of rows that were refused, codes of notes and findings."""
    log = FindingLog()
    with CifCells(path, LIMITS) as table:
        rows = range(table.cells)
        given_out = list(table.read(rows, table.channels if channels is None else channels, LIMITS, log))
        assert [row for row, _ in given_out] == list(rows)
        cells = {cell.object_number: cell for _, cell in given_out if isinstance(cell, CellImage)}
        refused = [cell.code for _, cell in given_out if isinstance(cell, NscwebError)]
        return cells, refused, {finding.code for finding in [*table.notes, *log]}


def check_same(cells: dict[int, CellImage], objects: Sequence[encoder.Object]) -> None:
    assert sorted(cells) == sorted(one.number for one in objects)
    for one in objects:
        cell = cells[one.number]
        np.testing.assert_array_equal(cell.pixels, one.pixels)
        if one.masks is None:
            assert cell.masks is None
        else:
            np.testing.assert_array_equal(cell.masks, one.masks)
