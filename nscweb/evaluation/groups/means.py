"""Corrected ratios over replicates: the biological replicate is the unit, the error of the correction is shared.

Samples of a group differ by biology and chance, which Student's t over replicates measures. The matrix that
corrected them is the same for all, so its error does not average out and does not show in their spread. Both are
put together: squares of the standard errors add, and the degrees of freedom are those of Satterthwaite, Biometrics
Bull. 2, 110 (1946).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.replicate_join import JoinedReplicates, joined_replicates
from nscweb.evaluation.groups.replicate_rows import OWN_ENDS, SAME, checked_rows
from nscweb.evaluation.groups.shared_error import half_width
from nscweb.evaluation.ratios.estimates import GROUP_ESTIMATE_COLUMNS, Estimates

Float64 = NDArray[np.float64]

MEAN_COLUMNS: tuple[str, ...] = ("group", "time_h", "class", "n", "mean", "sd", "sem", "low", "high")
REPLICATE_COLUMNS: tuple[str, ...] = (
    *("group", "time_h", "replicate", "class", "ratio", *OWN_ENDS),
    *("naive", "cells", "recovered"),
)


def mean_interval(
    values: Float64,
    common: Float64 | float = 0.0,
    own: tuple[Float64, Float64] | None = None,
    spread: Float64 | None = None,
) -> Float64:
    """Mean of replicates with its spread and 95 % interval: the one place where the interval of a group mean is made.

    Args:
        values: (R, K) ratios of R replicates, 0..1, none of them NaN.
        common: variance of the mean from the error of the correction that all samples have in common, (K,) or one
            number; 0 for counted labels.
        own: (R, K) ends of the intervals of the replicates themselves. They speak where the spread cannot: with one
            replicate, and where all agree to the last digit (all 0, or all 1).
        spread: (K, 2) variance of one replicate and its degrees of freedom, of `GroupErrors.spread`; None takes those
            of the values themselves.

    Returns:
        (K, 5) mean, SD, SEM, low, high. SD and SEM are those of the values, NaN with one replicate; the interval is
        cut at 0 and 1, and NaN where neither the spread nor `own` gives one.
    """
    number, size = values.shape
    nothing = np.full(size, np.nan)
    if number == 0:
        return np.stack([nothing] * 5, axis=1)
    mean = values.mean(axis=0)
    if number == 1:
        low, high = (nothing, nothing) if own is None else (own[0][0], own[1][0])
        return np.stack([mean, nothing, nothing, low, high], axis=1)
    same = np.ptp(values, axis=0) < SAME
    deviation = np.where(same, 0.0, values.std(axis=0, ddof=1))
    error = deviation / np.sqrt(number)
    variance, free = (deviation**2, np.full(size, number - 1.0)) if spread is None else spread.T
    half = half_width(variance / number, free, common)
    low, high = np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)
    least, most = (nothing, nothing) if own is None else (own[0].mean(axis=0), own[1].mean(axis=0))
    # Without any spread, NaN of `own` has to stay; with a borrowed one only the wider end counts.
    ends = (np.fmin(low, least), np.fmax(high, most)), (np.minimum(low, least), np.maximum(high, most))
    low, high = (
        np.where(same, np.where(variance > 0, borrowed, lone), end)
        for borrowed, lone, end in zip(*ends, (low, high), strict=True)
    )
    return np.stack([mean, deviation, error, low, high], axis=1)


def group_means(rows: pd.DataFrame, errors: GroupErrors = ALONE) -> pd.DataFrame:
    """The same of replicate rows.

    Args:
        rows: columns `replicate_rows.ROW_COLUMNS`; with `replicate_rows.OWN_ENDS` a single replicate has an interval.
        errors: what is known of the error of group means besides; `group_errors.group_errors` of the whole study.

    Returns:
        Columns `MEAN_COLUMNS`, sorted by group, class and time; ``n`` counts the replicates that have a ratio.
    """
    lines = []
    for key, part in checked_rows(rows).groupby(["group", "class", "time_h"], sort=True, dropna=False):
        group, name, hours = cast("tuple[str, str, float]", key)
        known = part[np.isfinite(part["ratio"].to_numpy(np.float64))]
        values = known["ratio"].to_numpy(np.float64)
        own = tuple(known[[name]].to_numpy(np.float64) for name in OWN_ENDS)
        common, spread = errors.of_mean(hours, name, group), np.array([errors.spread(hours, name, group, values)])
        found = mean_interval(values[:, None], common, (own[0], own[1]), spread)[0]
        lines.append((group, hours, name, len(values), *found.tolist()))
    return pd.DataFrame(lines, columns=list(MEAN_COLUMNS))


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
    result["low"], result["high"] = joined.low.ravel(), joined.high.ravel()
    result["naive"] = joined.naive.ravel()
    result["recovered"] = np.isfinite(joined.ratio).ravel()
    return result[list(REPLICATE_COLUMNS)]


def group_estimates(estimates: Estimates, errors: GroupErrors = ALONE) -> pd.DataFrame:
    """Mean, spread and 95 % interval over the replicates of each group and time point.

    Args:
        errors: of the whole study, for the spread of replicates; the error of the correction is that of `estimates`.

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
    first = about.drop_duplicates(["group", "time_h"]).reset_index(drop=True)
    hours, groups = first["time_h"].to_numpy(np.float64), first["group"].astype(str).to_numpy(object)
    classes = list(enumerate(joined.classes))
    figures = np.empty((number, size, 5))
    naive = np.empty((number, size))
    good = np.zeros(number, np.int64)
    words: list[str] = []
    for item in range(number):
        rows = np.flatnonzero(code == item)
        naive[item] = joined.naive[rows].mean(axis=0)
        rows = rows[usable[rows]]
        good[item] = len(rows)
        # As in `shared_error`, so that both give the same number.
        drawn = shared[:, rows].mean(axis=1).astype(np.float64) if len(rows) and len(shared) > 1 else None
        common = 0.0 if drawn is None else drawn.var(axis=0, ddof=1)
        who = (float(hours[item]), str(groups[item]))
        spread = np.array([errors.spread(who[0], name, who[1], joined.ratio[rows, k]) for k, name in classes])
        own = (joined.low[rows], joined.high[rows])
        figures[item] = mean_interval(joined.ratio[rows], common, own, spread)
        named = bool(about["named"].to_numpy()[rows].all())
        words += _words(len(rows), joined, named, errors, who, len(estimates.shared) > 0)
    result = first.loc[first.index.repeat(size), ["group", "time_h"]].reset_index(drop=True)
    result["class"] = np.tile(np.asarray(joined.classes, object), number)
    result["replicates"] = good.repeat(size)
    result["cells"] = np.bincount(code, about["cells"].to_numpy()).astype(np.int64).repeat(size)
    for column, values in zip(("mean", "sd", "sem", "low", "high"), figures.reshape(-1, 5).T, strict=True):
        result[column] = values
    result["naive_mean"] = naive.ravel()
    result["method"] = estimates.method
    result["interval"] = np.asarray(words, object)
    result["recovered"] = good.repeat(size) > 0
    return result[list(GROUP_ESTIMATE_COLUMNS)]


def _words(
    number: int, joined: JoinedReplicates, named: bool, errors: GroupErrors, who: tuple[float, str], corrected: bool
) -> Iterator[str]:
    """For each class, what its interval is about."""
    unit = "replicates" if named else "samples (replicate not given)"
    for name in joined.classes:
        if number == 0:
            yield "none: the ratio cannot be recovered"
        elif number == 1:
            yield "interval of one replicate: it tells nothing of the next replicate"
        else:
            parts = [f"t interval over {number} {unit}"]
            if errors.borrowed is not None and errors.known(who[0], name, who[1]):
                parts.append("with a spread borrowed across groups")
            if corrected:
                parts.append("with the error of the correction that they share")
            yield ", ".join(parts)
