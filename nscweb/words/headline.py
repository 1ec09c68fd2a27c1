"""The answer in a sentence, made from the numbers: which group gives most of a fate, how early, how sure.

The sentence is written for somebody who reads nothing else. It claims a difference only where a test on replicates
and its interval both show one, it names what it cannot tell, and a sample that the model does not know is not ranked.

Of the group named first it says that it is higher than the others, not proven to be, or not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nscweb.core.rules import spelled
from nscweb.words.cautions import UNLIKE, cautions, left_out, not_seen
from nscweb.words.numbers import listed, p_value, plural, points, sentence_start, share_with_interval, when
from nscweb.words.rows import Facts as Facts
from nscweb.words.rows import (
    Row,
    after,
    apart,
    at,
    enough,
    ranked_of,
    shown_name,
    tested,
    tests_of,
    tied,
    trusted,
    usable,
)

# Absence of proof, in words that nobody reads as "equal".
NOT_PROVEN = "not proven to be"
_LOST = "The ratio cannot be recovered: "


@dataclass(frozen=True)
class Standing:
    """How the first group stands beside the others.

    Attributes:
        said: the part of the sentence after the number.
        verdict: as `words.headline.Answer.verdict`.
        untested: why no test was possible against the control; "" where one was, or where there is no control.
        opening: a sentence before the name, where no group is shown to be the highest; "" else.
        named: the first group is only the highest that was measured, not one shown to be.
    """

    said: str
    verdict: str = "open"
    untested: str = ""
    opening: str = ""
    named: bool = False


def standing(rows: Sequence[Row], ranked: Sequence[Row], found: dict[str, Row], fate: str, known: Facts) -> Standing:
    """How the highest of `ranked` stands.

    Args:
        rows: all groups of that time point.
        ranked: those that may be ranked, highest first.
        found: tests of the highest by the other group, turned so that it comes first.
    """
    leader, others = ranked[0], ranked[1:]
    if len(rows) == 1 and not known.emptied and not known.control:
        return Standing("no other group to compare with")
    if not enough(leader):
        return Standing("too few cells to compare with anything")
    if known.control:
        return _against_control(rows, ranked, found, known)
    if not others:
        return Standing("no other group can be compared with it")
    # A test needs the spread between replicates; without one nothing is claimed.
    without = [row for row in others if not tested(found.get(str(row["group"])))]
    ties = [row for row in others if tied(found.get(str(row["group"])))]
    beaten = [row for row in others if str(row["group"]) in found and apart(found[str(row["group"])]) and enough(row)]
    lower = f"; shown higher than {listed([shown_name(row['group']) for row in beaten])}" if beaten else ""
    if ties:
        first = found[str(ties[0]["group"])]
        rest = [shown_name(row["group"]) for row in ties[1:]]
        # Where it is no higher than any, the sentence before says so already.
        more = f", nor than {listed(rest)}" if rest and beaten else ""
        return Standing(
            f"{NOT_PROVEN} higher than {shown_name(ties[0]['group'])} ({difference(first, known, 'difference ')}){more}"
            f"{lower}",
            opening=_opening([leader, *ties, *without], bool(beaten), fate),
            named=True,
        )
    if without:
        few = int(min(leader["replicates"], *(row["replicates"] for row in without)))
        gap = points(float(leader["mean"]) - float(without[0]["mean"]))
        other = shown_name(without[0]["group"])
        return Standing(
            f"not shown to be higher than {other}, which has {gap} less: {no_test(few, known)}{lower}",
            opening=_opening([leader, *without], bool(beaten), fate),
            named=True,
        )
    first = found[str(others[0]["group"])]
    more = ", and higher than every other group" if len(others) > 1 else ""
    return Standing(f"higher than {shown_name(others[0]['group'])} by {difference(first, known)}{more}", "clear")


def yardstick(known: Facts) -> str:
    """The group that is compared with: a control only where the sample sheet says that it is one."""
    return f"{'the control ' if known.control_marked else ''}{shown_name(known.control)}"


def difference(test: Row, known: Facts, start: str = "") -> str:
    """The difference with its interval, and the p value with what it is adjusted for."""
    gap = points(test["difference"], test["low"], test["high"])
    return f"{start}{gap}, {p_value(test['p'])}{adjusted_for(test, known)}"


def adjusted_for(test: Row, known: Facts) -> str:
    """ " adjusted for 15 comparisons"; "" for a single one."""
    number = int(test["comparisons"])
    # Holm is what readers expect of "adjusted"; the milder way is named.
    way = " by Benjamini-Hochberg" if known.adjust == "fdr_bh" else ""
    return f" adjusted for {number} comparisons{way}" if number > 1 else ""


def no_test(replicates: int, known: Facts) -> str:
    """Why two groups were not tested."""
    if replicates < known.fewest:
        return f"with fewer than {spelled(known.fewest)} replicates there is no test"
    return "there is no test, because it needs replicates that differ a little"


def missing(rows: Sequence[Row], control: str) -> str:
    """Why there is no number of a group that can be relied on."""
    row = next((row for row in rows if str(row["group"]) == control), None)
    if row is None:
        return "which has no cells then"
    if not usable(row):
        return "whose ratio cannot be recovered"
    return f"whose cells are {UNLIKE}" if not trusted(row) else "which has too few cells"


def _opening(highest: Sequence[Row], some_lower: bool, fate: str) -> str:
    """That no group is shown to be the highest; where it is higher than none, also between what all lie."""
    nobody = f"group is shown to give most {plural(fate)}"
    if some_lower:
        return f"No single {nobody}."
    shares = [100 * float(row["mean"]) for row in highest]
    low, high = round(min(shares)), round(max(shares))
    all_of = "both" if len(highest) == 2 else f"all {len(highest)}"
    lie = f"lie between {low} and {high} %" if low < high else f"are near {high} %"
    return f"No {nobody}: {all_of} {lie}."


def _against_control(rows: Sequence[Row], ranked: Sequence[Row], found: dict[str, Row], known: Facts) -> Standing:
    leader, others = ranked[0], ranked[1:]
    control, named = known.control, yardstick(known)
    if str(leader["group"]) == control:
        itself = "the control itself" if known.control_marked else "the group that the others are compared with"
        return Standing(f"{itself}; no group is shown to be higher")
    test = found.get(control)
    next_one = str(others[0]["group"]) if others else control
    also = "" if next_one == control else f"; not tested against the next, {shown_name(next_one)}"
    if control not in {str(row["group"]) for row in others}:
        why = missing(rows, control)
        return Standing(f"not compared with {named}, {why}{also}", untested=why)
    if not tested(test) or test is None:
        row = next(row for row in others if str(row["group"]) == control)
        why = no_test(int(min(leader["replicates"], row["replicates"])), known)
        return Standing(f"not shown to be higher than {named}: {why}{also}", untested=why)
    if tied(test):
        said = f"{NOT_PROVEN} higher than {named} ({difference(test, known, 'difference ')}){also}"
        return Standing(said, named=True)
    return Standing(f"higher than {named} by {difference(test, known)}{also}", "control" if also else "clear")


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
        groups: columns group, time_h, class, replicates, cells, mean, low, high, recovered, light; shares 0..1,
            ``light`` is the worst of the group's samples. More columns do no harm.
        tests: columns time_h, class, group, other, difference, low, high, p, comparisons; ``difference`` is group
            minus other, ``p`` is adjusted for ``comparisons``.
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
    # What is compared with nothing needs no words on the others.
    beside = ranked if enough(leader) else ranked[:1]
    parts += cautions(beside, known) + left_out(rows, ranked, known)
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
