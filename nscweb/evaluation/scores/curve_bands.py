"""Bands around ROC and precision-recall curves: 95 % intervals over samples, place by place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.scores.curves import pr, roc
from nscweb.evaluation.scores.known_cells import Judged
from nscweb.evaluation.scores.resampling import Resampling
from nscweb.evaluation.scores.thresholds import ScoreCounts, quantile_edges, score_counts

Float64 = NDArray[np.float64]
# The mean of the classes, each counting once.
MACRO = "mean of the classes"
_GRID = np.linspace(0.0, 1.0, 101)
_ROUNDS = 1000


@dataclass(frozen=True)
class CurveBands:
    """Curves of cells of known class.

    Attributes:
        roc, pr: class name -> exact curve (columns fpr, tpr, threshold; recall, precision, threshold).
        roc_band: class name or `MACRO` -> columns fpr, tpr, low, high at 101 places.
        pr_band: the same with recall, precision, low, high.
        average_precision: class name or `MACRO` -> (value, low, high).
        label: how the bands were made.
    """

    roc: dict[str, pd.DataFrame] = field(default_factory=dict)
    pr: dict[str, pd.DataFrame] = field(default_factory=dict)
    roc_band: dict[str, pd.DataFrame] = field(default_factory=dict)
    pr_band: dict[str, pd.DataFrame] = field(default_factory=dict)
    average_precision: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    label: str = ""


def curve_bands(cells: Judged, *, seed: int, rounds: int = _ROUNDS) -> CurveBands:
    """Curves of each class against the rest with bands; classes without a positive or negative cell have none.

    Bands are pointwise: at each share of false alarms (or recall), the 95 % interval over samples. The macro curve
    is the mean of the curves of the classes at the same place (vertical averaging: Fawcett, Pattern Recognition
    Letters 27, 861 (2006), section 7.1).
    """
    if not len(cells):
        return CurveBands()
    how = cells.resampling(rounds=rounds, seed=seed)
    bands = CurveBands(label=how.label)
    receiver: list[tuple[Float64, Float64]] = []
    precision: list[tuple[Float64, Float64]] = []
    areas: list[tuple[float, Float64]] = []
    for index, name in enumerate(cells.classes):
        positive = cells.true == index
        if positive.all() or not positive.any():
            continue
        score = cells.scores[:, index]
        counts = score_counts(positive, score, quantile_edges(score), how)
        bands.roc[name] = roc(positive, score)
        bands.pr[name], area = pr(positive, score)
        drawn = _rounds_of(counts)
        exact = _at_grid(bands.roc[name]["fpr"], bands.roc[name]["tpr"])
        bands.roc_band[name] = _band("fpr", "tpr", exact, drawn.tpr, how)
        receiver.append((exact, drawn.tpr))
        exact = _at_grid(bands.pr[name]["recall"], bands.pr[name]["precision"])
        bands.pr_band[name] = _band("recall", "precision", exact, drawn.precision, how)
        precision.append((exact, drawn.precision))
        bands.average_precision[name] = (area, *how.interval(drawn.area, area))
        areas.append((area, drawn.area))
    if len(areas) > 1:
        bands.roc_band[MACRO] = _band("fpr", "tpr", *_mean(receiver), how)
        bands.pr_band[MACRO] = _band("recall", "precision", *_mean(precision), how)
        mean = float(np.mean([area for area, _ in areas]))
        drawn_mean = np.asarray(np.mean([rounds_of for _, rounds_of in areas], axis=0), np.float64)
        bands.average_precision[MACRO] = (mean, *how.interval(drawn_mean, mean))
    return bands


def bands_table(bands: CurveBands) -> pd.DataFrame:
    """All bands in one long table: curve (roc, pr), class, x, y, low, high, interval."""
    parts = []
    for curve, found in (("roc", bands.roc_band), ("precision_recall", bands.pr_band)):
        for name, band in found.items():
            part = band.copy()
            part.columns = pd.Index(["x", "y", "low", "high"])
            part.insert(0, "class", name)
            part.insert(0, "curve", curve)
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["curve", "class", "x", "y", "low", "high", "interval"])
    return pd.concat(parts, ignore_index=True).assign(interval=bands.label)


@dataclass(frozen=True, eq=False)
class _Drawn:
    tpr: Float64
    precision: Float64
    area: Float64


def _rounds_of(counts: ScoreCounts) -> _Drawn:
    """Every round read off at the same 101 places."""
    hits = _from_top(counts.inside)
    false = _from_top(counts.outside)
    tpr = hits / np.maximum(hits[:, -1:], 1)
    fpr = false / np.maximum(false[:, -1:], 1)
    called = hits + false
    precise = np.divide(hits, called, out=np.full(hits.shape, np.nan), where=called > 0)
    # Above the highest score of a round nothing is called: there it has the precision of its highest scores.
    first = np.argmax(called > 0, axis=1)
    start = precise[np.arange(len(precise)), first][:, None]
    precise = np.where(called > 0, precise, start)
    area = np.sum(np.diff(tpr, axis=1) * precise[:, 1:], axis=1)
    at_fpr = np.stack([np.interp(_GRID, x, y) for x, y in zip(fpr, tpr, strict=True)])
    at_recall = np.stack([np.interp(_GRID, x, y) for x, y in zip(tpr, precise, strict=True)])
    return _Drawn(at_fpr, at_recall, area)


def _from_top(counts: Float64) -> Float64:
    """(B, W) counts, lowest bin first -> (B, W + 1) counts at or above each bin, from none to all."""
    summed = np.cumsum(counts[:, ::-1], axis=1)
    return np.concatenate([np.zeros((len(counts), 1)), summed], axis=1)


def _at_grid(x: pd.Series, y: pd.Series) -> Float64:
    return np.asarray(np.interp(_GRID, x.to_numpy(np.float64), y.to_numpy(np.float64)), np.float64)


def _band(x: str, y: str, exact: Float64, drawn: Float64, how: Resampling) -> pd.DataFrame:
    low, high = how.intervals(drawn, exact)
    return pd.DataFrame({x: _GRID, y: exact, "low": low, "high": high})


def _mean(parts: list[tuple[Float64, Float64]]) -> tuple[Float64, Float64]:
    exact = np.mean([value for value, _ in parts], axis=0)
    drawn = np.mean([rounds for _, rounds in parts], axis=0)
    return np.asarray(exact, np.float64), np.asarray(drawn, np.float64)
