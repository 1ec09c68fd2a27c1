"""The slowly changing light of a field of view, with objects in it that must not count."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import Float32

# Blocks along the shorter side of the field for the curved surface, and the fits that leave objects out.
_SURFACE_BLOCKS = 32
_FITS = 8
_FAR = 2.5  # times the spread of the blocks
# The median of so many blocks along and across, each of them a median, is the local background.
_BLOCKS = 5


def background_of(signal: Float32, radius: float) -> Float32:
    """Background of a field (h, w) float32: a curved surface through the field, and what is left of slow changes.

    The second part has a window about 2 `radius` wide; objects that cover less than half of it leave no trace.
    Where the window is wider than the field, the surface must do.
    """
    surface = curved_surface(signal)
    if 2 * radius > min(signal.shape):
        return surface
    return np.asarray(surface + _local_medians(signal - surface, radius), np.float32)


def curved_surface(signal: Float32) -> Float32:
    """A surface of second degree through the field (h, w), fitted to medians of blocks.

    Blocks far from it, where objects lie, are left out and the fit is made again.
    """
    height, width = signal.shape
    block = max(1, min(height, width) // _SURFACE_BLOCKS)
    medians = _medians(signal[: height // block * block, : width // block * block], block)
    rows, columns = ((np.arange(count) + 0.5) * block for count in medians.shape)
    terms = _terms(rows / height, columns / width).reshape(-1, 6)
    values = medians.ravel().astype(np.float64)
    keep = np.ones(values.size, bool)
    for _ in range(_FITS):
        if keep.sum() < 12:
            break
        factors = np.linalg.lstsq(terms[keep], values[keep], rcond=None)[0]
        away = np.abs(values - terms @ factors)
        spread = 1.4826 * float(np.median(away))
        keep = away <= _FAR * spread
    else:
        y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        # As a sum of products of a column and a row, so that no table of terms is made for every pixel.
        constant, by_y, by_x, by_yy, by_xx, by_yx = factors
        surface = (constant + by_y * y + by_yy * y * y)[:, None] + (by_x * x + by_xx * x * x)[None, :]
        surface += (by_yx * y)[:, None] * x[None, :]
        return np.asarray(surface, np.float32)
    return np.full(signal.shape, np.median(signal), np.float32)


def _terms(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(h, w, 6) terms of a surface of second degree."""
    rows, columns = np.meshgrid(y, x, indexing="ij")
    return np.stack([np.ones_like(rows), rows, columns, rows * rows, columns * columns, rows * columns], axis=2)


def _local_medians(signal: Float32, radius: float) -> Float32:
    """Beyond the border the light goes on as steeply as before it, so that a slope is followed to the last pixel."""
    height, width = signal.shape
    block = min(max(1, round(2 * radius / _BLOCKS)), max(1, min(height, width) // 2))
    rows, columns = -(-height // block), -(-width // block)
    whole = _beyond(signal, 0, rows * block - height, 0, columns * block - width)
    edge = _BLOCKS // 2 + 1
    medians = _beyond(_medians(whole, block), edge, edge, edge, edge)
    smooth = np.asarray(cv2.GaussianBlur(cv2.medianBlur(medians, _BLOCKS), (3, 3), 0), np.float32)
    # One block more on each side, so that no pixel lies outside the centres of blocks.
    smooth = smooth[edge - 1 : rows + edge + 1, edge - 1 : columns + edge + 1]
    size = ((columns + 2) * block, (rows + 2) * block)
    large = cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[block : block + height, block : block + width], np.float32)


def _medians(signal: Float32, block: int) -> Float32:
    """Medians of square blocks of a field whose sides are multiples of `block`."""
    rows, columns = signal.shape[0] // block, signal.shape[1] // block
    blocks = signal.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(rows, columns, -1)
    return np.asarray(np.median(blocks, axis=2), np.float32)


def _beyond(values: Float32, top: int, bottom: int, left: int, right: int) -> Float32:
    """Pad by turning the values about the last one, which continues a slope."""
    return np.asarray(np.pad(values, ((top, bottom), (left, right)), mode="reflect", reflect_type="odd"), np.float32)
