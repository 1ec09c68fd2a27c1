"""Time course and dose response of a run, for page and file."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from nscweb.core.run_record import Run
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.services.compare.doses import doses_of
from nscweb.services.compare.group_lights import worst_light
from nscweb.services.kept import kept, table_mark

if TYPE_CHECKING:
    from nscweb.evaluation.groups.dose_response import DoseCurve
    from nscweb.evaluation.groups.time_course import Agreement
    from nscweb.services.context import App

EARLIEST_COLUMNS: tuple[str, ...] = (
    "group",
    "class",
    "control",
    "time_h",
    "direction",
    "sentence",
    "comparisons",
    "family",
)
EARLIEST_FAMILY = "each fate and time point by itself: its groups against the control"
DOSE_COLUMNS: tuple[str, ...] = (
    "series",
    "time_h",
    "class",
    "unit",
    "bottom",
    "top",
    "ec50",
    "low",
    "high",
    "slope",
    "p",
    "n",
    "doses",
    "note",
)
DOSE_SAMPLES = ["sample_id", "group", "time_h", "replicate", "class", "ratio", "cells"]


@dataclass(frozen=True, eq=False)
class Courses:
    """Fate against time.

    Attributes:
        course: columns of `evaluation.groups.time_course.COURSE_COLUMNS`.
        pairs: columns of `AGREEMENT_COLUMNS`: the first time point beside the last.
        ends: columns of `ENDS_COLUMNS`: which groups take part in `pairs`, and why others do not.
        agreements: class -> bias and limits of agreement over the pairs.
    """

    course: pd.DataFrame
    pairs: pd.DataFrame
    ends: pd.DataFrame
    agreements: dict[str, Agreement]


@dataclass(frozen=True, eq=False)
class Doses:
    """Ratios against the doses of the sheet.

    Attributes:
        unit: as the sheet says it; "" when it does not.
        points: series, time_h, class, dose, replicate, ratio, and cells and light where samples had them: one row per
            replicate.
        curves: columns `DOSE_COLUMNS`, one row per series, time and class.
        fits: the same curves by (series, time_h, class).
        sentence: why there is nothing, or what to mind; "" else.
    """

    unit: str
    points: pd.DataFrame
    curves: pd.DataFrame
    fits: dict[tuple[str, float, str], DoseCurve]
    sentence: str


def _course_key(rows: pd.DataFrame, groups: pd.DataFrame | None = None, errors: GroupErrors = ALONE) -> Hashable:
    return (table_mark(rows), table_mark(groups), errors)


@kept(24, _course_key)
def courses_of(rows: pd.DataFrame, groups: pd.DataFrame | None = None, errors: GroupErrors = ALONE) -> Courses:
    """Means over time with their intervals, and the first day against the last.

    Args:
        rows: replicate rows.
        groups: columns of `evaluation.ratios.estimates.GROUP_ESTIMATE_COLUMNS`; gives the interval where replicates
            cannot: where a group has one of them at a time, or all agree.
        errors: what is known of the error of group means (`Comparison.errors`).
    """
    from nscweb.evaluation.groups.time_course import agreement, first_against_final, shared_ends, time_course

    pairs = first_against_final(rows)
    found = {
        str(name): agreement(part["first"].to_numpy(np.float64), part["final"].to_numpy(np.float64), most=1.0)
        for name, part in pairs.groupby("class", sort=True)
    }
    course = time_course(rows, errors)
    return Courses(_with_own_intervals(course, groups), pairs, shared_ends(rows), found)


def earliest_of(
    groups: pd.DataFrame, tests: pd.DataFrame, control: str, fates: Sequence[str], order: Sequence[str] = ()
) -> pd.DataFrame:
    """The earliest reliable day of each group, by the same rule and tests as the sentence on top.

    Args:
        groups, tests: those of `Comparison`.
        control: group that the others are compared with; no rows without one ("").
        fates: classes, in the order of the table.
        order: groups in the order of the table; by name without it.

    Returns:
        Columns `EARLIEST_COLUMNS`, one row per group and class. ``time_h`` is NaN where there is no such time, and the
        sentence says why. ``direction`` is more, less or "". ``comparisons`` is the largest number of comparisons that
        p values of one fate and time point are adjusted for, and ``family`` says so in words.
    """
    from nscweb.words.how_early import earliest_sentence, sides_over, since

    place = {name: number for number, name in enumerate(order)}
    lines = []
    for fate in fates:
        names = sorted(set(groups.loc[groups["class"] == fate, "group"].astype(str)))
        # Without a control: a group without a name is none.
        if not control or control not in names:
            continue
        made = int(tests.loc[tests["class"] == fate, "comparisons"].max()) if len(tests) else 0
        for name in sorted((name for name in names if name != control), key=lambda name: place.get(name, len(place))):
            here = sides_over(groups, tests, fate, name, control)
            found = since(here)
            direction = {1: "more", -1: "less", 0: ""}[found.side]
            said = earliest_sentence(here, groups, fate, name, control)
            lines.append((name, fate, control, found.time_h, direction, said, made, EARLIEST_FAMILY))
    return pd.DataFrame(lines, columns=list(EARLIEST_COLUMNS))


def _with_own_intervals(course: pd.DataFrame, groups: pd.DataFrame | None) -> pd.DataFrame:
    """Where the spread of replicates gives no interval, that of their own cells; ``interval`` says so."""
    course = course.assign(interval=np.where(course["low"].notna(), "replicates", ""))
    if groups is None or groups.empty:
        return course
    keys = ["group", "class", "time_h"]
    own = groups[[*keys, "low", "high"]].copy()
    for name in ("group", "class"):
        own[name] = own[name].astype(str)
    own["time_h"] = own["time_h"].astype(np.float64)
    joined = course[keys].merge(own.drop_duplicates(keys), on=keys, how="left")
    lacking = course["low"].isna().to_numpy() & joined["low"].notna().to_numpy() & joined["high"].notna().to_numpy()
    for name in ("low", "high"):
        course[name] = np.where(lacking, joined[name].to_numpy(np.float64), course[name].to_numpy(np.float64))
    single = (course["n"] == 1).to_numpy()
    course.loc[lacking & single, "interval"] = "cells of the one replicate"
    course.loc[lacking & ~single, "interval"] = "cells of the replicates, which agree"
    return course


def _dose_key(app: App, run: Run | str, samples: pd.DataFrame) -> Hashable:
    return (table_mark(samples), repr(doses_of(app, run)))


@kept(12, _dose_key)
def dose_response_of(app: App, run: Run | str, samples: pd.DataFrame) -> Doses:
    """A curve per fate, time point and series of doses.

    Samples of one group form a series where that group has several doses; groups with one dose each form a series
    where their names differ by a number only (such as "NGF 10" and "NGF 50"), named by what the names share.

    Args:
        samples: one row per sample and class: sample_id, group, time_h, replicate, class, ratio
            (`Estimates.table`); of ``cells`` the sum and of ``light`` the worst is kept, where there are such columns.
    """
    from nscweb.evaluation.groups.dose_response import dose_curve
    from nscweb.evaluation.groups.replicate_join import replicate_names

    doses, unit, sentence = doses_of(app, run)
    columns = ["series", "time_h", "class", "dose", "replicate", "ratio"]
    nothing = pd.DataFrame(columns=columns), pd.DataFrame(columns=list(DOSE_COLUMNS))
    if not doses:
        why = sentence or (
            "The sample sheet has no doses. Add a column called dose, with its unit in brackets, such as "
            "dose (ng/ml), and one number per sample."
        )
        return Doses("", *nothing, {}, why)
    table = samples[samples["sample_id"].isin(list(doses))].copy()
    table["dose"] = [doses[str(name)] for name in table["sample_id"]]
    table = _with_shared_zero(table.assign(series=_series(table)))
    table["replicate"] = replicate_names(table)
    keys = ["series", "time_h", "class", "dose", "replicate"]
    told = {name: (name, how) for name, how in (("cells", "sum"), ("light", worst_light)) if name in table}
    grouped = table.groupby(keys, dropna=False, sort=True, observed=True)
    points = grouped.agg(ratio=("ratio", "mean"), **told).reset_index()
    lines, fits = [], {}
    for key, part in points.groupby(["series", "time_h", "class"], dropna=False, sort=True):
        series, hours, name = cast("tuple[str, float, str]", key)
        # One and the same NaN, so that a key is found again.
        hours = hours if np.isfinite(hours) else np.nan
        curve = dose_curve(part["dose"], part["ratio"])
        fits[(series, hours, name)] = curve
        lines.append(
            (
                series,
                hours,
                name,
                unit,
                curve.bottom,
                curve.top,
                curve.ec50,
                curve.low,
                curve.high,
                curve.slope,
                curve.p,
                curve.n,
                curve.doses,
                curve.note,
            )
        )
    said = " ".join(text for text in (sentence, _apart(table)) if text)
    curves = pd.DataFrame(lines, columns=list(DOSE_COLUMNS))
    if "light" in told:
        parts = points.groupby(["series", "time_h", "class"], dropna=False, sort=True)
        curves["light"] = [worst_light(part["light"]) for _, part in parts]
    return Doses(unit, points[[*columns, *told]], curves, fits, said)


def _series(table: pd.DataFrame) -> list[str]:
    """Groups that differ by nothing but a number are one series; different inducers never are."""
    several = table[table["dose"] > 0].groupby("group", observed=True)["dose"].nunique()
    own = {str(name) for name, number in several.items() if number > 1}
    largest = table.groupby("group", observed=True)["dose"].max()
    own |= {str(name) for name, dose in largest.items() if dose == 0}
    rest = [str(name) for name in dict.fromkeys(table["group"]) if str(name) not in own]
    alike: dict[str, list[str]] = {}
    for name in rest:
        alike.setdefault(_without_numbers(name), []).append(name)
    called = {name: _shared_start(names) or _without_numbers(name) for names in alike.values() for name in names}
    return [called.get(str(name), str(name)) for name in table["group"]]


def _without_numbers(name: str) -> str:
    """ "NGF ng/ml" for "NGF 10 ng/ml"; "NT3" stays, its number is part of a word."""
    return " ".join(word for word in name.split() if not word[0].isdigit())


def _apart(table: pd.DataFrame) -> str:
    """What to do where inducers have one dose each."""
    doses = table[table["dose"] > 0].groupby("series", observed=True)["dose"].nunique()
    if len(doses) < 2 or doses.max() > 1:
        return ""
    return (
        "Each inducer has one dose, and doses of different inducers make no curve. Give the doses of one inducer "
        "the same group, or groups that differ by a number only, such as NGF 10 and NGF 50."
    )


def _with_shared_zero(table: pd.DataFrame) -> pd.DataFrame:
    """Untreated groups (dose 0 only) give their zero to every series that has none of its own."""
    largest = table.groupby("series")["dose"].max()
    untreated = [name for name, dose in largest.items() if dose == 0]
    if not untreated or len(untreated) == len(largest):
        return table
    zero = table[table["series"].isin(untreated)]
    rest = table[~table["series"].isin(untreated)]
    parts = [rest]
    for name, part in rest.groupby("series", sort=True):
        if not (part["dose"] == 0).any():
            parts.append(zero.assign(series=name))
    return pd.concat(parts, ignore_index=True)


def _shared_start(names: list[str]) -> str:
    """ "NGF" for "NGF 1" and "NGF 10"; the one name where there is one."""
    if len(names) <= 1:
        return "".join(names)
    first = [name.split() for name in names]
    shared = []
    for words in zip(*first, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return " ".join(shared)
