"""Which of many thousand cell images look alike, in any of eight orientations, without comparing all pixels of all.

Three steps, each of which only narrows down the one before:

1. each cell becomes a patch of 32 x 32, smoothed, centred on its centre of mass, of unit length. Principal axes give
   a bound from above for the correlation of two patches in all eight orientations: the length of what the axes leave
   out is one more coordinate (Cauchy-Schwarz), so the bound misses nothing. Pairs whose bound is low are dropped by
   matrix products.
2. the correlation of the patches themselves, in the orientation that fits best, must reach `ALIKE`.
3. `laid_over`: the images as prepared, smoothed by one pixel, are laid over each other with shifts up to three
   pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, stop_if_asked

ALIKE = 0.95
# For each cell only so many of those that look most alike are compared pixel by pixel, and so many pairs in all.
MOST_EACH = 20
MOST_COMPARED = 300_000
_SIDE = 32
_AXES = 48
_FITTED = 1000
_QUERIES, _TARGETS = 256, 4096
_SHIFT = 3

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def pairs_alike(
    fields: NDArray[Any], part_of_cell: Rows, settled: NDArray[np.bool_], progress: Progress, cancel: CancelAsked
) -> tuple[Rows, Rows, Rows, bool]:
    """Pairs of different parts that are worth a closer look.

    Args:
        fields: (N, C, h, w) prepared cells; the first channel is used.
        part_of_cell: (N,) number of the part, -1 for none.
        settled: (N,) cells whose twin is known already, so that none is looked for.

    Returns:
        Rows of the later part, of the earlier part, the orientation that fits best, and whether these are all that
        should be compared.
    """
    order = np.argsort(part_of_cell, kind="stable")
    order = order[np.searchsorted(part_of_cell[order], 0) :]
    patches = _patches(fields, order, progress, cancel)
    lively = np.linalg.norm(patches, axis=1) > 0
    order, patches = order[lively], patches[lively]
    if len(order) < 2:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, True
    axes = _axes(patches)
    known = _embedded(patches, axes)
    ends = np.searchsorted(part_of_cell[order], np.arange(1, max(3, int(part_of_cell.max(initial=0)) + 1) + 1))
    found: list[tuple[Rows, Rows, Rows, Floats]] = []
    for begin, end in pairwise(ends):
        # Everything of an earlier part lies before `begin`.
        for start in range(begin, end, _QUERIES):
            stop_if_asked(cancel)
            progress(int(start), int(ends[-1]), "Looking for images that are there twice")
            rows = np.arange(start, min(start + _QUERIES, end))
            rows = rows[~settled[order[rows]]]
            turned = [_embedded(each, axes) for each in _orientations(patches[rows])]
            near = []
            for first in range(0, begin if len(rows) else 0, _TARGETS):
                block = known[first : min(first + _TARGETS, begin)]
                best = turned[0] @ block.T
                for each in turned[1:]:
                    np.maximum(best, each @ block.T, out=best)
                query, target = np.nonzero(best >= ALIKE)
                if len(query):
                    near.append(_closer(patches, rows[query], target + first))
            if near:
                found.append(_first_of_each(near))
    if not found:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, True
    queries, targets, how, value = (np.concatenate(column) for column in zip(*found, strict=True))
    kept = np.argsort(-value, kind="stable")[:MOST_COMPARED]
    return order[queries[kept]], order[targets[kept]], how[kept], len(value) <= MOST_COMPARED


def _closer(patches: Floats, queries: Rows, targets: Rows) -> tuple[Rows, Rows, Rows, Floats]:
    """Of pairs whose bound is high those whose patches really correlate, with the orientation that fits best."""
    kept: list[tuple[Rows, Rows, Rows, Floats]] = []
    for start in range(0, len(queries), 4096):
        query, target = queries[start : start + 4096], targets[start : start + 4096]
        values = np.stack([np.einsum("ij,ij->i", each, patches[target]) for each in _orientations(patches[query])])
        how, best = values.argmax(axis=0), values.max(axis=0)
        alike = best >= ALIKE
        kept.append((query[alike], target[alike], how[alike], best[alike]))
    columns = tuple(np.concatenate(column) for column in zip(*kept, strict=True))
    return columns[0], columns[1], columns[2], columns[3]


def _first_of_each(parts: list[tuple[Rows, Rows, Rows, Floats]]) -> tuple[Rows, Rows, Rows, Floats]:
    """The `MOST_EACH` pairs of each query that are most alike."""
    query, target, how, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    ranked = np.lexsort((-value, query))
    begins = np.searchsorted(query[ranked], query[ranked])
    kept = ranked[np.arange(len(ranked)) - begins < MOST_EACH]
    return query[kept], target[kept], how[kept], value[kept]


def _patches(fields: NDArray[Any], rows: Rows, progress: Progress, cancel: CancelAsked) -> Floats:
    """(n, 1024) smoothed patches about the centre of mass, of mean 0 and length 1; zeros for an empty image."""
    result = np.zeros((len(rows), _SIDE * _SIDE), np.float32)
    height, width = fields.shape[2:]
    scale = _SIDE / min(height, width)
    ys, xs = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    for index, row in enumerate(rows.tolist()):
        if index % 2048 == 0:
            stop_if_asked(cancel)
            progress(index, len(rows), "Making small images to compare")
        smooth = _smooth(fields[row, 0])
        broad = cv2.GaussianBlur(smooth, (0, 0), 1.75, borderType=cv2.BORDER_REPLICATE)
        border = np.concatenate((broad[0], broad[-1], broad[:, 0], broad[:, -1]))
        mass = np.abs(broad - np.median(border))
        mass = np.maximum(mass - 0.25 * mass.max(), 0) ** 2
        total = float(mass.sum())
        if total <= 0:
            continue
        y, x = float(mass.sum(axis=1) @ ys) / total, float(mass.sum(axis=0) @ xs) / total
        middle = _SIDE / 2 - 0.5
        move = np.asarray([[scale, 0, middle - x * scale], [0, scale, middle - y * scale]], np.float32)
        patch = cv2.warpAffine(
            smooth, move, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).ravel()
        patch -= patch.mean()
        length = float(np.linalg.norm(patch))
        if length > 0:
            result[index] = patch / length
    return result


def _axes(patches: Floats) -> Floats:
    """(1024, 48) principal axes of some patches in all orientations."""
    some = np.concatenate(_orientations(patches[:: max(1, len(patches) // _FITTED)]))
    _, vectors = np.linalg.eigh(some.T @ some)
    axes: Floats = np.ascontiguousarray(vectors[:, ::-1][:, :_AXES])
    return axes


def _embedded(patches: Floats, axes: Floats) -> Floats:
    """(n, 49): places along the axes, and the length of what they leave out."""
    places = patches @ axes
    rest = np.sqrt(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", places, places)))
    return np.hstack([places, rest[:, None].astype(np.float32)])


def _orientations(patches: Floats) -> list[Floats]:
    """The same patches turned and mirrored in the eight ways that `_turned` numbers."""
    square = patches.reshape(-1, _SIDE, _SIDE)
    return [_turned(square, how).reshape(patches.shape) for how in range(8)]


def _turned(images: NDArray[Any], how: int) -> NDArray[Any]:
    flipped = images[..., ::-1] if how >= 4 else images
    return np.ascontiguousarray(np.rot90(flipped, how % 4, (-2, -1)))


def laid_over(image: NDArray[Any], other: NDArray[Any], how: int) -> float:
    """Largest correlation of two images, `other` turned by `how`, over shifts of up to three pixels."""
    side = min(image.shape)
    shift = min(_SHIFT, side // 8)
    still = _smooth(_middle(image, side))
    moved = _turned(_smooth(_middle(other, side)), how)[shift : side - shift, shift : side - shift]
    return float(cv2.matchTemplate(still, np.ascontiguousarray(moved), cv2.TM_CCOEFF_NORMED).max())


def _middle(image: NDArray[Any], side: int) -> NDArray[Any]:
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _smooth(image: NDArray[Any]) -> Floats:
    plain = np.ascontiguousarray(image, np.float32)
    return np.asarray(cv2.GaussianBlur(plain, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE), np.float32)
