"""Samples whose cells are the pixels of another sample: a folder that was copied is no replicate.

Features of quality are computed from the pixels alone, to the last digit; so cells with equal rows are looked at pixel
by pixel, and nothing is measured for this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.services.study.quality import read_quality
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

# Features that two different images hardly share, and of which empty images have none.
_TELLING = ("background", "noise", "contrast", "focus")
# Fewer common cells prove no copy: a camera gives the same empty frame twice.
LEAST_CELLS = 3
# Share of the smaller sample from which it is a copy, and from which something is said.
COPY, OVERLAP = 0.9, 0.02
# Cells of a pair that are compared pixel by pixel.
_LOOK_AT = 16


@dataclass(frozen=True)
class Copy:
    """Two samples with common cells.

    Attributes:
        sample, of: the second in the order of the study, and the first.
        cells: that both have.
        share: of the cells of `sample`.
    """

    sample: str
    of: str
    cells: int
    share: float

    @property
    def whole(self) -> bool:
        """The sample is a copy and nothing else."""
        return self.share >= COPY


def copied_samples(app: App, study_id: str, keys: Mapping[str, str], channel: str) -> list[Copy]:
    """Pairs of samples with the same cells, each copy with the first sample that it repeats.

    Args:
        keys: sample -> key of its files, in the order of the study; samples without cells are left out.
        channel: whose pixels are compared.
    """
    first: dict[bytes, list[tuple[str, int]]] = defaultdict(list)
    found: list[Copy] = []
    for name, key in keys.items():
        marks = _marks(app.folder.quality_path(study_id, key)) if key else []
        common: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, mark in enumerate(marks):
            for other, there in first.get(mark, ()) if mark else ():
                common[other].append((place, there))
        for other, pairs in sorted(common.items(), key=lambda item: -len(item[1])):
            share = len(pairs) / max(1, sum(bool(mark) for mark in marks))
            enough = len(pairs) >= LEAST_CELLS and share >= OVERLAP
            if enough and _same_pixels(app, study_id, channel, key, keys[other], pairs):
                found.append(Copy(name, other, len(pairs), share))
                break
        for place, mark in enumerate(marks):
            if mark and not any(other == name for other, _ in first[mark]):
                first[mark].append((name, place))
    return found


def _marks(path: Path) -> list[bytes]:
    """Of each cell its telling features as bytes, b"" for a cell that has none."""
    if not path.exists():
        return []
    table: pd.DataFrame = read_quality(path)
    values = np.ascontiguousarray(table[list(_TELLING)].to_numpy(np.float64))
    known = np.isfinite(values).all(axis=1) & (table["contrast"].to_numpy(np.float64) > 0)
    return [row.tobytes() if there else b"" for row, there in zip(values, known, strict=True)]


def _same_pixels(app: App, study_id: str, channel: str, key: str, other: str, pairs: list[tuple[int, int]]) -> bool:
    step = max(1, len(pairs) // _LOOK_AT)
    with CellFile(app.folder.cells_path(study_id, key)) as one, CellFile(app.folder.cells_path(study_id, other)) as two:
        for place, there in pairs[::step]:
            (mine,), (theirs,) = one.images(channel, place, place + 1), two.images(channel, there, there + 1)
            if mine is None or theirs is None or not np.array_equal(mine[0], theirs[0]):
                return False
    return True
