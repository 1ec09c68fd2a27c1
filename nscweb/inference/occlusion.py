"""Occlusion maps: how much the score of a class falls when a patch of the cell is covered (Zeiler and Fergus 2014).

They ask a model as it is, network or not, in any of its forms, so they work where class maps do not: for plain features
and networks that keep no places. They cost a prediction per patch, about eighty for a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.inference.cam import finish_maps
from nscweb.preprocess.pixel_steps import border_levels

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier

Floats = NDArray[np.float32]
# Steps along the shorter side; a patch is two steps wide, so that every pixel is covered four times.
_STEPS = 8


def patches(height: int, width: int) -> list[tuple[slice, slice]]:
    """Where the patches lie: squares that overlap by half and reach over the border, so that all pixels count alike."""
    step = max(1, round(min(height, width) / _STEPS))

    def along(length: int) -> list[slice]:
        # Centred, so that a mirrored cell gets the mirrored map.
        count = -(-length // step) + 1
        first = (length - (count + 1) * step) // 2
        return [slice(max(0, first + i * step), max(0, first + (i + 2) * step)) for i in range(count)]

    return [(rows, columns) for rows in along(height) for columns in along(width)]


def occlusion_maps(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    classes: NDArray[np.int64],
    pixel_size_um: float | None = None,
) -> Floats:
    """Maps (N, H, W) in 0..1 in the geometry of the model's input; 0 where covering does not lower the score.

    Args:
        classifier: a loaded model.
        images: cells (C, h, w) at native depth.
        classes: (N,) class to explain of each cell.
        pixel_size_um: micrometres per pixel of the images, when known.
    """
    inputs = classifier.prepare(images, pixel_size_um)
    places = patches(*inputs.shape[2:])
    fallen = np.zeros((len(inputs), *inputs.shape[2:]), np.float32)
    levels = border_levels(list(inputs)).astype(np.float32)
    for target, cell, level, wanted in zip(fallen, inputs, levels, classes, strict=True):
        covered = np.repeat(cell[None], len(places) + 1, axis=0)
        for one, (rows, columns) in zip(covered[1:], places, strict=True):
            one[:, rows, columns] = level[:, None, None]
        scores = classifier.predict_prepared(covered)[:, wanted]
        times = np.zeros(target.shape, np.float32)
        for score, (rows, columns) in zip(scores[1:], places, strict=True):
            target[rows, columns] += scores[0] - score
            times[rows, columns] += 1
        target /= np.maximum(times, 1)
    return finish_maps(fallen, (int(inputs.shape[2]), int(inputs.shape[3])))
