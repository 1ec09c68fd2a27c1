"""Figures with 95 % intervals for a model card, with NumPy alone.

Cells of one sample are not independent, so the intervals come from resampling whole samples (cluster bootstrap,
Field and Welsh 2007), within their commonest class, so that no class is lost by chance. Where a class has a single
sample it cannot be resampled; then cells are, or a formula for independent cells is used, and the figure says so.
To resample quickly, each sample is reduced to counts first: its confusion matrix, and histograms of its scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme

Floats = NDArray[np.float64]
BOOTSTRAP = 1000
_BINS = 1024
_CURVE_POINTS = 101
_BY_SAMPLES = "bootstrap over samples within their class"
_WILSON = "Wilson over cells"
_BY_CELLS = "bootstrap over cells"
_HANLEY_MCNEIL = "Hanley and McNeil 1982 over cells"


@dataclass(frozen=True)
class Scored:
    """Cells with known class and what the model said.

    Attributes:
        labels: (N,) true class index.
        probabilities: (N, K).
        sample_of: (N,) any integers that tell samples apart.
        times: (N,) hours, NaN where not known.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    sample_of: NDArray[np.int64]
    times: Floats

    def take(self, rows: NDArray[np.bool_]) -> Scored:
        """Some of the cells."""
        return Scored(self.labels[rows], self.probabilities[rows], self.sample_of[rows], self.times[rows])


def confusion_counts(scored: Scored, size: int) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted."""
    flat = scored.labels * size + scored.probabilities.argmax(axis=1)
    return np.bincount(flat, minlength=size * size).reshape(size, size)


def all_metrics(scored: Scored, classes: ClassScheme, seed: int) -> tuple[Metric, ...]:
    """Overall figures, then the same for each time point."""
    found = list(_metrics(scored, classes, seed, None))
    for hours in np.unique(scored.times[~np.isnan(scored.times)]):
        found.extend(_metrics(scored.take(scored.times == hours), classes, seed, float(hours)))
    return tuple(found)


def overall_metrics(scored: Scored, classes: ClassScheme, seed: int) -> tuple[Metric, ...]:
    """Accuracy, macro F1 and mean AUC over all cells."""
    return tuple(item for item in _metrics(scored, classes, seed, None) if not item.class_name)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) for no cells."""
    if count == 0:
        return 0.0, 1.0
    z = 1.959964
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def auc_of(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive cell scores higher than a negative one; ties half.

    NaN when either kind is missing.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    wins = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return wins / (n_positive * n_negative)


def roc_points(scores: Floats, positive: NDArray[np.bool_]) -> dict[str, list[float]]:
    """ROC and precision-recall curves thinned to 101 points each, for pages."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    rank = np.arange(1, len(hits) + 1)
    recall, false_rate = hits / max(1, hits[-1]), (rank - hits) / max(1, len(hits) - hits[-1])
    grid = np.linspace(0, 1, _CURVE_POINTS)
    along_roc = np.interp(grid, np.concatenate(([0.0], false_rate)), np.concatenate(([0.0], recall)))
    at = np.searchsorted(recall, grid[1:], side="left").clip(max=len(hits) - 1)
    return {
        "false_positive_rate": _short(grid),
        "true_positive_rate": _short(along_roc),
        "recall": _short(grid[1:]),
        "precision": _short(hits[at] / rank[at]),
    }


def _metrics(scored: Scored, classes: ClassScheme, seed: int, time_h: float | None) -> list[Metric]:
    size = len(classes)
    groups, group_of = np.unique(scored.sample_of, return_inverse=True)
    n_samples = len(groups)
    matrix = confusion_counts(scored, size)
    generator = np.random.default_rng([seed, 4])
    units = _per_unit(scored, group_of, n_samples, size)
    weights = _draws(generator, units)
    if weights is not None:
        matrices = (weights @ units.reshape(n_samples, -1)).reshape(-1, size, size)
    else:
        share = matrix.ravel() / max(1, matrix.sum())
        matrices = generator.multinomial(int(matrix.sum()), share, size=BOOTSTRAP).reshape(-1, size, size)
    why = ", one sample" if n_samples == 1 else ", a class has one sample"
    how = _BY_SAMPLES if weights is not None else _BY_CELLS + why
    names = ["", *classes.names]
    value, spread = _figures(matrix[None].astype(np.float64)), _figures(matrices.astype(np.float64))
    found = []
    for key, column in value.items():
        name, index = key
        if np.isnan(column[0]):
            continue
        low, high = _interval(column[0], spread[key])
        kind, count = how, int(matrix.sum())
        if weights is None and name == "accuracy":
            (low, high), kind = wilson(int(np.trace(matrix)), count), _WILSON + why
        found.append(Metric(name, *_ordered(column[0], low, high), count, n_samples, names[index], time_h, kind))
    how = _BY_SAMPLES if weights is not None else _HANLEY_MCNEIL + why
    found.extend(_auc_metrics(scored, classes, group_of, weights, time_h, how))
    return found


def _draws(generator: np.random.Generator, units: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """How often each sample is drawn in each round, (rounds, samples): within its commonest true class.

    Samples of pure class are usual; drawn over all classes, some rounds would miss a class altogether and
    macro F1 would seem to hang on luck. None when a class has one sample only, which cannot be resampled.
    """
    stratum = units.sum(axis=2).argmax(axis=1)
    weights = np.zeros((BOOTSTRAP, len(units)), np.int64)
    for value in np.unique(stratum):
        members = np.flatnonzero(stratum == value)
        if len(members) < 2:
            return None
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = generator.multinomial(len(members), share, size=BOOTSTRAP)
    return weights


def _figures(matrices: Floats) -> dict[tuple[str, int], Floats]:
    """Figures of a stack of confusion matrices (B, K, K); the key is (name, 0 for overall or 1 + class)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        diagonal = np.einsum("bii->bi", matrices)
        recall, precision = diagonal / matrices.sum(axis=2), diagonal / matrices.sum(axis=1)
        f1 = 2 * diagonal / (matrices.sum(axis=2) + matrices.sum(axis=1))
        figures: dict[tuple[str, int], Floats] = {
            ("accuracy", 0): diagonal.sum(axis=1) / matrices.sum(axis=(1, 2)),
            ("macro_f1", 0): np.nan_to_num(f1).sum(axis=1) / np.maximum(1, (~np.isnan(f1)).sum(axis=1)),
        }
    for index in range(matrices.shape[1]):
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            figures[name, index + 1] = values[:, index]
    return figures


def _auc_metrics(
    scored: Scored,
    classes: ClassScheme,
    group_of: NDArray[np.int64],
    weights: NDArray[np.int64] | None,
    time_h: float | None,
    how: str,
) -> list[Metric]:
    """One against the rest for each class, and their mean."""
    found: list[Metric] = []
    values, draws = [], []
    n_samples, cells = int(group_of.max()) + 1, len(scored.labels)
    for index, name in enumerate(classes.names):
        scores, positive = scored.probabilities[:, index].astype(np.float64), scored.labels == index
        value = auc_of(scores, positive)
        if np.isnan(value):
            continue
        if weights is not None:
            bins = (_ranks(scores) * _BINS).astype(np.int64).clip(max=_BINS - 1)
            flat = (group_of * 2 + positive) * _BINS + bins
            counts = np.bincount(flat, minlength=n_samples * 2 * _BINS).reshape(n_samples, 2, _BINS)
            drawn = weights.astype(np.float64) @ counts.reshape(n_samples, -1)
            spread = _binned_auc(drawn.reshape(-1, 2, _BINS))
            low, high = _interval(value, spread)
        else:
            low, high = _hanley_mcneil(value, int(positive.sum()), int((~positive).sum()))
            spread = np.asarray([low, high])
        values.append(value)
        draws.append(spread)
        found.append(Metric("auc", *_ordered(value, low, high), cells, n_samples, name, time_h, how))
    if values:
        mean, drawn = float(np.mean(values)), np.mean(draws, axis=0)
        low, high = (float(drawn[0]), float(drawn[1])) if weights is None else _interval(mean, drawn)
        found.insert(0, Metric("auc", *_ordered(mean, low, high), cells, n_samples, "", time_h, how))
    return found


def _per_unit(scored: Scored, group_of: NDArray[np.int64], count: int, size: int) -> NDArray[np.int64]:
    flat = (group_of * size + scored.labels) * size + scored.probabilities.argmax(axis=1)
    return np.bincount(flat, minlength=count * size * size).reshape(count, size, size)


def _binned_auc(counts: Floats) -> Floats:
    """(B, 2, bins) counts of negative and positive cells by rising score to (B,) AUC."""
    negative, positive = counts[:, 0], counts[:, 1]
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: Floats = (positive * below).sum(axis=1) / pairs
    return areas


def _hanley_mcneil(area: float, positive: int, negative: int) -> tuple[float, float]:
    """95 % interval of an AUC from one sample of independent cells (Hanley and McNeil 1982, equation 1)."""
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    extra = (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)
    deviation = np.sqrt(max(0.0, area * (1 - area) + extra) / (positive * negative))
    return max(0.0, float(area - 1.96 * deviation)), min(1.0, float(area + 1.96 * deviation))


def _ranks(scores: Floats) -> Floats:
    """Ranks scaled to 0..1, equal scores alike, so that bins hold about the same number of cells."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = ((ends - counts / 2) / len(scores))[inverse]
    return ranks


def _interval(value: float, draws: Floats) -> tuple[float, float]:
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return value, value
    low, high = np.quantile(kept, (0.025, 0.975))
    return float(low), float(high)


def _ordered(value: float, low: float, high: float) -> tuple[float, float, float]:
    """Rounded to five digits, with the figure inside its own interval."""
    figure = round(float(value), 5)
    return figure, min(figure, round(low, 5)), max(figure, round(high, 5))


def _short(values: Sequence[float] | Floats) -> list[float]:
    return [round(float(value), 4) for value in values]
