"""Single preprocessing steps as pure functions on NumPy arrays. No step changes its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# Mean absolute deviation of the central 80 % of a normal distribution: 2 (phi(0) - phi(1.2816)) / 0.8.
TRIMMED_MEAN_OF_NORMAL = 0.5586

# Full scales that an integer image may have been digitised to: 8, 12 (imaging flow cytometers), 16, 32 bit.
FULL_SCALES = (255.0, 4095.0, 65535.0, 4294967295.0)

# The deviation that pixels are divided by is never less than this share of the largest excursion in the
# field, so a field of one value does not blow up. One hot pixel in 50 x 50 has a share of 0.02.
DEVIATION_FLOOR = 0.01


def border_ring(pixels: Array) -> Array:
    """The outermost pixels of a frame (h, w) as one vector of 2 h + 2 w - 4 values."""
    if min(pixels.shape) < 2:
        return pixels.ravel()
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def border_background(pixels: Array) -> tuple[float, float]:
    """Level and spread of the background of a frame (h, w), from its outermost pixels.

    The median, and the mean absolute deviation of the 80 % of pixels nearest to it, scaled to the standard
    deviation of a normal distribution. A cell on the border moves neither until it covers a fifth of it, and
    the spread does not collapse to 0 on coarse 8-bit data as a median absolute deviation does.
    """
    ring = border_ring(pixels).astype(np.float64)
    ring.sort()
    level = float(ring[(ring.size - 1) // 2] + ring[ring.size // 2]) / 2
    distance = np.abs(ring - level)
    distance.sort()
    near = max(1, int(0.8 * distance.size))
    return level, float(distance[:near].sum()) / near / TRIMMED_MEAN_OF_NORMAL


def border_levels(images: Sequence[Array]) -> Float64:
    """Median of the border ring of every image and channel at once: images (C, h, w) -> (N, C) float64.

    Frames may differ in size: rings are laid into one table, padded with infinity, and sorted together.
    """
    if not images:
        return np.zeros((0, 0))
    channels = images[0].shape[0]
    lengths = np.array(
        [2 * (image.shape[1] + image.shape[2]) - 4 if min(image.shape[1:]) > 1 else image[0].size for image in images]
    )
    rings = np.full((len(images), channels, int(lengths.max())), np.inf)
    for ring, image in zip(rings, images, strict=True):
        h, w = image.shape[1:]
        if min(h, w) < 2:
            ring[:, : h * w] = image.reshape(channels, -1)
            continue
        ring[:, :w] = image[:, 0]
        ring[:, w : 2 * w] = image[:, -1]
        ring[:, 2 * w : 2 * w + h - 2] = image[:, 1:-1, 0]
        ring[:, 2 * w + h - 2 : 2 * (w + h) - 4] = image[:, 1:-1, -1]
    rings.sort(axis=2)
    rows = np.arange(len(images))
    levels: Float64 = (rings[rows, :, (lengths - 1) // 2] + rings[rows, :, lengths // 2]) / 2
    return levels


def centred_slices(have: int, want: int) -> tuple[slice, slice]:
    """Where a centred crop or pad takes its pixels and puts them: (source, target) along one axis.

    Adding k pixels on both sides of a frame moves nothing in the field.
    """
    shift = (want - have) // 2
    start, stop = max(0, shift), min(want, shift + have)
    return slice(start - shift, stop - shift), slice(start, stop)


def pad_or_crop(pixels: Array, size: tuple[int, int], fill: float) -> Array:
    """Centred pad with `fill` or crop of the last two axes to `size` (height, width); never stretches."""
    height, width = size
    result = np.full((*pixels.shape[:-2], height, width), fill, dtype=pixels.dtype)
    from_y, to_y = centred_slices(pixels.shape[-2], height)
    from_x, to_x = centred_slices(pixels.shape[-1], width)
    result[..., to_y, to_x] = pixels[..., from_y, from_x]
    return result


def crop_box(pixels: Array, box: tuple[int, int, int, int], fill: NDArray[Any]) -> Array:
    """The part of (C, h, w) inside `box` (top, left, height, width); beyond the frame `fill` (C,) of each channel."""
    top, left, height, width = box
    result = np.empty((pixels.shape[0], height, width), pixels.dtype)
    result[:] = (np.rint(fill) if pixels.dtype.kind in "ui" else fill)[:, None, None]
    rows = slice(max(0, top), min(pixels.shape[1], top + height))
    columns = slice(max(0, left), min(pixels.shape[2], left + width))
    to_rows, to_columns = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    result[:, to_rows, to_columns] = pixels[:, rows, columns]
    return result


def resampled(image: Array, factor: float) -> Array:
    """An image (C, h, w) with `factor` times as many pixels along each side, of the same type; at least one pixel.

    Smaller ones are averaged over the area of each new pixel, larger ones interpolated linearly, so that no value
    leaves the range of the image.
    """
    height, width = (max(1, round(length * factor)) for length in image.shape[1:])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    work = image.dtype if image.dtype in (np.dtype(np.float32), np.dtype(np.float64)) else np.dtype(np.float64)
    planes = [cv2.resize(plane.astype(work), (width, height), interpolation=method) for plane in image]
    result = np.stack(planes)
    return np.rint(result).astype(image.dtype) if image.dtype.kind in "ui" else result.astype(image.dtype)


def equalise(pixels: Array, clip_limit: float, tiles: int) -> NDArray[np.uint8]:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of each plane of (C, h, w), to 8 bit.

    Each plane is stretched from its smallest and largest value to 0..255 first, so offset, gain and depth play no
    part. Pizer et al. 1987, doi:10.1016/S0734-189X(87)80186-X; Zuiderveld 1994; done by OpenCV.

    Args:
        clip_limit: how many times the mean of a tile's histogram one grey value may count; 2 to 4 are usual.
        tiles: along each side. A tile needs some hundred pixels, so single cells want 1 or 2, colonies 8.
    """
    worker = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles))
    result = np.empty(pixels.shape, np.uint8)
    for target, plane in zip(result, pixels, strict=True):
        lowest, highest = float(plane.min()), float(plane.max())
        if not highest > lowest:
            target[:] = 0
            continue
        unit = (plane.astype(np.float64) - lowest) / (highest - lowest)
        target[:] = worker.apply(np.rint(255 * unit).astype(np.uint8))
    return result


def full_scale(image: Array) -> float:
    """The value that stands for white in an image of any depth.

    An integer image gets the smallest of 255, 4095, 65535 and 2^32 - 1 that holds its largest value, so that
    12-bit data kept in 16-bit files are taken as 12-bit. A float image within 0..1 has 1, other floats are
    taken like integers.
    """
    if image.dtype == np.uint8:
        return 255.0
    top = float(image.max(initial=0))
    if image.dtype == np.bool_ or (image.dtype.kind == "f" and top <= 1.0 and float(image.min(initial=0)) >= 0):
        return 1.0
    return next((scale for scale in FULL_SCALES if top <= scale), top)


def divide_by_deviation(fields: Float32) -> Float32:
    """Divide each plane of (N, C, h, w) by its own standard deviation; a plane of zeros stays zero.

    The same cell with any gain gives the same result, because the lower bound of the deviation is a share of
    the plane's own largest excursion (`DEVIATION_FLOOR`).
    """
    planes = fields.reshape(*fields.shape[:2], fields.shape[2] * fields.shape[3])
    largest = np.maximum(planes.max(axis=2, initial=0), -planes.min(axis=2, initial=0))
    # Values are brought to -1..1 before squaring, so that very large floats do not overflow.
    safe = np.where(largest > 1e-30, largest, np.inf).astype(np.float32)
    scaled = planes / safe[..., None]
    mean = scaled.mean(axis=2, dtype=np.float64)
    square = np.einsum("ncp,ncp->nc", scaled, scaled) / max(1, planes.shape[2])
    deviation = np.sqrt(np.maximum(square - mean**2, DEVIATION_FLOOR**2)).astype(np.float32)
    scaled /= deviation[..., None]
    return scaled.reshape(fields.shape)


def resize_planes(fields: Float32, size: tuple[int, int], interpolation: str) -> Float32:
    """Resize every plane of (N, C, h, w) to `size` (height, width) with OpenCV, ``area`` or ``linear``."""
    if tuple(fields.shape[2:]) == tuple(size):
        return fields
    method = cv2.INTER_AREA if interpolation == "area" else cv2.INTER_LINEAR
    result = np.empty((*fields.shape[:2], *size), np.float32)
    flat = np.ascontiguousarray(fields).reshape(-1, *fields.shape[2:])
    for source, target in zip(flat, result.reshape(-1, *size), strict=True):
        cv2.resize(source, (size[1], size[0]), dst=target, interpolation=method)
    return result
