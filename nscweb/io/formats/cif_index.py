"""Where the objects of a `.cif` or `.rif` lie: its chain of directories, walked once, whatever is wrong with it.

Only positions and numbers are kept; pixels are read later.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nscweb.io.formats.cif_file import CifFile, Step

HEADER, IMAGE, MASK = 1, 2, 3
_OBJECTS = 33018
# Searching for lost directories is bounded in bytes and in places tried, for files that are made to be slow.
_SEARCH_BYTES = 256 << 20
_SEARCH_PLACES = 20_000
_SEARCH_BLOCK = 1 << 20
_MOST_BEFORE_KIND = 60


@dataclass(frozen=True)
class Walk:
    """All directories of images and masks in the order of the chain.

    Attributes:
        kinds, numbers, offsets: (D,) each; number -1 where a directory has none.
        fresh: (D,) True where the chain was broken before it, so that it need not belong to the one before.
        header: position of the header, -1 when there is none.
        broken: the chain loops, leads nowhere or ends early.
    """

    kinds: NDArray[np.int8]
    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    header: int
    broken: bool


@dataclass
class _Found:
    kinds: array[int] = field(default_factory=lambda: array("b"))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    fresh: array[int] = field(default_factory=lambda: array("b"))
    highest: int = -1
    visited: set[int] | None = None

    def knows(self, at: int) -> bool:
        """A chain that only goes forwards, as nearly all do, needs no set of places."""
        if at > self.highest:
            return False
        if self.visited is None:
            self.visited = set(self.offsets)
        return at in self.visited

    def add(self, step: Step, fresh: bool) -> None:
        self.kinds.append(min(step.kind, 127))
        self.numbers.append(step.number)
        self.offsets.append(step.at)
        self.fresh.append(fresh)
        self.highest = max(self.highest, step.at)
        if self.visited is not None:
            self.visited.add(step.at)


class _Search:
    """Looks for directories behind a break of the chain by the one tag that all of them have."""

    def __init__(self, file: CifFile) -> None:
        self._file = file
        self._bytes, self._places = _SEARCH_BYTES, _SEARCH_PLACES

    def behind(self, at: int, found: _Found) -> Step | None:
        """The first directory of an image or mask from a position on that was not seen yet."""
        pattern = self._file.is_kind
        while at < self._file.size and self._bytes > 0 and self._places > 0:
            block = self._file.read(at, _SEARCH_BLOCK + len(pattern))
            self._bytes -= len(block)
            place = block.find(pattern)
            while place >= 0 and self._places > 0:
                step = self._start_of(at + place, found)
                if step is not None:
                    return step
                place = block.find(pattern, place + 1)
            at += _SEARCH_BLOCK
        return None

    def _start_of(self, kind_at: int, found: _Found) -> Step | None:
        """The directory around a tag: where its number of tags fits and its tags are in order."""
        file = self._file
        self._places -= 1
        for entries in range(_MOST_BEFORE_KIND):
            at = kind_at - file.head_size - file.entry_size * entries
            tags = list(file.entries(at) or ()) if at > 0 else []
            step = file.step(at) if len(tags) > entries and tags == sorted(tags) else None
            if step is not None and step.kind in (IMAGE, MASK) and not found.knows(at):
                return step
        return None


def walk(file: CifFile, most: int) -> Walk:
    """Walk the chain from the header to its end, over breaks and out of loops; at most `most` directories."""
    found, search, header, broken = _Found(), _Search(file), -1, False
    claimed = 0
    step, fresh = file.follow(0, file.first), False
    if step is None:
        step, broken, fresh = search.behind(8, found), True, True
    images = 0
    while step is not None and len(found.offsets) < most:
        found.add(step, fresh)
        images += step.kind == IMAGE
        if step.kind == HEADER and header < 0:
            header = step.at
            tags = file.entries(header) or {}
            claimed = next(iter(file.values(header, tags.get(_OBJECTS), 1)), 0)
        following = file.follow(step.at, step.link) if step.link else None
        fresh = following is None or found.knows(following.at)
        if fresh:
            if not step.link and images >= claimed:
                break
            broken = broken or bool(step.link)
            following = search.behind(step.end, found)
            broken = broken or following is not None
        step = following
    kinds = np.array(found.kinds, np.int8)
    chosen = (kinds == IMAGE) | (kinds == MASK)
    gaps = np.cumsum(np.array(found.fresh, np.int64))[chosen]
    return Walk(
        kinds[chosen],
        np.array(found.numbers, np.int64)[chosen],
        np.array(found.offsets, np.int64)[chosen],
        np.diff(gaps, prepend=-1) > 0,
        header,
        broken,
    )
