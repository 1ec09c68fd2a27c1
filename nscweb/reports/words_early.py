"""Since when a group leads: the first time point at which a test shows it, and every later one too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.reports.words import Facts
from nscweb.reports.words_numbers import listed, when
from nscweb.reports.words_rows import Row, apart, at, enough, ranked_of, records, shown_name, tests_of


def how_early(
    groups: pd.DataFrame, tests: pd.DataFrame, fate: str, leader: str, facts: Facts | None = None
) -> str:
    """Since when `leader` is higher than the control (or than every group tested with it) and stays so.

    "" without a leader, without a test, or with a single time point.
    """
    known = facts or Facts()
    mine = ((groups["class"] == fate) & (groups["group"] == leader)).to_numpy(bool)
    own = {float(row["time_h"]): row for row in records(groups[mine]) if np.isfinite(row["time_h"])}
    times = sorted(own)
    if len(times) < 2 or leader == known.control:
        return ""
    tested = [_higher_at(groups, tests, leader, fate, hours, known.control) for hours in times]
    if all(state is None for state in tested):
        return ""
    against = (
        shown_name(known.control) if known.control else "every other group that can be trusted and tested"
    )
    since: float | None = None
    for hours, state in zip(reversed(times), reversed(tested), strict=True):
        if not state:
            break
        since = hours
    if since is None:
        return _not_shown(groups, tests, own[times[-1]], fate, times[-1], known.control)
    moment = when(since).removeprefix("at ")
    if since == times[0]:
        return f"{shown_name(leader)} is higher than {against} from {moment} on, the first time point."
    return f"{shown_name(leader)} is higher than {against} from {moment} on; earlier this is not shown."


def _not_shown(
    groups: pd.DataFrame, tests: pd.DataFrame, row: Row, fate: str, hours: float, control: str
) -> str:
    """What the last time point of a group leaves open, with its day and the groups by name."""
    name = shown_name(row["group"])
    start = f"{when(hours).capitalize()}, the last time point of {name},"
    names = _yardsticks(groups, fate, hours)
    if str(row["group"]) not in names:
        return f"{start} its share cannot be relied on, so nothing is shown."
    found = tests_of(tests, str(row["group"]), fate, hours)
    others = [control] if control else sorted(name for name in found if name in names)
    left = [shown_name(other) for other in others if other not in found or not apart(found[other])]
    if len(left) == len(others) and len(left) > 1:
        return f"{start} it is shown to be higher than none of the other {len(left)} groups."
    return f"{start} it is not shown to be higher than {listed(left)}." if left else ""


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
        if name in names
        and control in ("", name)
        and np.isfinite(test["p"])
        and test.get("light", "") != "red"
    ]
    return all(values) if values else None


def _yardsticks(groups: pd.DataFrame, fate: str, hours: float) -> set[str]:
    """Groups that may be compared then: the model knows them, and they have cells enough."""
    return {str(row["group"]) for row in ranked_of(at(groups, fate, hours)) if enough(row)}
