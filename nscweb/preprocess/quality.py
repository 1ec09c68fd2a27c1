"""Quality of a cell image: measured per cell, judged per sample.

`measure` gives numbers that mean the same for any camera depth; `quality_flags` turns the numbers of a whole
sample into the flags of `core.flags`, because "out of focus" only makes sense beside the other cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import flag
from nscweb.preprocess.steps import Array, Float32, border_background, border_ring, full_scale

Mask = NDArray[np.uint8]


class QualityFeatures(NamedTuple):
    """Numbers of one brightfield image (h, w).

    Attributes:
        background: median of the border ring, grey values.
        noise: spread of the border ring as a standard deviation, grey values (`border_background`).
        contrast: root mean square distance from the background inside the object, grey values; 0 when empty.
        focus: share of fine detail: root mean square of the image minus its Gaussian blur (1.5 px) inside the
            object, divided by `contrast`, noise taken off. Sharp cells 0.3 to 0.7, blurred ones below 0.2.
        area_px: pixels of the largest object, holes filled.
        n_objects: objects of cell size, touching ones told apart by their necks.
        border_contact: share of the border ring that the largest object covers, 0..1.
        saturated_share: share of pixels at 0 or at full scale of the camera, 0..1.
        mean_intensity: of the whole frame, grey values.
        height, width: of the frame, pixels.
    """

    background: float
    noise: float
    contrast: float
    focus: float
    area_px: float
    n_objects: int
    border_contact: float
    saturated_share: float
    mean_intensity: float
    height: int
    width: int


FEATURE_NAMES: tuple[str, ...] = QualityFeatures._fields

# An object is where the local deviation (5 x 5 px) exceeds both of these.
_NOISE_FACTOR = 3.0  # times the noise of the border
_PEAK_SHARE = 0.2  # of the strongest local deviation of the frame
_SECOND_OBJECT_SHARE = 0.35  # area of a second object relative to the largest
_MIN_OBJECT_PX = 12
_WAIST_SHARE = 0.86  # of the diameter of the smaller part: a waist narrower than this parts two cells
_DENT_SHARE = 0.05  # depth of a dent in the outline relative to the square root of the area
_PART_SHARE = 0.22  # of the area: a smaller part is a process, not a cell

# Judgement of a sample.
BLUR_BELOW_MEDIAN = 0.45  # share of the sample's median focus
BLUR_FLOOR = 0.12  # no fine detail at all, whatever the rest of the sample looks like
BORDER_CONTACT = 0.06  # share of the ring
SATURATED_SHARE = 0.02  # of the frame
EMPTY_SIGNAL = 2.0  # contrast in units of noise


def object_mask(signal: Float32, noise: float) -> tuple[Mask, float]:
    """Filled mask (h, w) of everything that stands out, and the strongest local deviation.

    `signal` is the image minus its background. Brightfield cells are darker and brighter than the background
    at once, so the local root mean square decides, not the sign.
    """
    window = 2 * round(min(signal.shape) / 32) + 3 if min(signal.shape) > 24 else 3
    local = cv2.sqrt(cv2.blur(signal * signal, (window, window), borderType=cv2.BORDER_REFLECT_101))
    flat = local.ravel()
    # Not the maximum: one speck of dirt must not set the scale for the whole cell.
    place = max(0, flat.size - 1 - max(4, flat.size // 200))
    peak = float(np.partition(flat, place)[place])
    mask = (local > max(_NOISE_FACTOR * noise, _PEAK_SHARE * peak)).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, contours, -1, 1, cv2.FILLED)
    # The window widens every object by its half; an erosion takes that back.
    kernel = np.ones((window // 2 * 2 - 1, window // 2 * 2 - 1), np.uint8)
    return np.asarray(cv2.erode(mask, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8), peak


def measure(pixels: Array) -> QualityFeatures:
    """Features of one brightfield image (h, w) of any depth."""
    background, noise = border_background(pixels)
    height, width = pixels.shape
    mean = float(pixels.mean())
    scale = full_scale(pixels)
    saturated = float(np.count_nonzero((pixels >= scale) | (pixels <= 0))) / pixels.size
    signal = np.subtract(pixels, background, dtype=np.float64).astype(np.float32)
    empty = QualityFeatures(background, noise, 0.0, 0.0, 0.0, 0, 0.0, saturated, mean, height, width)
    mask, peak = object_mask(signal, noise)
    if peak <= 0:
        return empty
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < _MIN_OBJECT_PX:
        return empty
    largest = int(areas.argmax()) + 1
    # From here on only the box around the cell, with a rim for the high pass, is worth the time.
    left, top, wide, high = (int(value) for value in stats[largest, :4])
    box = np.s_[max(0, top - 4) : top + high + 4, max(0, left - 4) : left + wide + 4]
    ring = int(np.count_nonzero(border_ring(labels) == largest))
    cell, signal = labels[box] == largest, signal[box]
    values = signal[cell]
    contrast = float(np.sqrt(np.dot(values, values) / values.size))
    others = int(np.count_nonzero(areas >= max(_MIN_OBJECT_PX, _SECOND_OBJECT_SHARE * areas.max()))) - 1
    return QualityFeatures(
        background=background,
        noise=noise,
        contrast=contrast,
        focus=_focus(signal, cell, contrast, noise),
        area_px=float(areas.max()),
        n_objects=others + _touching(cell.astype(np.uint8)),
        border_contact=ring / max(1, 2 * (height + width) - 4),
        saturated_share=saturated,
        mean_intensity=mean,
        height=height,
        width=width,
    )


def _focus(signal: Float32, cell: NDArray[np.bool_], contrast: float, noise: float) -> float:
    fine = (signal - cv2.GaussianBlur(signal, (9, 9), 1.5, borderType=cv2.BORDER_REFLECT_101))[cell]
    # What is left of white noise of variance 1 after this high pass: 1 - 2 g(0) + sum of g squared.
    energy = max(0.0, float(np.dot(fine, fine)) / fine.size - 0.894 * noise * noise)
    return float(np.sqrt(energy)) / contrast if contrast > 0 else 0.0


def _touching(cell: Mask) -> int:
    """Cells in one connected object: 2 when a waist parts it, else 1.

    The waist runs between two dents of the outline and is shorter than the diameter of the smaller part.
    """
    contours, _ = cv2.findContours(cell, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=len).reshape(-1, 2)
    hull = cv2.convexHull(outline, returnPoints=False)
    if len(outline) < 8 or len(hull) < 4:
        return 1
    # The order of the hull must fall, or OpenCV refuses the dents of some outlines.
    found = cv2.convexityDefects(outline, np.sort(hull, axis=0)[::-1])
    area = float(cv2.contourArea(outline))
    dents = np.asarray(found).reshape(-1, 4) if found is not None else np.zeros((0, 4), np.int64)
    dents = dents[dents[:, 3] / 256 > _DENT_SHARE * np.sqrt(area)]
    deepest = dents[np.argsort(-dents[:, 3])[:4], 2]
    for first, second in combinations(sorted(int(place) for place in deepest), 2):
        part = float(cv2.contourArea(outline[first : second + 1]))
        smaller = min(part, area - part)
        waist = float(np.hypot(*(outline[first] - outline[second]).astype(np.float64)))
        if smaller > _PART_SHARE * area and waist < _WAIST_SHARE * 2 * np.sqrt(smaller / np.pi):
            return 2
    return 1


def quality_flags(features: pd.DataFrame) -> NDArray[np.int64]:
    """Flags of `core.flags` as a bit mask per cell, for the feature table of one whole sample.

    Blurred is relative to the sample (`BLUR_BELOW_MEDIAN` of the median focus of cells that are not empty)
    and absolute (`BLUR_FLOOR`), so that a sample that is out of focus as a whole is found too. With fewer
    than eight cells only the absolute floor counts.

    Args:
        features: one row per cell with the columns `FEATURE_NAMES`.
    """
    table = {name: features[name].to_numpy(dtype=np.float64) for name in FEATURE_NAMES}
    contrast, noise, focus = table["contrast"], table["noise"], table["focus"]
    level = np.abs(table["background"])
    constant = (noise == 0) & (contrast == 0)
    constant &= np.abs(table["mean_intensity"] - table["background"]) <= 1e-6 * np.maximum(level, 1e-12)
    empty = ~constant & ((table["area_px"] <= 0) | (contrast < EMPTY_SIGNAL * noise))
    seen = ~constant & ~empty
    floor = BLUR_FLOOR
    if np.count_nonzero(seen) >= 8:
        floor = max(floor, BLUR_BELOW_MEDIAN * float(np.median(focus[seen])))
    mask = np.zeros(len(features), np.int64)
    for name, hit in (
        ("empty", empty),
        ("blurred", seen & (focus < floor)),
        ("border", seen & (table["border_contact"] > BORDER_CONTACT)),
        ("several", seen & (table["n_objects"] > 1)),
        ("saturated", table["saturated_share"] > SATURATED_SHARE),
        ("constant", constant),
    ):
        mask[hit] |= flag(name).bit
    return mask


def measure_all(images: Iterable[Array]) -> pd.DataFrame:
    """Feature table of a sample: one row per image (h, w), columns `FEATURE_NAMES` and ``flags``."""
    table = pd.DataFrame([measure(pixels) for pixels in images], columns=list(FEATURE_NAMES))
    table["flags"] = quality_flags(table)
    return table
