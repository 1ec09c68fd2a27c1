"""Scores of a class in bins, per round of a bootstrap: curves and areas of 1,000 rounds in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.resampling import Resampling

Float64 = NDArray[np.float64]
BINS = 512


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Cells of a class and all other cells by their score of that class, lowest bin first.

    Attributes:
        inside, outside: (B, W) cells in each round of the bootstrap.
        cells_inside, cells_outside: (W,) cells as they are.
    """

    inside: Float64
    outside: Float64
    cells_inside: Float64
    cells_outside: Float64


def quantile_edges(score: Float64, bins: int = BINS) -> Float64:
    """Inner edges of at most `bins` bins that hold equal shares of the scores (N,)."""
    return np.asarray(np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1])), np.float64)


def score_counts(positive: NDArray[np.bool_], score: Float64, edges: Float64, how: Resampling) -> ScoreCounts:
    """Count cells per bin, as they are and in each round.

    Args:
        positive: (N,) cells of the class.
        score: (N,) score of the class.
        edges: (W - 1,) ascending; a score equal to an edge lies in the upper bin.
        how: the bootstrap of these cells.
    """
    bins = np.searchsorted(edges, score, side="right")
    width = len(edges) + 1
    samples = len(how.confusions)
    hits = np.bincount(how.sample[positive] * width + bins[positive], minlength=samples * width)
    rest = np.bincount(how.sample[~positive] * width + bins[~positive], minlength=samples * width)
    inside = hits.reshape(samples, width).astype(np.float64)
    outside = rest.reshape(samples, width).astype(np.float64)
    rng = np.random.default_rng(how.seed)
    return ScoreCounts(how.drawn(inside, rng), how.drawn(outside, rng), inside.sum(axis=0), outside.sum(axis=0))
