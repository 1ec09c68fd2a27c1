"""Whether network and plain features answer better together, and with which shares, by cells that neither had seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Key of ARCHITECTURES.
BLEND = "blend"
# Shares that are tried, in units of the logits; a network that were left out would have no maps.
_GRID = np.concatenate(([0.0], np.geomspace(0.05, 2.0, 17)))
# A gain has to be this many of its own standard errors.
_STANDARD_ERRORS = 2.0
_FEWEST_SAMPLES = 8

Floats = NDArray[np.floating]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """How both answer together: softmax of ``network * logits + features * logits``.

    Attributes:
        network, features: the shares.
        gain: how much less the mean log loss of unseen cells is than that of the network alone, itself scaled at best.
        error: standard error of the gain, over samples where there are enough, else over cells.
    """

    network: float
    features: float
    gain: float
    error: float


def shares_of(
    network: Floats, features: Floats, labels: Rows, fold_of: Rows, sample_of: Rows | None = None
) -> Shares | None:
    """The best shares, or None where the features do not help beyond chance.

    Whether they help is judged fold by fold with shares that were found on the other folds (stacking: Wolpert 1992),
    on the same cells for both.

    Args:
        network, features: (N, K) logits of cells that the one who said them had not seen.
        labels: (N,) class index.
        fold_of: (N,) fold of each cell.
        sample_of: (N,) sample of each cell; None where the folds were dealt by cell.
    """
    gains = np.zeros(len(labels))
    for fold in np.unique(fold_of):
        away = fold_of == fold
        alone = _best(network[~away], features[~away], labels[~away], together=False)
        both = _best(network[~away], features[~away], labels[~away], together=True)
        gains[away] = _loss(network[away], features[away], labels[away], *alone) - _loss(
            network[away], features[away], labels[away], *both
        )
    gain, error = float(gains.mean()), _error(gains, sample_of)
    if not gain > _STANDARD_ERRORS * error:
        return None
    first, second = _best(network, features, labels, together=True)
    return Shares(float(first), float(second), gain, error)


def _best(network: Floats, features: Floats, labels: Rows, *, together: bool) -> tuple[float, float]:
    """Shares with the least mean loss on a grid."""
    pairs = [(first, second) for first in _GRID[1:] for second in (_GRID if together else (0.0,))]
    losses = [float(_loss(network, features, labels, *pair).mean()) for pair in pairs]
    return pairs[int(np.argmin(losses))]


def _loss(network: Floats, features: Floats, labels: Rows, first: float, second: float) -> NDArray[np.float64]:
    """(N,) log loss."""
    mixed = np.asarray(first * network + second * features, np.float64)
    mixed -= mixed.max(axis=1, keepdims=True)
    loss: NDArray[np.float64] = np.log(np.exp(mixed).sum(axis=1)) - mixed[np.arange(len(labels)), labels]
    return loss


def _error(gains: NDArray[np.float64], sample_of: Rows | None) -> float:
    """Standard error of the mean; over whole samples where there are enough of them."""
    if sample_of is not None and len(np.unique(sample_of)) >= _FEWEST_SAMPLES:
        _, inverse, counts = np.unique(sample_of, return_inverse=True, return_counts=True)
        off = np.bincount(inverse, gains - gains.mean())
        return float(np.sqrt((off**2).sum() * len(counts) / max(1, len(counts) - 1)) / len(gains))
    return float(gains.std(ddof=1) / np.sqrt(len(gains)))
