"""What a gate would do, before anybody sets it: a histogram, counts, and cells on both sides of the limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.flags import flag
from nscweb.core.gates import Gates
from nscweb.core.samples import Study
from nscweb.services.study.gate_infos import GateInfo, gate_list, samples_of, tables_of
from nscweb.services.study.pixels import display
from nscweb.services.study.quality import flags_by, members_of, populations_of
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

Float64 = NDArray[np.float64]
BINS = 40


@dataclass(frozen=True)
class ExampleCell:
    """A cell near a limit: sample, row in its files, value in the unit of the gate, picture (h, w) uint8."""

    sample: str
    row: int
    value: float
    image: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True)
class GatePreview:
    """What one gate would do.

    Attributes:
        gate: the gate.
        edges: (B + 1,) edges of the histogram; the outer bins hold everything beyond. Empty for populations.
        kept, left_out: (B,) cells per bin that this gate keeps and leaves out.
        names: names of the bins instead of edges: populations, and "in none".
        low, high: limits in `unit`, None where there is none.
        unit: of edges, limits and examples.
        n_in, n_out: cells that this gate alone keeps and leaves out. Cells without an object are in neither,
            but for the gates that look at all cells.
        inside, outside: example cells on both sides of the limit, nearest first.
        unmeasured: cells without this number, because they were imported by an older version.
    """

    gate: GateInfo
    edges: Float64
    kept: NDArray[np.int64]
    left_out: NDArray[np.int64]
    names: tuple[str, ...]
    low: float | None
    high: float | None
    unit: str
    n_in: int
    n_out: int
    inside: tuple[ExampleCell, ...]
    outside: tuple[ExampleCell, ...]
    unmeasured: int = 0


def preview(app: App, study: str, sample: str | None, gate: str, gates: Gates, examples: int = 6) -> GatePreview:
    """What one gate of `gates` would do to a sample (None: to all of them), without storing anything.

    Raises:
        StudyNotFound: no such study.
        StudyError: no such sample.
        WrongUse: no such gate in this study.
    """
    found = app.catalogue.study(study)
    info = next((item for item in gate_list(app, study) if item.name == gate), None)
    if info is None:
        raise WrongUse(f"The study {found.name} has no gate {gate!r}.")
    parts = [_part(app, found, info, gates, *item) for item in tables_of(app, found, sample)]
    cells = _Cells(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    low, high = _limits(info, gates)
    if info.name == "blurred" and sample is not None and len(cells.floors):
        low = max(low or 0.0, float(cells.floors[0]))
    judged = ~np.isnan(cells.value)
    edges, kept, left_out, names = _histogram(app, found, info, cells, judged, sample)
    measured = int(np.count_nonzero(judged))
    n_out = int(np.count_nonzero(cells.hit & judged))
    return GatePreview(
        gate=info,
        edges=edges,
        kept=kept,
        left_out=left_out,
        names=names,
        low=low,
        high=high,
        unit=info.unit,
        n_in=measured - n_out,
        n_out=n_out,
        inside=_examples(app, found, cells, judged & ~cells.hit, (low, high), examples),
        outside=_examples(app, found, cells, judged & cells.hit, (low, high), examples),
        unmeasured=int(np.count_nonzero(cells.gap)),
    )


@dataclass(frozen=True)
class _Cells:
    """Cells of all samples shown, one after another; `floors` has one value per sample.

    value in the unit of the gate, NaN for cells that the gate does not look at; hit: left out by it; gap: not
    measured by the version that imported them.
    """

    sample: NDArray[np.object_]
    row: NDArray[np.int64]
    value: Float64
    hit: NDArray[np.bool_]
    gap: NDArray[np.bool_]
    floors: Float64


def _part(app: App, study: Study, info: GateInfo, gates: Gates, name: str, key: str, table: pd.DataFrame) -> Any:
    from nscweb.preprocess.gating import focus_limit, has_object

    members = members_of(app, study.study_id, key, len(table), gates)
    # The gate in question alone: what others leave out is shown too.
    hit = (flags_by(table, gates, members) & flag(info.name).bit) > 0
    there = np.isfinite(table["width"].to_numpy(np.float64))
    seen = there & has_object(table, gates)
    looked_at = there if info.name in ("empty", "saturated", "population") else seen
    gap = np.zeros(len(table), bool)
    floors = np.zeros(1)
    if info.name == "population":
        value = np.where(there, 1.0, np.nan)
    elif info.name == "empty":
        noise = table["noise"].to_numpy(np.float64)
        value = table["contrast"].to_numpy(np.float64) / np.where(noise > 0, noise, np.nan)
        value = np.where(there & np.isnan(value), np.where(table["contrast"] > 0, np.inf, 0.0), value)
    else:
        value = info.factor * table[info.feature].to_numpy(np.float64)
        gap = seen & np.isnan(value)
        if info.name == "blurred" and seen.any():
            median = float(np.median(table["focus"].to_numpy(np.float64)[seen])) or 1.0
            value = value / median
            floors = np.array([info.factor * focus_limit(table["focus"].to_numpy(np.float64)[seen], gates) / median])
    value = np.where(looked_at, value, np.nan)
    rows = np.arange(len(table))
    return np.full(len(table), name, object), rows, value, hit, gap, floors


def _limits(info: GateInfo, gates: Gates) -> tuple[float | None, float | None]:
    found = [getattr(gates, name) if name else None for name in (info.low, info.high)]
    low, high = (None if value is None else float(value) * info.factor for value in found)
    return low, high


def _histogram(
    app: App, study: Study, info: GateInfo, cells: _Cells, judged: NDArray[np.bool_], sample: str | None
) -> tuple[Float64, NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    if info.name == "population":
        return _by_population(app, study, cells, sample)
    low, high, _ = info.slider
    if info.name == "several":
        edges = np.arange(low - 0.5, high + 1.0, 1.0)
    else:
        high = 2 * 100.0 if info.name == "blurred" else high
        edges = np.linspace(low, high, BINS + 1)
    inside = np.clip(cells.value[judged], edges[0], edges[-1])
    hit = cells.hit[judged]
    kept, _ = np.histogram(inside[~hit], edges)
    left_out, _ = np.histogram(inside[hit], edges)
    return edges, kept.astype(np.int64), left_out.astype(np.int64), ()


def _by_population(
    app: App, study: Study, cells: _Cells, sample: str | None
) -> tuple[Float64, NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    from nscweb.core.gates import DEFAULT_GATES

    names = list(populations_of(app, study.study_id))
    keys = app.catalogue.sample_keys(study.study_id)
    kept, left_out = [], []
    nowhere = np.ones(len(cells.hit), bool)
    for name in names:
        only = replace(DEFAULT_GATES, populations=(name,))
        member = np.concatenate(
            [
                np.asarray(members_of(app, study.study_id, keys[item.name], item.cells, only), bool)
                for item in samples_of(study, sample)
            ]
        )
        nowhere &= ~member
        kept.append(int(np.count_nonzero(member & ~cells.hit)))
        left_out.append(int(np.count_nonzero(member & cells.hit)))
    kept.append(int(np.count_nonzero(nowhere & ~cells.hit)))
    left_out.append(int(np.count_nonzero(nowhere & cells.hit)))
    return np.zeros(0), np.array(kept, np.int64), np.array(left_out, np.int64), (*names, "in none")


def _examples(
    app: App,
    study: Study,
    cells: _Cells,
    wanted: NDArray[np.bool_],
    limits: tuple[float | None, float | None],
    count: int,
) -> tuple[ExampleCell, ...]:
    """Cells nearest to a limit; without limits the smallest and the largest."""
    places = np.flatnonzero(wanted)
    values = cells.value[places]
    given = [limit for limit in limits if limit is not None]
    if given:
        distance = np.min([np.abs(values - limit) for limit in given], axis=0)
        chosen = places[np.argsort(distance, kind="stable")[:count]]
    else:
        order = places[np.argsort(values, kind="stable")]
        half = count // 2
        chosen = order if len(order) <= count else np.concatenate([order[: count - half], order[len(order) - half :]])
    return tuple(_example(app, study, cells, int(place)) for place in chosen)


def _example(app: App, study: Study, cells: _Cells, place: int) -> ExampleCell:
    name, row = str(cells.sample[place]), int(cells.row[place])
    key = app.catalogue.sample_keys(study.study_id)[name]
    with CellFile(app.folder.cells_path(study.study_id, key)) as file:
        image = file.take([row], study.channel)[0]
        shown = np.zeros((8, 8), np.uint8) if image is None else display(np.array(image[0]))
    return ExampleCell(name, row, float(cells.value[place]), shown)
