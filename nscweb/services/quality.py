"""Quality of imported cells: features measured at import, counted per sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import FLAGS, pack
from nscweb.core.gates import DEFAULT_GATES, Gates
from nscweb.core.progress import Progress, no_progress
from nscweb.core.samples import Study
from nscweb.store.cell_files import CellFile
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

CHUNK = 512
# Flags that take a cell out of the statistics unless the user wants it in.
LEFT_OUT: tuple[str, ...] = (
    "empty",
    "constant",
    "several",
    "border",
    "blurred",
    "saturated",
    "size",
    "shape",
    "population",
)


def quality_summary(app: App, study: str, left_out: Sequence[str] = LEFT_OUT) -> pd.DataFrame:
    """One row per sample: cells in, cells kept, and how many carry each flag.

    Args:
        left_out: names of flags that count as not kept.

    Returns:
        Columns ``sample``, ``cells``, ``kept``, ``kept_percent``, then one count per flag under its name in
        `core.flags` (a cell may carry several, so counts can add up to more than are left out).

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    mask = pack(left_out)
    rows: list[dict[str, Any]] = []
    for sample in found.samples:
        flags = flags_of(app, found.study_id, keys[sample.name], sample.cells)
        kept = int(np.count_nonzero((flags & mask) == 0))
        rows.append(
            {
                "sample": sample.name,
                "cells": len(flags),
                "kept": kept,
                "kept_percent": round(100.0 * kept / len(flags), 1) if len(flags) else 0.0,
                **{flag.name: int(np.count_nonzero(flags & flag.bit)) for flag in FLAGS},
            }
        )
    columns = ["sample", "cells", "kept", "kept_percent", *(flag.name for flag in FLAGS)]
    return pd.DataFrame(rows, columns=columns)


def quality_table(app: App, study: str, sample: str) -> pd.DataFrame:
    """Features and flags of every cell of a sample, rows as in its cell file (see preprocess.quality).

    Raises:
        StudyNotFound: no such study.
        KeyError: no such sample.
    """
    found = app.catalogue.study(study)
    key = app.catalogue.sample_keys(found.study_id)[sample]
    return read_quality(app.folder.quality_path(found.study_id, key))


def read_quality(path: Path) -> pd.DataFrame:
    """A quality table with all columns; numbers that an older version did not measure are NaN."""
    from nscweb.preprocess.cell_quality import complete

    return complete(pd.read_parquet(path))


def flags_of(app: App, study_id: str, key: str, cells: int) -> NDArray[np.int64]:
    """Flag masks of a sample in the order of its cells; zeros where there is no quality table."""
    path = app.folder.quality_path(study_id, key)
    if not path.exists():
        return np.zeros(cells, np.int64)
    return pd.read_parquet(path, columns=["flags"])["flags"].to_numpy(np.int64)


def measure_again(app: App, study: Study, channel: str, progress: Progress = no_progress) -> None:
    """Measure quality on a channel anew, sample by sample, and flag by the gates of the study."""
    keys = app.catalogue.sample_keys(study.study_id)
    done = 0
    for sample in study.samples:
        if sample.cells:
            measure_sample(app, study, keys[sample.name], channel, progress, (done, sample.name))
        done += sample.cells


def measure_sample(app: App, study: Study, key: str, channel: str, progress: Progress, place: tuple[int, str]) -> None:
    """Measure the cells of one sample anew; `place` is what progress says: cells done before, and its name."""
    from nscweb.services.gate_store import get_gates, members_of

    gates = get_gates(app, study.study_id)
    quality = Quality()
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        for start in range(0, len(cells), CHUNK):
            stop = min(start + CHUNK, len(cells))
            images = cells.images(channel, start, stop)
            quality.add(
                [None if image is None else image[0] for image in images],
                cells.masks(range(start, stop), channel) if cells.has_masks else None,
            )
            progress(place[0] + start, study.cells, f"Measuring {place[1]}")
        members = members_of(app, study.study_id, key, len(cells), gates)
    table = judged(quality.features(), gates, members)
    write_quality(app.folder.quality_path(study.study_id, key), table)


class Quality:
    """Features of the cells of one sample, in order; cells without a brightfield image have no numbers."""

    def __init__(self) -> None:
        self._rows: list[Any] = []

    def add(
        self, planes: Sequence[NDArray[Any] | None], masks: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> None:
        """Measure the next images (h, w), inside the masks of the file where there are some."""
        from nscweb.preprocess.cell_quality import measure_many

        there = [place for place, plane in enumerate(planes) if plane is not None]
        own = [masks[place] for place in there] if masks is not None else None
        measured = measure_many([plane for plane in planes if plane is not None], own)
        rows: list[Any] = [None] * len(planes)
        for place, row in zip(there, measured, strict=True):
            rows[place] = row
        self._rows += rows

    def features(self) -> NDArray[np.float64]:
        """(N, F) numbers measured so far, in the order of `FEATURE_NAMES`; NaN where there was no image."""
        from nscweb.preprocess.cell_quality import FEATURE_NAMES

        empty = (np.nan,) * len(FEATURE_NAMES)
        rows = [empty if row is None else tuple(row) for row in self._rows]
        return np.array(rows, np.float64).reshape(len(rows), len(FEATURE_NAMES))

    def table(self) -> pd.DataFrame:
        """Columns `FEATURE_NAMES` and ``flags`` by the default gates, one row per cell."""
        return judged(self.features())


def judged(
    features: NDArray[np.float64], gates: Gates = DEFAULT_GATES, members: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Columns `FEATURE_NAMES` and ``flags`` from the features (N, F) of one whole sample.

    Flags are judged here and not cell by cell, because "out of focus" only makes sense beside the other cells.

    Args:
        gates: limits of the study.
        members: (N,) whether a cell is in one of the populations of the gates.
    """
    from nscweb.preprocess.cell_quality import FEATURE_NAMES, QualityFeatures

    table = pd.DataFrame(features, columns=list(FEATURE_NAMES))
    # The width of a frame is never missing where there was an image.
    if bool(np.isfinite(table["width"].to_numpy()).all()):
        whole = [name for name, kind in QualityFeatures.__annotations__.items() if kind == "int"]
        table = table.astype(dict.fromkeys(whole, np.int64))
    table["flags"] = flags_by(table, gates, members)
    return table


def flags_by(table: pd.DataFrame, gates: Gates, members: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """(N,) flag masks of a quality table by these gates; cells without a brightfield image have none."""
    from nscweb.preprocess.gating import quality_flags

    there = np.isfinite(table["width"].to_numpy(np.float64))
    flags = np.zeros(len(table), np.int64)
    if there.any():
        own = members[there] if members is not None else None
        flags[there] = quality_flags(table[there], gates, own)
    return flags


def write_quality(path: Path, table: pd.DataFrame) -> None:
    """Write a quality table as Parquet; the file appears when it is complete."""
    with atomic_write(path) as stream:
        table.to_parquet(stream, index=False)
