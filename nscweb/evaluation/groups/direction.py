"""Which of two groups a difference is told against: one direction for pages, figures and files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

# Columns that change places, and those that change sign, when a comparison is told the other way round.
_SWAPPED = (("group", "control"), ("n_group", "n_control"))
_ENDS = (("low", "high"), ("low_all", "high_all"), ("g_low", "g_high"))
_SIGNED = ("difference", "g")


def directed(tests: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Every pair told against the group that comes first in `order`; p values do not know a direction.

    Args:
        tests: columns `pair_tests.TEST_COLUMNS`; not changed.
        order: groups, first the one that all others are told against. Groups that are not in it come last and keep
            their direction among one another.

    Returns:
        The same rows in the same order.
    """
    place = {name: number for number, name in enumerate(order)}
    first, second = (
        np.array([place.get(str(name), len(place)) for name in tests[column]], np.int64)
        for column in ("group", "control")
    )
    turned = first < second
    told = tests.copy()
    for one, other in _SWAPPED:
        told[one] = np.where(turned, tests[other], tests[one])
        told[other] = np.where(turned, tests[one], tests[other])
    for low, high in _ENDS:
        told[low] = np.where(turned, -tests[high], tests[low])
        told[high] = np.where(turned, -tests[low], tests[high])
    for name in _SIGNED:
        told[name] = np.where(turned, -tests[name], tests[name])
    return told


def rows_with(tests: pd.DataFrame, name: str) -> pd.DataFrame:
    """The comparisons that have the group `name` on one of their sides."""
    chosen: pd.DataFrame = tests[
        ((tests["group"].astype(str) == name) | (tests["control"].astype(str) == name)).to_numpy(bool)
    ]
    return chosen


def in_order(tests: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Rows of each time point and class in `order`, first by the group compared with; times and classes stay."""
    place = {name: number for number, name in enumerate(order)}
    keys = pd.DataFrame(
        {
            "panel": tests.groupby(["time_h", "class"], dropna=False, sort=False).ngroup().to_numpy(),
            "control": [place.get(str(name), len(place)) for name in tests["control"]],
            "group": [place.get(str(name), len(place)) for name in tests["group"]],
        },
        index=tests.index,
    )
    return tests.loc[keys.sort_values(["panel", "control", "group"], kind="stable").index]
