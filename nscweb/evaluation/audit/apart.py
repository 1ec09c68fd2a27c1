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
# A sample lies apart beyond so many robust deviations (Iglewicz and Hoaglin, How to detect and handle outliers, 1993).
APART = 3.5
# Fellows that a sample is compared with at least; with fewer, all samples of the study are.
FEWEST_FELLOWS = 2
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
    samples have is usual.

    Args:
        centres: (S, P).
        counts: (S,) cells behind each; samples with fewer than `FEWEST_CELLS` are left out.
        kinds: (S,) what makes two samples fellows, such as group and time.
    """
    judged = np.flatnonzero(counts >= FEWEST_CELLS)
    result = np.full(len(counts), np.nan)
    if len(judged) < FEWEST_SAMPLES:
        return result
    distance = np.zeros(len(judged))
    for place, here in enumerate(judged.tolist()):
        others = [other for other in judged.tolist() if other != here]
        fellows = [other for other in others if kinds[other] == kinds[here]]
        middle = np.median(centres[fellows if len(fellows) >= FEWEST_FELLOWS else others], axis=0)
        distance[place] = np.linalg.norm(centres[here] - middle)
    usual = np.median(distance)
    spread = _MAD * np.median(np.abs(distance - usual))
    result[judged] = (distance - usual) / max(float(spread), 1e-9 * max(float(usual), 1e-9))
    return result
