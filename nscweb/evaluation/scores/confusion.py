"""Confusion matrix and the figures that come from it, each with a 95 % interval over samples.

Area under the ROC curve of each class against the rest, with bootstrap intervals that stay cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nscweb.core.card import Metric
from nscweb.core.classes import class_codes
from nscweb.evaluation.scores.curves import auc
from nscweb.evaluation.scores.intervals import wilson
from nscweb.evaluation.scores.known_cells import Judged, judged
from nscweb.evaluation.scores.resampling import Resampling
from nscweb.evaluation.scores.thresholds import ScoreCounts, quantile_edges, score_counts


def area_metrics(scores: Float64, how: Resampling, time_h: float | None) -> Iterator[Metric]:
    """AUC of every class that has cells inside and outside, then their mean (class name "").

    The figure is exact. For the interval scores are sorted into 512 bins of equal share, in which a round of
    the bootstrap is one product of small matrices instead of a sort of all cells.

    Args:
        scores: (N, K) in the order of the classes of `how`.
        how: the bootstrap of these cells.
        time_h: of the figures.
    """
    values, rounds, cells = [], [], 0
    for index, name in enumerate(how.classes):
        positive = how.true == index
        if positive.all() or not positive.any():
            continue
        score = scores[:, index]
        value = auc(positive, score)
        drawn = _areas(score_counts(positive, score, quantile_edges(score), how))
        low, high = how.interval(drawn, value)
        values.append(value)
        rounds.append(drawn)
        cells = len(positive)
        number, samples = int(positive.sum()), how.samples_of(name)
        yield Metric("auc", value, low, high, number, samples, name, time_h, how.label)
    if values:
        mean = float(np.mean(values))
        low, high = how.interval(np.mean(rounds, axis=0), mean)
        yield Metric("auc", mean, low, high, cells, how.samples_of(""), "", time_h, how.label)


def _areas(counts: ScoreCounts) -> Float64:
    inside, outside = counts.inside, counts.outside
    below = np.cumsum(outside, axis=1) - outside / 2
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    wins = np.einsum("bk,bk->b", inside, below)
    areas: Float64 = np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0)
    return areas


Float64 = NDArray[np.float64]
ROUNDS = 1000


def confusion(true: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted; cells of other classes are left out."""
    names = list(classes)
    rows, columns = class_codes(true, names), class_codes(predicted, names)
    inside = (rows >= 0) & (columns >= 0)
    flat = np.bincount(rows[inside] * len(names) + columns[inside], minlength=len(names) ** 2)
    return flat.reshape(len(names), len(names)).astype(np.int64)


def classification_metrics(
    predictions: pd.DataFrame, classes: Sequence[str], *, seed: int, by_time: bool = False, rounds: int = ROUNDS
) -> list[Metric]:
    """Accuracy, macro F1, and precision, recall, F1, AUC of each class, with 95 % intervals.

    Intervals come from a bootstrap over samples within their true class, because cells of one sample are not
    independent. When a class has only one sample, they come from a bootstrap over cells and say so. Those of
    accuracy, precision and recall are never narrower than Wilson's interval over cells. Few samples make them
    wider (`sample_intervals`). A figure whose
    denominator is zero (precision of a class that was never predicted) is left out.

    Args:
        predictions: prediction table with columns sample_id, true_class, predicted, time_h, ``p_<class>``.
            Rows whose true class is not in `classes` are left out.
        classes: class names in the order of the model card.
        seed: of the bootstrap.
        by_time: also per time point; those figures have `time_h` set.
        rounds: of the bootstrap.
    """
    cells = judged(predictions, classes)
    found = list(judged_metrics(cells, seed=seed, rounds=rounds))
    if by_time:
        known = class_codes(predictions["true_class"], classes) >= 0
        hours = predictions["time_h"].to_numpy(np.float64)[known]
        for hour in np.unique(hours[np.isfinite(hours)]):
            part = cells.take(hours == hour)
            found.extend(judged_metrics(part, seed=seed, rounds=rounds, time_h=float(hour)))
    return found


def judged_metrics(
    judged_cells: Judged, *, seed: int, rounds: int = ROUNDS, time_h: float | None = None
) -> Iterator[Metric]:
    """`classification_metrics` of cells that are plain arrays already; nothing for no cells."""
    if not len(judged_cells):
        return
    classes = judged_cells.classes
    how = judged_cells.resampling(rounds=rounds, seed=seed)
    matrix = how.confusions.sum(axis=0)
    drawn = how.matrices()
    cells = int(matrix.sum())

    def metric(name: str, value: float, ends: tuple[float, float], number: int, class_name: str = "") -> Metric:
        low, high = min(ends[0], value), max(ends[1], value)
        return Metric(name, value, low, high, number, how.samples_of(class_name), class_name, time_h, how.label)

    right = float(np.trace(matrix))
    accuracy = np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))
    yield metric("accuracy", right / cells, _share(how.interval(accuracy, right / cells), right, cells), cells)
    one, many = _f1(matrix[None])[0], _f1(drawn)
    present = np.flatnonzero(matrix.sum(axis=1) > 0)
    macro = float(one[present].mean())
    yield metric("macro_f1", macro, how.interval(_mean(many[:, present]), macro), cells)
    for index in range(len(classes)):
        name, hits = classes[index], float(matrix[index, index])
        for figure, axis in (("precision", 1), ("recall", 2)):
            called = float(matrix.sum(axis=axis - 1)[index])
            if called:
                shares = _divide(drawn[:, index, index], drawn.sum(axis=axis)[:, index])
                yield metric(
                    figure, hits / called, _share(how.interval(shares, hits / called), hits, called), int(called), name
                )
        support = int(matrix[index].sum())
        if support:
            value = float(one[index])
            yield metric("f1", value, how.interval(many[:, index], value), support, name)
    yield from area_metrics(judged_cells.scores, how, time_h)


def _share(over_samples: tuple[float, float], hits: float, total: float) -> tuple[float, float]:
    by_cells = wilson(hits, total)
    return min(over_samples[0], by_cells[0]), max(over_samples[1], by_cells[1])


def _divide(over: Float64, under: Float64) -> Float64:
    shares: Float64 = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return shares


def _f1(matrices: Float64) -> Float64:
    """(B, K, K) -> (B, K)."""
    hits = np.diagonal(matrices, axis1=1, axis2=2).astype(np.float64)
    return f1_of(hits, (matrices.sum(axis=1) + matrices.sum(axis=2)).astype(np.float64))


def f1_of(hits: Float64, rest: Float64) -> Float64:
    """2 hits / (2 hits + false alarms + misses), where `rest` is called plus held; 0 where there is nothing."""
    shares: Float64 = np.divide(2 * hits, rest, out=np.zeros(hits.shape), where=rest > 0)
    return shares


def _mean(values: Float64) -> Float64:
    return np.asarray(values.mean(axis=1), np.float64)
