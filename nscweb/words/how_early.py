"""Since when a group leads: the first time point at which a test shows it, and every later one too.

A second line goes over all time points: who is highest at each of them, and whether a test shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.earliest import Earliest, earliest
from nscweb.words.headline import NOT_PROVEN, Facts, missing
from nscweb.words.numbers import listed, sentence_start, share_with_interval, when
from nscweb.words.rows import Sides, at, enough, ranked_of, shown_name, sides, tests_of

MOST_TIMES = 6
# Of more groups than this, those that are left out are named instead.
_MOST_NAMED = 4


def over_times(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, control: str = "") -> str:
    """ "Over time: day 1: RA 57 %, not proven to be higher than NT4; day 5: ..."; "" with fewer than two times.

    Args:
        groups, tests: as in `words.headline.answer`.
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
    if control and name == control:
        return f"{share}, which the others are compared with"
    if control and control not in {str(row["group"]) for row in others}:
        return f"{share}, not compared with {shown_name(control)}"
    rows = at(groups, fate, hours)
    if len(rows) == 1:
        return f"{share}, the only group"
    return f"{share}, {_beside(sides(rows, tests_of(tests, name, fate, hours), name, control))}"


def _beside(found: Sides) -> str:
    """What the tests show of the highest group at a time point."""
    open_ones = [shown_name(name) for name in (*found.alike, *found.lower)]
    rest = [shown_name(name) for name in found.rest]
    if open_ones:
        also = f", nor tested against {listed(rest, 3)}" if rest else ""
        return f"{NOT_PROVEN} higher than {listed(open_ones, 3)}{also}"
    if not found.higher:
        return f"not tested against {listed(rest, 3)}"
    # Of groups that could be compared but were not tested, nothing is claimed.
    start = "shown higher than" if found.untested else "higher than"
    return f"{start} {_beaten(found, 'each')}"


def _beaten(found: Sides, every: str = "every") -> str:
    """Whom a group is shown to be higher (or lower) than, and against whom there is no test, by name."""
    names = [shown_name(name) for name in found.higher or found.lower]
    rest = [shown_name(name) for name in found.rest]
    if not rest:
        return names[0] if len(names) == 1 else f"{every} other group"
    left = listed(rest, len(rest))
    if len(names) > _MOST_NAMED:
        return f"{every} other group but {left}, against which there is no test"
    return f"{listed(names)}, not tested against {left}"


def sides_over(
    groups: pd.DataFrame, tests: pd.DataFrame, fate: str, name: str, control: str = ""
) -> dict[float, Sides]:
    """How a group stands at each of its time points, in order, beside the control or beside every other group.

    Args:
        groups, tests: as in `words.headline.answer`; `tests` are those of the sentence on top, adjusted within each
            fate and time point (see `evaluation.groups.earliest` for why).
        control: "" for every other group.
    """
    mine = ((groups["class"] == fate) & (groups["group"] == name)).to_numpy(bool)
    times = sorted({float(hours) for hours in groups.loc[mine, "time_h"] if np.isfinite(hours)})
    return {hours: sides(at(groups, fate, hours), tests_of(tests, name, fate, hours), name, control) for hours in times}


def since(here: Mapping[float, Sides]) -> Earliest:
    """Since when a group differs from the control, or from every group that it was tested against."""
    return earliest({hours: one.state for hours, one in here.items()})


def how_early(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, leader: str, facts: Facts | None = None) -> str:
    """Since when `leader` is higher than the control (or than every group tested with it) and stays so.

    "" without a leader, without a test, or with a single time point.
    """
    control = (facts or Facts()).control
    here = sides_over(groups, tests, fate, leader, control)
    found = since(here)
    if len(found.times) < 2 or (control and leader == control) or not found.tested:
        return ""
    name = shown_name(leader)
    if found.side > 0:
        # Of the last time point nothing is shown where it has no test.
        is_so = "is" if found.states[-1] is not None else "is shown to be"
        return f"{name} {is_so} higher than {_held(found, here, groups, fate, control)}."
    shown = found.shown_at(1)
    if shown:
        held = _each_time(shown, here, f"at {listed([moment(hours) for hours in shown])}")
        last = found.tested[-1]
        later = [moment(hours) for hours in found.times if hours > last]
        end = f", and there is no test at {listed(later)}" if later else ""
        return f"{name} is shown to be higher than {held}; at {moment(last)} it is not proven{end}."
    lacking = _lacking(groups, fate, found.times[-1], control)
    if found.states[-1] is None and lacking:
        return f"{sentence_start(moment(found.times[-1]))}: {name} is not tested{lacking}."
    return ""


def earliest_sentence(here: Mapping[float, Sides], groups: pd.DataFrame, fate: str, name: str, control: str) -> str:
    """The same of any group against the control, in either direction and also where there is no such time point.

    Args:
        here: of `sides_over` with this control.
        groups: as there; says why the control could not be compared with.
    """
    found = since(here)
    who, against = f"{shown_name(name)}, {fate}", shown_name(control)
    if len(found.times) < 2:
        return f"{who}: fewer than two time points, so nothing can be said about staying."
    if not found.tested:
        return f"{who}: could not be tested against {against} at any time point."
    if found.side:
        word = "higher" if found.side > 0 else "lower"
        return f"{who}: {word} than {_held(found, here, groups, fate, control)}."
    apart_at = [moment(hours) for hours in (*found.shown_at(1), *found.shown_at(-1))]
    if apart_at:
        return f"{who}: differs from {against} at {listed(apart_at)}, but not to the end."
    # Absence of proof: with few replicates a difference can be there and not be shown.
    where = "any time point" if len(found.tested) == len(found.times) else "any time point that could be tested"
    return f"{who}: not proven to differ from {against} at {where}."


def _held(found: Earliest, here: Mapping[float, Sides], groups: pd.DataFrame, fate: str, control: str) -> str:
    """ "NT4 from day 3 on; earlier this is not proven": whom, since when, and what could not be tested."""
    first, last = found.time_h, found.tested[-1]
    held = [hours for hours in found.tested if hours >= first]
    to_the_end = last == found.times[-1]
    span = f"from {moment(first)} on" if to_the_end else f"from {moment(first)} to {moment(last)}"
    if not to_the_end and first == last:
        span = f"at {moment(first)}"
    said = _each_time(held, here, span)
    between = [moment(hours) for hours in found.untested if hours < last]
    after = [moment(hours) for hours in found.untested if hours > last]
    if after:
        said += f", and not tested at {listed(after)}{_lacking(groups, fate, found.times[-1], control)}"
    place = found.times.index(first)
    if place == 0:
        said += ", the first time point" if to_the_end else ""
    elif found.states[place - 1] is None:
        said += "; the time point before could not be tested, so it may be earlier"
    elif to_the_end:
        said += "; earlier this is not proven"
    return f"{said}; not tested at {listed(between)}" if between else said


def _each_time(times: Sequence[float], here: Mapping[float, Sides], span: str) -> str:
    """Whom a group is apart from over a span of time; one by one where these are not the same groups."""
    whom = {hours: _beaten(here[hours]) for hours in times}
    kinds = list(dict.fromkeys(whom.values()))
    if len(kinds) == 1:
        comma = "," if here[times[0]].rest else ""
        return f"{kinds[0]}{comma} {span}"
    parts = [f"at {listed([moment(hours) for hours in times if whom[hours] == kind])}: {kind}" for kind in kinds]
    return f"the groups that it was tested against {span} ({'; '.join(parts)})"


def _lacking(groups: pd.DataFrame, fate: str, hours: float, control: str) -> str:
    """ " against NT4, which has no cells then" where the control cannot be compared with; "" else."""
    rows = at(groups, fate, hours)
    if not control or control in {str(row["group"]) for row in ranked_of(rows) if enough(row)}:
        return ""
    return f" against {shown_name(control)}, {missing(rows, control)}"
