"""Corrected ratios over replicates: the biological replicate is the unit, the error of the correction is shared.

Samples of a group differ by biology and chance, which Student's t over replicates measures. The matrix that
corrected them is the same for all, so its error does not average out and does not show in their spread. Both are
put together: squares of the standard errors add, and the degrees of freedom are those of Satterthwaite, Biometrics
Bull. 2, 110 (1946).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.groups.replicate_join import joined_replicates
from nscweb.evaluation.ratios.estimates import GROUP_ESTIMATE_COLUMNS, Estimates
from nscweb.evaluation.scores.intervals import t_quantile

Float64 = NDArray[np.float64]

REPLICATE_COLUMNS: tuple[str, ...] = ("group", "time_h", "replicate", "class", "ratio", "naive", "cells", "recovered")


def replicate_rows(estimates: Estimates) -> pd.DataFrame:
    """Ratio of each replicate: its samples joined, weighted by their cells.

    Returns:
        Columns `REPLICATE_COLUMNS`, one row per group, time, replicate and class. A sample without a replicate
        name stands for itself, under its own name. ``ratio`` is NaN where ``recovered`` is False.
    """
    if estimates.table.empty:
        return pd.DataFrame(columns=list(REPLICATE_COLUMNS))
    joined = joined_replicates(estimates)
    size = len(joined.classes)
    result = joined.about.loc[joined.about.index.repeat(size)].reset_index(drop=True)
    result["class"] = np.tile(np.asarray(joined.classes, object), len(joined.about))
    result["ratio"] = joined.ratio.ravel()
    result["naive"] = joined.naive.ravel()
    result["recovered"] = np.isfinite(joined.ratio).ravel()
    return result[list(REPLICATE_COLUMNS)]


def group_estimates(estimates: Estimates) -> pd.DataFrame:
    """Mean, spread and 95 % interval over the replicates of each group and time point.

    Returns:
        Columns `GROUP_ESTIMATE_COLUMNS`. ``mean``, ``sd`` and ``sem`` are over replicates whose ratio could be
        recovered, each with the same weight. ``interval`` says in words what the interval is about.
    """
    if estimates.table.empty:
        return pd.DataFrame(columns=list(GROUP_ESTIMATE_COLUMNS))
    joined = joined_replicates(estimates)
    about = joined.about
    shared = joined.rounds(estimates.shared)
    code = about.groupby(["group", "time_h"], dropna=False, sort=False).ngroup().to_numpy(np.int64)
    usable: NDArray[np.bool_] = np.isfinite(joined.ratio).min(axis=1)
    size, number = len(joined.classes), int(code.max()) + 1
    figures = np.empty((number, size, 5))
    naive = np.empty((number, size))
    good = np.zeros(number, np.int64)
    words = []
    for item in range(number):
        rows = np.flatnonzero(code == item)
        naive[item] = joined.naive[rows].mean(axis=0)
        rows = rows[usable[rows]]
        good[item] = len(rows)
        figures[item] = _interval(joined.ratio[rows], joined.low[rows], joined.high[rows], shared[:, rows])
        words.append(_words(len(rows), estimates, bool(about["named"].to_numpy()[rows].all())))
    first = about.drop_duplicates(["group", "time_h"]).reset_index(drop=True)
    result = first.loc[first.index.repeat(size), ["group", "time_h"]].reset_index(drop=True)
    result["class"] = np.tile(np.asarray(joined.classes, object), number)
    result["replicates"] = good.repeat(size)
    result["cells"] = np.bincount(code, about["cells"].to_numpy()).astype(np.int64).repeat(size)
    for column, values in zip(("mean", "sd", "sem", "low", "high"), figures.reshape(-1, 5).T, strict=True):
        result[column] = values
    result["naive_mean"] = naive.ravel()
    result["method"] = estimates.method
    result["interval"] = np.asarray(words, object).repeat(size)
    result["recovered"] = good.repeat(size) > 0
    return result[list(GROUP_ESTIMATE_COLUMNS)]


def _interval(ratio: Float64, low: Float64, high: Float64, shared: NDArray[np.float32]) -> Float64:
    """(K, 5) mean, SD, SEM, low, high of replicates (R, K) with shared rounds (B, R, K)."""
    number, size = ratio.shape
    nothing = np.full(size, np.nan)
    if number == 0:
        return np.stack([nothing] * 5, axis=1)
    mean = ratio.mean(axis=0)
    if number == 1:
        return np.stack([mean, nothing, nothing, low[0], high[0]], axis=1)
    deviation = ratio.std(axis=0, ddof=1)
    error = deviation / np.sqrt(number)
    common = shared.mean(axis=1).var(axis=0, ddof=1) if len(shared) > 1 else np.zeros(size)
    own = error**2
    both = own + common
    # The error of the correction is known from many rounds: the smaller the part of the replicates, the more degrees.
    part = np.maximum(own / np.maximum(both, 1e-300), 1e-3)
    half = t_quantile((number - 1) / part**2) * np.sqrt(both)
    # More degrees must not make it narrower than the t interval of the replicates alone: of two replicates, only 87
    # to 93 % of such intervals would hold the truth.
    half = np.maximum(half, t_quantile(number - 1) * error)
    below, above = np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)
    # Replicates that agree exactly (all 0, or all 1) have no spread: then the intervals of the samples speak.
    exact = error < 1e-12
    below = np.where(exact, np.minimum(below, low.mean(axis=0)), below)
    above = np.where(exact, np.maximum(above, high.mean(axis=0)), above)
    return np.stack([mean, deviation, error, below, above], axis=1)


def _words(number: int, estimates: Estimates, named: bool) -> str:
    unit = "replicates" if named else "samples (replicate not given)"
    if number == 0:
        return "none: the ratio cannot be recovered"
    if number == 1:
        return "interval of one replicate: it tells nothing of the next replicate"
    if len(estimates.shared):
        return f"t interval over {number} {unit}, with the error of the correction that they share"
    return f"t interval over {number} {unit}"
