"""Quality flags of a cell: a bit mask in files, plain words on pages; and how many cells have which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class QualityFlag:
    """One reason to distrust a cell image.

    Attributes:
        name: machine name in tables.
        bit: value in the mask.
        label: two or three words for a page.
        help: one sentence.
    """

    name: str
    bit: int
    label: str
    help: str


FLAGS: tuple[QualityFlag, ...] = (
    QualityFlag("empty", 1, "empty", "No object stands out from the background."),
    QualityFlag(
        "blurred", 2, "out of focus", "The edges of the cell are much softer than in the other cells of the sample."
    ),
    QualityFlag("border", 4, "cut by the frame", "The cell touches the border of its image, so part of it is missing."),
    QualityFlag("several", 8, "several cells", "More than one object of cell size lies in the frame."),
    QualityFlag("saturated", 16, "saturated", "Many pixels sit at the highest or lowest value the camera can give."),
    QualityFlag("constant", 32, "no signal", "All pixels have the same value."),
    QualityFlag("size", 64, "too small or large", "The area lies outside the limits that the study was given."),
    QualityFlag(
        "shape", 128, "too long or round", "The aspect ratio lies outside the limits that the study was given."
    ),
    QualityFlag(
        "population",
        256,
        "other population",
        "The cell is in none of the hand-made populations that the study was limited to.",
    ),
    QualityFlag(
        "drawn",
        512,
        "outside a drawn gate",
        "The cell lies outside a gate that was drawn over two of its numbers, or inside one that leaves cells out.",
    ),
)
FLAG_NAMES: tuple[str, ...] = tuple(flag.name for flag in FLAGS)
_BY_NAME = {flag.name: flag for flag in FLAGS}


def flag(name: str) -> QualityFlag:
    """The flag of that name; KeyError when there is none."""
    return _BY_NAME[name]


def pack(names: Iterable[str]) -> int:
    """Bit mask of the named flags."""
    mask = 0
    for name in names:
        mask |= _BY_NAME[name].bit
    return mask


def unpack(mask: int) -> tuple[str, ...]:
    """Names of the flags in a mask, in table order."""
    return tuple(item.name for item in FLAGS if mask & item.bit)


# Flags that take a cell out of the statistics unless the user wants it in. A cell with several of them is left out for
# the first one here.
LEFT_OUT: tuple[str, ...] = (
    "empty",
    "constant",
    "several",
    "border",
    "blurred",
    "saturated",
    "size",
    "shape",
    "population",
    "drawn",
)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """These flags in the order in which they leave cells out; KeyError for an unknown one."""
    return tuple(sorted({flag(name).name for name in names}, key=LEFT_OUT.index))


@dataclass(frozen=True)
class FlagCounts:
    """Cells by quality flag, in the only two ways in which this program counts them.

    Attributes:
        cells: all of them.
        kept: cells with none of the flags that leave a cell out.
        carry: every flag -> cells that carry it, alone or with others.
        first: flag that leaves cells out, in order -> cells for which it is the first reason. `cells` is `kept` and
            all of these together.
    """

    cells: int
    kept: int
    carry: dict[str, int]
    first: dict[str, int]


def count_flags(masks: NDArray[np.int64], left_out: Iterable[str] = LEFT_OUT) -> FlagCounts:
    """Count the flag masks (N,) of cells; `left_out` names the flags that leave a cell out."""
    used, counts = np.unique(masks, return_counts=True)
    first: dict[str, int] = {}
    left = np.ones(len(used), bool)
    for name in in_order(left_out):
        hit = (used & flag(name).bit) > 0
        first[name] = int(counts[hit & left].sum())
        left &= ~hit
    carry = {item.name: int(counts[(used & item.bit) > 0].sum()) for item in FLAGS}
    return FlagCounts(int(counts.sum()), int(counts[left].sum()), carry, first)
