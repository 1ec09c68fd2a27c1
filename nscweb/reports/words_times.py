"""One short line over all time points: who is highest at each of them, and whether a test shows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from nscweb.reports.words_numbers import listed, share_with_interval, when
from nscweb.reports.words_rows import Row, apart, at, enough, ranked_of, shown_name, tests_of

MOST_TIMES = 6


def over_times(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, control: str = "") -> str:
    """ "Over time: day 1: RA 57 %, not shown to be higher than NT4; day 5: ..."; "" with fewer than two times.

    Args:
        groups, tests: as in `reports.words.answer`.
        control: group that the others were tested against; "" when every pair was tested.
    """
    hours = groups.loc[(groups["class"] == fate).to_numpy(bool), "time_h"].to_numpy(float)
    times = sorted({float(hour) for hour in hours[np.isfinite(hours)]})
    if len(times) < 2:
        return ""
    shown = times[-MOST_TIMES:]
    parts = [f"{moment(hour)}: {_state(groups, tests, fate, hour, control)}" for hour in shown]
    last = f"the last {len(shown)} of {len(times)} time points" if len(shown) < len(times) else "highest group"
    return f"Over time ({last}): {'; '.join(parts)}."


def time_choice(times: Mapping[float, int], chosen: float, default: float, why: str) -> str:
    """Which time points there are, and why the answer is about one of them; "" with fewer than two.

    Args:
        times: hours -> groups with cells then, in order.
        chosen: hours that the answer is about.
        default: hours that it is about when nobody chooses.
        why: words for the default, say "the last with at least two groups to compare".
    """
    known = [hours for hours in times if np.isfinite(hours)]
    if len(known) < 2:
        return ""
    named = [f"{moment(hours)} ({times[hours]} {'group' if times[hours] == 1 else 'groups'})" for hours in known]
    if len(named) > MOST_TIMES:
        named = [*named[: MOST_TIMES - 1], "…", named[-1]]
    reason = f", {why}" if chosen == default else ""
    about = moment(chosen) if np.isfinite(chosen) else "cells without a time"
    return f"The answer on top is for {about}{reason}. Time points: {', '.join(named)}."


def moment(time_h: float) -> str:
    """ "day 1", "12 h"."""
    return when(time_h).removeprefix("at ")


def _state(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, hours: float, control: str) -> str:
    ranked = ranked_of(at(groups, fate, hours))
    if not ranked or not enough(ranked[0]):
        return "no share that can be relied on"
    leader, others = ranked[0], ranked[1:]
    name = str(leader["group"])
    share = f"{shown_name(name)} {share_with_interval(float(leader['mean']), np.nan, np.nan)}"
    found = tests_of(tests, name, fate, hours)
    if control and name == control:
        return f"{share}, which the others are compared with"
    if control and control not in {str(row["group"]) for row in others}:
        return f"{share}, not compared with {shown_name(control)}"
    if control:
        return f"{share}, {_beside(found, [control])}"
    if not others:
        return f"{share}, the only group"
    return f"{share}, {_beside(found, [str(row['group']) for row in others])}"


def _beside(found: dict[str, Row], others: list[str]) -> str:
    open_ones = [shown_name(name) for name in others if name not in found or not apart(found[name])]
    if open_ones:
        return f"not shown to be higher than {listed(open_ones, 3)}"
    return f"higher than {shown_name(others[0])}" if len(others) == 1 else "higher than each other group"
