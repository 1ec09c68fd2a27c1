"""Numbered objects of a field: their order, and what a person mends in them by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.field_settings import Mending

Labels = NDArray[np.int32]

# A cut goes on for so many pixels at both ends, because they were pointed at on the rim and not beyond it.
_BEYOND = 3
# Parts that do not touch are joined by a bridge of this width.
_BRIDGE = 3


def in_reading_order(labels: NDArray[Any]) -> tuple[Labels, list[int]]:
    """(labels numbered from 1 by their first pixels, the number that each had before)."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = [index for index in np.argsort(first, kind="stable").tolist() if values[index] != 0]
    table = np.zeros(len(values), np.int32)
    table[order] = np.arange(1, len(order) + 1)
    return table[inverse].reshape(labels.shape), [int(values[index]) for index in order]


def nobody_counts(objects: int) -> None:
    """The usual `too_large` of whoever finds cells."""


def mend(labels: Labels, mendings: Iterable[Mending], left: int = 0, top: int = 0) -> tuple[Labels, int]:
    """(labels as mended, in reading order; mendings that found no outline at their place).

    Args:
        left, top: of these labels in the field whose pixels the mendings count.
    """
    steps = list(mendings)
    if not steps:
        return labels, 0
    mended, missed = labels.copy(), 0
    for step in steps:
        points = [(x - left, y - top) for x, y in step.at]
        if step.kind == "split":
            missed += not _split(mended, points)
            continue
        found = [number for point in points if (number := _at(mended, point))]
        if step.kind == "delete":
            mended[np.isin(mended, found)] = 0
            missed += len(found) < len(points)
        elif len(set(found)) > 1:
            _merge(mended, found)
        else:
            missed += 1
    return in_reading_order(mended)[0], missed


def inner_points(labels: Labels) -> list[tuple[float, float]]:
    """(x, y) of the pixel farthest from the outline, for each number from 1 on; mendings point at it."""
    import cv2
    from scipy.ndimage import find_objects

    points = []
    for number, box in enumerate(find_objects(labels), start=1):
        mask = np.pad(labels[box] == number, 1).astype(np.uint8)
        y, x = np.unravel_index(int(cv2.distanceTransform(mask, cv2.DIST_L2, 5).argmax()), mask.shape)
        points.append((float(x - 1 + box[1].start), float(y - 1 + box[0].start)))
    return points


def rim_points(mask: NDArray[np.bool_], count: int) -> list[tuple[int, int]]:
    """About `count` (x, y) of pixels along the outline of the largest part of a mask, evenly apart."""
    import cv2

    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(outlines, key=len).reshape(-1, 2)
    chosen = np.linspace(0, len(rim), min(count, len(rim)), endpoint=False).astype(int)
    return [(int(x), int(y)) for x, y in rim[chosen].tolist()]


def _at(labels: Labels, point: tuple[float, float]) -> int:
    x, y = round(point[0]), round(point[1])
    inside = 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]
    return int(labels[y, x]) if inside else 0


def _merge(labels: Labels, numbers: Sequence[int]) -> None:
    import cv2
    from scipy.ndimage import distance_transform_edt

    first = numbers[0]
    labels[np.isin(labels, numbers)] = first
    while True:
        count, parts = cv2.connectedComponents((labels == first).astype(np.uint8), connectivity=8)
        if count <= 2:
            return
        away, nearest = distance_transform_edt(parts != 1, return_indices=True)
        y, x = np.unravel_index(int(np.where(parts > 1, away, np.inf).argmin()), labels.shape)
        other_y, other_x = (int(axis[y, x]) for axis in nearest)
        bridge = np.zeros(labels.shape, np.uint8)
        cv2.line(bridge, (int(x), int(y)), (other_x, other_y), 1, _BRIDGE)
        # At least the line itself, so that the two are one even where another cell lies between.
        narrow = np.zeros(labels.shape, np.uint8)
        cv2.line(narrow, (int(x), int(y)), (other_x, other_y), 1, 1)
        labels[((bridge > 0) & (labels == 0)) | (narrow > 0)] = first


def _split(labels: Labels, points: Sequence[tuple[float, float]]) -> bool:
    """Cut the outline at the first point along the line between the other two; False when nothing was parted."""
    import cv2
    from scipy.ndimage import distance_transform_edt

    number = _at(labels, points[0])
    (x0, y0), (x1, y1) = points[1:3]
    length = float(np.hypot(x1 - x0, y1 - y0))
    if not number or not length:
        return False
    over_x, over_y = _BEYOND * (x1 - x0) / length, _BEYOND * (y1 - y0) / length
    cut = np.zeros(labels.shape, np.uint8)
    cv2.line(cut, (round(x0 - over_x), round(y0 - over_y)), (round(x1 + over_x), round(y1 + over_y)), 1, 1)
    mask = labels == number
    # A line whose pixels touch at corners parts what touches at sides.
    count, parts, stats, _ = cv2.connectedComponentsWithStats((mask & (cut == 0)).astype(np.uint8), connectivity=4)
    if count < 3:
        return False
    largest = 1 + np.argsort(stats[1:, cv2.CC_STAT_AREA])[::-1][:2]
    nearest = distance_transform_edt(~np.isin(parts, largest), return_distances=False, return_indices=True)
    labels[mask & (parts[tuple(nearest)] == largest[1])] = labels.max() + 1
    return True
