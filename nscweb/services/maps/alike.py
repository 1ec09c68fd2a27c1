"""Cells like one: its nearest neighbours in the vectors, from all samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.services.maps.map import StudyMap
from nscweb.services.study.pixels import split_id


def position_of(found: StudyMap, cell_id: str) -> int:
    """Position of a cell among those of a map.

    Raises:
        WrongUse: it is not on this map.
    """
    key, row = split_id(cell_id)
    if key in found.keys:
        hit = np.flatnonzero((found.sample == found.keys.index(key)) & (found.row == row))
        if len(hit):
            return int(hit[0])
    raise WrongUse(f"The cell {cell_id} is not on this map.", "Make the map anew.")


def cells_like(found: StudyMap, cell_id: str, wanted: int = 12) -> NDArray[np.int64]:
    """Positions of the cells that are nearest to one in the vectors, the nearest first, without itself.

    Every cell is looked at: 100,000 cells take some ten milliseconds.

    Raises:
        WrongUse: the cell is not on this map, or has no image.
    """
    place = position_of(found, cell_id)
    one = found.vectors[place]
    if not np.isfinite(one).all():
        raise WrongUse(f"The cell {cell_id} has no image in the channel of the map.", "Choose another cell.")
    distance = ((found.vectors - one) ** 2).sum(axis=1)
    distance[place] = np.nan
    order = np.argsort(distance, kind="stable")[:wanted]
    return np.asarray(order[np.isfinite(distance[order])], np.int64)
