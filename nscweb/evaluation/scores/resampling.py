"""Bootstrap of cells of known class: over samples where it can be, over cells where it must. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.streams import stream
from nscweb.evaluation.scores.intervals import PERCENTILES, percentile_interval, resampled_counts, samples_label
from nscweb.evaluation.scores.sample_intervals import SampleDraws

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Resampling:
    """How a table is drawn again.

    Attributes:
        sample: (N,) index of the sample of each row.
        true: (N,) index of the true class of each row.
        confusions: (S, K, K) counts per sample, rows true, columns predicted.
        weights: (B, S) how often each sample is drawn in each round; empty when cells are drawn.
        rounds, seed: of the bootstrap.
        classes: names in order.
        label: what a reader is told.
        draws: the samples drawn, for intervals; None when cells are drawn.
    """

    sample: Int64
    true: Int64
    confusions: Int64
    weights: Int64
    rounds: int
    seed: int
    classes: tuple[str, ...]
    label: str
    draws: SampleDraws | None = None

    @classmethod
    def of_codes(
        cls, samples: Int64, true: Int64, predicted: Int64, classes: Sequence[str], *, rounds: int, seed: int
    ) -> Resampling:
        """Count the cells per sample and draw the rounds.

        Samples are drawn within their true class, so that no round lacks a class. Where samples hold several
        true classes, they are drawn from all.

        Args:
            samples: (N,) sample of each cell, any numbers.
            true: (N,) true class, 0 to K - 1.
            predicted: (N,) predicted class, -1 for none of them.
        """
        names = list(classes)
        size = len(names)
        sample, count = numbered(samples)
        inside = predicted >= 0
        cell = (sample * size + true) * size + predicted
        flat = np.bincount(cell[inside], minlength=count * size * size)
        confusions = flat.reshape(count, size, size).astype(np.int64)
        of_class = confusions.sum(axis=2)
        pure = bool(((of_class > 0).sum(axis=1) <= 1).all())
        strata = of_class.argmax(axis=1) if pure else np.zeros(count, np.int64)
        fewest = int(np.bincount(strata)[np.unique(strata)].min()) if count else 0
        if fewest >= 2:
            weights = resampled_counts(strata, rounds, seed)
            label = samples_label(count, fewest)
        else:
            weights = np.zeros((0, count), np.int64)
            label = "bootstrap over cells (a class has only one sample)"
        draws = SampleDraws(weights, np.asarray(strata, np.int64)) if fewest >= 2 else None
        return cls(sample, true, confusions, weights, rounds, seed, tuple(names), label, draws)

    @property
    def over_samples(self) -> bool:
        return len(self.weights) > 0

    def samples_of(self, class_name: str) -> int:
        """Samples with cells of a true class, or all samples for ""."""
        if not class_name:
            return len(self.confusions)
        return int(np.count_nonzero(self.confusions[:, self.classes.index(class_name)].sum(axis=1)))

    def interval(self, values: Float64, value: float) -> tuple[float, float]:
        """95 % interval of a share from its `values` in the rounds; never without `value`."""
        low, high = self.intervals(values[:, None], np.array([value]))
        return float(low[0]), float(high[0])

    def difference(self, values: Float64, value: float) -> tuple[float, float]:
        """95 % interval of a difference of two shares; arguments as in `interval`."""
        if self.draws is None:
            return percentile_interval(values, value)
        low, high = self.draws.difference_interval(values[:, None], np.array([value]))
        return float(low[0]), float(high[0])

    def intervals(self, values: Float64, value: Float64) -> tuple[Float64, Float64]:
        """(P,) ends of many shares.

        Args:
            values: (B, P) shares of the rounds; NaN where a round has none.
            value: (P,) the shares themselves; NaN gives NaN.
        """
        if self.draws is not None:
            return self.draws.share_interval(values, value)
        low, high = value.copy(), value.copy()
        # Columns with gaps are few and take the slower way.
        gaps = ~np.isfinite(values).all(axis=0)
        if (~gaps).any():
            low[~gaps], high[~gaps] = np.percentile(values[:, ~gaps], PERCENTILES, axis=0)
        for column in np.flatnonzero(gaps & np.isfinite(value)):
            low[column], high[column] = percentile_interval(values[:, column], float(value[column]))
        return np.minimum(low, value), np.maximum(high, value)

    def drawn(self, per_sample: Float64, rng: np.random.Generator) -> Float64:
        """(B, W) counts of each round from (S, W) counts per sample of cells that are drawn together.

        Args:
            per_sample: whole numbers.
            rng: used where cells are drawn.
        """
        if self.over_samples:
            return np.asarray(self.weights.astype(np.float64) @ per_sample, np.float64)
        counts = per_sample.sum(axis=0)
        total = counts.sum()
        if not total:
            return np.zeros((self.rounds, len(counts)))
        return rng.multinomial(int(total), counts / total, size=self.rounds).astype(np.float64)

    def drawn_by_class(self, per_sample: Int64) -> Float64:
        """(B, K, W) counts of each round from (S, K, W) counts per sample and true class.

        Where cells are drawn, they are drawn within their true class, like samples.
        """
        size, width = per_sample.shape[1:]
        if self.over_samples:
            flat = self.weights.astype(np.float64) @ per_sample.reshape(len(per_sample), -1).astype(np.float64)
            return np.asarray(flat.reshape(self.rounds, size, width), np.float64)
        parts = []
        for name, row in zip(self.classes, per_sample.sum(axis=0), strict=True):
            total = int(row.sum())
            rng = stream(self.seed, "cells of", name)
            parts.append(rng.multinomial(total, row / total, self.rounds) if total else np.zeros((self.rounds, width)))
        return np.stack(parts, axis=1).astype(np.float64)

    def matrices(self) -> Float64:
        """(B, K, K) confusion matrix of each round."""
        return self.drawn_by_class(self.confusions)


def numbered(values: ArrayLike) -> tuple[Int64, int]:
    """(N,) numbers 0 to S - 1 for different values in the order in which they first come, and S."""
    _, first, inverse = np.unique(np.asarray(values), return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse], len(first)
