"""The outline of a cell: found in its image or taken from a mask, and measured.

All lengths are in pixels; `in_micrometres` converts a table when the size of a pixel is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import Float32

if TYPE_CHECKING:
    import pandas as pd  # training, which crops to objects, runs on machines without it

Mask = NDArray[np.uint8]
Outline = NDArray[np.int32]

# An object is where the local deviation (5 x 5 px) exceeds both of these.
_NOISE_FACTOR = 3.0  # times the noise of the border
_PEAK_SHARE = 0.2  # of the strongest local deviation of the frame
_SECOND_OBJECT_SHARE = 0.35  # area of a second object relative to the largest
_MIN_OBJECT_PX = 12
_WAIST_SHARE = 0.86  # of the diameter of the smaller part: a waist narrower than this parts two cells
_DENT_SHARE = 0.05  # depth of a dent in the outline relative to the square root of the area
_PART_SHARE = 0.22  # of the area: a smaller part is a process, not a cell

# A chain of steps along the pixels of an outline is longer than the smooth curve: mean over all directions.
_CHAIN_TO_CURVE = 0.948

# Column in pixels -> column in micrometres, and the power of the pixel size between them.
_IN_MICROMETRES = {
    "area_px": ("area_um2", 2),
    "perimeter_px": ("perimeter_um", 1),
    "major_axis_px": ("major_axis_um", 1),
    "minor_axis_px": ("minor_axis_um", 1),
    "height": ("height_um", 1),
    "width": ("width_um", 1),
}


class Objects(NamedTuple):
    """The objects of a frame.

    Attributes:
        outline: (P, 1, 2) x and y of the boundary pixels of the largest one, in order; None when there is none.
        area_px: its pixels, holes filled.
        others: further objects that are large enough to be a cell.
    """

    outline: Outline | None
    area_px: float
    others: int


class Shape(NamedTuple):
    """Measures of one outline; see `preprocess.cell_quality.QualityFeatures`."""

    perimeter_px: float
    major_axis_px: float
    minor_axis_px: float
    aspect_ratio: float
    circularity: float
    eccentricity: float


_NOTHING = Objects(None, 0.0, 0)
_NO_SHAPE = Shape(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def find_objects(signals: Sequence[Float32], noises: Sequence[float]) -> list[Objects]:
    """Objects that stand out in each of `signals` (h, w), images minus their background, of these noises.

    Brightfield cells are darker and brighter than the background at once, so the local root mean square
    decides, not the sign.
    """
    # One step for all images after the other is half as long again as fast as one image after the other.
    windows = [2 * round(min(s.shape) / 32) + 3 if min(s.shape) > 24 else 3 for s in signals]
    squares = [signal * signal for signal in signals]
    locals_ = [
        cv2.blur(square, (window, window), borderType=cv2.BORDER_REFLECT_101)
        for square, window in zip(squares, windows, strict=True)
    ]
    # Compared as squares, because a root of every pixel takes long.
    limits = [
        max(_NOISE_FACTOR**2 * noise * noise, _PEAK_SHARE**2 * _peak(np.asarray(local, np.float32).ravel()))
        for local, noise in zip(locals_, noises, strict=True)
    ]
    masks = [(local > limit).view(np.uint8) for local, limit in zip(locals_, limits, strict=True)]
    outlines = [cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0] for mask in masks]
    for mask, found in zip(masks, outlines, strict=True):
        cv2.drawContours(mask, found, -1, 1, cv2.FILLED)
    # The window widens every object by its half; an erosion takes that back.
    eroded = [
        cv2.erode(mask, _square(window // 2 * 2 - 1), borderType=cv2.BORDER_REPLICATE)
        for mask, window in zip(masks, windows, strict=True)
    ]
    return [objects_of(mask) for mask in eroded]


def objects_of(mask: NDArray[Any]) -> Objects:
    """Objects of a mask (h, w), anything but 0 inside; touching pixels belong together, corners too."""
    outlines, _ = cv2.findContours(_bytes(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return _NOTHING
    # Pick's theorem gives the pixels of a filled outline from the area between the centres of its pixels.
    areas = [cv2.contourArea(outline) + len(outline) / 2 + (1 if len(outline) > 1 else 0.5) for outline in outlines]
    largest = max(range(len(areas)), key=areas.__getitem__)
    area = areas[largest]
    if area < _MIN_OBJECT_PX:
        return _NOTHING
    enough = max(_MIN_OBJECT_PX, _SECOND_OBJECT_SHARE * area)
    return Objects(np.asarray(outlines[largest]), float(area), sum(other >= enough for other in areas) - 1)


def _peak(flat: Float32) -> float:
    """The strongest of all values but a few: one speck of dirt must not set the scale for the whole cell."""
    few = max(4, flat.size // 200)
    top = float(flat.max())
    high = flat[flat > 0.5 * top]
    if high.size <= few:
        high = flat
    place = max(0, high.size - 1 - few)
    return float(np.partition(high, place)[place])


def measure_shape(objects: Objects) -> Shape:
    """Perimeter, axes and roundness of the largest object; all 0 when there is none.

    The perimeter is the chain code length times 0.948, the mean excess of a chain over a smooth curve (Kulpa
    1977, doi:10.1016/S0146-664X(77)80021-X), plus pi for the half pixel outside the centres of its pixels. The
    axes are those of the ellipse with the same second moments, and the aspect ratio is minor over major axis,
    as in the instrument's software.
    """
    outline = objects.outline
    if outline is None:
        return _NO_SHAPE
    perimeter = _CHAIN_TO_CURVE * cv2.arcLength(outline, True) + np.pi
    major, minor = _axes(outline)
    ratio = minor / major
    return Shape(
        perimeter_px=perimeter,
        major_axis_px=major,
        minor_axis_px=minor,
        aspect_ratio=ratio,
        circularity=min(1.0, 4 * np.pi * objects.area_px / (perimeter * perimeter)),
        eccentricity=(1 - ratio * ratio) ** 0.5,
    )


def _axes(outline: Outline) -> tuple[float, float]:
    """Full axes of the ellipse with the second moments of an outline, pixels. An outline runs through the centres
    of pixels, so half a pixel is added on each side."""
    found = cv2.moments(outline)
    area = found["m00"]
    if area > 0:
        xx, yy, xy = found["mu20"] / area, found["mu02"] / area, found["mu11"] / area
        scale = 4.0
    else:  # a line has no area; a uniform line of length L has the variance L^2 / 12
        points = outline.reshape(-1, 2).astype(np.float64)
        (xx, xy), (_, yy) = np.cov(points.T, bias=True)
        scale = 12**0.5
    middle, half = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy * xy) ** 0.5
    return scale * (middle + half) ** 0.5 + 1, scale * max(0.0, middle - half) ** 0.5 + 1


def touching(objects: Objects) -> int:
    """Cells in the largest object: 2 when a waist parts it, else 1, and 0 when there is no object.

    The waist runs between two dents of the outline and is shorter than the diameter of the smaller part.
    """
    outline = objects.outline
    if outline is None:
        return 0
    if len(outline) < 8:
        return 1
    hull = cv2.convexHull(outline, returnPoints=False)
    if len(hull) < 4:
        return 1
    # The order of the hull must fall, or OpenCV refuses the dents of some outlines.
    found: Any = cv2.convexityDefects(outline, np.sort(hull, axis=0)[::-1])
    if found is None:
        return 1
    area = float(cv2.contourArea(outline))
    dents = np.asarray(found).reshape(-1, 4)
    dents = dents[dents[:, 3] > 256 * _DENT_SHARE * area**0.5]
    if len(dents) < 2:
        return 1
    deepest = dents[np.argsort(-dents[:, 3])[:4], 2]
    for first, second in combinations(sorted(deepest.tolist()), 2):
        part = float(cv2.contourArea(outline[first : second + 1]))
        smaller = min(part, area - part)
        step = (outline[first, 0] - outline[second, 0]).tolist()
        waist = (step[0] ** 2 + step[1] ** 2) ** 0.5
        if smaller > _PART_SHARE * area and waist < _WAIST_SHARE * 2 * (smaller / np.pi) ** 0.5:
            return 2
    return 1


def in_micrometres(features: pd.DataFrame, pixel_size_um: float | None) -> pd.DataFrame:
    """A feature table with lengths and areas in micrometres too, in further columns (``area_um2``, ...) at its end.

    Args:
        features: columns of `preprocess.cell_quality.FEATURE_NAMES`, as many as there are; not changed.
        pixel_size_um: side of a pixel in micrometres; None when nobody said it, and no column is added then.
    """
    if pixel_size_um is None:
        return features.copy()
    known = {column: said for column, said in _IN_MICROMETRES.items() if column in features}
    return features.assign(**{name: features[column] * pixel_size_um**power for column, (name, power) in known.items()})


@lru_cache(maxsize=64)
def _square(side: int) -> Mask:
    return np.ones((side, side), np.uint8)


def _bytes(mask: NDArray[Any]) -> Mask:
    return mask if mask.dtype == np.uint8 else np.ascontiguousarray(mask != 0).view(np.uint8)
