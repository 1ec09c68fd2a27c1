"""The answer in a sentence, made from the numbers: which group gives most of a fate, how early, how sure.

The sentence is written for somebody who reads nothing else. It claims a difference only where a test on replicates
and its interval both show one, it names what it cannot tell, and a sample that the model does not know is not ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nscweb.reports.words_numbers import listed, p_value, plural, points, share_with_interval, when
from nscweb.reports.words_rows import Row, after, at, shown_name, tested, tests_of, tied, usable

# What `answer` reads; more columns may stand beside them.
GROUPS_READ = ("group", "time_h", "class", "replicates", "cells", "mean", "low", "high", "recovered", "light")
TESTS_READ = ("time_h", "class", "group", "other", "difference", "low", "high", "p", "comparisons")
LEAST_REPLICATES = 3
# An interval of more points than this says little; fewer cells than this are called few.
WIDE, FEW_CELLS = 0.4, 50
# Fewer cells than this are too few for any claim (see services.fitness_rules.FEWEST_CELLS).
TOO_FEW_CELLS = 20


@dataclass(frozen=True)
class Facts:
    """What stands behind the numbers and belongs into the sentence.

    Attributes:
        method: key of evaluation.estimates.METHODS.
        control: group that the others were tested against; "" when every pair was tested.
        simulated_cells: the cells are simulated.
        simulated_training: the model has learnt from simulated cells only.
        why_lost: a sentence on why ratios could not be recovered; "" for our own.
    """

    method: str = "pacc"
    control: str = ""
    simulated_cells: bool = False
    simulated_training: bool = False
    why_lost: str = ""


@dataclass(frozen=True)
class Answer:
    """What the page says on top.

    Attributes:
        headline: may be read alone.
        details: further sentences: how early, what was left out.
        verdict: ``clear`` (a test tells the leader from all others that were ranked, or from the control where that
            is the next), ``control`` (a test tells it from the control; others were not tested), ``open`` (no test
            does), or ``none`` (there is no number to rely on).
        leader: group named first; "" where there is none.
        order: all groups in the order of the answer.
    """

    headline: str
    details: tuple[str, ...]
    verdict: str
    leader: str
    order: tuple[str, ...]


def answer(
    groups: pd.DataFrame, tests: pd.DataFrame, fate: str, time_h: float, facts: Facts | None = None
) -> Answer:
    """The answer for one fate at one time point.

    Args:
        groups: columns `GROUPS_READ`, shares 0..1; ``light`` is the worst of the group's samples.
        tests: columns `TESTS_READ`; ``difference`` is group minus other, ``p`` is adjusted for ``comparisons``.
        fate: class name.
        time_h: hours; NaN for cells without a time.
    """
    known = facts or Facts()
    order = group_order(groups, fate, time_h)
    rows = at(groups, fate, time_h)
    moment = when(time_h)
    if not rows:
        return Answer(f"No cell is left to count{after(moment)}.", (), "none", "", order)
    many = plural(fate)
    lost = [row for row in rows if not usable(row)]
    red = [row for row in rows if usable(row) and row["light"] == "red"]
    ranked = [row for row in rows if usable(row) and row["light"] != "red"]
    ranked.sort(key=lambda row: -float(row["mean"]))
    if len(lost) == len(rows):
        reason = known.why_lost or "the model confuses the fates too much to work the true shares out."
        text = f"The share of {many}{after(moment)} cannot be told from these cells: {reason}"
        return Answer(_framed([text], known), (), "none", "", order)
    if not ranked:
        text = (
            f"No share of {many}{after(moment)} can be trusted: the cells of every group are unlike those that the "
            "model knows (red light)."
        )
        return Answer(_framed([text], known), _left_out(lost, []), "none", "", order)
    leader = ranked[0]
    said, verdict = _standing(ranked, tests_of(tests, str(leader["group"]), fate, time_h), known)
    interval = share_with_interval(leader["mean"], leader["low"], leader["high"])
    number = int(leader["replicates"])
    unit = f"{number} replicates" if number > 1 else f"1 replicate of {int(leader['cells']):,} cells"
    share = interval.replace(" %", f" % {many}{after(moment)}", 1)
    parts = [f"{shown_name(leader['group'])}: {share}, {unit}; {said}."]
    parts += _cautions(leader) + _few_cells(leader, rows)
    parts += _left_out(lost, red)
    return Answer(_framed(parts, known), (), verdict, str(leader["group"]), order)


def group_order(groups: pd.DataFrame, fate: str, time_h: float) -> tuple[str, ...]:
    """Groups in the order of the answer: numbers that can be trusted, highest first, then red, then no number.

    Groups without cells at that time follow those that can be trusted or are red, by their mean over other times.
    """
    names = sorted(dict.fromkeys(groups["group"].astype(str)), key=lambda name: (name.casefold(), name))
    here = {str(row["group"]): row for row in at(groups, fate, time_h)}
    own = (groups["class"] == fate).to_numpy(bool)
    elsewhere: dict[str, list[float]] = {}
    for name, value in zip(groups["group"].to_numpy()[own], groups["mean"].to_numpy(float)[own], strict=True):
        if np.isfinite(value):
            elsewhere.setdefault(str(name), []).append(value)

    def key(name: str) -> tuple[int, float]:
        row = here.get(name)
        if row is None:
            return 2, -float(np.mean(elsewhere.get(name, [-1.0])))
        if not usable(row):
            return 3, 0.0
        return (1 if row["light"] == "red" else 0), -float(row["mean"])

    return tuple(sorted(names, key=key))


def _standing(ranked: list[Row], found: dict[str, Row], known: Facts) -> tuple[str, str]:
    """What may be said of the leader beside the others, and the verdict."""
    leader, others = ranked[0], ranked[1:]
    if not others:
        return "no other group to compare with", "open"
    if known.control:
        return _against_control(leader, others, found, known.control)
    # A test needs the spread between replicates; without one nothing is claimed.
    without = [row for row in others if not tested(found.get(str(row["group"])))]
    ties = [row for row in others if tied(found.get(str(row["group"])))]
    if ties:
        first = found[str(ties[0]["group"])]
        rest = [shown_name(row["group"]) for row in ties[1:]]
        more = f", nor from {listed(rest)}" if rest else ""
        return (
            f"cannot be told apart from {shown_name(ties[0]['group'])} ({_difference(first, False)}){more}",
            "open",
        )
    if without:
        few = int(min(leader["replicates"], *(row["replicates"] for row in without)))
        gap = points(float(leader["mean"]) - float(without[0]["mean"]))
        why = (
            f"with fewer than {LEAST_REPLICATES} replicates there is no test"
            if few < LEAST_REPLICATES
            else "there is no test"
        )
        other = shown_name(without[0]["group"])
        return f"not shown to be higher than {other}, which has {gap} less: {why}", "open"
    first = found[str(others[0]["group"])]
    more = ", and higher than every other group" if len(others) > 1 else ""
    return f"higher than {shown_name(others[0]['group'])} by {_difference(first)}{more}", "clear"


def _against_control(leader: Row, others: list[Row], found: dict[str, Row], control: str) -> tuple[str, str]:
    if str(leader["group"]) == control:
        return "the control itself; no group is shown to be higher", "open"
    test = found.get(control)
    next_one = str(others[0]["group"])
    also = "" if next_one == control else f"; not tested against the next, {shown_name(next_one)}"
    if not tested(test) or test is None:
        return (
            f"not shown to be higher than the control {shown_name(control)}: there is no test{also}",
            "open",
        )
    if tied(test):
        return (
            f"cannot be told apart from the control {shown_name(control)} ({_difference(test, False)}){also}",
            "open",
        )
    verdict = "control" if also else "clear"
    return f"higher than the control {shown_name(control)} by {_difference(test)}{also}", verdict


def _difference(test: Row, interval: bool = True) -> str:
    number = int(test["comparisons"])
    adjusted = f" adjusted for {number} comparisons" if number > 1 else ""
    ends = (test["low"], test["high"]) if interval else ()
    gap = points(test["difference"], *ends)
    return f"{'' if interval else 'difference '}{gap}, {p_value(test['p'])}{adjusted}"


def _cautions(leader: Row) -> list[str]:
    said = []
    if int(leader["replicates"]) == 1:
        said.append("One replicate: the interval is about its cells and says nothing about the next culture.")
    elif int(leader["replicates"]) < LEAST_REPLICATES:
        said.append(f"Only {int(leader['replicates'])} replicates: no p value is given.")
    if float(leader["high"]) - float(leader["low"]) > WIDE:
        said.append("The interval is wide: little is known yet.")
    if int(leader["cells"]) < FEW_CELLS:
        judged = ": too few to rely on" if int(leader["cells"]) < TOO_FEW_CELLS else ""
        said.append(f"Only {_cells(leader)} counted{judged}.")
    if leader["light"] == "yellow":
        said.append(
            "A yellow light: some of its samples differ from those that the model knows or have few cells; "
            "take it with care."
        )
    return said


def _few_cells(leader: Row, rows: Sequence[Row]) -> list[str]:
    """Other groups at that time that rest on too few cells."""
    few = [row for row in rows if row is not leader and int(row["cells"]) < TOO_FEW_CELLS]
    names = [f"{shown_name(row['group'])} ({int(row['cells'])})" for row in few]
    return [f"Too few cells to rely on in {listed(names)}."] if names else []


def _cells(row: Row) -> str:
    number = int(row["cells"])
    return "1 cell was" if number == 1 else f"{number} cells were"


def _left_out(lost: list[Row], red: list[Row]) -> tuple[str, ...]:
    said = []
    if red:
        names = [shown_name(row["group"]) for row in red]
        whose = "its cells are" if len(names) == 1 else "their cells are"
        said.append(
            f"Not ranked, because {whose} unlike those that the model knows (red light): {listed(names)}."
        )
    if lost:
        names = [shown_name(row["group"]) for row in lost]
        said.append(f"Not ranked, because the ratio cannot be recovered: {listed(names)}.")
    return tuple(said)


def _framed(parts: Sequence[str], known: Facts) -> str:
    """The sentences between what the cells are and what the number is."""
    before = ["Simulated cells."] if known.simulated_cells else []
    after = []
    if known.method == "naive":
        after.append("Counted labels, not corrected for the model's mistakes.")
    if known.simulated_training and not known.simulated_cells:
        after.append(
            "The model has learnt from simulated cells only: on real cells its numbers have no known accuracy."
        )
    return " ".join([*before, *parts, *after])
