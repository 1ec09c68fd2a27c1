"""The light in which a single image was recorded, and how far its cell reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.frame_light import measure_illumination

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
        level, noise: of the border of the frame, noise without the slope.
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
    channels = range(images[0].shape[0])
    lit = [measure_illumination([image[c] for image in images]) for c in channels]
    found = []
    for place in range(len(images)):
        lights = [channel[place] for channel in lit]
        unit = np.array([max(abs(light.background), light.noise) for light in lights])
        found.append(
            Recording(
                np.array([light.background for light in lights]),
                np.zeros(len(lights)),
                np.array([light.gradient_x for light in lights]) * unit,
                np.array([light.gradient_y for light in lights]) * unit,
                np.ones(len(lights)),
            )
        )
    # The spread of the border holds the slope as well, so noise is measured once more without it.
    flat = [image - light_of(light, image.shape[1:]) for image, light in zip(images, found, strict=True)]
    spread = [measure_illumination([image[c] for image in flat]) for c in channels]
    return [
        _with_cell(replace(light, noise=np.array([channel[place].noise for channel in spread])), flat[place])
        for place, light in enumerate(found)
    ]


def light_of(recording: Recording, size: tuple[int, int]) -> Float32:
    """(C, h, w) grey values of a frame of that size without a cell: level and slope."""
    height, width = size
    # Slopes are known between opposite sides, so the same difference spans a frame of any size.
    down = np.linspace(-0.5, 0.5, height)[None, :, None]
    along = np.linspace(-0.5, 0.5, width)[None, None, :]
    values = recording.level[:, None, None] + recording.slope_y[:, None, None] * down
    return np.asarray(values + recording.slope_x[:, None, None] * along, np.float32)


def _with_cell(light: Recording, flat: Array) -> Recording:
    away = np.abs(flat.astype(np.float32))
    contrast = np.percentile(away.reshape(len(away), -1), 99, axis=1)
    limit = np.maximum(_OF_CELL[0] * light.noise, _OF_CELL[1] * contrast)
    seen = np.asarray((away > limit[:, None, None]).any(axis=0), np.uint8)
    inside = cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    reach = []
    for axis, length in ((1, flat.shape[1]), (0, flat.shape[2])):
        places = np.flatnonzero(inside.any(axis=axis))
        reach.append(round(max(abs(places - (length - 1) / 2), default=0)))
    return replace(light, contrast=np.maximum(contrast, 1e-6), reach=(reach[0], reach[1]))
