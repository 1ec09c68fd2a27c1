"""Hedges g: a difference of two groups in units of the spread between replicates, with its interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


def hedges_g(
    mean_first: ArrayLike,
    sd_first: ArrayLike,
    n_first: ArrayLike,
    mean_second: ArrayLike,
    sd_second: ArrayLike,
    n_second: ArrayLike,
) -> tuple[Float64, Float64, Float64]:
    """Hedges g of first minus second, and its 95 % interval; for numbers or arrays of the same shape.

    g is Cohen's d with the pooled spread times 1 - 3 / (4 N - 9) (Hedges, J. Educ. Stat. 6, 107 (1981);
    statsmodels effectsize_smd). The interval turns the noncentral t distribution round (Hedges and Olkin 1985;
    scipy.special.nctdtrinc), which a normal interval of three replicates would get wrong.

    Returns:
        (g, low, high); NaN where a group has fewer than two replicates or both have no spread.
    """
    from scipy.special import nctdtrinc
    from statsmodels.stats.meta_analysis import effectsize_smd

    m1, s1, n1, m2, s2, n2 = np.broadcast_arrays(
        *(np.asarray(item, np.float64) for item in (mean_first, sd_first, n_first, mean_second, sd_second, n_second))
    )
    usable = (n1 >= 2) & (n2 >= 2) & (np.nan_to_num(s1) + np.nan_to_num(s2) > 0)
    g, low, high = (np.full(m1.shape, np.nan) for _ in range(3))
    if not usable.any():
        return g, low, high
    a = [item[usable] for item in (m1, s1, n1, m2, s2, n2)]
    g[usable] = effectsize_smd(*a)[0]
    total = a[2] + a[5]
    small = 1 - 3 / (4 * total - 9)
    root = np.sqrt(1 / a[2] + 1 / a[5])
    t = g[usable] / small / root
    # Beyond |t| = 1000 (identical replicates but for rounding) the limits mean nothing.
    t = np.where(np.abs(t) < 1000, t, np.nan)
    low[usable] = nctdtrinc(total - 2, 0.975, t) * root * small
    high[usable] = nctdtrinc(total - 2, 0.025, t) * root * small
    return g, low, high
