"""Since when a group leads: the first time point at which a test shows it, and every later one too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.reports.words import Facts
from nscweb.reports.words_numbers import listed, sentence_start
from nscweb.reports.words_rows import apart, at, enough, ranked_of, shown_name, tests_of
from nscweb.reports.words_standing import missing
from nscweb.reports.words_times import moment


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
