"""95 % intervals of figures over a few samples: Student's t on log odds, with the spread of bootstrap rounds.

Percentiles of bootstrap rounds hold the truth too seldom when samples are few: 3 samples can be drawn in 10 ways, and
the widest of them is no wider than the samples themselves. So the rounds give the standard error only, and Student's
t gives the width (Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 12: a standard error that is
itself not known). Log odds keep the ends between 0 and 1 and follow the skew of high figures.

How much each sample moves the figure is the covariance of the rounds with how often it was drawn (the infinitesimal
jackknife: Efron, J. R. Stat. Soc. B 54, 83 (1992), section 6). A class with n samples spreads too little by
(n - 1) / n, which is made good, and has n - 1 degrees of freedom; those of several classes are put together as by
Satterthwaite, Biometrics Bull. 2, 110 (1946).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.scores.intervals import t_quantile

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleDraws:
    """Which samples were drawn.

    Attributes:
        weights: (B, S) how often each sample is in each round.
        strata: (S,) numbers; samples are drawn within their stratum, each of which has two or more.
    """

    weights: NDArray[np.int64]
    strata: NDArray[np.int64]

    def errors(self, values: Float64) -> tuple[Float64, Float64]:
        """Standard error and degrees of freedom of P figures.

        Args:
            values: (B, P) figures of each round; NaN where a round has none.

        Returns:
            (P,) standard errors, 0 where rounds do not differ, and (P,) degrees of freedom.
        """
        known = np.isfinite(values)
        counted = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0.0).sum(axis=0) / counted
        off = np.where(known, values - mean, 0.0)
        variance = (off**2).sum(axis=0) / counted
        moved = (self.weights - 1.0).T @ off / counted
        degrees, parts = [], []
        for stratum in np.unique(self.strata):
            members = self.strata == stratum
            number = int(members.sum())
            parts.append((moved[members] ** 2).sum(axis=0) * number / (number - 1))
            degrees.append(number - 1)
        share = np.stack(parts)
        total = share.sum(axis=0)
        raw = (moved**2).sum(axis=0)
        grown = np.divide(total, raw, out=np.ones_like(total), where=raw > 0)
        below = (share**2 / np.asarray(degrees, np.float64)[:, None]).sum(axis=0)
        free = np.divide(total**2, below, out=np.full_like(total, float(min(degrees))), where=below > 0)
        return np.sqrt(variance * grown), np.maximum(free, 1.0)

    def share_interval(self, values: Float64, value: Float64) -> tuple[Float64, Float64]:
        """Ends of P shares between 0 and 1, by Student's t on log odds.

        Log odds run away at 0 and 1, so a share is taken to lie at least half of its plain half-width from the edge:
        that keeps intervals from jumping where a curve comes near the edge.

        Args:
            values: (B, P) shares of each round.
            value: (P,) the shares themselves.
        """
        half = self._half(values)
        margin = np.clip(half / 2, 1e-12, 0.5)
        inner = np.clip(value, margin, 1 - margin)
        odds, wide = np.log(inner / (1 - inner)), half / (inner * (1 - inner))
        low, high = np.minimum(_from_odds(odds - wide), value), np.maximum(_from_odds(odds + wide), value)
        return np.where(half > 0, low, value), np.where(half > 0, high, value)

    def difference_interval(self, values: Float64, value: Float64) -> tuple[Float64, Float64]:
        """Ends of P differences of shares, between -1 and 1; arguments as in `share_interval`."""
        half = self._half(values)
        return np.clip(value - half, -1.0, 1.0), np.clip(value + half, -1.0, 1.0)

    def _half(self, values: Float64) -> Float64:
        error, free = self.errors(values)
        return np.asarray(t_quantile(free) * error, np.float64)


def _from_odds(odds: Float64) -> Float64:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))), np.float64)
