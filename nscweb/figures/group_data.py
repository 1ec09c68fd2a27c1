"""What the figures of a comparison draw, as tables: groups in the order of the answer, times in order, marks beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.ratios.published_counts import IMMUNOFLUORESCENCE, published_group, published_reference
from nscweb.figures.look import ordered_times, time_label
from nscweb.words.marks import mark

GROUP_DATA = (
    "group",
    "time_h",
    "time",
    "class",
    "percent",
    "low",
    "high",
    "naive_percent",
    "replicates",
    "cells",
    "method",
    "interval",
    "light",
)
POINT_DATA = ("group", "time_h", "time", "class", "replicate", "percent", "naive_percent", "cells", "light")
DIFFERENCE_DATA = (
    "class",
    "time_h",
    "time",
    "group",
    "other",
    "difference_points",
    "low",
    "high",
    "p_adjusted",
    "p_single",
    "comparisons",
    "n_group",
    "n_other",
    "method",
    "note",
    "light",
)


def group_data(groups: pd.DataFrame, order: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Means of groups in per cent: columns `GROUP_DATA`; NaN where a ratio cannot be recovered.

    Args:
        groups: of services.compare.result.Comparison, one row per group, time and class.
        order: groups in the order of the answer.
        classes: those wanted, in order.
    """
    table = _ordered(groups, order, classes)
    lost = ~table["recovered"].to_numpy(bool)
    result = pd.DataFrame(
        {
            **_keys(table),
            "percent": 100 * table["mean"].astype(float).mask(lost),
            "low": 100 * table["low"].astype(float).mask(lost),
            "high": 100 * table["high"].astype(float).mask(lost),
            "naive_percent": 100 * table["naive_mean"].astype(float),
            "replicates": table["replicates"].astype(int),
            "cells": table["cells"].astype(int),
            "method": table["method"].astype(str),
            "interval": table["interval"].astype(str),
            "light": [mark(str(light)) for light in table["light"]],
        }
    )
    return result.reset_index(drop=True)[list(GROUP_DATA)]


def point_data(rows: pd.DataFrame, order: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Replicates in per cent: columns `POINT_DATA`."""
    table = _ordered(rows, order, classes)
    result = pd.DataFrame(
        {
            **_keys(table),
            "replicate": table["replicate"].astype(str),
            "percent": 100 * table["ratio"].astype(float),
            "naive_percent": 100 * table["naive"].astype(float),
            "cells": table["cells"].astype(int),
            "light": [mark(str(light)) for light in table["light"]],
        }
    )
    return result[list(POINT_DATA)].reset_index(drop=True)


def difference_data(tests: pd.DataFrame, order: Sequence[str], fate: str, time_h: float, against: str) -> pd.DataFrame:
    """Difference of each group from `against` in points: columns `DIFFERENCE_DATA`, groups in order."""
    hours = tests["time_h"].to_numpy(float)
    here = np.isnan(hours) if np.isnan(time_h) else hours == time_h
    here = here & (tests["class"] == fate).to_numpy(bool)
    rows: list[dict[str, Any]] = []
    for row in tests[here].to_dict("records"):
        if against not in (row["group"], row["other"]):
            continue
        sign = 1.0 if row["other"] == against else -1.0
        other = row["group"] if sign > 0 else row["other"]
        ends = sorted((100 * sign * float(row["low"]), 100 * sign * float(row["high"])))
        sizes = ("n_group", "n_other") if sign > 0 else ("n_other", "n_group")
        rows.append(
            {
                "class": fate,
                "time_h": time_h,
                "time": time_label(time_h),
                "group": other,
                "other": against,
                "difference_points": 100 * sign * float(row["difference"]),
                "low": ends[0],
                "high": ends[1],
                "p_adjusted": row["p"],
                "p_single": row["p_single"],
                "comparisons": row["comparisons"],
                "n_group": row[sizes[0]],
                "n_other": row[sizes[1]],
                "method": row["method"],
                "note": row["note"],
                "light": mark(str(row["light"])),
            }
        )
    rows.sort(key=lambda row: list(order).index(str(row["group"])))
    return pd.DataFrame(rows, columns=list(DIFFERENCE_DATA))


def means_and_points(means: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Both tables of a figure in one: ``series`` is ``mean`` or ``replicate``."""
    parts = [part.assign(series=name) for name, part in (("mean", means), ("replicate", points)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else means.assign(series="")


def landmarks(order: Sequence[str], fate: str) -> pd.DataFrame:
    """Published immunofluorescence of one fate under the names of these groups: group, time_h, percent."""
    published = published_reference()
    published = published[(published["kind"] == IMMUNOFLUORESCENCE) & (published["fate"] == fate)]
    parts = [published[published["group"].isin([name, published_group(name)])].assign(group=name) for name in order]
    found = pd.concat(parts, ignore_index=True) if parts else published
    return found[["group", "time_h", "percent"]]


def at_time(table: pd.DataFrame, time_h: float) -> pd.DataFrame:
    """Rows of one time point; NaN finds those without a time."""
    hours = table["time_h"].to_numpy(float)
    chosen: pd.DataFrame = table[np.isnan(hours) if np.isnan(time_h) else hours == time_h]
    return chosen


def outline(
    bins: pd.DataFrame, group: str, time_h: float, fate: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score distribution of the cells of a group: places in per cent (M,) and heights (M,) with the highest 1.

    Args:
        bins: group, time_h, class, low, high, cells; scores 0..1 in bins of equal width.
    """
    own = at_time(bins, time_h)
    own = own[((own["group"] == group) & (own["class"] == fate)).to_numpy(bool)]
    height = own["cells"].to_numpy(np.float64)
    if not len(own) or height.max() == 0:
        return np.zeros(0), np.zeros(0)
    middle = 50 * (own["low"].to_numpy(np.float64) + own["high"].to_numpy(np.float64))
    places = np.concatenate([[0.0], middle, [100.0]])
    return places, np.concatenate([[height[0]], height, [height[-1]]]) / height.max()


def _ordered(table: pd.DataFrame, order: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    chosen = table[table["class"].isin(list(classes)) & table["group"].isin(list(order))]
    times = [moment_key(hours) for hours in ordered_times(chosen["time_h"])]
    place = pd.DataFrame(
        {
            "group": [list(order).index(str(name)) for name in chosen["group"]],
            "time": [times.index(moment_key(hours)) for hours in chosen["time_h"]],
            "class": [list(classes).index(str(name)) for name in chosen["class"]],
        },
        index=chosen.index,
    )
    if "replicate" in chosen:
        place["replicate"] = chosen["replicate"].astype(str)
    return chosen.loc[place.sort_values(list(place.columns), kind="stable").index]


def _keys(table: pd.DataFrame) -> dict[str, Any]:
    return {
        "group": table["group"].astype(str),
        "time_h": table["time_h"].astype(float),
        "time": pd.Series([time_label(hours) for hours in table["time_h"]], index=table.index, dtype=object),
        "class": table["class"].astype(str),
    }


def moment_key(hours: float) -> float:
    """Hours as a key: NaN, which equals nothing, becomes -1."""
    return float(hours) if np.isfinite(hours) else -1.0
