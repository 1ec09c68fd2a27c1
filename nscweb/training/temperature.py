"""One number that makes scores honest: the logits are divided by it before softmax (Guo et al. 2017, section 4.2).

It is fitted on the validation part, which decides when training stops, and judged on the held-out part, which it never
sees. It changes no predicted class, only how sure the network says it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_CELLS = 100
_LOWEST, _HIGHEST = 0.2, 10.0
_STEPS = 60


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature at which the mean log loss is least (Guo et al. 2017, equation 9 and below).

    The loss is convex in 1 / T, so bisection on its slope finds the one minimum.

    Args:
        logits: (N, K) of cells that were not trained on.
        labels: (N,) their classes.

    Returns:
        The temperature to four digits; 1 (no change) for fewer than 100 cells, for cells of a single class, and where
        no minimum lies between 0.2 and 10, as when every cell is named rightly and the loss falls without end.
    """
    if len(labels) < LEAST_CELLS or len(np.unique(labels)) < 2 or not np.isfinite(logits).all():
        return 1.0
    centred = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    own = centred[np.arange(len(labels)), labels]
    low, high = 1 / _HIGHEST, 1 / _LOWEST
    if _slope(centred, own, low) >= 0 or _slope(centred, own, high) <= 0:
        return 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(centred, own, middle) < 0 else (low, middle)
    return round(2 / (low + high), 4)


def _slope(centred: NDArray[np.float64], own: NDArray[np.float64], sharpness: float) -> float:
    """Derivative of the mean log loss by 1 / T: the expected logit less that of the true class."""
    powers = np.exp(centred * sharpness)
    expected = (powers * centred).sum(axis=1) / powers.sum(axis=1)
    return float((expected - own).mean())
