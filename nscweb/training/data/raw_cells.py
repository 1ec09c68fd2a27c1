"""A few thousand cells kept as they were stored, spread over all samples and classes.

Training keeps prepared fields only. What a model does when the light, the frame or the instrument is another one can
only be asked of the pixels before preparation.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 8_000
MOST_BYTES = 256_000_000


@dataclass(frozen=True)
class RawCells:
    """Some cells of a training set, untouched.

    Attributes:
        rows: (n,) row of each in the training set, ascending.
        images: (C, h, w) each, at native depth and size.
    """

    rows: NDArray[np.int64]
    images: tuple[NDArray[Any], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def among(self, rows: NDArray[np.int64]) -> RawCells:
        """Those that are in `rows`, for example the held-out part of a split."""
        places = np.flatnonzero(np.isin(self.rows, rows))
        return self.at(places)

    def at(self, places: NDArray[np.int64]) -> RawCells:
        """Those at some places of `rows`, ascending."""
        return RawCells(self.rows[places], tuple(self.images[int(place)] for place in places))


class RawKeeper:
    """Keeps an even share of a stream of cells: the same number of each sample and class where there are enough.

    Within each sample and class the kept cells are a random draw (reservoir sampling), made from the row number
    alone, so that the same cells give the same draw. When more than `MOST_CELLS` cells or `MOST_BYTES` bytes are
    held, the share of every sample is made smaller.
    """

    def __init__(self, most: int = MOST_CELLS, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._share = most
        self._held: dict[tuple[int, int], list[tuple[float, int, NDArray[Any]]]] = {}
        self._cells = self._bytes = 0
        self._rng = np.random.default_rng([0, 5])
        self._next = 0

    def add(self, images: Sequence[NDArray[Any]], samples: Sequence[int], labels: Sequence[int]) -> None:
        """The next cells of the stream, with the index of their sample and class."""
        draws = self._rng.random(len(images))
        for image, sample, label, draw in zip(images, samples, labels, draws, strict=True):
            held = self._held.setdefault((int(sample), int(label)), [])
            row, self._next = self._next, self._next + 1
            # The cells with the smallest draws stay; a heap of negative draws has the largest of them in front.
            if len(held) >= self._share and -draw <= held[0][0]:
                continue
            kept = np.array(image)
            self._count(kept, 1)
            heapq.heappush(held, (-float(draw), row, kept))
            if len(held) > self._share:
                self._count(heapq.heappop(held)[2], -1)
            if self._cells > self._most or self._bytes > self._most_bytes:
                self._shrink()

    def kept(self) -> RawCells:
        """What is held now."""
        found = sorted(
            ((row, image) for held in self._held.values() for _, row, image in held), key=lambda item: item[0]
        )
        return RawCells(np.asarray([row for row, _ in found], np.int64), tuple(image for _, image in found))

    def _count(self, image: NDArray[Any], sign: int) -> None:
        self._cells += sign
        self._bytes += sign * image.nbytes

    def _shrink(self) -> None:
        largest = max(len(held) for held in self._held.values())
        self._share = max(1, min(self._share, largest) * 9 // 10)
        if largest == 1:
            return
        for held in self._held.values():
            while len(held) > self._share:
                self._count(heapq.heappop(held)[2], -1)
