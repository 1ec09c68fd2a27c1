"""Replicate rows: the frame that every test of this room takes, checked and with technical repeats joined.

One row per group, time point, replicate and class: ``group, time_h, replicate, class, ratio, cells``. The unit is
the biological replicate; cells never enter a test as if they were independent.

Where few replicates vary more than many in another group, no test for unequal spread holds its level; such pairs are
named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import ALPHA, FEWEST_REPLICATES, UNEVEN
from nscweb.core.timepoint import TimePoint

Float64 = NDArray[np.float64]

ROW_COLUMNS: tuple[str, ...] = ("group", "time_h", "replicate", "class", "ratio", "cells")
# Ends of the interval of a replicate itself, where they are known; they speak where replicates have no spread.
OWN_ENDS: tuple[str, ...] = ("low", "high")
# Ratios that differ by less are the same number: corrected ratios are solved to about 1e-9.
SAME = 1e-8


def checked_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The replicate rows in plain types; several rows of the same replicate are joined to one.

    Repeats of one replicate (two runs of the same culture) are averaged by their cells: they are not independent.

    Args:
        rows: columns `ROW_COLUMNS`; ``ratio`` 0..1, NaN where it could not be recovered; ``cells`` counted. `OWN_ENDS`
            may be there.

    Returns:
        Columns `ROW_COLUMNS` and `OWN_ENDS`, which are NaN where they were not given, or rows were joined.

    Raises:
        WrongUse: a column is missing.
    """
    missing = [name for name in ROW_COLUMNS if name not in rows.columns]
    if missing:
        raise WrongUse(f"The table of replicates has no column {', '.join(missing)}.")
    table = pd.DataFrame(
        {
            "group": rows["group"].astype(str).to_numpy(object),
            "time_h": pd.to_numeric(rows["time_h"]).to_numpy(np.float64),
            "replicate": rows["replicate"].astype(str).to_numpy(object),
            "class": rows["class"].astype(str).to_numpy(object),
            "ratio": pd.to_numeric(rows["ratio"]).to_numpy(np.float64),
            "cells": pd.to_numeric(rows["cells"]).fillna(0).to_numpy(np.float64),
            **{name: pd.to_numeric(rows[name]).to_numpy(np.float64) if name in rows else np.nan for name in OWN_ENDS},
        }
    )
    keys = ["group", "time_h", "replicate", "class"]
    if not table.duplicated(keys).any():
        return table
    known = np.isfinite(table["ratio"].to_numpy())
    # A replicate with a lost repeat keeps the others; it is lost only when all of them are.
    table["weight"] = np.where(known, np.maximum(table["cells"], 1e-9), 0.0)
    table["weighted"] = np.where(known, table["ratio"], 0.0) * table["weight"]
    joined = table.groupby(keys, dropna=False, sort=False)[["weight", "weighted", "cells"]].sum().reset_index()
    weight = joined["weight"].to_numpy()
    joined["ratio"] = np.where(weight > 0, joined["weighted"] / np.where(weight > 0, weight, 1.0), np.nan)
    return joined[list(ROW_COLUMNS)].assign(**dict.fromkeys(OWN_ENDS, np.nan))


def values_of(table: pd.DataFrame) -> Float64:
    """Ratios of the replicates that have one."""
    values = table["ratio"].to_numpy(np.float64)
    return np.asarray(values[np.isfinite(values)], np.float64)


def panels(table: pd.DataFrame) -> Iterator[tuple[float, str, dict[str, Float64]]]:
    """Each time point and class with the replicate ratios of every group; times in order, unknown time last."""
    if table.empty:
        return
    # By hand, because a page asks for it several times a click and pandas takes 0.2 ms for each of 135 groups.
    keys = [pd.factorize(table[name], sort=True, use_na_sentinel=False) for name in ("time_h", "class", "group")]
    codes = np.stack([code for code, _ in keys])
    order = np.lexsort(codes[::-1])
    codes, ratio = codes[:, order], table["ratio"].to_numpy(np.float64)[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(codes) != 0).any(axis=0)])
    (_, hours), (_, classes), (_, names) = keys
    found: dict[tuple[int, int], dict[str, Float64]] = {}
    for start, values in zip(starts.tolist(), np.split(ratio, starts[1:]), strict=True):
        time, label, group = codes[:, start].tolist()
        found.setdefault((time, label), {})[str(names[group])] = values[np.isfinite(values)]
    for (time, label), groups in found.items():
        yield float(hours[time]), str(classes[label]), groups


def all_the_same(values: Float64) -> bool:
    """True when replicates agree to the last digit, so that no spread can be estimated."""
    return bool(len(values) and np.ptp(values) < SAME)


def at_the_end(values: Float64) -> bool:
    """True when replicates all have 0 or all 1, where corrected ratios end."""
    return bool(len(values) and (values.max() < SAME or values.min() > 1 - SAME))


def same_words(who: str, values: Float64) -> str:
    """Why replicates may have the same value: corrected ratios end at 0 and 1, copies of a file elsewhere."""
    if at_the_end(values):
        share = "0 %" if values[0] < SAME else "100 %"
        return f"All replicates of {who} have exactly {share}: ratios end there, so their spread is not known."
    return f"All replicates of {who} have the same value; check that they are not copies of one file."


def time_words(hours: float) -> str:
    """ "at 1 d", or "at no given time"."""
    return f"at {TimePoint(hours).label()}" if np.isfinite(hours) else "with no time given"


def group_words(name: str) -> str:
    """The group as a reader sees it."""
    return name or "(no group given)"


def uneven_words(groups: Mapping[str, Float64], false_positives: int) -> str:
    """A sentence about the most uneven pair of groups that are compared; "" where there is none.

    Args:
        groups: name -> ratios of replicates; groups under three replicates are passed over.
        false_positives: of 100 comparisons without a difference those with p below 0.05, as measured in
            ``benchmarks/replicates.py`` for 3 against 6 replicates of half the standard deviation.
    """
    found: tuple[float, str] = (0.0, "")
    known = {name: values for name, values in groups.items() if len(values) >= FEWEST_REPLICATES}
    for pair in combinations(known.items(), 2):
        (small, few), (large, many) = sorted(pair, key=lambda item: len(item[1]))
        if len(many) < UNEVEN * len(few) or all_the_same(few) or all_the_same(many):
            continue
        times = float(few.std(ddof=1) / many.std(ddof=1))
        if times > max(1.0, found[0]):
            found = (
                times,
                f"{group_words(small)} has {len(few)} replicates that vary more than the {len(many)} of "
                f"{group_words(large)}. The p value can be too small then: of 100 such comparisons without any "
                f"difference, about {false_positives} instead of {100 * ALPHA:g} can have p below {ALPHA:g}.",
            )
    return found[1]
