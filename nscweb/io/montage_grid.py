"""Where the tiles of a montage lie: the size of a tile found from the pixels, tiles cut out, fillers recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.io.image_pages import Pixels

# A tile size is believed when the pattern of one tile explains this share of the variance of the whole (adjusted
# R2). Real brightfield cells, 4 by 4 and more, reach 0.68 to 0.98; a wrong size stays below 0.25.
_ENOUGH = 0.5
# Multiples of the right size explain as much; the smallest size that is nearly as good is the right one.
_NEARLY = 0.85
# Between the two: a divisor of the size that explains this much may be the right one.
_DOUBT = 0.3
_SEAM = 1.2
_BLANK_SIDE = 5


def find_tile(montages: Sequence[Sequence[Pixels]], smallest: int) -> int | None:
    """Side in pixels of the square tiles of montages of one kind, None when it cannot be told.

    A cell lies in the middle of its tile, so that the deviation from the background, averaged along one side of
    the montage, repeats with every tile. For each common divisor of height and width the profile is folded, and
    judged by how much of it the fold explains (adjusted for the number of pixels in the fold), on the worse of
    both sides and on average over the montages. Neighbours that differ more at a finer grid than beside it speak
    against the size, because cells that fill their tiles to the edge leave seams and no pattern.

    Args:
        montages: of each its channels (h, w); the clearest channel counts.
        smallest: side of a tile in pixels.
    """
    scores: dict[int, float] = {}
    for channels in montages:
        best_here: dict[int, float] = {}
        for image in channels:
            profiles = _profiles(image)
            for tile in _divisors(image, smallest):
                best_here[tile] = max(best_here.get(tile, 0.0), _explained(profiles, tile))
        for tile, score in best_here.items():
            scores[tile] = scores.get(tile, 0.0) + score / len(montages)
    best = max(scores.values(), default=0.0)
    if best < _ENOUGH:
        return None
    tile = min(tile for tile, score in scores.items() if score >= _NEARLY * best)
    finer = [other for other in scores if other < tile and tile % other == 0]
    images = [image for channels in montages for image in channels]
    if any(scores[other] > _DOUBT or _seams(images, other, tile) > _SEAM for other in finer):
        return None
    return tile


def _divisors(image: Pixels, smallest: int) -> list[int]:
    """Sides of tiles that fill the montage with so many that a pattern is no chance."""
    divisor = int(np.gcd(*image.shape))
    return [
        tile for tile in range(max(2, smallest), divisor + 1) if divisor % tile == 0 and image.size >= 8 * tile * tile
    ]


def _seams(images: Sequence[Pixels], tile: int, whole: int) -> float:
    """How much more neighbours differ across the lines of a grid than beside them, lines of `whole` left out."""
    most = 0.0
    for image in images:
        pixels = np.asarray(image, np.float64)
        found = []
        for axis in (0, 1):
            steps = np.abs(np.diff(pixels, axis=axis)).mean(axis=1 - axis)
            for line in range(tile, image.shape[axis], tile):
                if line % whole and tile <= line < image.shape[axis] - 3:
                    beside = steps[[line - 3, line - 2, line, line + 1]].mean()
                    if beside > 0:
                        found.append(steps[line - 1] / beside)
        most = max(most, float(np.median(found)) if found else 0.0)
    return most


def _profiles(image: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(h,) and (w,) mean deviation from the background; NaN where a line is blank filler."""
    pixels = np.asarray(image, np.float32)
    kernel = np.ones((_BLANK_SIDE, _BLANK_SIDE), np.uint8)
    blank = cv2.dilate(pixels, kernel) == cv2.erode(pixels, kernel)
    # The opening of the mask gives filler its rim back.
    filler = cv2.dilate(blank.astype(np.uint8), kernel) > 0
    if filler.all():
        return np.full(image.shape[0], np.nan), np.full(image.shape[1], np.nan)
    deviation = np.where(filler, 0.0, np.abs(pixels - np.median(pixels[~filler]))).astype(np.float64)
    profiles = []
    for axis in (1, 0):
        count = (~filler).sum(axis)
        with np.errstate(invalid="ignore", divide="ignore"):
            profiles.append(np.where(count >= 0.1 * filler.shape[axis], deviation.sum(axis) / count, np.nan))
    return profiles[0], profiles[1]


def _explained(profiles: Sequence[NDArray[np.float64]], tile: int) -> float:
    """Adjusted R2 of the fold, of the worse side that has two tiles or more; 0 when cells are not in the middle."""
    found = []
    for profile in profiles:
        folded = profile.reshape(-1, tile)
        folded = folded[np.isfinite(folded).all(axis=1)]
        if profile.size < 2 * tile:
            continue
        if len(folded) < 2:
            return 0.0
        mean = folded.mean(axis=0)
        total = float(((folded - folded.mean()) ** 2).sum())
        left = float(((folded - mean) ** 2).sum())
        margin = max(1, tile // 8)
        rim = float(np.concatenate([mean[:margin], mean[-margin:]]).mean())
        if total <= 0 or rim >= mean[tile // 3 : tile - tile // 3].mean():
            return 0.0
        found.append(1 - left / total * (folded.size - 1) / (folded.size - tile))
    return max(0.0, min(found, default=0.0))


def cut_tiles(image: Pixels, tile: int) -> Pixels:
    """(n, tile, tile) tiles of a montage, row by row; its sides are multiples of `tile`."""
    rows, columns = image.shape[0] // tile, image.shape[1] // tile
    return image.reshape(rows, tile, columns, tile).swapaxes(1, 2).reshape(-1, tile, tile)


def fillers(tiles: Mapping[str, Pixels]) -> NDArray[np.bool_]:
    """(n,) True for tiles that hold no cell of their own: blank in every channel, or copies of the last one.

    Args:
        tiles: channel -> (n, h, w), the same n for all.
    """
    flat = [np.ascontiguousarray(stack).reshape(len(stack), -1) for stack in tiles.values()]
    empty = np.logical_and.reduce([(stack == stack[:, :1]).all(axis=1) for stack in flat])
    used = np.flatnonzero(~empty)
    for before, last in zip(used[-2::-1].tolist(), used[:0:-1].tolist(), strict=True):
        if last != before + 1 or not all(np.array_equal(stack[before], stack[last]) for stack in flat):
            break
        empty[last] = True
    return np.asarray(empty)
