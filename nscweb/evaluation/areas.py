"""Area under the ROC curve of each class against the rest, with bootstrap intervals that stay cheap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.evaluation.curves import auc
from nscweb.evaluation.resampling import Resampling
from nscweb.evaluation.score_counts import ScoreCounts, quantile_edges, score_counts

Float64 = NDArray[np.float64]


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
