"""Since when a group leads: the first time point at which a test shows it, and every later one too.

One short line over all time points: who is highest at each of them, and whether a test shows it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from nscweb.words.headline import Facts, missing
from nscweb.words.numbers import listed, sentence_start, share_with_interval, when
from nscweb.words.rows import Row, apart, at, enough, ranked_of, shown_name, tests_of

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


def how_early(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, leader: str, facts: Facts | None = None) -> str:
    """Since when `leader` is higher than the control (or than every group tested with it) and stays so.

    "" without a leader, without a test, or with a single time point.
    """
    known = facts or Facts()
    mine = ((groups["class"] == fate) & (groups["group"] == leader)).to_numpy(bool)
    times = sorted({float(hours) for hours in groups.loc[mine, "time_h"] if np.isfinite(hours)})
    if len(times) < 2 or leader == known.control:
        return ""
    tested = [_higher_at(groups, tests, leader, fate, hours, known.control) for hours in times]
    if all(state is None for state in tested):
        return ""
    against = shown_name(known.control) if known.control else "every other group that can be trusted and tested"
    since: float | None = None
    for hours, state in zip(reversed(times), reversed(tested), strict=True):
        if not state:
            break
        since = hours
    if since is None:
        states = dict(zip(times, tested, strict=True))
        return _lost(groups, fate, shown_name(leader), states, against, known.control)
    start = f"{shown_name(leader)} is higher than {against} from {moment(since)} on"
    if since == times[0]:
        return f"{start}, the first time point."
    return f"{start}; earlier this is not shown."


def _lost(
    groups: pd.DataFrame, fate: str, name: str, states: dict[float, bool | None], against: str, control: str
) -> str:
    """A lead that was shown and does not last, or a last time point that has no control; "" where neither is so."""
    held = [moment(hours) for hours, state in states.items() if state]
    last = max(states)
    rows = at(groups, fate, last)
    untested = ""
    if control and states[last] is None and control not in {str(row["group"]) for row in ranked_of(rows)}:
        untested = f"{against}, {missing(rows, control)}"
    if not held:
        return f"{sentence_start(moment(last))}: {name} is not tested against {untested}." if untested else ""
    shown = f"{name} is shown to be higher than {against} at {listed(held)}"
    if untested:
        return f"{shown}, and not tested at {moment(last)} against {untested}."
    return f"{shown}; by {moment(last)} this is no longer shown."


def _higher_at(
    groups: pd.DataFrame, tests: pd.DataFrame, leader: str, fate: str, hours: float, control: str
) -> bool | None:
    names = _yardsticks(groups, fate, hours)
    if leader not in names:
        return False
    found = tests_of(tests, leader, fate, hours)
    values = [
        apart(test)
        for name, test in found.items()
        if name in names and control in ("", name) and np.isfinite(test["p"]) and test.get("light", "") != "red"
    ]
    return all(values) if values else None


def _yardsticks(groups: pd.DataFrame, fate: str, hours: float) -> set[str]:
    """Groups that may be compared then: the model knows them, and they have cells enough."""
    return {str(row["group"]) for row in ranked_of(at(groups, fate, hours)) if enough(row)}
