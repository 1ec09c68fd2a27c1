"""Variances of few values each, drawn towards what they have in common: empirical Bayes as for gene expression.

A variance s2 with d degrees of freedom is taken as drawn around a true one, which differs from unit to unit around a
scale s0 with d0 degrees of freedom: s2 / s0 follows Fisher's F with d and d0. Scale and d0 are fitted to all variances
by the moments of log F (Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004)); the variance that is used is the mean of s2
and s0, weighted by d and d0, and has d + d0 degrees of freedom. A unit that truly varies more would be pulled down and
would raise the rest, so the moments are taken of log F with its tails folded in, and units too far out for the fitted
distribution keep a smaller d0 of their own (Phipson, Lee, Majewski, Alexander and Smyth, Ann. Appl. Stat. 10, 946
(2016)). The numbers are those of ``squeezeVar`` of limma, to nine digits (a test holds some of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

# Share of values that is folded in below and above.
TAIL_SHARES = (0.05, 0.10)
# Smaller variances than so many of the middle one are rounding: raised to it before logarithms are taken.
_LEAST_ROBUST, _LEAST_PLAIN = 1e-12, 1e-5
# Degrees of freedom are searched on d / (1 + d), up to here: ten million are as good as none at all.
_MOST_LINKED = 1 - 1e-7
_NODES, _WEIGHTS = (part / 2 for part in np.polynomial.legendre.leggauss(128))
_NODES = _NODES + 0.5


@dataclass(frozen=True, eq=False)
class Squeezed:
    """Variances drawn together.

    Attributes:
        scale: s0, the variance that units have in common.
        prior: (N,) degrees of freedom d0 with which each is drawn to it; infinite where all are alike.
    """

    scale: float
    prior: Float64

    def variances(self, own: Float64, degrees: Float64) -> Float64:
        """(N,) mean of own variance and scale, weighted by their degrees of freedom."""
        weight = np.where(np.isinf(self.prior), 1.0, self.prior / (np.nan_to_num(self.prior, posinf=0.0) + degrees))
        return np.asarray(weight * self.scale + (1 - weight) * own, np.float64)


def squeezed(variances: ArrayLike, degrees: ArrayLike) -> Squeezed:
    """Fit what variances have in common, robustly.

    Args:
        variances: (N,) two or more, at least half of them above 0.
        degrees: (N,) or one number, above 0.

    Raises:
        ValueError: fewer than two variances, or no middle one above 0.
    """
    own = np.asarray(variances, np.float64)
    free = np.broadcast_to(np.asarray(degrees, np.float64), own.shape).copy()
    if len(own) < 2 or not np.median(own) > 0:
        raise ValueError("what variances have in common needs two of them, and a middle one above 0")
    plain = _plain(own, free)
    number = len(own)
    if max(TAIL_SHARES) < 1 / number:
        return Squeezed(plain[0], np.full(number, plain[1]))
    return _robust(np.maximum(own, np.median(own) * _LEAST_ROBUST), free, *plain)


def _plain(own: Float64, free: Float64) -> tuple[float, float]:
    """Scale and degrees of freedom by the mean and variance of log F (Smyth 2004, section 6.2)."""
    from scipy.special import digamma, polygamma

    kept = np.maximum(own, np.median(own) * _LEAST_PLAIN)
    logs = np.log(kept) - digamma(free / 2) + np.log(free / 2)
    apart = float(logs.var(ddof=1) - polygamma(1, free / 2).mean())
    if apart <= 0:
        return float(kept.mean()), float("inf")
    prior = 2 * _trigamma_inverse(apart)
    return float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))), prior


def _trigamma_inverse(value: float) -> float:
    """The y with trigamma(y) = `value`, by Newton's steps on 1 / trigamma, which is nearly straight."""
    from scipy.special import polygamma

    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        here = float(polygamma(1, y))
        step = here * (1 - here / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y


def _robust(own: Float64, free: Float64, scale: float, prior: float) -> Squeezed:
    """The same with folded tails, and a prior of its own for each unit that lies too far out.

    Args:
        scale, prior: of `_plain`, where the search begins and what is given where it finds nothing.
    """
    from scipy.optimize import brentq

    number, most = len(own), float(free.max())
    logs = np.log(_same_degrees(own, free, scale, prior))
    cut = int(number * TAIL_SHARES[1])
    middle = float(np.sort(logs)[cut : number - cut].mean())
    folded = np.clip(logs - middle, *np.quantile(logs - middle, [TAIL_SHARES[0], 1 - TAIL_SHARES[1]]))
    spread = float(folded.var(ddof=1))
    if spread <= _moments(most, float("inf"))[1]:
        found = float("inf")
    elif np.isinf(prior):
        return Squeezed(scale, np.full(number, prior))
    elif spread >= _moments(most, prior)[1]:
        found = prior
    else:

        def missing(linked: float) -> float:
            return float(np.log(spread / _moments(most, linked / (1 - linked))[1]))

        linked = _MOST_LINKED
        if missing(linked) > 0:
            linked = float(brentq(missing, prior / (1 + prior), linked, xtol=1e-10))
        found = linked / (1 - linked)
    place = middle + float(folded.mean()) - _moments(most, found)[0]
    ratios = np.exp(logs - place)
    return Squeezed(float(np.exp(place)), _own_priors(ratios, most, found))


def _distribution(free: ArrayLike, prior: float) -> Any:
    """Of the ratio of a variance to the scale: F, or chi squared over its degrees of freedom for an infinite prior."""
    from scipy.stats import f, gamma

    half: Any = np.asarray(free, np.float64) / 2
    return f(2 * half, prior) if np.isfinite(prior) else gamma(half, scale=1 / half)


def _same_degrees(own: Float64, free: Float64, scale: float, prior: float) -> Float64:
    """Variances as they would be with the most degrees of freedom: the same place in the distribution."""
    most = float(free.max())
    fewer = free < most - 1e-14
    if not fewer.any():
        return own
    ratio, seen, wanted = own[fewer] / scale, _distribution(free[fewer], prior), _distribution(most, prior)
    above, below = seen.logsf(ratio), seen.logcdf(ratio)
    result = own.copy()
    result[fewer] = np.where(above < below, wanted.isf(np.exp(above)), wanted.ppf(np.exp(below))) * scale
    return result


def _moments(free: float, prior: float) -> tuple[float, float]:
    """Mean and variance of log F with its tails folded in, by Gauss and Legendre on F / (1 + F) with 128 nodes."""
    shares, known = np.array(TAIL_SHARES), _distribution(free, prior)
    quantiles = known.ppf([shares[0], 1 - shares[1]])
    low, high = quantiles / (1 + quantiles)
    nodes = low + (high - low) * _NODES
    ratio = nodes / (1 - nodes)
    weights = (high - low) * _WEIGHTS * known.pdf(ratio) / (1 - nodes) ** 2
    mean = float(weights @ np.log(ratio) + shares @ np.log(quantiles))
    return mean, float(weights @ (np.log(ratio) - mean) ** 2 + shares @ (np.log(quantiles) - mean) ** 2)


def _own_priors(ratios: Float64, free: float, prior: float) -> Float64:
    """(N,) prior degrees of freedom: less for a unit whose ratio is too large for the fitted distribution.

    The chance not to be an outlier is the tail of the distribution over the tail that was seen. The largest ratio gets
    so few degrees that it would be the middle of its own distribution, others lie between (Phipson et al. 2016,
    section 5). Units farther out never get more than those nearer.
    """
    from scipy.stats import rankdata

    number = len(ratios)
    logs = _distribution(free, prior).logsf(ratios)
    # Ratios that differ by rounding share a rank, or the order of the rows would move the result.
    seen = np.log(number - rankdata(np.round(-logs, 9)) + 0.5) - np.log(number)
    inside = np.minimum(logs - seen, 0.0)
    if not (inside < 0).any():
        return np.full(number, prior)
    order = np.argsort(logs, kind="stable")
    if np.isinf(prior):
        own: Float64 = np.where(inside < 0, np.exp(inside) * number * free, np.inf)
        own[order] = np.maximum.accumulate(own[order])
        return own
    own = np.asarray(np.exp(inside) * prior, np.float64)
    least = float(logs.min())
    if np.isfinite(least):
        far = np.log(0.5) / least * prior
        far *= np.log(0.5) / float(_distribution(free, float(far)).logsf(ratios.max()))
        own -= np.expm1(inside) * far
    ordered = own[order]
    means = np.cumsum(ordered) / np.arange(1, number + 1)
    lowest = int(np.argmin(means))
    ordered[: lowest + 1] = means[lowest]
    own[order] = np.maximum.accumulate(ordered)
    return own
