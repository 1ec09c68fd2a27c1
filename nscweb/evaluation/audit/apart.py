"""Samples that lie apart: their cells look unlike those of the samples that they should be like.

A sample is compared with its fellows: those of the same group and time, which differ by replicate alone. Inducers make
samples differ, which is what a study is about; a replicate far from its fellows speaks of culture, staining or focus.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import FEWEST_CELLS

Float64 = NDArray[np.float64]
# A sample lies apart beyond so many robust deviations. Of simulated studies of 12 to 60 like samples one in 8 to 30 has
# such a sample by chance; with the usual 3.5 (Iglewicz and Hoaglin, How to detect and handle outliers, 1993) it would
# be one in 2 to 8. A sample six standard deviations off is found in half of the smallest and nine tenths of the others.
APART = 5.0
# Samples from which a usual distance is known.
FEWEST_SAMPLES = 5
# Of a normal distribution the median absolute deviation times this is the standard deviation.
_MAD = 1.4826


def centroids(
    vectors: NDArray[np.floating], sample: NDArray[np.int64], samples: int
) -> tuple[Float64, NDArray[np.int64]]:
    """Mean vector (S, P) of the cells of each sample, and how many have one (S,).

    Args:
        vectors: (N, P); cells with a number that is NaN are left out.
        sample: (N,) index of the sample of each cell, below `samples`; -1 leaves a cell out.
    """
    known = np.isfinite(vectors).all(axis=1) & (sample >= 0)
    counts = np.bincount(sample[known], minlength=samples)
    sums = np.stack(
        [np.bincount(sample[known], vectors[known, axis], samples) for axis in range(vectors.shape[1])], axis=1
    )
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float64), np.asarray(counts, np.int64)


def deviations(centres: Float64, counts: NDArray[np.int64], kinds: Sequence[Hashable]) -> Float64:
    """(S,) how far each sample lies from its fellows, in robust deviations of all such distances; NaN where not known.

    The distance of a sample is that of its centre from the median of the centres of its fellows; a distance that all
    samples have is usual. The farthest sample beyond `APART` is no fellow of the others any more, and so on.

    Args:
        centres: (S, P).
        counts: (S,) cells behind each; samples with fewer than `FEWEST_CELLS` are left out.
        kinds: (S,) what makes two samples fellows, such as group and time; a sample without a fellow is not judged,
            unless none has one, and then all are fellows.
    """
    large = np.flatnonzero(counts >= FEWEST_CELLS).tolist()
    kinds = [kinds[here] if here in large else None for here in range(len(counts))]
    judged = [here for here in large if kinds.count(kinds[here]) > 1]
    if not judged:
        # No sample has a fellow: all are those of all others.
        judged, kinds = large, [0] * len(counts)
    result = np.full(len(counts), np.nan)
    if len(judged) < FEWEST_SAMPLES:
        return result
    apart: list[int] = []
    while True:
        fellows = [here for here in judged if here not in apart]
        result[judged] = _deviations(centres, judged, fellows, kinds)
        beyond = [here for here in fellows if result[here] > APART and len(_others(here, fellows, kinds)) > 1]
        # One sample that lies apart would make those seem so that are compared with it; never more than half are.
        if not beyond or 2 * (len(apart) + 1) > len(judged):
            return result
        apart.append(max(beyond, key=lambda here: float(result[here])))


def _others(here: int, fellows: Sequence[int], kinds: Sequence[Hashable]) -> list[int]:
    return [other for other in fellows if other != here and kinds[other] == kinds[here]]


def _deviations(
    centres: Float64, judged: Sequence[int], fellows: Sequence[int], kinds: Sequence[Hashable]
) -> NDArray[np.float64]:
    """Robust deviations of all judged samples, compared with `fellows` alone."""
    distance = {}
    for here in judged:
        middle = np.median(centres[_others(here, fellows, kinds)], axis=0)
        distance[here] = float(np.linalg.norm(centres[here] - middle))
    usual = float(np.median([distance[here] for here in fellows]))
    spread = _MAD * float(np.median([abs(distance[here] - usual) for here in fellows]))
    return (np.array([distance[here] for here in judged]) - usual) / max(spread, 1e-9 * max(usual, 1e-9))
