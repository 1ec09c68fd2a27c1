"""Are the scores of a model calibrated well enough for maximum likelihood, and what makes them so where they are not.

Maximum likelihood (EM) takes each score for the chance that it says. One temperature for all time points, fitted on
the few cells that decided when training stopped, does not promise that. So EM is asked to recover known mixtures of
the held-out cells (`largest_fault`). Where it cannot, scores are calibrated on these cells: one sharpness and one
offset per class on the log scores, with all classes weighing the same (bias-corrected temperature scaling; Alexandari,
Kundaje and Shrikumar, ICML 2020). It has K + 1 numbers, so fifty cells of each class do not overfit it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import EM_MOST_OFF
from nscweb.evaluation.ratios.quantification import em_shares

Float64 = NDArray[np.float64]

# Share of the asked class in the lopsided mixtures; the other classes share the rest.
_LOPSIDED = 0.8
# Scores below this are not told apart: exp(-14) is far below what a few thousand cells can show.
_LEAST = 1e-6
# As much as one cell that says: leave the scores as they are. It only matters where cells are named without fault.
_RIDGE = 1.0
_STEPS = 50


@dataclass(frozen=True, eq=False)
class Calibration:
    """What makes scores honest: log scores times `sharpness` plus `offsets` (K,), and softmax."""

    sharpness: float
    offsets: Float64

    def of(self, scores: Float64) -> Float64:
        """(..., K) calibrated scores."""
        return _softmax(self.sharpness * np.log(np.maximum(scores, _LEAST)) + self.offsets)


@dataclass(frozen=True, eq=False)
class Honesty:
    """What EM may make of the scores at one time point.

    Attributes:
        fault: `largest_fault` of the scores as they are.
        left: the same with `calibration`.
        calibration: None where scores are honest enough as they are.
    """

    fault: float
    left: float
    calibration: Calibration | None

    @property
    def usable(self) -> bool:
        """EM may be used."""
        return self.left <= EM_MOST_OFF


def honesty(scores: Float64, cells: Float64) -> Honesty:
    """Judge scores, and calibrate them where they need it; arguments as in `calibration`."""
    fault = largest_fault(scores, cells)
    if fault <= EM_MOST_OFF:
        return Honesty(fault, fault, None)
    found = calibration(scores, cells)
    return Honesty(fault, largest_fault(found.of(scores), cells), found)


def calibration(scores: Float64, cells: Float64) -> Calibration:
    """The calibration with the least log loss on cells of known class, each class with the same weight.

    Args:
        scores: (U, K) of bins of cells.
        cells: (K, U) held-out cells of each class in each bin; every class has some.

    Returns:
        The minimum, found by Newton's method: the loss is convex.
    """
    size = len(cells)
    weight = cells / cells.sum(axis=1, keepdims=True) * (cells.sum() / size)
    each = weight.sum(axis=0)
    logs = np.log(np.maximum(np.asarray(scores, np.float64), _LEAST))
    # (U, K, 1 + K): by how much each logit moves with the sharpness and with each offset.
    moves = np.concatenate([logs[:, :, None], np.broadcast_to(np.eye(size), (len(logs), size, size))], axis=2)
    start = np.append(1.0, np.zeros(size))

    def loss(at: Float64) -> float:
        chance = np.maximum(_softmax(moves @ at), 1e-300)
        return float(-(weight.T * np.log(chance)).sum() + _RIDGE / 2 * ((at - start) ** 2).sum())

    at, now = start, loss(start)
    for _ in range(_STEPS):
        chance = _softmax(moves @ at)
        slope = np.einsum("uk,ukp->p", each[:, None] * chance - weight.T, moves) + _RIDGE * (at - start)
        middle = np.einsum("uk,ukp->up", chance, moves)
        bend = np.einsum("u,uk,ukp,ukq->pq", each, chance, moves, moves, optimize=True)
        bend = bend - np.einsum("u,up,uq->pq", each, middle, middle) + _RIDGE * np.eye(len(at))
        step, length = np.linalg.solve(bend, slope), 1.0
        while (after := loss(at - length * step)) > now and length > 1e-6:
            length /= 2
        if after >= now - 1e-10 * max(1.0, abs(now)):
            break
        at, now = at - length * step, after
    # Scores that say the opposite of the truth are no matter of calibration.
    return Calibration(max(float(at[0]), 0.0), at[1:])


def largest_fault(scores: Float64, cells: Float64) -> float:
    """How far EM is off, at worst, on known mixtures of the held-out cells: equal shares, and mostly one class.

    Args:
        scores, cells: as in `calibration`.

    Returns:
        The largest difference of a share, 0 to 1. No chance of a sample is in it; PACC would be off by nothing.
    """
    size = len(cells)
    rest = (1 - _LOPSIDED) / max(1, size - 1)
    shares = np.concatenate([np.full((1, size), 1 / size), rest + (_LOPSIDED - rest) * np.eye(size)])
    mixed = shares @ (cells / cells.sum(axis=1, keepdims=True))
    return float(np.abs(em_shares(scores, weights=mixed * cells.sum()) - shares).max())


def _softmax(logits: Float64) -> Float64:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)
