"""Corrected fate ratios as a table and as bootstrap rounds: what statistics, dashboard and exports share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# One row per sample and class. `ratio`, `low`, `high` are by `method`; the naive count stands beside them.
ESTIMATE_COLUMNS: tuple[str, ...] = (
    "sample_id",
    "group",
    "time_h",
    "replicate",
    "cells",
    "class",
    "count",
    "naive",
    "naive_low",
    "naive_high",
    "ratio",
    "low",
    "high",
    "method",
    "recovered",
    "why",
)
# One row per group, time point and class; the unit is the replicate.
GROUP_ESTIMATE_COLUMNS: tuple[str, ...] = (
    "group",
    "time_h",
    "class",
    "replicates",
    "cells",
    "mean",
    "sd",
    "sem",
    "low",
    "high",
    "naive_mean",
    "method",
    "interval",
    "recovered",
)
# Bootstrap rounds behind the interval of a ratio.
ROUNDS = 400
# The names of the ways to count, as stored and exported, and in plain words.
METHODS: dict[str, str] = {
    "pacc": "corrected by mean scores (PACC)",
    "acc": "corrected by the confusion matrix (ACC)",
    "em": "corrected by maximum likelihood (EM)",
    "naive": "counted labels, not corrected",
}


@dataclass(frozen=True, eq=False)
class KnownPart:
    """How much of each interval is there because only so many cells are held out; see `more_cells`.

    Attributes:
        low, high: (S, K) ends of the 95 % intervals before they are cut at 0 and 1; NaN without a ratio.
        due: (S, K, K) variance of each share (second axis) due to the number of held-out cells of each class.
        cells: (S, K) held-out cells of each class that speak for a sample.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    due: NDArray[np.float64]
    cells: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Fate ratios of all samples of a run.

    Attributes:
        table: columns `ESTIMATE_COLUMNS`, one row per sample and class, samples in the order of the run. `method`
            is a key of `METHODS`. Where `recovered` is False, `ratio`, `low` and `high` are NaN and `why` is a
            sentence; the naive columns are always filled.
        shared: (B, S, K) float32 corrected ratios of each sample when only the held-out cells are drawn again: the
            error that all samples have in common. Empty (0, S, K) for naive counts.
        method: key of `METHODS`.
        sentence: one line for the page: which way of counting, and why.
        elsewhere: times of samples, hours or NaN, that were corrected with held-out cells of all times.
        instead: why another way of counting was used than asked for; "" where it is the one.
        known: what the number of held-out cells costs; None for counted labels.
    """

    table: pd.DataFrame
    shared: NDArray[np.float32]
    method: str
    sentence: str
    elsewhere: tuple[float, ...] = ()
    instead: str = ""
    known: KnownPart | None = None
