"""The light in which a single image was recorded, and how far its cell reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.illumination import measure_illumination

Array = NDArray[Any]
Float32 = NDArray[np.float32]
Floats = NDArray[np.float64]

# A pixel belongs to the cell when it differs from the light by this many times the noise and by this share of
# the contrast.
_OF_CELL = (4.0, 0.2)


@dataclass(frozen=True)
class Recording:
    """Light of one image; arrays (C,), in grey values.

    Attributes:
        level, noise: of the border of the frame.
        slope_x, slope_y: of the light, right minus left and bottom minus top.
        contrast: the 99th percentile of what the cell adds or takes away.
        reach: (rows, columns) between the middle of the frame and the farthest pixel of the cell.
    """

    level: Floats
    noise: Floats
    slope_x: Floats
    slope_y: Floats
    contrast: Floats
    reach: tuple[int, int] = (0, 0)


def recordings_of(images: Sequence[Array]) -> list[Recording]:
    """The light of images (C, h, w), all with the same number of channels."""
    if not images:
        return []
    channels = [measure_illumination([image[c] for image in images]) for c in range(images[0].shape[0])]
    found = []
    for place, image in enumerate(images):
        lights = [channel[place] for channel in channels]
        level = np.array([light.background for light in lights])
        unit = np.array([max(abs(light.background), light.noise) for light in lights])
        light = Recording(
            level,
            np.array([light.noise for light in lights]),
            np.array([light.gradient_x for light in lights]) * unit,
            np.array([light.gradient_y for light in lights]) * unit,
            np.ones(len(lights)),
        )
        found.append(_with_cell(light, image))
    return found


def light_of(recording: Recording, size: tuple[int, int]) -> Float32:
    """(C, h, w) grey values of a frame of that size without a cell: level and slope."""
    height, width = size
    # Slopes are known between opposite sides, so the same difference spans a frame of any size.
    down = np.linspace(-0.5, 0.5, height)[None, :, None]
    along = np.linspace(-0.5, 0.5, width)[None, None, :]
    values = recording.level[:, None, None] + recording.slope_y[:, None, None] * down
    return np.asarray(values + recording.slope_x[:, None, None] * along, np.float32)


def _with_cell(light: Recording, image: Array) -> Recording:
    away = np.abs(image.astype(np.float32) - light_of(light, image.shape[1:]))
    contrast = np.percentile(away.reshape(len(away), -1), 99, axis=1)
    limit = np.maximum(_OF_CELL[0] * light.noise, _OF_CELL[1] * contrast)
    inside = cv2.morphologyEx(
        (away > limit[:, None, None]).any(axis=0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
    )
    reach = []
    for axis, length in ((1, image.shape[1]), (0, image.shape[2])):
        seen = np.flatnonzero(inside.any(axis=axis))
        reach.append(round(max(abs(seen - (length - 1) / 2), default=0)))
    return replace(light, contrast=np.maximum(contrast, 1e-6), reach=(reach[0], reach[1]))
