"""Images that somebody padded with one value: a frame around a crop, corners of a turned one, all outside a mask."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import FULL_SCALES, Array, full_scale

# Of a row along the border of a real image fewer pixels have the padding value by chance.
_MOST_BY_CHANCE = 0.5
_LEAST_SHARE = 0.02
# Pixels beside a padding differ from it by at least this share of the range of all others; where a camera is saturated
# they come near its limit step by step.
_JUMP = 0.1
_STEP = 0.02
_LEAST_KEPT = 0.25


class Padding(NamedTuple):
    """What was found.

    Attributes:
        box: (rows, columns) of what lies inside a frame; the whole image where there is none.
        masked: pixels inside the box are padding too, so that it cannot be cut off.
    """

    box: tuple[slice, slice]
    masked: bool


def find_padding(image: Array) -> Padding | None:
    """Where an image (h, w) is padded; None for nearly every image, after a look at eight pixels."""
    if min(image.shape) < 8 or not _suspicious(image):
        return None
    value = _value(image)
    if value is None:
        return None
    same = image == value
    box = _frame(image, same, value)
    inside = image[box] if box is not None else image
    masked = _is_masked(inside, same[box] if box is not None else same, value)
    if box is None and not masked:
        return None
    return Padding(box if box is not None else (slice(0, image.shape[0]), slice(0, image.shape[1])), masked)


def _suspicious(image: Array) -> bool:
    """Three points of a side, or four of a corner, have the same value."""
    h, w = image.shape
    item = image.item
    a, b, c, d = item(0, 0), item(0, w - 1), item(h - 1, 0), item(h - 1, w - 1)
    return bool(
        (a == b == item(0, w // 2))
        or (c == d == item(h - 1, w // 2))
        or (a == c == item(h // 2, 0))
        or (b == d == item(h // 2, w - 1))
        or (a == item(0, 1) == item(1, 0) == item(1, 1))
        or (d == item(h - 1, w - 2) == item(h - 2, w - 1) == item(h - 2, w - 2))
        or (b == item(0, w - 2) == item(1, w - 1) == item(1, w - 2))
        or (c == item(h - 1, 1) == item(h - 2, 0) == item(h - 2, 1))
    )


def _value(image: Array) -> float | int | None:
    """The value that most of the border has, where that is a tenth of it."""
    ring = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    values, counts = np.unique(ring, return_counts=True)
    most = int(counts.argmax())
    found: float | int = values[most].item()
    return found if counts[most] >= 0.1 * ring.size else None


def _frame(image: Array, same: NDArray[np.bool_], value: float) -> tuple[slice, slice] | None:
    """The rectangle inside a frame of one value; None where there is no frame, or it may be the background."""
    rows, columns = np.flatnonzero(~same.all(axis=1)), np.flatnonzero(~same.all(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    h, w = image.shape
    if (bottom - top, right - left) == (h, w) or (bottom - top) * (right - left) < _LEAST_KEPT * h * w:
        return None
    box = (slice(top, bottom), slice(left, right))
    inner, hit = image[box], same[box]
    edges = [
        (line, hits)
        for cut, line, hits in (
            (top > 0, inner[0], hit[0]),
            (bottom < h, inner[-1], hit[-1]),
            (left > 0, inner[:, 0], hit[:, 0]),
            (right < w, inner[:, -1], hit[:, -1]),
        )
        if cut
    ]
    if any(hits.mean() > _MOST_BY_CHANCE or np.ptp(line) == 0 for line, hits in edges):
        return None
    if _is_limit(image, value):
        return box
    # Padding with a mean goes on where the background ends; a cell on an even background does not.
    border = np.concatenate([line for line, _ in edges]).astype(np.float64)
    return box if abs(float(np.median(border)) - value) <= 2 * float(border.std()) else None


def _is_masked(image: Array, same: NDArray[np.bool_], value: float) -> bool:
    """Parts at the border have the value, and what lies beside them does not come near it."""
    if not _is_limit(image, value):
        return False
    _, labels = cv2.connectedComponents(same.astype(np.uint8), connectivity=4)
    ring = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    area = np.bincount(labels.ravel())
    # Single pixels at the limit of a camera are noise.
    large = [label for label in np.unique(ring).tolist() if label and area[label] >= 6]
    region = np.isin(labels, large)
    if not _LEAST_SHARE <= region.mean() < 1:
        return False
    beside = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~region
    others = image[~region].astype(np.float64)
    low, high = np.percentile(others, (1, 99))
    if low == high:
        return False
    distance = np.abs(image[beside].astype(np.float64) - value)
    least = max(_JUMP * max(high - low, abs(high - value) / 2, abs(low - value) / 2), _STEP * full_scale(image))
    return bool(np.percentile(distance, 10) > least)


def _is_limit(image: Array, value: float) -> bool:
    """0, white, or the lowest or highest value of an image that has negative ones."""
    if value in (0, 1.0, *FULL_SCALES):
        return True
    if image.dtype.kind == "i" and value in (np.iinfo(image.dtype).min, np.iinfo(image.dtype).max):
        return True
    low, high = image.min(), image.max()
    return bool(low < 0 and value in (low, high))
