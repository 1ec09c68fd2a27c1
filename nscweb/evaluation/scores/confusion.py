"""Confusion matrix and the figures that come from it, each with a 95 % interval over samples.

The area under the ROC curve of each class against the rest is one of them; its rounds are cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.card import Metric
from nscweb.core.classes import class_codes
from nscweb.evaluation.scores.curves import auc
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.intervals import wilson
from nscweb.evaluation.scores.known_cells import Judged, judged, judged_held_out
from nscweb.evaluation.scores.resampling import Resampling
from nscweb.evaluation.scores.thresholds import ScoreCounts, quantile_edges, score_counts

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]
ROUNDS = 1000
# Of the bootstrap behind the figures of every card, the same as that of `nscweb evaluate` unless it is asked otherwise.
SEED = 0
_DIGITS = 5


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


def confusion_counts(true: NDArray[np.int64], predicted: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted, from (N,) numbers 0 to K - 1; cells with -1 are left out."""
    inside = (true >= 0) & (predicted >= 0)
    flat = np.bincount(true[inside] * size + predicted[inside], minlength=size * size)
    return flat.reshape(size, size).astype(np.int64)


def confusion(true: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted; cells of other classes are left out."""
    names = list(classes)
    return confusion_counts(class_codes(true, names), class_codes(predicted, names), len(names))


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


def held_out_metrics(held_out: HeldOut, *, by_time: bool = True, seed: int = SEED) -> tuple[Metric, ...]:
    """The figures of a model card: those that Evaluate shows for the same cells, rounded to five digits.

    Args:
        held_out: cells that the model was not trained on.
        by_time: also for each time point that is known.
        seed: of the bootstrap.
    """
    cells = judged_held_out(held_out)
    found = list(judged_metrics(cells, seed=seed))
    for hours in np.unique(held_out.times[np.isfinite(held_out.times)]) if by_time else ():
        found += judged_metrics(cells.take(held_out.times == hours), seed=seed, time_h=float(hours))
    return tuple(
        replace(
            item,
            value=round(float(item.value), _DIGITS),
            low=round(float(item.low), _DIGITS),
            high=round(float(item.high), _DIGITS),
        )
        for item in found
    )


def held_out_confusion(held_out: HeldOut) -> NDArray[np.int64]:
    """(K, K) counts of held-out cells, rows true, columns the class with the highest score."""
    return confusion_counts(held_out.labels, held_out.scores.argmax(axis=1), len(held_out.classes))


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

    own = {name: values[0] for name, values in figures_of(matrix[None]).items()}
    rounds_of = figures_of(drawn)
    right, accuracy = float(np.trace(matrix)), float(own["accuracy"])
    yield metric("accuracy", accuracy, _share(how.interval(rounds_of["accuracy"], accuracy), right, cells), cells)
    present = np.flatnonzero(matrix.sum(axis=1) > 0)
    macro = float(own["f1"][present].mean())
    yield metric("macro_f1", macro, how.interval(_mean(rounds_of["f1"][:, present]), macro), cells)
    for index in range(len(classes)):
        name, hits = classes[index], float(matrix[index, index])
        for figure, axis in (("precision", 0), ("recall", 1)):
            called = float(matrix.sum(axis=axis)[index])
            if called:
                value = float(own[figure][index])
                ends = _share(how.interval(rounds_of[figure][:, index], value), hits, called)
                yield metric(figure, value, ends, int(called), name)
        support = int(matrix[index].sum())
        if support:
            value = float(own["f1"][index])
            yield metric("f1", value, how.interval(rounds_of["f1"][:, index], value), support, name)
    yield from area_metrics(judged_cells.scores, how, time_h)


def _share(over_samples: tuple[float, float], hits: float, total: float) -> tuple[float, float]:
    by_cells = wilson(hits, total)
    return min(over_samples[0], by_cells[0]), max(over_samples[1], by_cells[1])


def figures_of(matrices: NDArray[np.int64] | Float64) -> dict[str, Float64]:
    """Accuracy (B,), and precision, recall and F1 (B, K), of confusion matrices.

    Args:
        matrices: (B, K, K), or (B, K, W) with further columns for answers that are none of the classes.

    Returns:
        NaN where a precision or a recall has no cells; an F1 without cells is 0.
    """
    counts = matrices.astype(np.float64)
    size = counts.shape[1]
    square = counts[:, :, :size]
    hits = np.diagonal(square, axis1=1, axis2=2)
    called, held = square.sum(axis=1), counts.sum(axis=2)

    def share(over: Float64, under: Float64, otherwise: float) -> Float64:
        shares: Float64 = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
        return shares

    return {
        "accuracy": hits.sum(axis=1) / np.maximum(counts.sum(axis=(1, 2)), 1),
        "precision": share(hits, called, np.nan),
        "recall": share(hits, held, np.nan),
        "f1": share(2 * hits, called + held, 0.0),
    }


def _mean(values: Float64) -> Float64:
    return np.asarray(values.mean(axis=1), np.float64)
