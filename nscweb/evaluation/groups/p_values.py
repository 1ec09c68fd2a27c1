"""p values adjusted for the number of comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Ways to adjust by their keys, and what they are called in tables and sentences.
ADJUSTMENTS: dict[str, str] = {"holm": "Holm", "fdr_bh": "Benjamini-Hochberg"}


def adjusted(p: NDArray[np.float64], adjust: str) -> NDArray[np.float64]:
    """p values adjusted over all that are not NaN; the numbers of statsmodels' ``multipletests``, by test.

    That function also collects the garbage of the whole program, which takes half a second with a model loaded.

    Args:
        p: (N,) p values, NaN where there is none.
        adjust: ``holm`` (Holm, Scand. J. Stat. 6, 65 (1979)) or ``fdr_bh`` (Benjamini and Hochberg, J. R. Stat.
            Soc. B 57, 289 (1995)).
    """
    result = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    if adjust == "fdr_bh":
        from scipy.stats import false_discovery_control

        if len(known):
            result[known] = false_discovery_control(p[known], method="bh")
        return result
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result
