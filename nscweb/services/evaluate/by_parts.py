"""An evaluation by parts: per time point, group, replicate, instrument or donor, each with its intervals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.core.columns import label
from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.scores.curve_bands import MACRO, CurveBands, bands_table, curve_bands
from nscweb.services.evaluate.counts_and_curves import Matrix, as_tuple
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import run_key
from nscweb.services.predict.runs import study_of

if TYPE_CHECKING:
    from nscweb.evaluation.scores.known_cells import Judged
    from nscweb.services.context import App

__all__ = [
    "MACRO",
    "NOT_GIVEN",
    "SPLITS",
    "CurveBands",
    "PartEvaluation",
    "bands_of",
    "bands_table",
    "curves_with_bands",
    "judged_cells",
    "part_names",
    "parts_table",
    "split_evaluation",
    "splits_of",
    "wide_table",
]

# What a study can be split by, in the order of the page.
SPLITS: dict[str, str] = {
    "time": "time point",
    "group": "group",
    "replicate": "replicate",
    "instrument": "instrument",
    "donor": "donor",
}
NOT_GIVEN = "not given"
_FIGURES = ("accuracy", "macro_f1", "auc", "precision", "recall", "f1")


@dataclass(frozen=True)
class PartEvaluation:
    """Figures of the cells of one part.

    Attributes:
        by: what the study is split by, a key of `SPLITS`.
        name: of the part, e.g. ``1 d``.
        cells, samples: that the figures rest on.
        metrics: as in `Evaluation`.
        confusion: (K, K) counts, rows true.
        interval: how the intervals were made.
        remark: why figures are missing, "" when none is.
    """

    by: str
    name: str
    cells: int
    samples: int
    metrics: tuple[Metric, ...]
    confusion: Matrix
    interval: str
    remark: str

    def metric(self, name: str, class_name: str = "") -> Metric | None:
        """The figure of that name and class, or None."""
        for item in self.metrics:
            if (item.name, item.class_name) == (name, class_name):
                return item
        return None


def result_key(app: App, result: Evaluation, *asked: Hashable, **named: Hashable) -> Hashable:
    """Key of what is made from an evaluation: itself, without keeping its table of cells in memory, and the sheet."""
    return (ref(result), run_key(app, result.run), asked, tuple(sorted(named.items())))


@kept(8, result_key)
def splits_of(app: App, result: Evaluation) -> dict[str, tuple[str, ...]]:
    """What the evaluated cells can be split by -> names of the parts, where there are two or more."""
    study = study_of(app, result.run)
    samples = result.table.drop_duplicates("sample_id")
    found = {by: _ordered(_names(samples, by, study)) for by in SPLITS}
    return {by: names for by, names in found.items() if len(names) > 1}


@kept(12, result_key)
def split_evaluation(app: App, result: Evaluation, by: str, *, seed: int = 0) -> tuple[PartEvaluation, ...]:
    """Figures of every part.

    Args:
        by: a key of `SPLITS`.
        seed: of the bootstrap.

    Raises:
        WrongUse: no such split.
    """
    from nscweb.evaluation.scores.confusion import confusion_counts, judged_metrics

    names = part_names(app, result, by)
    cells = judged_cells(result)
    parts = []
    for name in _ordered(names):
        part = cells.take(names == name)
        metrics = tuple(judged_metrics(part, seed=seed))
        parts.append(
            PartEvaluation(
                by=by,
                name=name,
                cells=len(part),
                samples=len(np.unique(part.sample)),
                metrics=metrics,
                confusion=as_tuple(confusion_counts(part.true, part.predicted, len(part.classes))),
                interval=metrics[0].interval if metrics else "",
                remark=_remark(part),
            )
        )
    return tuple(parts)


def judged_cells(result: Evaluation, names: NDArray[np.object_] | None = None, part: str = "") -> Judged:
    """The evaluated cells as arrays; of one part where its names are given (`part_names`)."""
    from nscweb.evaluation.scores.known_cells import judged

    cells = judged(result.table, result.classes.names)
    return cells if names is None else cells.take(names == part)


def part_names(app: App, result: Evaluation, by: str) -> NDArray[np.object_]:
    """(N,) name of the part of each evaluated cell."""
    if by not in SPLITS:
        raise WrongUse(f"An evaluation cannot be split by {by!r}.", f"Choose one of: {', '.join(SPLITS)}.")
    return _names(result.table, by, study_of(app, result.run))


@kept(24, result_key)
def bands_of(app: App, result: Evaluation, by: str = "", part: str = "", *, seed: int = 0) -> CurveBands:
    """ROC and precision-recall curves with bands, of all evaluated cells or of one part."""
    names = part_names(app, result, by) if by else None
    return curve_bands(judged_cells(result, names, part), seed=seed)


def curves_with_bands(bands: CurveBands, curve: str) -> pd.DataFrame:
    """What a figure of curves draws: kind ("curve", exact, or "band", at 101 places), class, axes, low, high.

    Args:
        curve: ``roc`` or ``precision_recall``.
    """
    exact, band = (bands.roc, bands.roc_band) if curve == "roc" else (bands.pr, bands.pr_band)
    parts = [table.assign(**{"kind": "curve", "class": name}) for name, table in exact.items()]
    parts += [table.assign(**{"kind": "band", "class": name}) for name, table in band.items()]
    if not parts:
        return pd.DataFrame(columns=["kind", "class"])
    joined = pd.concat(parts, ignore_index=True).assign(interval=bands.label)
    return joined[["kind", "class", *(name for name in joined.columns if name not in ("kind", "class"))]]


def parts_table(parts: tuple[PartEvaluation, ...]) -> pd.DataFrame:
    """Every figure of every part, one per line: split by, part, figure, class, value, low, high, cells, ..."""
    rows = [
        [
            SPLITS[part.by],
            part.name,
            item.name,
            item.class_name,
            item.value,
            item.low,
            item.high,
            item.cells,
            item.samples,
            item.interval,
        ]
        for part in parts
        for item in part.metrics
    ]
    columns = ["split_by", "part", "figure", "class", "value", "low", "high", "cells", "samples", "interval"]
    return pd.DataFrame(rows, columns=columns)


def wide_table(parts: tuple[PartEvaluation, ...], classes: tuple[str, ...]) -> pd.DataFrame:
    """One row per part and class ("all classes" first): cells, samples and every figure as text with its interval."""
    rows = []
    for part in parts:
        for name in ("", *classes):
            held = [item for item in part.metrics if item.class_name == name]
            if not held:
                continue
            row: dict[str, object] = {
                label("part"): part.name,
                label("class"): name or "all classes",
                label("cells"): part.cells if not name else held[-1].cells,
                label("samples"): max(item.samples for item in held),
            }
            recall = part.metric("recall", name)
            if name:
                row[label("cells")] = recall.cells if recall else 0
            for figure in _FIGURES:
                found = part.metric(figure, name)
                row[figure] = f"{found.value:.3f} [{found.low:.3f}–{found.high:.3f}]" if found else ""
            rows.append(row)
    return pd.DataFrame(rows)


def _names(table: pd.DataFrame, by: str, study: Study | None) -> NDArray[np.object_]:
    if by == "time":
        hours = table["time_h"].to_numpy(np.float64)
        found, codes = np.unique(hours, return_inverse=True)
        words = [TimePoint(float(hour)).label() if np.isfinite(hour) else NOT_GIVEN for hour in found]
        return _spread(words, codes)
    if by in ("group", "replicate"):
        column = pd.Categorical(table[by].astype(str))
        words = [name or NOT_GIVEN for name in column.categories]
        return _spread(words, column.codes)
    said = {sample.name: str(getattr(sample, by)) for sample in study.samples} if study else {}
    column = pd.Categorical(table["sample_id"].astype(str))
    words = [said.get(name, "") or NOT_GIVEN for name in column.categories]
    return _spread(words, column.codes)


def _spread(words: list[str], codes: Any) -> NDArray[np.object_]:
    named: NDArray[np.object_] = np.asarray(words, object)[np.asarray(codes)]
    return named


def _ordered(names: NDArray[np.object_]) -> tuple[str, ...]:
    """Different names: times by their length, others by name; what is not given comes last."""
    found = sorted(set(names.tolist()))

    def key(name: str) -> tuple[bool, float, str]:
        try:
            hours = TimePoint.parse(name).hours
        except ValueError:
            hours = float(name) if name.isdecimal() and len(name) < 9 else 0.0
        return name == NOT_GIVEN, hours, name

    return tuple(sorted(found, key=key))


def _remark(cells: Judged) -> str:
    held = np.unique(cells.true)
    if len(held) == 1:
        name = cells.classes[int(held[0])]
        return (
            f"Only {name} is in this part, so that accuracy is its recall, and there is no curve, no AUC, and no "
            "meaning in its precision."
        )
    absent = [name for index, name in enumerate(cells.classes) if index not in held]
    return f"No cell of this part is {' or '.join(absent)}." if absent else ""
