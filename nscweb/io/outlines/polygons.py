"""Outlines as polygons and as numbered pixels.

Corners are counted in pixels from the upper left corner of the field, so that a pixel at the upper left is the square
from (0, 0) to (1, 1): as ImageJ and QuPath do. A pixel is inside when its centre is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.numbered_objects import Labels, in_reading_order

Corners = NDArray[np.float64]


@dataclass(frozen=True)
class Outline:
    """One object.

    Attributes:
        rings: (P, 2) of x and y each; what lies in two rings of one part is a hole.
        name: what it is called in the file, "" without.
        class_name: what a person or program classified it as, "" without.
        parts: number of rings of each part, in order; parts that overlap leave no hole. () when all rings are one.
    """

    rings: tuple[Corners, ...]
    name: str = ""
    class_name: str = ""
    parts: tuple[int, ...] = ()

    def by_part(self) -> list[tuple[Corners, ...]]:
        """The rings of each part."""
        ends = [sum(self.parts[: number + 1]) for number in range(len(self.parts))] or [len(self.rings)]
        return [self.rings[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True)
class Drawn:
    """Outlines as numbers of pixels.

    Attributes:
        labels: (h, w) int32, 0 background.
        classes: label -> class, for those that have one.
        overlapping: outlines that share pixels with another; the smaller one kept them.
        lost: outlines without a pixel of their own in the field.
    """

    labels: Labels
    classes: dict[int, str]
    overlapping: int
    lost: int


def draw_outlines(outlines: Sequence[Outline], size: tuple[int, int]) -> Drawn:
    """Number the pixels of a field (h, w) by the outline they lie in, in reading order of their first pixels."""
    labels = np.zeros(size, np.int32)
    # Of each part the largest ring: in which order files write holes is their affair.
    areas = [sum(max(map(abs, map(ring_area, part)), default=0.0) for part in own.by_part()) for own in outlines]
    overlapping = 0
    # The smaller one later, so that an outline inside another is not lost.
    for number in sorted(range(len(outlines)), key=lambda index: -areas[index]):
        box, inside = _inside(outlines[number], size)
        part = labels[box]
        overlapping += bool((part[inside] > 0).any())
        part[inside] = number + 1
    fresh, taken = in_reading_order(labels)
    classes = {place: outlines[old - 1].class_name for place, old in enumerate(taken, start=1)}
    return Drawn(fresh, {n: c for n, c in classes.items() if c}, overlapping, len(outlines) - len(taken))


def outline_of_mask(mask: NDArray[np.bool_], left: float = 0.0, top: float = 0.0) -> tuple[Corners, ...]:
    """Rings of an object whose mask (h, w) lies at `left`, `top` of the field; drawn again they give the mask.

    The lines run halfway between the pixels inside and those outside.
    """
    from skimage.measure import find_contours

    rings = []
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        # From centres of padded pixels to corners of the field; the last point repeats the first.
        ring = contour[:-1, ::-1] - 0.5 + (left, top)
        rings.append(np.asarray(_straight(ring), np.float64))
    return tuple(sorted(rings, key=lambda ring: -abs(ring_area(ring))))


def _straight(ring: Corners) -> Corners:
    """Without the points in the middle of a straight line."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    return ring[turns] if turns.sum() >= 3 else ring


def ring_area(ring: Corners) -> float:
    """Square pixels inside a ring; negative when it turns the other way, as holes do."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _inside(outline: Outline, size: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """(box in the field, which of its pixels are inside a part): crossings of each row are counted (even-odd rule)."""
    points = np.concatenate(outline.rings) if outline.rings else np.zeros((0, 2))
    low = np.clip(np.floor(points.min(axis=0, initial=np.inf)), 0, size[::-1])
    high = np.clip(np.ceil(points.max(axis=0, initial=-np.inf)), 0, size[::-1])
    if not (high > low).all():
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    (left, top), (right, bottom) = low.astype(int).tolist(), high.astype(int).tolist()
    inside = np.zeros((bottom - top, right - left), bool)
    for part in outline.by_part():
        inside |= _in_rings(part, (top, left), inside.shape)
    return (slice(top, bottom), slice(left, right)), inside


def _in_rings(rings: Sequence[Corners], corner: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels (h, w) of a box at a corner (top, left) lie inside an odd number of rings."""
    (top, left), (height, width) = corner, size
    flips = np.zeros((height, width + 1), np.int32)
    centres = np.arange(top, top + height) + 0.5
    for ring in rings:
        follow = np.roll(ring, -1, axis=0)
        for (x0, y0), (x1, y1) in zip(ring.tolist(), follow.tolist(), strict=True):
            if y0 == y1:
                continue
            begin, end = np.searchsorted(centres, (min(y0, y1), max(y0, y1))).tolist()
            rows = np.arange(begin, end)
            crossing = x0 + (centres[begin:end] - y0) * (x1 - x0) / (y1 - y0)
            # The first pixel whose centre is not left of the crossing.
            places = np.clip(np.ceil(crossing - 0.5 - left), 0, width).astype(int)
            np.add.at(flips, (rows, places), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)


def connected(mask: NDArray[np.bool_]) -> Labels:
    """The separate parts of a mask, numbered; parts that touch at a corner are one."""
    import cv2

    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)
