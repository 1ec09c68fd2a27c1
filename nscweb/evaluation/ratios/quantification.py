"""From the scores of the cells of one sample to the share of each class: counted, adjusted, by maximum likelihood.

Counting labels is biased by the confusion of the classifier: with a sensitivity of 0.991 and a specificity of
0.643 (Kim 2023, cross-validation) a culture that is half positive is counted as 67 % positive. Held-out cells tell
what the mean label, or the mean score, of a pure class looks like. What a mixture shows is the mixture of those
means, which can be solved for the shares:

- ACC, adjusted count: mean labels, that is the confusion matrix. Forman, Data Min. Knowl. Disc. 17, 164 (2008);
  many classes: Vucetic and Obradovic, ECML 2001.
- PACC, probabilistic adjusted count: mean scores. Bella et al., ICDM 2010.
- EM: the shares under which the calibrated scores are most likely. Saerens, Latinne and Decaestecker, Neural
  Computation 14, 21 (2002), equation 2.

Everything here takes many samples, or many bootstrap rounds, at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

# Below this smallest singular value an error in the mean scores is multiplied by more than 20.
FLAT_BELOW = 0.05
# Share of bootstrap rounds in which the matrix may turn over; more, and a flat one is not excluded.
_TURNED = 0.025
_ENUMERATE_UP_TO = 7
_RIDGE = 1e-10


def one_hot(labels: NDArray[np.integer[Any]], classes: int) -> NDArray[np.float32]:
    """(N, K) ones at the label; a label outside 0..K-1 gives a row of zeros."""
    return np.asarray(labels[:, None] == np.arange(classes), np.float32)


def adjusted_shares(matrix: Float64, observed: Float64) -> Float64:
    """Shares on the simplex whose mixture is nearest to what was observed: ACC and PACC.

    Args:
        matrix: (..., K, F) mean features of each pure class: the matrix of PACC with scores, the row-normalised
            confusion matrix of ACC with `one_hot` labels.
        observed: (..., F) mean of the sample, broadcast against `matrix`.

    Returns:
        (..., K) shares, none negative, sum 1: the exact least-squares solution under these constraints.
    """
    matrix, observed = np.asarray(matrix, np.float64), np.asarray(observed, np.float64)
    shape = np.broadcast_shapes(matrix.shape[:-2], observed.shape[:-1])
    size = matrix.shape[-2]
    rows = np.broadcast_to(matrix, (*shape, *matrix.shape[-2:])).reshape(-1, size, matrix.shape[-1])
    seen = np.broadcast_to(observed, (*shape, observed.shape[-1])).reshape(-1, observed.shape[-1])
    gram = rows @ rows.transpose(0, 2, 1)
    gram = gram + _RIDGE * np.eye(size)
    slope = (rows @ seen[:, :, None])[:, :, 0]
    if size > _ENUMERATE_UP_TO:
        return _descend(gram, slope).reshape(*shape, size)
    result = _on_face(gram, slope, tuple(range(size)))
    outside = np.flatnonzero((result < 0).any(axis=1))
    if len(outside):
        result[outside] = _best_face(gram[outside], slope[outside])
    return result.reshape(*shape, size)


def free_shares(matrix: Float64, observed: Float64) -> Float64:
    """Shares that solve the mixture without the constraints; a little below 0 or above 1 by chance.

    Their spread is that of a free estimate, so an interval made from them and then cut at 0 and 1 still covers at
    the edges, where constrained values pile up.

    Args:
        matrix: (..., K, K); rows sum to 1, so that the shares do.
        observed: (..., K).
    """
    size = matrix.shape[-1]
    turned = np.linalg.inv(np.asarray(matrix, np.float64) + _RIDGE * np.eye(size))
    result: Float64 = np.einsum("...j,...jk->...k", observed, turned)
    return result


def project_to_simplex(values: Float64) -> Float64:
    """The nearest point (..., K) with no negative share and sum 1. Held, Wolfe and Crowder, Math. Prog. 6 (1974)."""
    ordered = -np.sort(-values, axis=-1)
    over = np.cumsum(ordered, axis=-1) - 1
    rank = np.arange(1, values.shape[-1] + 1)
    kept = (ordered - over / rank > 0).sum(axis=-1, keepdims=True)
    lift = np.take_along_axis(over, kept - 1, axis=-1) / kept
    return np.asarray(np.maximum(values - lift, 0), np.float64)


def em_shares(
    scores: NDArray[Any],
    prior: Sequence[float] | Float64 | None = None,
    weights: Float64 | None = None,
    rounds: int = 1000,
    tolerance: float = 1e-7,
) -> Float64:
    """Shares under which calibrated scores are most likely, by expectation maximisation.

    Args:
        scores: (N, K) calibrated scores, of cells or of bins of cells.
        prior: (K,) class shares that the scores take for granted; None for equal ones.
        weights: (..., N) cells per row, one line per sample; None for one sample with each row once.
        rounds: iterations at most; it stops when no share moves by more than `tolerance`.

    Returns:
        (..., K) shares; NaN where a sample has no cells.
    """
    size = scores.shape[1]
    taken = np.full(size, 1 / size) if prior is None else np.asarray(prior, np.float64)
    likely = np.asarray(scores, np.float64) / taken
    each = np.ones(len(likely)) if weights is None else np.asarray(weights, np.float64)
    flat = each.reshape(int(np.prod(each.shape[:-1])), len(likely))
    total = flat.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, np.full((len(flat), size), 1 / size), np.nan)
    active = np.flatnonzero(total[:, 0] > 0)
    for _ in range(rounds):
        if not len(active):
            break
        now = shares[active]
        mixed = np.maximum(now @ likely.T, 1e-300)
        after = now * ((flat[active] / mixed) @ likely) / total[active]
        shares[active] = after / after.sum(axis=1, keepdims=True)
        active = active[np.abs(shares[active] - now).max(axis=1) > tolerance]
    return shares.reshape(*each.shape[:-1], size)


@dataclass(frozen=True)
class Flatness:
    """Whether the classes can be told apart well enough to solve for their shares.

    Attributes:
        flat: True when they cannot.
        smallest: smallest singular value of the matrix: 1 for a perfect model, 0 when two classes look the same.
        alike: names of the classes that cannot be told apart; empty when `flat` is False.
    """

    flat: bool
    smallest: float
    alike: tuple[str, ...] = ()


def flatness(matrix: Float64, drawn: Float64, names: Sequence[str]) -> Flatness:
    """Judge a matrix (K, K) by its smallest singular value and by its bootstrap rounds `drawn` (B, K, K).

    A matrix is flat when the smallest singular value is under `FLAT_BELOW`, or when more than one round in 40
    turns the matrix over (another sign of the determinant): then a matrix without any inverse lies within the
    error. The classes at fault are those that the singular vector weighs against each other.
    """
    left, values, _ = np.linalg.svd(matrix)
    small = values < FLAT_BELOW
    if len(drawn):
        sign = np.sign(np.linalg.det(matrix))
        turned = float(np.mean(np.sign(np.linalg.det(drawn)) != sign))
        if turned > _TURNED:
            small[-1] = True
    if not small.any():
        return Flatness(False, float(values[-1]))
    part = np.abs(left[:, small]).max(axis=1)
    alike = tuple(name for name, weight in zip(names, part, strict=True) if weight > 0.3 * part.max())
    return Flatness(True, float(values[-1]), alike)


def _on_face(gram: Float64, slope: Float64, face: tuple[int, ...]) -> Float64:
    """(N, K) minimum of the square with all shares outside `face` 0 and the sum 1; shares may be negative."""
    number, width = len(gram), len(face)
    system = np.ones((number, width + 1, width + 1))
    system[:, :width, :width] = gram[:, face][:, :, face]
    system[:, width, width] = 0
    right = np.ones((number, width + 1))
    right[:, :width] = slope[:, face]
    result = np.zeros(slope.shape)
    result[:, face] = np.linalg.solve(system, right[:, :, None])[:, :width, 0]
    return result


def _best_face(gram: Float64, slope: Float64) -> Float64:
    """The best of the minima of all faces of the simplex that lie inside their face: exact for a convex square."""
    size = slope.shape[1]
    best, value = np.zeros(slope.shape), np.full(len(slope), np.inf)
    for width in range(1, size):
        for face in combinations(range(size), width):
            found = _on_face(gram, slope, face)
            cost = np.einsum("nj,njk,nk->n", found, gram, found) - 2 * (found * slope).sum(axis=1)
            better = (found >= 0).all(axis=1) & (cost < value)
            best[better], value[better] = found[better], cost[better]
    return best


def _descend(gram: Float64, slope: Float64, rounds: int = 3000) -> Float64:
    """Accelerated projected gradient for many classes, where there are too many faces to try."""
    step = 1 / np.linalg.norm(gram, ord=2, axis=(1, 2))[:, None]
    now = np.full(slope.shape, 1 / slope.shape[1])
    ahead, pace = now, 1.0
    for _ in range(rounds):
        move = np.einsum("njk,nk->nj", gram, ahead) - slope
        after = project_to_simplex(ahead - step * move)
        faster = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = after + (pace - 1) / faster * (after - now)
        if np.abs(after - now).max() < 1e-13:
            return after
        now, pace = after, faster
    return now
