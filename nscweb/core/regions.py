"""Regions of a plane that somebody drew: boxes and polygons over two numbers of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import WrongUse

Corner = tuple[float, float]
# What a drawn gate does to the statistics: keeps the cells inside it, or those outside, or only names them.
Use = Literal["inside", "outside", "name"]
USES: dict[Use, str] = {
    "inside": "keep the cells inside",
    "outside": "leave the cells inside out",
    "name": "only name the cells inside",
}
LONGEST_NAME = 60
_MOST_CORNERS = 2000


def inside(x: ArrayLike, y: ArrayLike, corners: Sequence[Corner]) -> NDArray[np.bool_]:
    """(N,) whether points lie inside a polygon, by the even-odd rule; a point that is not a number lies outside.

    Args:
        x, y: (N,) coordinates.
        corners: of the polygon in order, three at least; the last is joined to the first.
    """
    known = np.isfinite(np.asarray(x, np.float64)) & np.isfinite(np.asarray(y, np.float64))
    across, up = np.where(known, x, np.nan), np.where(known, y, np.nan)
    hit = np.zeros(len(across), bool)
    px, py = corners[-1]
    for qx, qy in corners:
        if qy != py:
            crosses = (qy > up) != (py > up)
            hit ^= crosses & (across < (px - qx) * (up - qy) / (py - qy) + qx)
        px, py = qx, qy
    return hit & known


def box(x: tuple[float, float], y: tuple[float, float]) -> tuple[Corner, ...]:
    """Corners of a box from two limits of x and two of y, in any order."""
    (left, right), (low, high) = sorted(x), sorted(y)
    return ((left, low), (right, low), (right, high), (left, high))


@dataclass(frozen=True)
class Region:
    """A gate that is drawn over two numbers. Hashable.

    Attributes:
        name: what somebody called it; a population of this name holds the cells inside.
        x, y: columns of the two numbers (`services.study.drawn_gates.axes`).
        corners: of the polygon in order, in the units of the columns.
        use: what becomes of the cells in the statistics, a key of `USES`.
    """

    name: str
    x: str
    y: str
    corners: tuple[Corner, ...]
    use: Use = "name"

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise WrongUse(f"A drawn gate needs a name of 1 to {LONGEST_NAME} letters, not {self.name[:80]!r}.")
        if self.use not in USES:
            raise WrongUse(f"A drawn gate cannot be used as {self.use!r}.", f"Use one of: {', '.join(USES)}.")
        if not 3 <= len(self.corners) <= _MOST_CORNERS:
            raise WrongUse(f"The drawn gate {self.name} has {len(self.corners)} corners; 3 to {_MOST_CORNERS} work.")
        if not all(isfinite(value) for corner in self.corners for value in corner):
            raise WrongUse(f"The drawn gate {self.name} has a corner that is not a number.")

    def holds(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """(N,) whether cells with these two numbers lie inside."""
        return inside(x, y, self.corners)
