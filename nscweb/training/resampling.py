"""Intervals of shares and of their differences by drawing whole samples again, with NumPy alone.

The same rounds serve everything that is measured on the same cells, so the interval of a difference is that of pairs
and much narrower than two intervals side by side would suggest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 1000
# Cells of a class without two samples are drawn in blocks of this number, as if each were a sample.
_BLOCKS = 60


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self, digits: int = 4) -> dict[str, float]:
        return {
            "value": round(self.value, digits),
            "low": round(min(self.low, self.value), digits),
            "high": round(max(self.high, self.value), digits),
        }


@dataclass(frozen=True)
class Rounds:
    """How cells are drawn again.

    Attributes:
        unit: (N,) what each cell belongs to.
        labels: (N,) true class index.
        weights: (B, U) how often each unit is drawn.
        classes: number of classes.
        samples: number of samples.
        label: how, in words.
    """

    unit: Ints
    labels: Ints
    weights: Floats
    classes: int
    samples: int
    label: str

    def accuracy(self, hits: NDArray[np.bool_]) -> Figure:
        """Share of right cells."""
        return _figure(*self._accuracy(hits))

    def cost(self, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Figure:
        """Share of right cells before less that after, on the same cells."""
        first, second = self._accuracy(before), self._accuracy(after)
        return _figure(first[0] - second[0], first[1] - second[1])

    def balanced(self, hits: NDArray[np.bool_]) -> Figure:
        """Share of right cells of each class, averaged over the classes that there are."""
        return _figure(*self._balanced(hits))

    def lead(self, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Figure:
        """`balanced` of the first less that of the second, on the same cells."""
        one, other = self._balanced(first), self._balanced(second)
        return _figure(one[0] - other[0], one[1] - other[1])

    def _accuracy(self, hits: NDArray[np.bool_]) -> tuple[float, Floats]:
        size = self.weights.shape[1]
        right = np.bincount(self.unit, hits, minlength=size)
        cells = np.bincount(self.unit, minlength=size)
        drawn: Floats = (self.weights @ right) / np.maximum(self.weights @ cells, 1)
        return float(hits.mean()), drawn

    def _balanced(self, hits: NDArray[np.bool_]) -> tuple[float, Floats]:
        shape = (self.weights.shape[1], self.classes)
        flat = self.unit * self.classes + self.labels
        right = np.bincount(flat, hits, minlength=shape[0] * shape[1]).reshape(shape)
        cells = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
        over, under = self.weights @ right, self.weights @ cells
        shares = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
        whole = right.sum(axis=0)[cells.sum(axis=0) > 0] / cells.sum(axis=0)[cells.sum(axis=0) > 0]
        seen = np.isfinite(shares)
        drawn: Floats = np.where(seen, shares, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        return float(whole.mean()), drawn


def rounds_of(labels: Ints, sample_of: Ints, classes: int, seed: int) -> Rounds:
    """Samples are drawn within their commonest class; where a class has one sample only, blocks of cells are.

    Args:
        labels: (N,) true class index. sample_of: (N,) any integers that tell samples apart.
    """
    _, unit = np.unique(sample_of, return_inverse=True)
    samples = int(unit.max(initial=-1)) + 1
    generator = np.random.default_rng([seed, 7])
    stratum = _stratum(labels, unit, classes)
    label = "bootstrap over samples within their class"
    if samples == 0 or np.bincount(stratum)[np.unique(stratum)].min() < 2:
        block = generator.integers(0, _BLOCKS, len(labels))
        _, unit = np.unique(labels * _BLOCKS + block, return_inverse=True)
        stratum = _stratum(labels, unit, classes)
        label = "bootstrap over cells, a class has one sample"
    weights = np.zeros((ROUNDS, len(stratum)))
    for value in np.unique(stratum):
        members = np.flatnonzero(stratum == value)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = generator.multinomial(len(members), share, size=ROUNDS)
    return Rounds(unit.astype(np.int64), labels, weights, classes, samples, label)


def _stratum(labels: Ints, unit: Ints, classes: int) -> Ints:
    size = int(unit.max(initial=-1)) + 1
    table = np.bincount(unit * classes + labels, minlength=size * classes).reshape(size, classes)
    return np.asarray(table.argmax(axis=1), np.int64)


def _figure(value: float, drawn: Floats) -> Figure:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(value, float(low), float(high))
