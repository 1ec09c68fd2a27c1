"""Images whose pixels are numbers of objects: recognised by their pixels, and put in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.io.outlines.polygons import connected
from nscweb.preprocess.numbered_objects import Labels, in_reading_order

MOST_OBJECTS = 100_000
# Neighbours along a row are the same object in nearly all pixels; grain of a camera makes them differ.
_LEAST_EQUAL = 0.85
_LEAST_EQUAL_INSIDE = 0.95


def looks_like_labels(pixels: NDArray[Any]) -> bool:
    """True when an image (h, w) holds numbers of objects on a background of 0, and no picture."""
    if pixels.ndim != 2 or not _whole(pixels):
        return False
    if not (pixels == 0).any() or not (pixels != 0).any():
        return False
    left, right = pixels[:, :-1], pixels[:, 1:]
    if np.mean(left == right) < _LEAST_EQUAL:
        return False
    both = (left != 0) & (right != 0)
    return not both.any() or bool(np.mean(left[both] == right[both]) >= _LEAST_EQUAL_INSIDE)


def labels_of(pixels: NDArray[Any], name: str, log: FindingLog) -> Labels:
    """Objects of a label image numbered from 1 in reading order; one of two values is parted into what is connected.

    Raises:
        InputRefused: the image holds no numbers of objects.
    """
    if not looks_like_labels(pixels):
        if _whole(pixels) and not (pixels != 0).any():
            return np.zeros(pixels.shape, np.int32)
        raise InputRefused(
            "The image called a mask does not hold one number per cell on a background of 0.",
            "Export labels: in Cellpose Save masks as PNG or TIFF, in Fiji a label image of 16 bit, in QuPath GeoJSON.",
            "E-MASK-PIXELS",
        )
    values = np.unique(pixels)
    if len(values) > MOST_OBJECTS:
        raise InputRefused(f"The mask numbers {len(values):,} objects in one field.", "", "E-MASK-OBJECTS")
    if len(values) == 2 and np.issubdtype(pixels.dtype, np.number) and values[1] in (1, 255, 65535):
        parts = connected(pixels != 0)
        if parts.max() > 1:
            message = (
                "The mask has only two values, so what is connected was taken as one cell; cells that touch are one."
            )
            log.add("warn", "W-MASK-BINARY", message, name)
        return in_reading_order(parts)[0]
    return in_reading_order(pixels)[0]


def _whole(pixels: NDArray[Any]) -> bool:
    if pixels.dtype.kind in "uib":
        return pixels.dtype.kind != "i" or not (pixels < 0).any()
    return bool((pixels >= 0).all() and (pixels < 2**31).all() and (pixels == np.floor(pixels)).all())
