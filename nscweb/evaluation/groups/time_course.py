"""Fate against time: means with their intervals, and the first day against the last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import FEWEST_PAIRS, TAILS, spelled
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.means import group_means
from nscweb.evaluation.groups.replicate_rows import all_the_same, checked_rows
from nscweb.evaluation.scores.intervals import NORMAL, t_quantile

Float64 = NDArray[np.float64]

COURSE_COLUMNS: tuple[str, ...] = ("group", "class", "time_h", "n", "mean", "low", "high")
ENDS_COLUMNS: tuple[str, ...] = ("class", "group", "first_h", "last_h", "used")
AGREEMENT_COLUMNS: tuple[str, ...] = (
    "class",
    "group",
    "replicate",
    "first_h",
    "last_h",
    "first",
    "final",
    "difference",
)


def time_course(rows: pd.DataFrame, errors: GroupErrors = ALONE) -> pd.DataFrame:
    """Mean ratio at each time point with its 95 % interval, the same as in every table of groups.

    Args:
        rows: replicate rows.
        errors: of the whole study.

    Returns:
        Columns `COURSE_COLUMNS`; the interval is NaN with one replicate or without spread.
    """
    return group_means(rows, errors)[list(COURSE_COLUMNS)]


@dataclass(frozen=True)
class Agreement:
    """Bias and limits of agreement of two ways to say the same (Bland and Altman, Lancet 327, 307 (1986)).

    Attributes:
        n: pairs.
        bias, bias_low, bias_high: mean difference with its 95 % t interval.
        sd: standard deviation of the differences.
        lower, lower_low, lower_high: lower limit of agreement, bias - 1.96 SD, with its 95 % interval.
        upper, upper_low, upper_high: the upper one.
        note: why something is NaN; "" else.
    """

    n: int
    bias: float
    bias_low: float
    bias_high: float
    sd: float
    lower: float
    lower_low: float
    lower_high: float
    upper: float
    upper_low: float
    upper_high: float
    note: str = ""


_NO_AGREEMENT = Agreement(0, *(float("nan"),) * 10, f"Limits of agreement need {spelled(FEWEST_PAIRS)} pairs or more.")


def agreement(first: Float64, final: Float64, *, most: float = np.inf) -> Agreement:
    """Agreement of `first` (n,) with `final` (n,); differences are first minus final.

    Limits and intervals are cut at -`most` and `most`, the largest difference that is possible (1 for ratios).

    The limits' intervals are the exact ones of a quantile of normal differences, bias + k s with k from the
    non-central t (Carkeet, Optom. Vis. Sci. 92, e71 (2015)). With three pairs they are long on the outer side; the
    usual approximation (Bland and Altman 1999) holds the limits in 92 % only (benchmarks/courses.py).
    """
    from scipy.stats import nct

    difference = np.asarray(first, np.float64) - np.asarray(final, np.float64)
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    bias = float(difference.mean()) if n else float("nan")
    if n < FEWEST_PAIRS:
        return replace(_NO_AGREEMENT, n=n, bias=bias)
    if all_the_same(difference):
        note = "All pairs differ by the same, so nothing is known of how others would differ."
        return replace(_NO_AGREEMENT, n=n, bias=bias, note=note)
    sd = float(difference.std(ddof=1))
    t = float(t_quantile(n - 1))
    half = t * sd / float(np.sqrt(n))
    near, far = (nct.ppf(TAILS, n - 1, NORMAL * np.sqrt(n)) / np.sqrt(n) * sd).tolist()
    lower, upper = bias - NORMAL * sd, bias + NORMAL * sd
    low, high = (float(np.clip(value, -most, most)) for value in (bias - half, bias + half))
    wanted = (lower, bias - far, bias - near, upper, bias + near, bias + far)
    ends = [float(np.clip(value, -most, most)) for value in wanted]
    return Agreement(n, bias, low, high, sd, ends[0], ends[1], ends[2], ends[3], ends[4], ends[5])


def first_against_final(rows: pd.DataFrame) -> pd.DataFrame:
    """Ratio at the first time point beside that at the last one, per class and group.

    Where a group has the same replicate names at both, each replicate is a pair; else the means of the group are
    one pair with an empty ``replicate``. Only groups marked ``used`` by `shared_ends` take part: day 1 against
    day 2 of one group and day 1 against day 5 of another are different questions.

    Returns:
        Columns `AGREEMENT_COLUMNS`.
    """
    table = _timed(rows)
    ends = shared_ends(rows)
    used = {(name, group): (a, b) for name, group, a, b, yes in ends.itertuples(index=False) if yes}
    lines = []
    for key, part in table.groupby(["class", "group"], sort=True):
        if key not in used:
            continue
        start, end = used[key]
        first = part[part["time_h"] == start].set_index("replicate")["ratio"]
        final = part[part["time_h"] == end].set_index("replicate")["ratio"]
        both = [name for name in first.index if name in final.index]
        pairs = (
            [(name, float(first[name]), float(final[name])) for name in both]
            if len(both) == len(first) == len(final)
            else [("", float(first.mean()), float(final.mean()))]
        )
        lines += [(*key, name, start, end, a, b, a - b) for name, a, b in pairs]
    return pd.DataFrame(lines, columns=list(AGREEMENT_COLUMNS))


def shared_ends(rows: pd.DataFrame) -> pd.DataFrame:
    """First and last time point of each group, and whether it has those that most groups of the class share.

    Of equally common pairs the one with the longest time between counts. A group with one time point is never used.

    Returns:
        Columns `ENDS_COLUMNS`, one row per class and group with a ratio.
    """
    ends = _timed(rows).groupby(["class", "group"], sort=True)["time_h"].agg(["min", "max"]).reset_index()
    ends.columns = pd.Index(ENDS_COLUMNS[:4])
    ends["used"] = False
    for _, part in ends[ends["first_h"] < ends["last_h"]].groupby("class", sort=True):
        pairs = list(zip(part["first_h"], part["last_h"], strict=True))
        chosen = max(pairs, key=lambda pair: (pairs.count(pair), pair[1] - pair[0], -pair[0]))
        ends.loc[part.index, "used"] = [pair == chosen for pair in pairs]
    return ends


def _timed(rows: pd.DataFrame) -> pd.DataFrame:
    table = checked_rows(rows)
    known = np.isfinite(table["time_h"].to_numpy()) & np.isfinite(table["ratio"].to_numpy())
    timed: pd.DataFrame = table.loc[known]
    return timed
