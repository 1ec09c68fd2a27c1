"""Which channel is brightfield: guessed from names, then from pixels; shown, and changed by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.io.names.channel_marks import is_stain, says_brightfield
from nscweb.io.names.file_names import natural_key
from nscweb.preprocess.padding import find_padding

_NAMES = re.compile(r"bright|\bbf\b|^bf|transmi|phase|\bdic\b", re.IGNORECASE)
# How the channel of merged colour pictures ends ("3_colour").
MERGED = "_colour"
# Brightfield light fills the frame: its border is bright and even. A stained cell lies on a dark one.
_MOST_DEVIATION = 0.25
_DARK = 0.25
_ENOUGH_SIDE = 256
# Of the pixels of a line so many may be noise.
_CHANCE = 0.1
_LEAST_SIDE = 8


def called_brightfield(channels: Sequence[str]) -> str:
    """The first channel whose name says brightfield, "" when none does."""
    return next((name for name in channels if _NAMES.search(name) or says_brightfield(name)), "")


def looks_stained(name: str, images: Sequence[NDArray[Any]]) -> bool:
    """Whether a channel is likely fluorescence: called by a stain, or dark around its cells.

    Around a cell in brightfield the light is about half of the brightest pixel; around a stained one it is dark. What a
    program put around a crop or outside a mask is no light, so it does not count.
    """
    if called_brightfield([name]):
        return False
    shares = []
    for image in images:
        # Every few pixels of a whole field say the same.
        step = max(1, max(image.shape) // _ENOUGH_SIDE)
        pixels, level = _without_padding(np.asarray(image[::step, ::step]))
        low, high = float(pixels.min()), float(np.percentile(pixels, 99.8))
        if high - low > 0:
            # Counted from 0 where pixels are not negative, so that a bright and even image stays bright.
            base = min(low, 0.0)
            shares.append((level - base) / (high - base))
    return is_stain(name) or (bool(shares) and float(np.median(shares)) < _DARK)


def _without_padding(image: NDArray[Any]) -> tuple[NDArray[np.float64], float]:
    """The pixels that a camera saw, and how bright they are at their border."""
    found = find_padding(image)
    inside = np.asarray(image if found is None else image[found.box], np.float64)
    if found is not None and found.masked:
        values, counts = np.unique(_ring(inside, 1), return_counts=True)
        value = values[counts.argmax()]
        seen = inside != value
        beside = seen & ~cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        kept = inside[seen]
        level = float(np.median(inside[beside])) if beside.any() else float(value)
        # A stained cell that is cut out along its own border is darkest there.
        return (kept, level) if level > np.percentile(kept, 25) else (inside, float(value))
    inside = _without_dark_frame(inside)
    return inside, _border([inside])[0]


def _without_dark_frame(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a dark rectangular frame surrounds, also one of noise; a stained cell has no straight sides."""
    bright = pixels > np.percentile(_ring(pixels, 1), 99.5)
    rows = np.flatnonzero(bright.mean(axis=1) > _CHANCE)
    columns = np.flatnonzero(bright.mean(axis=0) > _CHANCE)
    if not len(rows) or not len(columns):
        return pixels
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inner, hit = pixels[box], bright[box]
    sides = (
        (rows[0] > 0, hit[0]),
        (rows[-1] + 1 < len(pixels), hit[-1]),
        (columns[0] > 0, hit[:, 0]),
        (columns[-1] + 1 < pixels.shape[1], hit[:, -1]),
    )
    cut = [line for is_cut, line in sides if is_cut]
    straight = all(line.mean() >= 1 - _CHANCE for line in cut)
    return inner if cut and straight and min(inner.shape) >= _LEAST_SIDE else pixels


def guess_brightfield(channels: Sequence[str], images: Mapping[str, Sequence[NDArray[Any]]]) -> str:
    """The likely brightfield channel, "" when there is no channel.

    Args:
        images: a few (h, w) images per channel, unscaled; channels without images are judged by name only.

    A channel called brightfield wins. Otherwise, of the channels whose border is bright against their darkest
    possible value and even (median deviation below a quarter of the level), the first in natural order, because
    instruments with two lamps number the main one first; without any, the one with the evenest border. Merged
    colour pictures are never guessed.
    """
    ordered = sorted((name for name in channels if not name.endswith(MERGED)), key=natural_key)
    named = called_brightfield(ordered)
    if named:
        return named
    if not ordered:
        return ""
    levels = {name: _border(images[name]) for name in ordered if images.get(name)}
    if not levels:
        return ordered[0]
    brightest = max(level for level, _ in levels.values())
    candidates = [
        name
        for name, (level, deviation) in levels.items()
        if level > 0.2 * brightest and deviation < _MOST_DEVIATION * level
    ]
    if candidates:
        return candidates[0]
    return min(levels, key=lambda name: levels[name][1] / max(abs(levels[name][0]), 1e-9))


def _ring(pixels: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The outermost pixels; those of corners count twice."""
    sides = (pixels[:width], pixels[-width:], pixels[:, :width], pixels[:, -width:])
    return np.concatenate([side.ravel() for side in sides])


def _border(images: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Median over images of (border median, border median absolute deviation)."""
    found = []
    for image in images:
        pixels = np.asarray(image, np.float64)
        border = _ring(pixels, 2)
        level = float(np.median(border))
        found.append((level, float(np.median(np.abs(border - level)))))
    middle = np.median(np.array(found), axis=0)
    return float(middle[0]), float(middle[1])
