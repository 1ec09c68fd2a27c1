"""The gates that a study has: words, units and sliders for a page, and the numbers that they look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from nscweb.core.errors import StudyError
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.gating import GATED
from nscweb.services.kept import kept
from nscweb.services.study.quality import populations_of

if TYPE_CHECKING:
    from nscweb.services.context import App

# The rest of a quality table is not read for a preview.
_COLUMNS = (*GATED, "width")


@dataclass(frozen=True)
class GateInfo:
    """One gate as a page shows it.

    Attributes:
        name: of the gate and of the flag that it sets (`core.flags`).
        label: two or three words: what passes.
        help: one sentence.
        feature: column that the histogram rests on.
        axis: what the histogram shows, in words.
        unit: of histogram, slider and limits, "" for plain numbers.
        factor: a limit in `Gates` times this is a limit in `unit`.
        low, high: names of the fields of `Gates` with the lower and the upper limit, "" when there is none.
        slider: smallest value, largest value and step, in `unit`; the upper end of sizes comes from the data.
    """

    name: str
    label: str
    help: str
    feature: str
    axis: str
    unit: str
    factor: float
    low: str
    high: str
    slider: tuple[float, float, float]


_GATES: tuple[GateInfo, ...] = (
    GateInfo(
        "empty",
        "not empty",
        "The cell stands out from the noise of the background.",
        "contrast",
        "contrast of the cell",
        "times the noise",
        1.0,
        "signal",
        "",
        (0.0, 20.0, 0.1),
    ),
    GateInfo(
        "several",
        "single",
        "No more than so many objects of cell size lie in the frame.",
        "n_objects",
        "objects in the frame",
        "",
        1.0,
        "",
        "objects",
        (1.0, 6.0, 1.0),
    ),
    GateInfo(
        "border",
        "whole",
        "The cell covers no more than this share of the outermost pixels of its frame.",
        "border_contact",
        "share of the frame's border that the cell covers",
        "%",
        100.0,
        "",
        "border",
        (0.0, 40.0, 0.5),
    ),
    GateInfo(
        "blurred",
        "in focus",
        "The cell has at least this share of the fine detail that the middle cell of its sample has.",
        "focus",
        "focus",
        "% of the sample's median",
        100.0,
        "focus",
        "",
        (0.0, 150.0, 1.0),
    ),
    GateInfo(
        "saturated",
        "not saturated",
        "No more than this share of the pixels is black or white.",
        "saturated_share",
        "pixels at black or white",
        "%",
        100.0,
        "",
        "saturated",
        (0.0, 30.0, 0.5),
    ),
    GateInfo(
        "size",
        "size",
        "The area of the cell lies between two limits.",
        "area_px",
        "area of the cell",
        "pixels",
        1.0,
        "area_low",
        "area_high",
        (0.0, 1000.0, 1.0),
    ),
    GateInfo(
        "shape",
        "shape",
        "The aspect ratio (minor / major axis; 1 is round) lies between two limits.",
        "aspect_ratio",
        "aspect ratio",
        "",
        1.0,
        "aspect_low",
        "aspect_high",
        (0.0, 1.0, 0.01),
    ),
    GateInfo(
        "population",
        "population",
        "The cell is in one of the chosen populations, which somebody made by hand.",
        "populations",
        "populations",
        "",
        1.0,
        "",
        "",
        (0.0, 1.0, 1.0),
    ),
)


def gate_list(app: App, study: str) -> tuple[GateInfo, ...]:
    """The gates of a study in the order of the funnel, with sliders that fit its cells.

    Without cells there is none; without populations there is no gate on them. Areas are in square micrometres
    where the pixel size of the study is known.
    """
    found = app.catalogue.study(study)
    if not found.cells:
        return ()
    known = {item.name: item for item in _GATES}
    known["size"] = _size_gate(app, found)
    if not populations_of(app, found.study_id):
        known.pop("population")
    return tuple(known.values())


def _size_gate(app: App, study: Study) -> GateInfo:
    info = next(item for item in _GATES if item.name == "size")
    size = study.pixel_size_um
    factor = 1.0 if size is None else size * size
    parts = [table["area_px"].to_numpy(np.float64) for _, _, table in tables_of(app, study, None)]
    areas = np.concatenate(parts) if parts else np.zeros(0)
    areas = areas[areas > 0]
    top = factor * float(np.quantile(areas, 0.998)) * 1.25 if len(areas) else 1000.0 * factor
    step = 10.0 ** np.floor(np.log10(max(top, 1e-9) / 200))
    top = float(np.ceil(top / (10 * step)) * 10 * step)
    return replace(info, unit="pixels" if size is None else "µm²", factor=factor, slider=(0.0, top, float(step)))


def samples_of(study: Study, sample: str | None) -> list[Sample]:
    """Samples with cells; one of them when it is named. StudyError when there is none."""
    chosen = [item for item in study.samples if item.cells and sample in (None, item.name)]
    if not chosen:
        raise StudyError(f"The study {study.name} has no cells in {sample!r}.", "", "E-SAMPLE-NOT-FOUND")
    return chosen


def tables_of(app: App, study: Study, sample: str | None) -> list[tuple[str, str, pd.DataFrame]]:
    """(name, key, numbers of the cells) of the samples shown."""
    keys = app.catalogue.sample_keys(study.study_id)
    paths = [
        (item.name, app.folder.quality_path(study.study_id, keys[item.name])) for item in samples_of(study, sample)
    ]
    return [(name, keys[name], _read(path, path.stat().st_mtime_ns)) for name, path in paths if path.exists()]


# A slider asks for the same numbers again and again; 1,000 cells take 90 kB.
@kept(512, most_bytes=200_000_000, size=lambda table: int(table.memory_usage().sum()))
def _read(path: Path, stamp: int) -> pd.DataFrame:
    from nscweb.preprocess.cell_quality import complete

    have = [name for name in _COLUMNS if name in pq.read_schema(path).names]
    return complete(pq.read_table(path, columns=have).to_pandas())[list(_COLUMNS)]
