"""How many replicates would be needed: power of the two-sided t test, from the spread that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import ALPHA, FEWEST_BORROWING, FEWEST_REPLICATES, POWER
from nscweb.evaluation.groups.replicate_rows import SAME
from nscweb.evaluation.groups.shared_error import half_width

Float64 = NDArray[np.float64]

_MOST = 1000
# Why replicates do not help, where a difference is out of their reach.
LIMITED = "what the held-out cells leave uncertain is too large, and only more labelled cells lessen it"
# What "the spread may be larger" means: one-sided upper limit of the standard deviation at this level.
_UPPER = 0.80


@dataclass(frozen=True)
class Spread:
    """Spread between replicates, joined over groups.

    Attributes:
        sd: pooled standard deviation of replicate ratios, 0..1; NaN when no group has two replicates.
        degrees: degrees of freedom behind it.
        upper: upper 80 % limit of it (chi-squared), because a few replicates say little about the spread.
    """

    sd: float
    degrees: int
    upper: float


def pooled_spread(groups: Sequence[Float64]) -> Spread:
    """Pooled standard deviation within groups: sqrt(sum of squares / sum of (n - 1))."""
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in groups if len(values))
    degrees = int(sum(max(0, len(values) - 1) for values in groups))
    if degrees == 0:
        return Spread(float("nan"), 0, float("nan"))
    return spread_of(squares / degrees, degrees)


def spread_of(variance: float, degrees: int) -> Spread:
    """The spread with this variance of one replicate, 0..1 squared, known with `degrees` of freedom, 1 or more."""
    from scipy.stats import chi2

    sd = float(np.sqrt(variance))
    return Spread(sd, degrees, float(sd * np.sqrt(degrees / chi2.ppf(1 - _UPPER, degrees))))


def power_of_t(
    effect: float, n_first: int, n_second: int, alpha: float, borrowed: float = 0.0, common: float = 0.0
) -> float:
    """Power of the two-sided t test for a true difference of `effect` standard deviations, 0..1.

    The mean of P(|D| > half of the interval) over the estimated standard deviation (chi with its degrees of freedom, in
    units of the true one), with the interval that differences have (`shared_error.half_width`). The noncentral t
    distribution of SciPy, which says the same without a shared error, has no value at some effects of every size, and a
    missing value is no power.

    Args:
        borrowed: degrees of freedom of a spread that is borrowed across groups (`borrowed.BorrowedSpread.degrees`);
            those of both groups do not add up then. 0 for each group by itself.
        common: variance of the difference from the error that samples share, in units of the variance of a replicate.
    """
    from scipy.stats import chi, norm

    degrees = max(n_first, n_second) - 1 + borrowed if borrowed else n_first + n_second - 2
    variance = 1 / n_first + 1 / n_second
    low, high = np.asarray(chi.ppf([1e-12, 1 - 1e-12], degrees), np.float64)
    nodes, weights = _legendre()
    scaled = low + (high - low) * (nodes + 1) / 2
    half = half_width(variance * scaled**2 / degrees, degrees, common, 1 - alpha / 2)
    error = np.sqrt(variance + common)
    found = norm.cdf((effect - half) / error) + norm.cdf((-effect - half) / error)
    return float(np.sum(weights / 2 * (high - low) * chi.pdf(scaled, degrees) * found))


@lru_cache(1)
def _legendre() -> tuple[Float64, Float64]:
    """Nodes and weights on -1..1; 400 of them give six digits of any power."""
    return np.polynomial.legendre.leggauss(400)


def needed_replicates(
    sd: float,
    difference: float,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    borrowed: float = 0.0,
    common: float = 0.0,
) -> int | None:
    """Replicates in each of two groups so that a true `difference` is found with probability `power`.

    Two-sided t test with as many replicates and the same spread in both groups, where Welch's test and
    Student's agree.

    Args:
        sd: standard deviation between replicates, 0..1.
        difference: 0..1, above 0.
        alpha: level of one comparison; `ALPHA` divided by the comparisons when p values are adjusted.
        borrowed: as for `power_of_t`.
        common: variance of the difference from the error that samples share, 0..1 squared. It does not shrink with
            more replicates.

    Returns:
        At least 3, or 2 with a borrowed spread (no p value is given below); None when over 1,000 or when `sd` is not
        known.
    """
    if not (np.isfinite(sd) and difference > 0 and 0 < alpha < 1):
        return None
    least = FEWEST_BORROWING if borrowed else FEWEST_REPLICATES
    if sd < SAME and not common:
        return least
    sd = max(sd, SAME)
    effect, shared = difference / sd, common / sd**2

    def enough(number: int) -> bool:
        return power_of_t(effect, number, number, alpha, borrowed, shared) >= power

    low, high = least - 1, least
    while high < _MOST and not enough(high):
        low, high = high, min(2 * high, _MOST)
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def out_of_reach(difference: float, common: float, *, alpha: float = ALPHA, power: float = POWER) -> bool:
    """True where no number of replicates would find a true `difference`, because of the error that samples share.

    Args:
        common: variance of the difference from that error, 0..1 squared.
    """
    from scipy.stats import norm

    return bool(difference < (norm.ppf(1 - alpha / 2) + norm.ppf(power)) * np.sqrt(common))


def detectable_difference(
    sd: float,
    n_first: int,
    n_second: int,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    borrowed: float = 0.0,
    common: float = 0.0,
) -> float:
    """Smallest true difference that groups of these sizes find with probability `power`; NaN if not known.

    Args:
        common: as for `needed_replicates`.
    """
    from scipy.optimize import brentq

    if not (np.isfinite(sd) and sd >= SAME and min(n_first, n_second) >= 2):
        return float("nan")

    def missing(effect: float) -> float:
        return power_of_t(effect, n_first, n_second, alpha, borrowed, common / sd**2) - power

    low, high = 1e-3, 1.0
    while missing(high) < 0 and high * sd < 2:
        high *= 2
    if missing(high) < 0:
        return float("nan")
    return float(brentq(missing, low, high, xtol=1e-4)) * sd
