"""95 % intervals: of a share of cells (Wilson), over samples (bootstrap); points of Student's t."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.rules import FEW_SAMPLES, TAILS
from nscweb.core.streams import stream

Float64 = NDArray[np.float64]

PERCENTILES = (100 * TAILS[0], 100 * TAILS[1])
# The upper end on the normal distribution, in standard deviations.
NORMAL = NormalDist().inv_cdf(TAILS[1])


@overload
def wilson(k: float, n: float) -> tuple[float, float]: ...
@overload
def wilson(k: NDArray[Any], n: NDArray[Any]) -> tuple[Float64, Float64]: ...
def wilson(k: Any, n: Any) -> Any:
    """Wilson's score interval of a share `k` / `n`, for numbers or arrays; 0 to 1 where `n` is 0.

    It treats cells as independent, so it says how well this very sample is known, not the next replicate.
    Wilson, J. Am. Stat. Assoc. 22, 209 (1927): 105 of 109 gives 0.909 to 0.986.
    """
    hits, total = np.asarray(k, np.float64), np.asarray(n, np.float64)
    safe = np.where(total > 0, total, 1.0)
    share = hits / safe
    shrink = 1 + NORMAL**2 / safe
    centre = (share + NORMAL**2 / (2 * safe)) / shrink
    half = NORMAL * np.sqrt(share * (1 - share) / safe + NORMAL**2 / (4 * safe**2)) / shrink
    low = np.where(total > 0, np.clip(np.minimum(centre - half, share), 0, 1), 0.0)
    high = np.where(total > 0, np.clip(np.maximum(centre + half, share), 0, 1), 1.0)
    if low.ndim == 0:
        return float(low), float(high)
    return low, high


def t_quantile(degrees: ArrayLike) -> Float64:
    """97.5 % point of Student's t distribution; infinite for fewer than one degree of freedom."""
    from scipy.stats import t

    free = np.asarray(degrees, np.float64)
    return np.where(free >= 1, t.ppf(TAILS[1], np.maximum(free, 1)), np.inf)


def resampled_counts(strata: NDArray[Any], rounds: int, seed: int) -> NDArray[np.int64]:
    """How often each unit is drawn in each bootstrap round: (rounds, units).

    Units are drawn with replacement within their stratum, so that no round is without a class; what one stratum holds
    does not move the draws of another.

    Args:
        strata: (units,) labels.
    """
    counts = np.zeros((rounds, len(strata)), np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        draws = stream(seed, "stratum", stratum).integers(0, len(members), (rounds, len(members)))
        offsets = np.arange(rounds)[:, None] * len(members)
        flat = np.bincount((draws + offsets).ravel(), minlength=rounds * len(members))
        counts[:, members] = flat.reshape(rounds, len(members))
    return counts


def samples_label(samples: int, fewest: int) -> str:
    """What a reader is told of intervals over samples (`sample_intervals`).

    Args:
        samples: drawn, of all classes.
        fewest: of any class. By `benchmarks/evaluation_intervals.py` 93 to 99 % of the intervals over 2 to 12 samples
            of a class hold the truth; 88 to 98 % where 95 % of cells are right and samples differ much.
    """
    few = f", only {fewest} of a class" if fewest < FEW_SAMPLES else ""
    return f"bootstrap over {samples} samples with Student's t{few}"


def percentile_interval(values: Float64, value: float) -> tuple[float, float]:
    """95 % percentile interval of bootstrap `values` over cells (NaN left out), widened to contain `value`."""
    usable = values[np.isfinite(values)]
    if usable.size == 0:
        return value, value
    low, high = np.percentile(usable, PERCENTILES)
    return min(float(low), value), max(float(high), value)
