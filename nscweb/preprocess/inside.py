"""What is measured inside the object of a frame: contrast, focus, intensity, and its contact with the border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.frame_light import Illumination
from nscweb.preprocess.pixel_steps import Float32
from nscweb.preprocess.shape import Objects

# Pixels around the box of an object that the high pass of `focus` looks at.
_RIM = 4


class Inside(NamedTuple):
    """Numbers of one object; see `preprocess.cell_quality.QualityFeatures`. All 0 when there is none."""

    contrast: float = 0.0
    focus: float = 0.0
    border_contact: float = 0.0
    gradient_rms: float = 0.0
    intensity: float = 0.0


_NONE = Inside()


class _Crop(NamedTuple):
    """The box around an object: signal and mask (h, w), and its left upper corner in the frame."""

    signal: Float32
    mask: NDArray[np.uint8]
    x: int
    y: int


def measure_inside(
    signals: Sequence[Float32], lights: Sequence[Illumination], objects: Sequence[Objects]
) -> list[Inside]:
    """Measures of the largest object of each image; `signals` (h, w) are images minus their background."""
    rows = [row for row, found in enumerate(objects) if found.outline is not None]
    crops = [_crop(signals[row], objects[row]) for row in rows]
    noises = [lights[row].noise for row in rows]
    areas = [objects[row].area_px for row in rows]
    # One step for all cells after the other, because that is faster than one cell after the other.
    means = [cv2.mean(crop.signal, crop.mask)[0] for crop in crops]
    contrasts = [
        (cv2.norm(crop.signal, cv2.NORM_L2SQR, crop.mask) / area) ** 0.5
        for crop, area in zip(crops, areas, strict=True)
    ]
    focus = [_focus(*item) for item in zip(crops, contrasts, noises, areas, strict=True)]
    slopes = [_slope(*item) for item in zip(crops, noises, areas, strict=True)]
    result = [_NONE] * len(objects)
    for place, row in enumerate(rows):
        level = max(abs(means[place] + lights[row].background), contrasts[place])
        result[row] = Inside(
            contrasts[place],
            focus[place],
            _border_contact(crops[place], signals[row].shape),
            100 * slopes[place] / level if level > 0 else 0.0,
            float(means[place]),
        )
    return result


def _crop(signal: Float32, found: Objects) -> _Crop:
    outline = np.asarray(found.outline)
    left, top, wide, high = cv2.boundingRect(outline)
    x, y = max(0, left - _RIM), max(0, top - _RIM)
    box = signal[y : top + high + _RIM, x : left + wide + _RIM]
    mask = np.zeros(box.shape, np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED, offset=(-x, -y))
    return _Crop(box, mask, x, y)


def _focus(crop: _Crop, contrast: float, noise: float, area: float) -> float:
    if contrast <= 0:
        return 0.0
    smooth = cv2.GaussianBlur(crop.signal, (9, 9), 1.5, borderType=cv2.BORDER_REFLECT_101)
    # What is left of white noise of variance 1 after this high pass: 1 - 2 g(0) + sum of g squared.
    energy = cv2.norm(crop.signal, smooth, cv2.NORM_L2SQR, crop.mask) / area - 0.894 * noise * noise
    return float(max(0.0, energy) ** 0.5 / contrast)


def _slope(crop: _Crop, noise: float, area: float) -> float:
    """Root mean square difference between neighbours inside the object, noise taken off, grey values per pixel."""
    signal, mask = crop.signal, crop.mask
    energy = 0.0
    if signal.shape[1] > 1:
        energy += cv2.norm(signal[:, 1:], signal[:, :-1], cv2.NORM_L2SQR, mask[:, 1:])
    if signal.shape[0] > 1:
        energy += cv2.norm(signal[1:], signal[:-1], cv2.NORM_L2SQR, mask[1:])
    # The difference of two pixels has twice the variance of the noise, in each of the two directions.
    return float(max(0.0, energy / area - 4 * noise * noise) ** 0.5)


def _border_contact(crop: _Crop, frame: tuple[int, ...]) -> float:
    height, width = frame
    high, wide = crop.mask.shape
    if crop.x > 0 and crop.y > 0 and crop.x + wide < width and crop.y + high < height:
        return 0.0
    whole = np.zeros((height, width), np.uint8)
    whole[crop.y : crop.y + high, crop.x : crop.x + wide] = crop.mask
    pixels = np.count_nonzero(whole) - np.count_nonzero(whole[1:-1, 1:-1])
    return float(pixels) / max(1, 2 * (height + width) - 4)
