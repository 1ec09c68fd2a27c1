"""Plain features of single cells, as an honest baseline for networks: shape, brightness, rings, spectrum, texture.

What anybody would measure in half an hour with OpenCV: no feature was chosen by looking at a class. Pixels are first
divided by the median of the border, so that the exposure of a recording is not among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_RINGS = 12
_BANDS = 15
_LAGS = (1, 2, 3, 5)
_SHAPES = 9
COUNT = _SHAPES + len(_PERCENTILES) + 4 + 2 * _RINGS + _BANDS + 2 * len(_LAGS) + 10


def plain_features(images: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """(N, `COUNT`) features of images (h, w), each of its own size."""
    return np.stack([_features(np.asarray(image, np.float64)) for image in images])


def _features(image: NDArray[np.float64]) -> NDArray[np.float64]:
    border = np.concatenate([image[:2].ravel(), image[-2:].ravel(), image[:, :2].ravel(), image[:, -2:].ravel()])
    flat = image / max(float(np.median(border)), 1e-9) - 1
    mask = _mask(flat)
    inside = flat[mask]
    middle, spread = inside.mean(), max(float(inside.std()), 1e-9)
    moments = [middle, spread, (((inside - middle) / spread) ** 3).mean(), (((inside - middle) / spread) ** 4).mean()]
    parts = (_shape(mask), np.percentile(inside, _PERCENTILES), moments, _rings(flat, mask), _spectrum(flat))
    return np.concatenate([*parts, _lags(flat, spread), _patterns(flat, mask)])


def _mask(flat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The largest region that differs from the background, with its holes filled; a disc where there is none."""
    rough = cv2.GaussianBlur(np.abs(flat), (0, 0), 1.5)
    level = np.uint8(255 * np.clip(rough / max(float(rough.max()), 1e-9), 0, 1))
    _, found = cv2.threshold(level, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(flat.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    if filled.sum() < 20:
        height, width = flat.shape
        cv2.circle(filled, (width // 2, height // 2), min(height, width) // 3, 1, cv2.FILLED)
    return filled.astype(bool)


def _shape(mask: NDArray[np.bool_]) -> list[float]:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    area, length = float(mask.sum()), max(cv2.arcLength(outline, True), 1.0)
    rows, columns = np.nonzero(mask)
    minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(rows, columns)), 1e-9))
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    round_ = 4 * np.pi * area / length**2
    return [area, length, major, minor, minor / major, round_, area / hull, area / (height * width), np.sqrt(area)]


def _rings(flat: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean and spread in rings of equal width around the middle of the cell."""
    rows, columns = np.nonzero(mask)
    y, x = np.indices(flat.shape)
    far = np.hypot(y - rows.mean(), x - columns.mean())
    ring = np.minimum((far / (min(flat.shape) / 2) * _RINGS).astype(np.int64), _RINGS - 1).ravel()
    count = np.maximum(np.bincount(ring, minlength=_RINGS), 1)
    mean = np.bincount(ring, flat.ravel(), _RINGS) / count
    square = np.bincount(ring, flat.ravel() ** 2, _RINGS) / count
    return np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, 0))])


def _spectrum(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    power = np.abs(np.fft.fft2(flat - flat.mean())) ** 2
    height, width = flat.shape
    far = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    band = np.minimum((far / 0.5 * _BANDS).astype(np.int64), _BANDS - 1).ravel()
    total = np.bincount(band, power.ravel(), _BANDS) / np.maximum(np.bincount(band, minlength=_BANDS), 1)
    return np.asarray(np.log(total + 1e-9), np.float64)


def _lags(flat: NDArray[np.float64], spread: float) -> list[float]:
    """How much pixels differ from those a few pixels away, to the right and below, in units of the spread."""
    found = []
    for lag in _LAGS:
        found.append(np.abs(flat[:, lag:] - flat[:, :-lag]).mean() / spread)
        found.append(np.abs(flat[lag:] - flat[:-lag]).mean() / spread)
    return found


def _patterns(flat: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rotation-invariant uniform local binary patterns (Ojala et al. 2002) inside the cell: ten shares."""
    around = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    padded = np.pad(flat, 1, mode="edge")
    height, width = flat.shape
    bits = np.stack([padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] >= flat for y, x in around])
    turns = (bits != np.roll(bits, 1, axis=0)).sum(axis=0)
    code = np.where(turns <= 2, bits.sum(axis=0), 9)[mask]
    return np.bincount(code, minlength=10) / max(1, len(code))
