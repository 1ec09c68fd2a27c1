"""Does a map of a cell name the pixels that count? Asked by taking pixels away in its order.

Deletion: the pixels that the map marks most are set to the background first, and the score of the class should fall
at once. Insertion: an empty field gets them back first, and the score should rise at once (Petsiuk et al. 2018, RISE,
section 4.3). Both are areas under the score against the share of pixels changed, 0 to 1. Two plain orders that know
nothing of the network are the rivals: nearest to the centre first, and farthest from the background first. A map that
does not beat them says no more than "in the middle" or "where the cell is".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Float64 = NDArray[np.float64]
# Prepared inputs (M, C, H, W) to scores (M, K).
Score = Callable[[Floats], Floats]

# Shares of the field that have been changed; close together at first, because a cell is a small part of the field.
SHARES: Float64 = np.linspace(0.0, 1.0, 17) ** 1.5


def ranks_of(marks: NDArray[Any], rng: np.random.Generator) -> Float64:
    """Place of every pixel in the order of a map, 0 for the highest mark, below 1; equal marks in random order.

    Args:
        marks: (N, H, W).
    """
    flat = np.asarray(marks, np.float64).reshape(len(marks), -1)
    chance = rng.random(flat.shape)
    order = np.lexsort((chance, -flat), axis=1)
    ranks = np.empty_like(flat)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None] / flat.shape[1], axis=1)
    return ranks.reshape(marks.shape)


def centre_first(cells: int, size: tuple[int, int]) -> Float64:
    """Marks (N, H, W) of a rival that knows where cells are: the nearer to the centre of the field, the higher."""
    ys, xs = (np.arange(length) - (length - 1) / 2 for length in size)
    marks = -np.hypot(ys[:, None] / size[0], xs[None] / size[1])
    return np.broadcast_to(marks, (cells, *size))


def contrast_first(inputs: Floats, background: Float64) -> Float64:
    """Marks (N, H, W) of a rival that sees the cell but no network: distance from the background, summed over channels.

    Args:
        inputs: (N, C, H, W) prepared.
        background: (N, C) level around the cell.
    """
    return np.asarray(np.abs(inputs - background[:, :, None, None]).sum(axis=1), np.float64)


def curves(score: Score, inputs: Floats, classes: NDArray[Any], ranks: Float64, background: Float64) -> Float64:
    """(2, N, S) score of each cell's class at every share of `SHARES`: by deletion, then by insertion.

    Args:
        score: the network.
        inputs: (N, C, H, W) prepared.
        classes: (N,) index of the class that each map speaks for.
        ranks: (N, H, W) of `ranks_of`.
        background: (N, C) what a pixel is set to.
    """
    level = np.broadcast_to(background[:, :, None, None], inputs.shape).astype(np.float32)
    rows = np.arange(len(inputs))
    found = np.zeros((2, len(inputs), len(SHARES)))
    for place, share in enumerate(SHARES):
        taken = (ranks < share)[:, None]
        found[0, :, place] = score(np.where(taken, level, inputs))[rows, classes]
        found[1, :, place] = score(np.where(taken, inputs, level))[rows, classes]
    return found


def areas(found: Float64) -> Float64:
    """(..., S) scores at `SHARES` to (...) areas, 0 to 1, by the trapezoidal rule."""
    widths = np.diff(SHARES)
    return np.asarray(((found[..., 1:] + found[..., :-1]) / 2 * widths).sum(axis=-1), np.float64)
