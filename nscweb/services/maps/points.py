"""The cells of a map with everything that they can be coloured by, and those that somebody chose on it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import LEFT_OUT, flag
from nscweb.core.gates import box, inside
from nscweb.core.run_record import Run
from nscweb.core.timepoint import TimePoint
from nscweb.services.kept import kept
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import labels_mark
from nscweb.services.maps.map import StudyMap
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import class_scheme, prediction_table, table_version
from nscweb.services.study.drawn.axes import axes_of, study_values
from nscweb.services.study.pixels import split_id
from nscweb.services.study.populations import populations_of_cells
from nscweb.services.study.quality import flags_of, get_gates
from nscweb.store.cell_files import CellFile
from nscweb.words.marks import mark

if TYPE_CHECKING:
    from nscweb.services.context import App

Way = Literal["tsne", "widest"]
WAYS: dict[Way, str] = {"tsne": "neighbours (t-SNE)", "widest": "widest directions (PCA)"}
UNKNOWN = "not known"
KEPT = "kept"
UNLABELLED = "no label"


@dataclass(frozen=True)
class Colouring:
    """Something that points can be coloured by.

    Attributes:
        key: what `colours` is asked for.
        title: for people.
        unit: of a number, "" for none and for names.
        numbers: whether it is a number; names otherwise.
    """

    key: str
    title: str
    unit: str = ""
    numbers: bool = False


@dataclass(frozen=True, eq=False)
class Points:
    """Cells of a map, joined with a run.

    Attributes:
        map: their places.
        run: whose scores they have; None where the study was not predicted.
        object_number: (N,) as the instrument numbered them.
        flags: (N,) masks of quality flags.
        table_row: (N,) row of each cell in the prediction table of the run, -1 where it has none.
    """

    map: StudyMap = field(repr=False)
    run: Run | None
    object_number: NDArray[np.int64] = field(repr=False)
    flags: NDArray[np.int64] = field(repr=False)
    table_row: NDArray[np.int64] = field(repr=False)

    def places(self, way: Way) -> NDArray[np.float32]:
        """(N, 2); the widest directions where no layout was made."""
        return self.map.widest if way == "widest" or self.map.places is None else self.map.places


def points_key(app: App, found: StudyMap, run: Run | None) -> Hashable:
    """Changes with everything that points depend on."""
    said = table_version(app, run) if run else get_gates(app, found.study.study_id).digest()
    return (found.mark, said)


@kept(3, points_key)
def points_of(app: App, found: StudyMap, run: Run | None) -> Points:
    """Join the cells of a map with a run of the same study."""
    study = found.study
    numbers, flags = [], []
    for place, sample in enumerate(study.samples):
        if sample.cells:
            with CellFile(app.folder.cells_path(study.study_id, found.keys[place])) as cells:
                numbers.append(np.array(cells.object_numbers))
            flags.append(flags_of(app, study.study_id, found.keys[place], sample.cells))
    rows = np.full(len(found.row), -1, np.int64)
    if run is not None:
        table = prediction_table(app, run)
        parts = table["cell_id"].astype(str).str.rpartition(":")
        starts = {}
        for place in np.unique(found.sample).tolist():
            starts[found.keys[place]] = int(np.searchsorted(found.sample, place))
        begin = parts[0].map(starts).to_numpy(np.float64)
        known = np.isfinite(begin)
        at = begin[known].astype(np.int64) + parts[2].to_numpy()[known].astype(np.int64)
        rows[at] = np.flatnonzero(known)
    return Points(found, run, np.concatenate(numbers), np.concatenate(flags), rows)


def colourings(app: App, points: Points) -> tuple[Colouring, ...]:
    """What these points can be coloured by, the most asked for first."""
    found: list[Colouring] = []
    if points.run is not None:
        found.append(Colouring("predicted", "Predicted class"))
        found += [Colouring(f"p_{name}", f"Score of {name}", numbers=True) for name in points.run.class_names]
        found.append(Colouring("confidence", "Highest score", numbers=True))
    samples = points.map.study.samples
    for key, title, known in (
        ("group", "Inducer group", any(item.group for item in samples)),
        ("time", "Time", any(item.time_h is not None for item in samples)),
        ("sample", "Sample", True),
        ("replicate", "Replicate", any(item.replicate for item in samples)),
        ("true_class", "True class", any(item.true_class for item in samples)),
    ):
        if known:
            found.append(Colouring(key, title))
    if points.run is not None and lights_of(points.run):
        found.append(Colouring("light", "Does the model fit?"))
    if labels_mark(app, points.map.study.study_id):
        found.append(Colouring("label", "Label"))
    found.append(Colouring("gate", "Gates: why left out"))
    found += [
        Colouring(f"population {name}", f"Population {name}")
        for name in populations_of_cells(app, points.map.study.study_id)
    ]
    found += [
        Colouring(f"axis {item.name}", item.label, item.unit, numbers=True)
        for item in axes_of(app, points.map.study.study_id)
    ]
    return tuple(found)


def colours(app: App, points: Points, key: str) -> NDArray[Any]:
    """(N,) values of a colouring: float64 with NaN for numbers, text for names."""
    found = points.map
    samples = found.study.samples
    if key.startswith("axis "):
        from nscweb.services.study.drawn.axes import axis_of

        name = key.removeprefix("axis ")
        return study_values(app, found.study, [name])[:, 0] * axis_of(name).factor
    if key.startswith("population "):
        name = key.removeprefix("population ")
        members = populations_of_cells(app, found.study.study_id)[name]
        hit = np.concatenate(
            [
                np.isin(np.arange(item.cells), members.get(item.name, np.zeros(0, np.int64)))
                for item in samples
                if item.cells
            ]
        )
        return np.where(hit, f"in {name}", "not in it")
    if key == "gate":
        return _first_reasons(points.flags)
    if key == "label":
        return _labels(app, found)
    by_sample: dict[str, list[str]] = {
        "sample": [item.name for item in samples],
        "group": [item.group or UNKNOWN for item in samples],
        "replicate": [item.replicate or UNKNOWN for item in samples],
        "time": [UNKNOWN if item.time_h is None else TimePoint(item.time_h).label() for item in samples],
    }
    if points.run is not None and key == "light":
        lights = lights_of(points.run)
        by_sample["light"] = [mark(lights.get(item.name, "")) for item in samples]
    if key == "true_class" and points.run is None:
        by_sample["true_class"] = [item.true_class or UNKNOWN for item in samples]
    if key in by_sample:
        return np.asarray(by_sample[key], object)[found.sample]
    return _of_run(app, points, key)


def order_of(points: Points, key: str, values: NDArray[Any]) -> list[str]:
    """Names of a colouring in the order of a legend: classes of the card, samples and times of the sheet."""
    there = set(pd.unique(pd.Series(values)).tolist())
    samples = points.map.study.samples
    known: list[str] = []
    if points.run is not None and key in ("predicted", "true_class"):
        known = list(class_scheme(points.run).names)
    elif key == "time":
        hours = sorted({item.time_h for item in samples if item.time_h is not None})
        known = [TimePoint(item).label() for item in hours]
    elif key in ("sample", "group", "replicate"):
        column = "name" if key == "sample" else key
        known = list(dict.fromkeys(str(getattr(item, column)) for item in samples))
    elif key == "label" and points.run is not None:
        known = list(class_scheme(points.run).names)
    elif key == "gate":
        known = [KEPT, *(flag(name).label for name in LEFT_OUT)]
    elif key.startswith("population "):
        known = [f"in {key.removeprefix('population ')}"]
    # "cluster 10" after "cluster 9".
    rest = sorted(there - set(known), key=lambda name: (len(name), name) if name.startswith("cluster ") else (0, name))
    return [*(name for name in known if name in there), *rest]


def chosen_in(places: NDArray[np.float32], selection: Mapping[str, Any]) -> NDArray[np.int64]:
    """Positions of the cells inside what somebody drew on a chart, whether they are drawn there or not.

    Args:
        places: (N, 2) in the units of the chart.
        selection: as Streamlit hands it over: ``box`` and ``lasso`` are lists with ``x`` and ``y``; ``points`` are
            single points with their position as ``customdata``.
    """
    hit = np.zeros(len(places), bool)
    for item in selection.get("box", ()):
        hit |= inside(places[:, 0], places[:, 1], box(tuple(item["x"][:2]), tuple(item["y"][:2])))
    for item in selection.get("lasso", ()):
        corners = tuple(zip(item["x"], item["y"], strict=True))
        if len(corners) > 2:
            hit |= inside(places[:, 0], places[:, 1], corners)
    if not hit.any() and not selection.get("box") and not selection.get("lasso"):
        for item in selection.get("points", ()):
            place = item.get("customdata")
            place = place[0] if isinstance(place, (list, tuple)) else place
            if place is not None and 0 <= int(place) < len(hit):
                hit[int(place)] = True
    return np.flatnonzero(hit)


def _of_run(app: App, points: Points, key: str) -> NDArray[Any]:
    assert points.run is not None, key
    column = prediction_table(app, points.run)[key]
    there = points.table_row >= 0
    if column.dtype.kind == "f":
        numbers = np.full(len(there), np.nan)
        numbers[there] = column.to_numpy(np.float64)[points.table_row[there]]
        return numbers
    names = np.full(len(there), UNKNOWN, object)
    names[there] = column.astype(str).to_numpy(object)[points.table_row[there]]
    names[names == ""] = UNKNOWN
    return names


def _labels(app: App, found: StudyMap) -> NDArray[Any]:
    """(N,) the class that everybody who labelled a cell gives it; those without one, or with two, have no label."""
    table = agreed_labels(app, found.study.study_id).table
    names = np.full(len(found.row), UNLABELLED, object)
    starts = {found.keys[place]: int(np.searchsorted(found.sample, place)) for place in np.unique(found.sample)}
    for cell, name in zip(table["cell_id"].tolist(), table["class"].tolist(), strict=True):
        key, row = split_id(cell)
        if key in starts:
            names[starts[key] + row] = str(name)
    return names


def _first_reasons(flags: NDArray[np.int64]) -> NDArray[Any]:
    found = np.full(len(flags), KEPT, object)
    for name in reversed(LEFT_OUT):
        found[(flags & flag(name).bit) > 0] = flag(name).label
    return found
