"""The answer in a sentence, made from the numbers: which group gives most of a fate, how early, how sure.

The sentence is written for somebody who reads nothing else. It claims a difference only where a test on replicates
and its interval both show one, it names what it cannot tell, and a sample that the model does not know is not ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nscweb.reports.words_cautions import UNLIKE, cautions, left_out, not_seen
from nscweb.reports.words_facts import Facts as Facts
from nscweb.reports.words_numbers import plural, sentence_start, share_with_interval, when
from nscweb.reports.words_rows import Row, after, at, ranked_of, shown_name, tests_of, trusted, usable
from nscweb.reports.words_standing import standing

# What `answer` reads; more columns may stand beside them.
GROUPS_READ = ("group", "time_h", "class", "replicates", "cells", "mean", "low", "high", "recovered", "light")
TESTS_READ = ("time_h", "class", "group", "other", "difference", "low", "high", "p", "comparisons")
_LOST = "The ratio cannot be recovered: "


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
        untested: why no test against the control was possible; "" where one was, or where there is no control.
    """

    headline: str
    details: tuple[str, ...]
    verdict: str
    leader: str
    order: tuple[str, ...]
    untested: str = ""


def answer(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, time_h: float, facts: Facts | None = None) -> Answer:
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
        unseen = not_seen(known)
        return Answer(" ".join([f"No cell is left to count{after(moment)}.", *unseen]), (), "none", "", order)
    many = plural(fate)
    ranked = ranked_of(rows)
    if not any(usable(row) for row in rows):
        reason = known.why_lost.removeprefix(_LOST) or (
            "the model confuses the fates too much to work the true shares out."
        )
        text = f"The share of {many}{after(moment)} cannot be told from these cells: {reason}"
        return Answer(framed([text], known), (), "none", "", order)
    if not ranked:
        red = [row for row in rows if usable(row)]
        partly = any(_some_red(known, row) for row in red)
        why = f"{'samples' if partly else 'the cells'} of every group are {UNLIKE}"
        if len(red) < len(rows):
            why = f"cells are {UNLIKE}, or the ratio cannot be recovered"
        text = f"No share of {many}{after(moment)} can be trusted: {why}."
        return Answer(framed([text, *not_seen(known)], known), (), "none", "", order)
    leader = ranked[0]
    stands = standing(rows, ranked, tests_of(tests, str(leader["group"]), fate, time_h), fate, known)
    interval = share_with_interval(leader["mean"], leader["low"], leader["high"])
    number, name = int(leader["replicates"]), shown_name(leader["group"])
    unit = f"{number} replicates" if number > 1 else f"1 replicate of {int(leader['cells']):,} cells"
    share = interval.replace(" %", f" % {many}{after(moment)}", 1)
    named = f"Highest measured, {name}" if stands.named else name if leader["group"] else sentence_start(name)
    parts = [stands.opening] if stands.opening else []
    parts.append(f"{named}: {share}, {unit}; {stands.said}.")
    if known.control and not known.control_marked and stands.verdict != "open":
        chosen = shown_name(known.control)
        parts.append(f"p holds only if {chosen} was chosen to compare with before the results were seen.")
    parts += cautions(ranked, known) + left_out(rows, ranked, known)
    return Answer(framed(parts, known), (), stands.verdict, str(leader["group"]), order, stands.untested)


def group_order(groups: pd.DataFrame, fate: str, time_h: float) -> tuple[str, ...]:
    """Groups in the order of the answer: numbers that can be trusted, highest first, too few cells, red, no number.

    Groups without cells at that time follow those that have some, by their mean over other times.
    """
    names = sorted(dict.fromkeys(groups["group"].astype(str)), key=lambda name: (name.casefold(), name))
    here = {str(row["group"]): row for row in at(groups, fate, time_h)}
    ranked = {str(row["group"]) for row in ranked_of(list(here.values()))}
    own = (groups["class"] == fate).to_numpy(bool)
    elsewhere: dict[str, list[float]] = {}
    for name, value in zip(groups["group"].to_numpy()[own], groups["mean"].to_numpy(float)[own], strict=True):
        if np.isfinite(value):
            elsewhere.setdefault(str(name), []).append(value)

    def key(name: str) -> tuple[int, float]:
        row = here.get(name)
        if row is None:
            return 3, -float(np.mean(elsewhere.get(name, [-1.0])))
        if not usable(row):
            return 4, 0.0
        place = 0 if name in ranked else 1 if trusted(row) else 2
        return place, -float(row["mean"])

    return tuple(sorted(names, key=key))


def _some_red(known: Facts, row: Row) -> bool:
    red, whole = known.red.get(str(row["group"]), (1, 1))
    return red < whole


def framed(parts: Sequence[str], known: Facts) -> str:
    """Sentences between what the cells are and what the number is."""
    before = ["Simulated cells."] if known.simulated_cells else []
    after = []
    if known.method == "naive":
        after.append("Counted labels, not corrected for the model's mistakes.")
        if known.least_score > 0:
            after.append(
                f"Only cells with a score of at least {100 * known.least_score:g} % are counted, which may shift the "
                "share."
            )
    elif known.other_times:
        after.append("The model was not measured at this time point; the share is corrected by its mistakes at others.")
    if known.simulated_training and not known.simulated_cells:
        after.append(
            "The model has learnt from simulated cells only: on real cells its numbers have no known accuracy."
        )
    return " ".join([*before, *parts, *after])
