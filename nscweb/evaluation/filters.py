"""Narrowing a prediction table, with an account of every cell that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from nscweb.core.flags import flag


@dataclass(frozen=True)
class FilterCounts:
    """What a filter did: cells = kept + the sum of `dropped`.

    Attributes:
        cells: rows before.
        kept: rows after.
        dropped: reason in plain words -> cells; a cell counts for its first reason.
    """

    cells: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)


def filter_predictions(
    predictions: pd.DataFrame,
    groups: Sequence[str] = (),
    times_h: Sequence[float] = (),
    replicates: Sequence[str] = (),
    min_confidence: float = 0.0,
    exclude_flags: Sequence[str] = (),
) -> tuple[pd.DataFrame, FilterCounts]:
    """Rows of a prediction table that pass, and why the others do not. Empty sequences keep everything.

    Args:
        groups: inducer groups kept.
        times_h: time points kept, hours.
        replicates: replicates kept.
        min_confidence: rows with a lower confidence are left out, 0..1.
        exclude_flags: names of quality flags; KeyError for an unknown one.
    """
    keep = np.ones(len(predictions), bool)
    dropped: dict[str, int] = {}

    def drop(reason: str, hit: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        first = hit & keep
        count = int(first.sum())
        if count:
            dropped[reason] = count
            keep[first] = False

    if groups:
        drop("other inducer group", ~predictions["group"].isin(list(groups)).to_numpy())
    if times_h:
        drop("other time point", ~predictions["time_h"].isin([float(hours) for hours in times_h]).to_numpy())
    if replicates:
        drop("other replicate", ~predictions["replicate"].isin(list(replicates)).to_numpy())
    if exclude_flags:
        mask = predictions["flags"].to_numpy(np.int64)
        for name in exclude_flags:
            item = flag(name)
            drop(f"quality: {item.label}", (mask & item.bit) > 0)
    if min_confidence > 0:
        low = predictions["confidence"].to_numpy(np.float64) < min_confidence
        drop(f"confidence below {min_confidence:.0%}".replace("%", " %"), low)
    kept = predictions if bool(keep.all()) else predictions[keep]
    return kept, FilterCounts(len(predictions), int(keep.sum()), dropped)
