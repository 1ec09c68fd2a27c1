"""Cells in a whole field of view, by classical steps that a person can follow.

1. The slow change of the light is taken off (`field_background`).
2. Brightfield cells are brighter and darker than the background at once, so the local root mean square of what
   is left decides, not its sign.
3. A threshold, by the grain of the background or by the histogram (Otsu 1979, doi:10.1109/TSMC.1979.4310076;
   triangle: Zack 1977, doi:10.1177/25.7.70454).
4. Small holes are filled, touching cells are parted by a watershed on the distance to the outline (Vincent and
   Soille 1991, doi:10.1109/34.87344), and what is too small or too large is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.filters import threshold_otsu, threshold_triangle
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from nscweb.core.field_settings import SegmentationSettings
from nscweb.preprocess.field_background import background_of
from nscweb.preprocess.numbered_objects import Labels, nobody_counts
from nscweb.preprocess.pixel_steps import Array, Float32

Mask = NDArray[np.uint8]

# Fields with more pixels are searched at a lower resolution, so that memory stays below a gigabyte.
MOST_PIXELS = 4096 * 4096
# An object whose box is larger, such as the seam of a stitched scan, is not parted: that would need gigabytes.
MOST_PARTED = 2048 * 2048
_STRIP = 256
# Standard deviation of the window of the local root mean square, pixels.
_WINDOW = 1.5
# Beside something strong the limit is this share of it, so that the window does not widen a bright rim.
_RIM_SHARE = 0.35
_USUAL_RIM = 0.85
# Share of the field that is surely background; the grain is measured there.
_BACKGROUND_SHARE = 0.25
# A histogram threshold below this many times the grain would cut through the grain itself.
_LEAST_OVER_GRAIN = 2.5
# An object whose convex hull is hardly larger has no waist.
_CONVEX = 0.945


class FieldCell(NamedTuple):
    """One cell of a field.

    Attributes:
        pixels: (C, h, w), cut out of the field as they are; a margin stops where the field ends.
        mask: (h, w), True inside the cell.
        x, y: centre of the cell in pixels of the field, from its upper left corner.
        area_px: pixels of the cell.
        at_border: the border of the field cuts it.
        label: its number in the labels.
    """

    pixels: Array
    mask: NDArray[np.bool_]
    x: float
    y: float
    area_px: int
    at_border: bool
    label: int


class FieldCells(NamedTuple):
    """The cells of a field in reading order, and how many were left out because the border cuts them."""

    cells: list[FieldCell]
    dropped: int


def segment_field(
    pixels: Array,
    settings: SegmentationSettings,
    pixel_size_um: float | None = None,
    too_large: Callable[[int], None] = nobody_counts,
) -> Labels:
    """Number the cells of a brightfield image (h, w) of any depth: (h, w) int32, 0 is background.

    The result does not depend on offset, gain or depth of the camera, apart from rounding. Numbers run from 1 in
    reading order. A field without cells, or of one value, gives only 0.

    Args:
        pixel_size_um: not needed, because settings are in pixels; accepted so that callers need not ask.
        too_large: told how many objects were left out because they are larger than the largest area.
    """
    if pixels.ndim != 2:
        raise ValueError(f"a field has two axes, not the shape {pixels.shape}")
    if settings.method == "learnt":
        raise ValueError("the learnt method needs its network, which is not here")
    height, width = pixels.shape
    shrink = max(1, int(np.ceil(np.sqrt(pixels.size / MOST_PIXELS))))
    signal = _centred(pixels, shrink)
    if signal is None or min(signal.shape) < 3:
        return np.zeros((height, width), np.int32)
    radius, sigma = settings.background_radius / shrink, settings.smoothing / shrink
    if radius:
        signal -= background_of(signal, radius)
    else:
        signal -= np.float32(np.median(signal))
    local = _local_rms(signal, sigma)
    del signal
    limit = _limit(local, settings)
    if limit is None:
        return np.zeros((height, width), np.int32)
    reach = 2 * round(4 * np.hypot(_WINDOW, sigma)) + 1
    beside = cv2.dilate(local, np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_REPLICATE)
    strong = local[local > limit]
    # A bright granule must not eat the cell around it, so no more is asked than a usual rim does.
    usual = float(np.quantile(strong, _USUAL_RIM)) if strong.size else 0.0
    mask = (local > np.maximum(limit, _RIM_SHARE * np.minimum(beside, usual))).view(np.uint8)
    del local, beside
    low, high = settings.min_area / shrink**2, settings.max_area / shrink**2
    mask = _tidy(mask, sigma, high)
    labels, larger = _objects(mask, settings, low, high)
    too_large(larger)
    if shrink > 1:
        labels = np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST), np.int32)
    return labels


def _centred(pixels: Array, shrink: int) -> Float32 | None:
    """The field as float32 around 0 and of deviation near 1; None for a field of one value."""
    if not pixels.size:
        return None
    lowest, highest = float(pixels.min()), float(pixels.max())
    middle, span = lowest / 2 + highest / 2, highest - lowest
    if not (highest > lowest and np.isfinite(span)):
        return None
    # float32 holds 16 bit exactly; all else is brought near 0 before it loses digits.
    work = np.float32 if pixels.dtype in (np.uint8, np.uint16) else np.float64
    height, width = (max(1, side // shrink) for side in pixels.shape)
    signal = np.empty((height, width), np.float32)
    # Strip by strip, so that a large field is never held as floats.
    for top in range(0, height, _STRIP):
        rows = min(_STRIP, height - top)
        part = np.subtract(pixels[top * shrink : (top + rows) * shrink], work(middle), dtype=work)
        part = (part / work(span)).astype(np.float32, copy=False)
        if shrink > 1:
            part = np.asarray(cv2.resize(part, (width, rows), interpolation=cv2.INTER_AREA), np.float32)
        signal[top : top + rows] = part
    return signal


def _local_rms(signal: Float32, sigma: float) -> Float32:
    if sigma > 0:
        signal = np.asarray(cv2.GaussianBlur(signal, (0, 0), sigma), np.float32)
    square = cv2.GaussianBlur(signal * signal, (0, 0), _WINDOW, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)


def _limit(local: Float32, settings: SegmentationSettings) -> float | None:
    """The threshold; None when nothing in the field stands out from anything."""
    some = local[:: max(1, local.shape[0] // 512), :: max(1, local.shape[1] // 512)].ravel()
    grain = float(np.quantile(some, _BACKGROUND_SHARE))
    if settings.method == "noise":
        return settings.threshold * grain
    if grain <= 0:
        grain = float(np.min(some[some > 0], initial=np.inf))
        if not np.isfinite(grain):
            return None
    logs = np.log(np.maximum(some, grain))
    if not logs.max() > logs.min():
        return None
    found = threshold_otsu(logs) if settings.method == "otsu" else threshold_triangle(logs)
    return max(_LEAST_OVER_GRAIN * grain, settings.threshold * float(np.exp(found)))


def _tidy(mask: Mask, sigma: float, max_area: float) -> Mask:
    """Holes filled that are no larger than a cell, widening by the window taken back, specks gone."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), np.uint8)
    holes, found, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    height, width = mask.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    inside = (left > 0) & (top > 0)
    inside &= (left + stats[:, cv2.CC_STAT_WIDTH] < width) & (top + stats[:, cv2.CC_STAT_HEIGHT] < height)
    fill = inside & (stats[:, cv2.CC_STAT_AREA] <= max_area / 2)
    fill[0] = False
    if holes > 1:
        mask |= fill[found].view(np.uint8)
    side = 2 * round(1.5 * np.hypot(_WINDOW, sigma / 2) * np.sqrt(-np.log(_RIM_SHARE))) + 1
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    mask = np.asarray(cv2.erode(mask, shape, borderType=cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)


def _objects(mask: Mask, settings: SegmentationSettings, low: float, high: float) -> tuple[Labels, int]:
    """(objects of a mask numbered, parted where they touch, of sizes between `low` and `high`; larger ones)."""
    count, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels = np.zeros(mask.shape, np.int32)
    number = larger = 0
    for index in range(1, count):
        area = int(stats[index, cv2.CC_STAT_AREA])
        if area < low:
            continue
        x, y, w, h = (int(value) for value in stats[index, :4])
        here = found[y : y + h, x : x + w] == index
        split = settings.split and area >= 2 * low and w * h <= MOST_PARTED
        parts = _parted(here, settings, low) if split else [here]
        for part in parts:
            size = np.count_nonzero(part)
            larger += int(size > high)
            if low <= size <= high:
                number += 1
                labels[y : y + h, x : x + w][part] = number
    return labels, larger


def _parted(mask: NDArray[np.bool_], settings: SegmentationSettings, low: float) -> list[NDArray[np.bool_]]:
    """The cells of one object: a waist narrower than the cells beside it parts them."""
    if _solidity(mask) > _CONVEX:
        return [mask]
    padded = np.pad(mask, 1)
    depth = np.asarray(cv2.distanceTransform(padded.view(np.uint8), cv2.DIST_L2, 5), np.float32)
    step = max(0.5, 0.3 * (1 - settings.split_strength) * float(depth.max()))
    tops = local_maxima(reconstruction(np.maximum(depth - step, 0), depth))
    markers = np.asarray(cv2.connectedComponents(tops.astype(np.uint8), connectivity=8)[1], np.int32)
    while (count := int(markers.max())) > 1:
        parts = np.asarray(watershed(-depth, markers, mask=padded), np.int32)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        smallest = int(sizes.argmin())
        if sizes[smallest] >= low:
            return [(parts == part)[1:-1, 1:-1] for part in range(1, count + 1)]
        # A part too small for a cell belongs to its neighbour.
        markers[markers == smallest + 1] = 0
        markers[markers > smallest + 1] -= 1
    return [mask]


def _solidity(mask: NDArray[np.bool_]) -> float:
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    hull = float(cv2.contourArea(cv2.convexHull(outline)))
    return float(cv2.contourArea(outline)) / hull if hull > 0 else 1.0


def cells_of_field(pixels: Array, labels: Labels, settings: SegmentationSettings) -> FieldCells:
    """Cut the cells of a field out of all its channels.

    Args:
        pixels: (C, H, W), or (H, W) for one channel.
        labels: (H, W) from `segment_field`.

    No pixel is invented: a margin stops at the border of the field. Crops are copies.
    """
    planes: NDArray[Any] = pixels[None] if pixels.ndim == 2 else pixels
    if planes.shape[1:] != labels.shape:
        raise ValueError(f"labels {labels.shape} do not fit pixels {pixels.shape}")
    height, width = labels.shape
    cells: list[FieldCell] = []
    dropped = 0
    boxes: list[Any] = list(find_objects(labels))
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        (top, bottom), (left, right) = ((int(side.start), int(side.stop)) for side in box)
        at_border = top == 0 or left == 0 or bottom == height or right == width
        if at_border and settings.drop_border:
            dropped += 1
            continue
        rows = slice(max(0, top - settings.margin), min(height, bottom + settings.margin))
        columns = slice(max(0, left - settings.margin), min(width, right + settings.margin))
        mask = labels[rows, columns] == number
        ys, xs = np.nonzero(mask)
        cells.append(
            FieldCell(
                planes[:, rows, columns].copy(),
                mask,
                float(xs.mean()) + columns.start,
                float(ys.mean()) + rows.start,
                len(xs),
                at_border,
                number,
            )
        )
    return FieldCells(cells, dropped)
