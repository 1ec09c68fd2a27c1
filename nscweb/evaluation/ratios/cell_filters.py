"""Narrowing a prediction table, with an account of every cell that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import LEFT_OUT, flag, in_order
from nscweb.evaluation.ratios.cell_scores import CellScores

# Said of cells, and of samples in tables, that measure the model and so are no results.
USED_FOR_CALIBRATION = "control sample, used for calibration"
# Why cells of whole samples are not counted.
NO_RESULT = "control sample used for calibration, or copy of another sample"


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
    controls: Sequence[str] = (),
) -> tuple[pd.DataFrame, FilterCounts]:
    """Rows of a prediction table that pass, and why the others do not. Empty sequences keep everything.

    Args:
        groups: inducer groups kept.
        times_h: time points kept, hours.
        replicates: replicates kept.
        min_confidence: rows with a lower confidence are left out, 0..1.
        exclude_flags: names of quality flags; KeyError for an unknown one.
        controls: samples that the ratios are calibrated on.
    """
    sieve = _Sieve(len(predictions))
    if controls:
        sieve.drop(NO_RESULT, predictions["sample_id"].astype(str).isin(list(controls)).to_numpy())
    if groups:
        sieve.drop("other inducer group", ~predictions["group"].isin(list(groups)).to_numpy())
    if times_h:
        sieve.drop("other time point", ~predictions["time_h"].isin([float(hours) for hours in times_h]).to_numpy())
    if replicates:
        sieve.drop("other replicate", ~predictions["replicate"].isin(list(replicates)).to_numpy())
    if exclude_flags:
        mask = predictions["flags"].to_numpy(np.int64)
        for name in in_order(exclude_flags):
            sieve.drop(flag_reason(name), (mask & flag(name).bit) > 0)
    if min_confidence > 0:
        low = predictions["confidence"].to_numpy(np.float64) < min_confidence
        sieve.drop(confidence_reason(min_confidence), low)
    kept = predictions if bool(sieve.keep.all()) else predictions[sieve.keep]
    return kept, sieve.counts()


def kept_cells(
    cells: CellScores,
    groups: Sequence[str] = (),
    times_h: Sequence[float] = (),
    replicates: Sequence[str] = (),
    min_confidence: float = 0.0,
    exclude_flags: Sequence[str] = (),
    controls: Sequence[str] = (),
) -> tuple[NDArray[np.bool_], FilterCounts]:
    """The same for the arrays of a run: (N,) True for cells that pass, in milliseconds for 500,000 of them."""
    sieve = _Sieve(len(cells))
    if controls:
        measures = np.array([name in controls for name in cells.sample_ids], bool)
        sieve.drop(NO_RESULT, measures[cells.sample])
    for reason, wanted, own in (
        ("other inducer group", groups, cells.groups),
        ("other time point", times_h, cells.times_h),
        ("other replicate", replicates, cells.replicates),
    ):
        if wanted:
            outside = np.array([value not in wanted for value in own], bool)
            sieve.drop(reason, outside[cells.sample])
    for name in in_order(exclude_flags):
        sieve.drop(flag_reason(name), (cells.flags & flag(name).bit) > 0)
    if min_confidence > 0:
        # As the table compares them: a float32 confidence against a double.
        low = cells.scores.max(axis=1, initial=0.0).astype(np.float64) < min_confidence
        sieve.drop(confidence_reason(min_confidence), low)
    return sieve.keep, sieve.counts()


def flag_reason(name: str) -> str:
    """Why cells with a flag do not count; KeyError for an unknown flag."""
    return f"quality: {flag(name).label}"


def confidence_reason(min_confidence: float) -> str:
    """Why cells of low confidence do not count."""
    return f"confidence below {min_confidence:.0%}".replace("%", " %")


class _Sieve:
    """Rows that are still kept, and how many were dropped for which first reason."""

    def __init__(self, rows: int) -> None:
        self.keep: NDArray[np.bool_] = np.ones(rows, bool)
        self.dropped: dict[str, int] = {}

    def drop(self, reason: str, hit: NDArray[np.bool_]) -> None:
        first = hit & self.keep
        count = int(np.count_nonzero(first))
        if count:
            self.dropped[reason] = count
            self.keep &= ~first

    def counts(self) -> FilterCounts:
        return FilterCounts(len(self.keep), int(np.count_nonzero(self.keep)), self.dropped)


@dataclass(frozen=True)
class Filters:
    """What a user may narrow a dashboard to. Hashable, so that it can be part of a cache key.

    Attributes:
        groups: inducer groups kept; empty keeps all.
        times_h: time points kept, hours; empty keeps all.
        replicates: replicates kept; empty keeps all.
        min_confidence: cells whose highest score is lower are left out, 0..1.
        exclude_flags: cells with one of these quality flags are left out.
    """

    groups: tuple[str, ...] = ()
    times_h: tuple[float, ...] = ()
    replicates: tuple[str, ...] = ()
    min_confidence: float = 0.0
    exclude_flags: tuple[str, ...] = LEFT_OUT


@dataclass(frozen=True)
class FilterOptions:
    """What there is to filter by in a run: values in order, and for each quality flag the cells that carry it."""

    groups: tuple[str, ...]
    times_h: tuple[float, ...]
    replicates: tuple[str, ...]
    flag_counts: dict[str, int] = field(default_factory=dict)
