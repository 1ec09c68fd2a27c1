"""Area under the ROC curve of each class against the rest, with bootstrap intervals that stay cheap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.evaluation.curves import auc
from nscweb.evaluation.intervals import percentile_interval
from nscweb.evaluation.resampling import Resampling

Float64 = NDArray[np.float64]
_BINS = 512


def area_metrics(
    table: pd.DataFrame, classes: Sequence[str], how: Resampling, time_h: float | None
) -> Iterator[Metric]:
    """AUC of every class that has cells inside and outside, then their mean (class name "").

    The figure is exact. For the interval scores are sorted into 512 bins of equal share, in which a round of
    the bootstrap is one product of small matrices instead of a sort of all cells.
    """
    values, rounds, cells = [], [], 0
    for index, name in enumerate(classes):
        positive = how.true == index
        if positive.all() or not positive.any():
            continue
        score = table[f"p_{name}"].to_numpy(np.float64)
        value = auc(positive, score)
        drawn = _drawn_areas(positive, score, how)
        low, high = percentile_interval(drawn, value)
        values.append(value)
        rounds.append(drawn)
        cells = len(positive)
        number, samples = int(positive.sum()), how.samples_of(name)
        yield Metric("auc", value, low, high, number, samples, name, time_h, how.label)
    if values:
        mean = float(np.mean(values))
        low, high = percentile_interval(np.mean(rounds, axis=0), mean)
        yield Metric("auc", mean, low, high, cells, how.samples_of(""), "", time_h, how.label)


def _drawn_areas(positive: NDArray[np.bool_], score: Float64, how: Resampling) -> Float64:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, score, side="right")
    width = len(edges) + 1
    samples = len(how.confusions)
    hits = np.bincount(how.sample[positive] * width + bins[positive], minlength=samples * width)
    rest = np.bincount(how.sample[~positive] * width + bins[~positive], minlength=samples * width)
    inside = hits.reshape(samples, width).astype(np.float64)
    outside = rest.reshape(samples, width).astype(np.float64)
    if how.over_samples:
        weights = how.weights.astype(np.float64)
        inside, outside = weights @ inside, weights @ outside
    else:
        rng = np.random.default_rng(how.seed)
        inside, outside = (_multinomial(rng, part.sum(axis=0), how.rounds) for part in (inside, outside))
    below = np.cumsum(outside, axis=1) - outside / 2
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    wins = np.einsum("bk,bk->b", inside, below)
    areas: Float64 = np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0)
    return areas


def _multinomial(rng: np.random.Generator, counts: Float64, rounds: int) -> Float64:
    total = counts.sum()
    return rng.multinomial(int(total), counts / total, size=rounds).astype(np.float64)
