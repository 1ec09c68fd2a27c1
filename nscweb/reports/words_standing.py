"""What may be said of the group named first beside the others: higher, not told apart, or not tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nscweb.reports.words_cautions import UNLIKE
from nscweb.reports.words_facts import Facts
from nscweb.reports.words_numbers import listed, p_value, plural, points
from nscweb.reports.words_rows import LEAST_REPLICATES, Row, apart, enough, shown_name, tested, tied, trusted, usable


@dataclass(frozen=True)
class Standing:
    """How the first group stands beside the others.

    Attributes:
        said: the part of the sentence after the number.
        verdict: as `words.Answer.verdict`.
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
        more = f", nor from {listed(rest)}" if rest and beaten else ""
        return Standing(
            f"cannot be told apart from {shown_name(ties[0]['group'])} ({difference(first, known, False)}){more}"
            f"{lower}",
            opening=_opening([leader, *ties, *without], bool(beaten), fate),
            named=True,
        )
    if without:
        few = int(min(leader["replicates"], *(row["replicates"] for row in without)))
        gap = points(float(leader["mean"]) - float(without[0]["mean"]))
        other = shown_name(without[0]["group"])
        return Standing(
            f"not shown to be higher than {other}, which has {gap} less: {no_test(few)}{lower}",
            opening=_opening([leader, *without], bool(beaten), fate),
            named=True,
        )
    first = found[str(others[0]["group"])]
    more = ", and higher than every other group" if len(others) > 1 else ""
    return Standing(f"higher than {shown_name(others[0]['group'])} by {difference(first, known)}{more}", "clear")


def yardstick(known: Facts) -> str:
    """The group that is compared with: a control only where the sample sheet says that it is one."""
    return f"{'the control ' if known.control_marked else ''}{shown_name(known.control)}"


def difference(test: Row, known: Facts, interval: bool = True) -> str:
    """The difference with its interval or alone, and the p value with what it is adjusted for."""
    ends = (test["low"], test["high"]) if interval else ()
    gap = points(test["difference"], *ends)
    return f"{'' if interval else 'difference '}{gap}, {p_value(test['p'])}{adjusted_for(test, known)}"


def adjusted_for(test: Row, known: Facts) -> str:
    """ " adjusted for 15 comparisons"; "" for a single one."""
    number = int(test["comparisons"])
    # Holm is what readers expect of "adjusted"; the milder way is named.
    way = " by Benjamini-Hochberg" if known.adjust == "fdr_bh" else ""
    return f" adjusted for {number} comparisons{way}" if number > 1 else ""


def no_test(replicates: int) -> str:
    """Why two groups were not tested."""
    if replicates < LEAST_REPLICATES:
        return f"with fewer than {LEAST_REPLICATES} replicates there is no test"
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
        why = no_test(int(min(leader["replicates"], row["replicates"])))
        return Standing(f"not shown to be higher than {named}: {why}{also}", untested=why)
    if tied(test):
        said = f"cannot be told apart from {named} ({difference(test, known, False)}){also}"
        return Standing(said, named=True)
    return Standing(f"higher than {named} by {difference(test, known)}{also}", "control" if also else "clear")
