"""Bootstrap of a prediction table: over samples where it can be, over cells where it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.classes import class_codes
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
    def of(cls, table: pd.DataFrame, classes: Sequence[str], *, rounds: int, seed: int) -> Resampling:
        """Count the table per sample and draw the rounds.

        Samples are drawn within their true class, so that no round lacks a class. Where samples hold several
        true classes, they are drawn from all.
        """
        sample, _ = pd.factorize(table["sample_id"])
        true, predicted = class_codes(table["true_class"], classes), class_codes(table["predicted"], classes)
        return cls.of_codes(np.asarray(sample, np.int64), true, predicted, classes, rounds=rounds, seed=seed)

    @classmethod
    def of_codes(
        cls, samples: Int64, true: Int64, predicted: Int64, classes: Sequence[str], *, rounds: int, seed: int
    ) -> Resampling:
        """The same from numbers: (N,) sample, (N,) true class 0 to K - 1, (N,) predicted class or -1."""
        names = list(classes)
        size = len(names)
        sample, found = pd.factorize(samples)
        inside = predicted >= 0
        cell = (sample * size + true) * size + predicted
        flat = np.bincount(cell[inside], minlength=len(found) * size * size)
        confusions = flat.reshape(len(found), size, size).astype(np.int64)
        of_class = confusions.sum(axis=2)
        pure = bool(((of_class > 0).sum(axis=1) <= 1).all())
        strata = of_class.argmax(axis=1) if pure else np.zeros(len(found), np.int64)
        fewest = int(np.bincount(strata)[np.unique(strata)].min()) if len(found) else 0
        if fewest >= 2:
            weights = resampled_counts(strata, rounds, seed)
            label = samples_label(len(found), fewest)
        else:
            weights = np.zeros((0, len(found)), np.int64)
            label = "bootstrap over cells (a class has only one sample)"
        draws = SampleDraws(weights, np.asarray(strata, np.int64)) if fewest >= 2 else None
        return cls(np.asarray(sample, np.int64), true, confusions, weights, rounds, seed, tuple(names), label, draws)

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

    def matrices(self) -> Float64:
        """(B, K, K) confusion matrix of each round."""
        size = len(self.classes)
        if self.over_samples:
            drawn = self.weights @ self.confusions.reshape(len(self.confusions), size * size)
            return drawn.reshape(-1, size, size).astype(np.float64)
        rows = self.confusions.sum(axis=0)
        # Cells are drawn within their true class, like samples.
        parts = [
            stream(self.seed, "cells of", name).multinomial(row.sum(), row / max(1, row.sum()), size=self.rounds)
            if row.sum()
            else np.zeros((self.rounds, size))
            for name, row in zip(self.classes, rows, strict=True)
        ]
        return np.stack(parts, axis=1).astype(np.float64)
