"""Cells with scores drawn from a plain model of three overlapping classes: the ground of tests of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.scores.held_out import HeldOut

NAMES = ("astrocyte", "oligodendrocyte", "neuron")
# Recalls of 0.78, 0.83 and 0.79: near those of the shipped model at day 1.
APART = (1.45, 1.95, 1.6)


def drawn_scores(
    rng: np.random.Generator, labels: NDArray[Any], apart: Sequence[float] = APART, moved: Any = 0.0
) -> NDArray[np.float32]:
    """(N, 3) calibrated scores; `moved` (3,) or (N, 3) is added to the log odds by the light of a sample."""
    far = np.asarray(apart)
    odds = (rng.normal(size=(len(labels), 3)) + far * np.eye(3)[labels]) * far - far**2 / 2 + moved
    odds = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def drawn_held_out(
    rng: np.random.Generator,
    samples: int = 3,
    cells: int = 400,
    light: float = 0.0,
    apart: Sequence[float] = APART,
    times: Sequence[float] = (24.0,),
) -> HeldOut:
    """Pure samples of each class and time, every one with `cells` cells and a light of its own. Later is easier."""
    number = len(times) * 3 * samples
    sample = np.arange(number).repeat(cells)
    labels = sample % 3
    hours = np.asarray(times, np.float64)[sample // (3 * samples)]
    moved = rng.normal(0, light, (number, 3))[sample]
    scores = np.empty((len(labels), 3), np.float32)
    for hour in times:
        here = hours == hour
        eased = np.asarray(apart) * (hour / 24.0) ** 0.5
        scores[here] = drawn_scores(rng, labels[here], eased.tolist(), moved[here])
    return HeldOut(scores, labels, sample, hours, NAMES, simulated=True)


def drawn_cells(
    rng: np.random.Generator,
    shares: NDArray[Any],
    cells: int,
    light: float = 0.0,
    apart: Sequence[float] = APART,
    groups: Sequence[str] = (),
    replicates: Sequence[str] = (),
) -> CellScores:
    """Samples at 24 h with true `shares` (S, 3), every one with a light of its own."""
    number = len(shares)
    sample = np.arange(number).repeat(cells)
    labels = np.concatenate([rng.choice(3, cells, p=share) for share in shares])
    scores = drawn_scores(rng, labels, apart, rng.normal(0, light, (number, 3))[sample])
    return CellScores(
        scores,
        scores.argmax(axis=1),
        sample,
        np.zeros(len(sample), np.int64),
        labels,
        tuple(f"s{index:03d}" for index in range(number)),
        tuple(groups) or ("g",) * number,
        tuple(replicates) or ("",) * number,
        np.full(number, 24.0),
        NAMES,
    )
