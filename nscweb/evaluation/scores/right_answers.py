"""How many cells are named rightly, and what a change of the images costs, with the intervals of every other figure.

The same rounds serve everything that is measured on the same cells, so the interval of a difference is that of pairs
and much narrower than two intervals side by side would suggest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.scores.resampling import Resampling

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Hits = NDArray[np.bool_]
ROUNDS = 1000


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self, digits: int = 4) -> dict[str, float]:
        """Rounded, for a card."""
        return {"value": round(self.value, digits), "low": round(self.low, digits), "high": round(self.high, digits)}


@dataclass(frozen=True, eq=False)
class RightAnswers:
    """Cells of known class, each of which is named rightly or not.

    Attributes:
        how: how the cells are drawn again.
    """

    how: Resampling

    @classmethod
    def of(cls, true: Int64, samples: Int64, classes: Sequence[str], *, seed: int) -> RightAnswers:
        """Cells by (N,) true class, 0 to K - 1, and (N,) sample, any numbers."""
        return cls(Resampling.of_codes(samples, true, true, classes, rounds=ROUNDS, seed=seed))

    @property
    def samples(self) -> int:
        return self.how.samples_of("")

    def accuracy(self, hits: Hits) -> Figure:
        """Share of right cells; `hits` is (N,)."""
        return self._share(*self._accuracies(hits, hits)[0])

    def balanced(self, hits: Hits) -> Figure:
        """Share of right cells of each class, averaged over the classes that there are."""
        return self._share(*self._balanced(hits, hits)[0])

    def cost(self, before: Hits, after: Hits) -> Figure:
        """Share of right cells before less that after, on the same cells."""
        return self._lead(*self._accuracies(before, after))

    def lead(self, first: Hits, second: Hits) -> Figure:
        """`balanced` of the first less that of the second, on the same cells."""
        return self._lead(*self._balanced(first, second))

    def _share(self, value: Float64, rounds: Float64) -> Figure:
        low, high = self.how.interval(rounds, float(value[0]))
        return Figure(float(value[0]), low, high)

    def _lead(self, first: tuple[Float64, Float64], second: tuple[Float64, Float64]) -> Figure:
        value = float(first[0][0] - second[0][0])
        low, high = self.how.difference(first[1] - second[1], value)
        return Figure(value, min(low, value), max(high, value))

    def _accuracies(self, first: Hits, second: Hits) -> list[tuple[Float64, Float64]]:
        return [(_overall(own), _overall(drawn)) for own, drawn in self._right(first, second)]

    def _balanced(self, first: Hits, second: Hits) -> list[tuple[Float64, Float64]]:
        return [(_by_class(own), _by_class(drawn)) for own, drawn in self._right(first, second)]

    def _right(self, first: Hits, second: Hits) -> list[tuple[Float64, Float64]]:
        """For each of the two answers (1, K, 2) wrong and right cells of each class, and (B, K, 2) of each round."""
        how = self.how
        classes, samples = len(how.classes), len(how.confusions)
        kind = ((how.sample * classes + how.true) * 2 + first) * 2 + second
        counts = np.bincount(kind, minlength=samples * classes * 4).reshape(samples, classes, 4)
        own = counts.sum(axis=0)[None].astype(np.float64).reshape(1, classes, 2, 2)
        drawn = how.drawn_by_class(counts).reshape(-1, classes, 2, 2)
        return [(own.sum(axis=gone), drawn.sum(axis=gone)) for gone in (3, 2)]


def _overall(counts: Float64) -> Float64:
    """(B, K, 2) wrong and right cells -> (B,) share that is right."""
    shares: Float64 = counts[:, :, 1].sum(axis=1) / np.maximum(counts.sum(axis=(1, 2)), 1)
    return shares


def _by_class(counts: Float64) -> Float64:
    """(B, K, 2) wrong and right cells -> (B,) mean over classes of the share that is right."""
    cells = counts.sum(axis=2)
    shares = np.divide(counts[:, :, 1], cells, out=np.zeros(cells.shape), where=cells > 0)
    means: Float64 = shares.sum(axis=1) / np.maximum((cells > 0).sum(axis=1), 1)
    return means
