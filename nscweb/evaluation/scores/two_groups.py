"""Where a threshold lies between two groups of numbers: Otsu's, and that of a mixture of two normal distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
CLEAN = 2.0
"""Ashman's D from which two groups are cleanly apart (Ashman et al. 1994, Astron. J. 108, 2348)."""
CLEAR = 10.0
"""Difference of the Bayesian information criterion that is called very strong (Kass and Raftery 1995)."""
_BINS = 256
_ROUNDS = 300


@dataclass(frozen=True)
class TwoNormals:
    """A mixture of two normal distributions.

    Attributes:
        weights, means, spreads: of the lower and the upper one.
        threshold: between the means, where a value belongs to both alike.
        separation: Ashman's D, distance of the means over the root of the mean variance.
        evidence: by how much the Bayesian information criterion prefers two groups to one; above 10 clearly.
    """

    weights: tuple[float, float]
    means: tuple[float, float]
    spreads: tuple[float, float]
    threshold: float
    separation: float
    evidence: float

    @property
    def clean(self) -> bool:
        """There are two groups, and they are cleanly apart."""
        return self.separation >= CLEAN and self.evidence >= CLEAR


def otsu_threshold(values: Float64) -> float:
    """The value that leaves least variance within two groups (Otsu 1979), from a histogram of 256 bins.

    Where a whole range of values does equally well, its middle. NaN for fewer than two different values.
    """
    values = values[np.isfinite(values)]
    if len(values) < 2 or values.min() == values.max():
        return float("nan")
    counts, edges = np.histogram(values, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = len(values) - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    between = np.nan_to_num(between[:-1])
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float((edges[1:-1][best[0]] + edges[1:-1][best[-1]]) / 2)


def two_normals(values: Float64) -> TwoNormals | None:
    """The most likely mixture of two normal distributions, begun from Otsu's threshold; None for too few values.

    The threshold lies between the two means where both are equally likely for a value.
    """
    values = values[np.isfinite(values)]
    first = otsu_threshold(values)
    if len(values) < 8 or not np.isfinite(first):
        return None
    upper = (values > first).astype(np.float64)
    least = 1e-3 * float(values.std())
    for _ in range(_ROUNDS):
        shares = np.stack([1 - upper, upper])
        sizes = shares.sum(axis=1)
        if sizes.min() < 1.0:
            return None
        weights, means = sizes / len(values), shares @ values / sizes
        spreads = np.maximum(np.sqrt((shares * (values - means[:, None]) ** 2).sum(axis=1) / sizes), least)
        log = _logs(values, weights, means, spreads)
        now = 1 / (1 + np.exp(np.clip(log[0] - log[1], -700, 700)))
        if np.abs(now - upper).max() < 1e-6:
            break
        upper = now
    if means[0] >= means[1]:
        return None
    between = np.linspace(means[0], means[1], 2001)
    log = _logs(between, weights, means, spreads)
    crossing = between[int(np.abs(log[0] - log[1]).argmin())]
    separation = float((means[1] - means[0]) / np.sqrt((spreads**2).mean()))
    both = float(np.logaddexp(*_logs(values, weights, means, spreads)).sum())
    one = float(_logs(values, np.ones(1), values.mean(keepdims=True), values.std(keepdims=True)).sum())
    evidence = 2 * (both - one) - 3 * np.log(len(values))
    return TwoNormals(_pair(weights), _pair(means), _pair(spreads), float(crossing), separation, float(evidence))


def _pair(values: Float64) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _logs(values: Float64, weights: Float64, means: Float64, spreads: Float64) -> Float64:
    """(K, N) log densities of K weighted groups, but for a constant that all share."""
    return np.asarray(
        np.log(weights / spreads)[:, None] - 0.5 * ((values - means[:, None]) / spreads[:, None]) ** 2, np.float64
    )
