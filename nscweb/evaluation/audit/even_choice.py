"""Some of many cells, taken in turn from every class or sample, so that a rare one keeps all it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


def in_turn(keys: Int64, most: int) -> Int64:
    """Places of at most `most` entries of `keys` (N,): the first of every key, then the second of every key, ...

    Shuffle the entries before, and the choice within a key is a random one.
    """
    turn = np.empty(len(keys), np.int64)
    for key in np.unique(keys):
        members = np.flatnonzero(keys == key)
        turn[members] = np.arange(len(members))
    return np.argsort(turn, kind="stable")[:most].astype(np.int64)
