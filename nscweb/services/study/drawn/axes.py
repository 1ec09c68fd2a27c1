"""The numbers of a cell that a plane can be drawn over: measured at import, light of markers, or brought by files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nscweb.core.column_names import outgoing_name
from nscweb.core.columns import column
from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.services.kept import kept
from nscweb.store.further_columns import POPULATIONS

if TYPE_CHECKING:
    from nscweb.services.context import App

# Columns of files are told apart from measured ones of the same name, as in the table of features.
BROUGHT = "file: "
# Mean light of a marker channel above its background, once it was measured (`services.labels.marker_table`).
LIGHT = "light: "
_INTENSITY = "_intensity"
# The frame is the same for all cells of an instrument.
_NOT_AXES = frozenset(("height", "width"))


@dataclass(frozen=True)
class Axis:
    """A number of a cell.

    Attributes:
        name: of its column; those of files begin with `BROUGHT`, those of marker channels with `LIGHT`.
        label: what it is called for people, without unit.
        unit: "" for none.
        factor: a value as kept times this is one in `unit`.
    """

    name: str
    label: str
    unit: str
    factor: float = 1.0

    @property
    def heading(self) -> str:
        """The label with its unit: "Area (px²)"."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def axis_of(name: str) -> Axis:
    """The axis of a column; every column has one, also those of the user's own."""
    if name.startswith(BROUGHT):
        return Axis(name, name.removeprefix(BROUGHT), "")
    if name.startswith(LIGHT):
        return Axis(name, f"Light in {name.removeprefix(LIGHT)}", "grey values")
    outside, factor = outgoing_name(name, "Features")
    row = column(outside)
    return Axis(name, row.label if row else name, row.unit if row else "", factor)


def axes_of(app: App, study: str) -> tuple[Axis, ...]:
    """Every number that the cells of a study may have: those of the program, light of markers, those of files.

    Raises:
        StudyNotFound: no such study.
    """
    from nscweb.preprocess.cell_quality import FEATURE_NAMES

    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    brought: dict[str, None] = {}
    light: dict[str, None] = {}
    for sample in found.samples:
        path = app.folder.columns_path(found.study_id, keys[sample.name])
        if sample.cells and path.exists():
            schema = pq.read_schema(path)
            numbers = [field.name for field in schema if str(field.type) in ("double", "float", "int64", "int32")]
            brought |= dict.fromkeys(name for name in numbers if name != POPULATIONS)
        measured = app.folder.markers_path(found.study_id, keys[sample.name])
        if sample.cells and measured.exists():
            columns = pq.read_schema(measured).names
            light |= dict.fromkeys(name for name in found.channels if f"{name}{_INTENSITY}" in columns)
    names = [name for name in FEATURE_NAMES if name not in _NOT_AXES]
    names += [*(LIGHT + name for name in light), *(BROUGHT + name for name in brought)]
    return tuple(axis_of(name) for name in names)


def axis_values(app: App, study_id: str, key: str, cells: int, names: Sequence[str]) -> NDArray[np.float64]:
    """(cells, len(names)) values of a sample as they are kept; NaN where a cell has none.

    Raises:
        WrongUse: a column that no study can have.
    """
    columns = []
    for name in names:
        path, inside = _place(app, study_id, key, name)
        columns.append(_column(path, path.stat().st_mtime_ns if path.exists() else 0, cells, inside))
    return np.stack(columns, axis=1)


def study_values(app: App, study: Study, names: Sequence[str]) -> NDArray[np.float64]:
    """The same for all cells of a study, its samples one after another."""
    keys = app.catalogue.sample_keys(study.study_id)
    parts = [
        axis_values(app, study.study_id, keys[item.name], item.cells, names) for item in study.samples if item.cells
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(names)))


def _place(app: App, study_id: str, key: str, name: str) -> tuple[Path, str]:
    """File of a number, and its column there."""
    from nscweb.preprocess.cell_quality import FEATURE_NAMES

    if name.startswith(BROUGHT):
        return app.folder.columns_path(study_id, key), name.removeprefix(BROUGHT)
    if name.startswith(LIGHT):
        return app.folder.markers_path(study_id, key), f"{name.removeprefix(LIGHT)}{_INTENSITY}"
    if name not in FEATURE_NAMES:
        raise WrongUse(f"Cells have no number {name!r}.", f"There are: {', '.join(FEATURE_NAMES)}.")
    return app.folder.quality_path(study_id, key), name


# A column of 100,000 cells takes 0.8 MB.
@kept(2048, most_bytes=200_000_000, size=lambda values: int(values.nbytes))
def _column(path: Path, stamp: int, cells: int, name: str) -> NDArray[np.float64]:
    # Older versions did not measure everything, and not every file brings every column.
    if not stamp or name not in pq.read_schema(path).names:
        return np.full(cells, np.nan)
    values = pd.to_numeric(pq.read_table(path, columns=[name])[name].to_pandas(), errors="coerce")
    return np.asarray(values.to_numpy(np.float64, na_value=np.nan), np.float64)
