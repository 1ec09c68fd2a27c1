"""How frames were lit, from their outermost pixels: level, noise, slope and stripes of the background.

Slopes and stripes keep their sign, so that the median over many cells is free of the noise of a single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import TRIMMED_MEAN_OF_NORMAL, Array, Float64

# Values of the border farther from its level than this many times its spread belong to a cell, not to the light.
_CLIP = 4.0
# Fewer pixels on a side say nothing about slope and stripes.
_SHORTEST_SIDE = 8


class Illumination(NamedTuple):
    """Light of one frame; see `preprocess.cell_quality.QualityFeatures`."""

    background: float
    noise: float
    gradient_x: float
    gradient_y: float
    stripes_x: float
    stripes_y: float


def measure_illumination(images: Sequence[Array]) -> list[Illumination]:
    """Light of frames (h, w) of any depth and size. Level and spread are those of `pixel_steps.border_background`."""
    if not images:
        return []
    # Top, bottom, left and right of every frame, one after another in one vector.
    sides: list[Array] = []
    for image in images:
        if min(image.shape) < 2:
            sides += [image.ravel(), *[image.ravel()[:0]] * 3]
        else:
            sides += [image[0], image[-1], image[1:-1, 0], image[1:-1, -1]]
    lengths = np.array([side.size for side in sides]).reshape(-1, 4)
    values = np.concatenate(sides).astype(np.float64)
    rings = lengths.sum(axis=1)
    level, noise = _level_and_noise(values, rings)
    # A cell that reaches the border pulls a side by no more than a few times the noise.
    reach = np.repeat(_CLIP * noise, rings)
    even = np.clip(values - np.repeat(level, rings), -reach, reach)
    ends = np.cumsum(lengths.ravel()).reshape(-1, 4)
    starts = ends - lengths
    sums = np.concatenate([[0.0], np.cumsum(even)])
    means = (sums[ends] - sums[starts]) / np.maximum(lengths, 1)
    unit = np.maximum(np.abs(level), noise)
    fit = (lengths.min(axis=1) >= _SHORTEST_SIDE - 2) & (noise > 0)
    scale = np.divide(1.0, unit, out=np.zeros_like(unit), where=fit)
    table = np.stack(
        [
            level,
            noise,
            (means[:, 3] - means[:, 2]) * scale,
            (means[:, 1] - means[:, 0]) * scale,
            _shared(even, starts[:, 0], lengths[:, 0] * fit) * scale,
            _shared(even, starts[:, 2], lengths[:, 2] * fit) * scale,
        ],
        axis=1,
    )
    return [Illumination(*row) for row in table.tolist()]


def _level_and_noise(values: Float64, lengths: NDArray[np.int64]) -> tuple[Float64, Float64]:
    """Median and trimmed mean deviation of each ring; `values` holds rings of these lengths."""
    places = np.arange(int(lengths.max()))
    rings = np.full((len(lengths), len(places)), np.inf)
    rings[places < lengths[:, None]] = values
    rings.sort(axis=1)
    rows = np.arange(len(lengths))
    level: Float64 = (rings[rows, (lengths - 1) // 2] + rings[rows, lengths // 2]) / 2
    distance = np.abs(rings - level[:, None])
    distance.sort(axis=1)
    near = np.maximum(1, (0.8 * lengths).astype(np.int64))
    distance[places >= near[:, None]] = 0.0
    return level, distance.sum(axis=1) / near / TRIMMED_MEAN_OF_NORMAL


def _shared(even: Float64, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Float64:
    """(N,) deviation that a side shares with the opposite one, which follows it, as a signed standard deviation.

    Noise differs between the sides and cancels in the mean of the products; stripes that run from one side to
    the other do not. Steps between neighbours leave slopes out.
    """
    counts = np.maximum(lengths - 1, 0)
    inside = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    first = np.repeat(starts, counts) + inside
    second = first + np.repeat(lengths, counts)
    products = (even[first + 1] - even[first]) * (even[second + 1] - even[second])
    sums = np.concatenate([[0.0], np.cumsum(products)])
    stops = np.cumsum(counts)
    shared = (sums[stops] - sums[stops - counts]) / np.maximum(2 * counts, 1)
    return np.asarray(np.sign(shared) * np.sqrt(np.abs(shared)), np.float64)
