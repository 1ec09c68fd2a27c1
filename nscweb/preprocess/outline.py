"""The outline of a cell drawn into its picture, so that a person sees what was measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import Array, border_background
from nscweb.preprocess.shape import find_objects, objects_of

# Seen on grey by everybody, also where colours are told apart badly.
COLOUR = (230, 159, 0)


def outline_of(pixels: Array, mask: NDArray[np.bool_] | None = None) -> NDArray[np.int32] | None:
    """Boundary of the largest object of an image (h, w), (P, 1, 2) of x and y; None when nothing stands out.

    Args:
        mask: (h, w), True inside the cell, from the file; the program finds the cell itself without it.
    """
    if mask is not None and 0 < np.count_nonzero(mask) < mask.size:
        return objects_of(mask).outline
    background, noise = border_background(pixels)
    signal = np.subtract(pixels, background, dtype=np.float64).astype(np.float32)
    return find_objects([signal], [noise])[0].outline


def mask_of(pixels: Array, mask: NDArray[np.bool_] | None = None) -> NDArray[np.bool_] | None:
    """(h, w) the inside of `outline_of`; a mask of the file as it is."""
    if mask is not None and 0 < np.count_nonzero(mask) < mask.size:
        return mask
    outline = outline_of(pixels)
    if outline is None:
        return None
    filled = np.zeros(pixels.shape, np.uint8)
    cv2.fillPoly(filled, [outline], 1)
    return filled.astype(bool)


def draw_outline(grey: NDArray[np.uint8], outline: NDArray[Any] | None) -> NDArray[np.uint8]:
    """(h, w) grey to (h, w, 3) with the outline in colour; without an outline only the shape changes."""
    picture = np.repeat(grey[..., None], 3, axis=2)
    if outline is not None:
        cv2.polylines(picture, [outline], True, COLOUR, 1)
    return picture
