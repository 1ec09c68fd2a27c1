"""Occlusion maps: cover a patch of the cell with background, and see what that costs the class.

Zeiler and Fergus 2014, section 4.2. It needs no gradients and no layers, only a function that scores inputs, so it
serves networks in torch and ONNX and models that are no networks at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import Progress, no_progress

Floats = NDArray[np.float32]
# Prepared inputs (M, C, H, W) to scores (M, K).
Score = Callable[[Floats], Floats]

_AT_ONCE = 256


def occlusion_maps(
    score: Score,
    inputs: Floats,
    classes: NDArray[Any],
    patch: int,
    step: int,
    *,
    background: NDArray[Any] | None = None,
    progress: Progress = no_progress,
) -> Floats:
    """(N, H, W) mean loss of score of the patches that cover a pixel; negative where covering helps the class.

    Args:
        score: the model.
        inputs: (N, C, H, W) prepared.
        classes: (N,) index of the class that each map speaks for.
        patch: side of the square patch in pixels of the input. Patches reach beyond the border, so that every pixel
            is covered equally often.
        step: pixels between patches, at most `patch`.
        background: (N, C) what is put in place; 0 when None.
        progress: counts passes of the model over all cells.
    """
    cells, _, height, width = inputs.shape
    level = np.zeros(inputs.shape[:2], np.float32) if background is None else np.asarray(background, np.float32)
    losses, covered = np.zeros((cells, height, width)), np.zeros((height, width))
    if not cells:
        return losses.astype(np.float32)
    rows = np.arange(cells)
    whole = score(inputs)[rows, classes]
    boxes = [(slice(*y), slice(*x)) for y in _spans(height, patch, step) for x in _spans(width, patch, step)]
    each = max(1, _AT_ONCE // cells)
    for start in range(0, len(boxes), each):
        progress(start * cells, len(boxes) * cells, "Covering parts of the cells")
        some = boxes[start : start + each]
        hidden = np.repeat(inputs[None], len(some), axis=0)
        for place, (y, x) in enumerate(some):
            hidden[place][:, :, y, x] = level[:, :, None, None]
        scored = score(hidden.reshape(-1, *inputs.shape[1:])).reshape(len(some), cells, -1)
        for place, (y, x) in enumerate(some):
            losses[:, y, x] += (whole - scored[place, rows, classes])[:, None, None]
            covered[y, x] += 1
    return (losses / np.maximum(covered, 1)).astype(np.float32)


def _spans(length: int, patch: int, step: int) -> list[tuple[int, int]]:
    """From and to of patches along one side, the first and last reaching over the border by the same."""
    starts = range(step - patch, length, step)
    # Centred, so that a mirrored cell gets the mirrored map.
    shift = (length - starts[-1] - patch - starts[0]) // 2
    return [(max(0, start + shift), min(length, start + shift + patch)) for start in starts]
