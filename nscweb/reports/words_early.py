"""Since when a group leads: the first time point at which a test shows it, and every later one too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.reports.words import Facts
from nscweb.reports.words_numbers import listed, when
from nscweb.reports.words_rows import Row, apart, records, shown_name, tests_of, usable


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
    tested = [_higher_at(tests, own[hours], fate, hours, known.control) for hours in times]
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
        return _not_shown(tests, own[times[-1]], fate, times[-1], known.control)
    moment = when(since).removeprefix("at ")
    if since == times[0]:
        return f"{shown_name(leader)} is higher than {against} from {moment} on, the first time point."
    return f"{shown_name(leader)} is higher than {against} from {moment} on; earlier this is not shown."


def _not_shown(tests: pd.DataFrame, row: Row, fate: str, hours: float, control: str) -> str:
    """What the last time point of a group leaves open, with its day and the groups by name."""
    name = shown_name(row["group"])
    start = f"{when(hours).capitalize()}, the last time point of {name},"
    if row["light"] == "red" or not usable(row):
        return f"{start} its share cannot be relied on, so nothing is shown."
    found = tests_of(tests, str(row["group"]), fate, hours)
    others = [control] if control else sorted(found)
    left = [shown_name(other) for other in others if other not in found or not apart(found[other])]
    if len(left) == len(others) and len(left) > 1:
        return f"{start} it is shown to be higher than none of the other {len(left)} groups."
    return f"{start} it is not shown to be higher than {listed(left)}." if left else ""


def _higher_at(tests: pd.DataFrame, row: Row, fate: str, hours: float, control: str) -> bool | None:
    if row["light"] == "red" or not usable(row):
        return False
    found = tests_of(tests, str(row["group"]), fate, hours)
    if control:
        found = {name: value for name, value in found.items() if name == control}
    # A group that the model does not know at that time is no yardstick.
    values = [
        apart(test) for test in found.values() if np.isfinite(test["p"]) and test.get("light", "") != "red"
    ]
    return all(values) if values else None
