"""How much light of a marker a cell gives: measured inside its mask, above the background around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Light of the cell reaches a little beyond its mask; the background begins behind that, pixels.
_HALO = 3
# Fewer pixels say nothing of a background; the border of the frame is taken then.
_LEAST = 20


class MarkerLight(NamedTuple):
    """One channel of one cell, grey values of its file; NaN where the cell has no image or no mask.

    Attributes:
        intensity: mean inside the mask minus the background.
        total: the same, summed over the mask.
        background: median of the pixels outside the mask and a rim of 3 pixels round it.
        noise: spread of these pixels as a standard deviation (from their median absolute deviation).
    """

    intensity: float
    total: float
    background: float
    noise: float


NOT_MEASURED = MarkerLight(np.nan, np.nan, np.nan, np.nan)


def marker_light(planes: Sequence[NDArray[Any] | None], mask: NDArray[np.bool_] | None) -> list[MarkerLight]:
    """Measure the channels (h, w) of one cell inside its mask (h, w)."""
    if mask is None or not mask.any():
        return [NOT_MEASURED] * len(planes)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _HALO + 1, 2 * _HALO + 1), np.uint8)).astype(bool)
    outside = ~near
    if np.count_nonzero(outside) < _LEAST:
        outside = ~mask
        outside[1:-1, 1:-1] &= False
    found = []
    for plane in planes:
        if plane is None or plane.shape != mask.shape or not outside.any():
            found.append(NOT_MEASURED)
            continue
        around = plane[outside].astype(np.float64)
        background = float(np.median(around))
        noise = 1.4826 * float(np.median(np.abs(around - background)))
        above = plane[mask].astype(np.float64) - background
        found.append(MarkerLight(float(above.mean()), float(above.sum()), background, noise))
    return found
