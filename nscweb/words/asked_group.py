"""The answer about a group that was asked for by name: its share, and how it stands beside the others."""

from __future__ import annotations

import pandas as pd

from nscweb.words.cautions import UNLIKE, cautions, not_seen
from nscweb.words.headline import Answer, adjusted_for, framed, missing, no_test, yardstick
from nscweb.words.numbers import listed, p_value, plural, points, share_with_interval, when
from nscweb.words.rows import (
    Facts,
    Row,
    after,
    at,
    enough,
    ranked_of,
    shown_name,
    side,
    tested,
    tests_of,
    trusted,
    usable,
)

_SIDES = {1: "shown higher than", -1: "shown lower than", 0: "not proven to differ from"}


def about(groups: pd.DataFrame, tests: pd.DataFrame, fate: str, time_h: float, name: str, facts: Facts) -> Answer:
    """The answer on group `name`; arguments as in `headline.answer`, ``clear`` and ``control`` in either direction.

    With a group to compare with, the difference from it is told with its interval, in either direction; else from
    which groups it is shown to differ.
    """
    rows, many, moment = at(groups, fate, time_h), plural(fate), after(when(time_h))
    row = next((row for row in rows if str(row["group"]) == name), None)
    called = shown_name(name)
    if row is None or not usable(row) or not trusted(row):
        why = "it has no cells then" if row is None else "it cannot be recovered"
        why = f"its cells are {UNLIKE}" if row is not None and usable(row) else why
        text = f"There is no share of {many} in {called}{moment}: {why}."
        return Answer(framed([text, *not_seen(facts)], facts), (), "none", name, ())
    found = tests_of(tests, name, fate, time_h)
    said, verdict, others = _beside(rows, row, found, facts)
    number = int(row["replicates"])
    unit = f"{number} replicates" if number > 1 else f"1 replicate of {int(row['cells']):,} cells"
    share = share_with_interval(row["mean"], row["low"], row["high"]).replace(" %", f" % {many}{moment}", 1)
    parts = [f"{called}: {share}, {unit}; {said}."]
    if facts.control and not facts.control_marked and verdict != "open":
        chosen = shown_name(facts.control)
        parts.append(f"p holds only if {called} and {chosen} were chosen before the results were seen.")
    text = framed([*parts, *cautions([row, *others], facts), *not_seen(facts)], facts)
    return Answer(text, (), verdict, name, (), said if said.startswith("not compared with") else "")


def _beside(rows: list[Row], row: Row, found: dict[str, Row], known: Facts) -> tuple[str, str, list[Row]]:
    """What may be said of it beside others, the verdict, and those others."""
    if not enough(row):
        return "too few cells to compare with anything", "open", []
    name = str(row["group"])
    ranked = [other for other in ranked_of(rows) if enough(other) and str(other["group"]) != name]
    if known.control == name:
        return "the group that the others are compared with", "open", []
    if known.control:
        other = next((other for other in ranked if str(other["group"]) == known.control), None)
        if other is None:
            return f"not compared with {yardstick(known)}, {missing(rows, known.control)}", "open", []
        test = found.get(known.control)
        if test is None or not tested(test):
            few = int(min(row["replicates"], other["replicates"]))
            return f"not compared with {yardstick(known)}: {no_test(few, known)}", "open", [other]
        said, shown = _either_way(test, known)
        return said, "control" if shown else "open", [other]
    if not ranked:
        return "no other group can be compared with it", "open", []
    kinds: dict[str, list[str]] = {}
    adjusted = ""
    for other in ranked:
        test = found.get(str(other["group"]))
        shown_side = side(test)
        kind = "not tested against" if shown_side is None else _SIDES[shown_side]
        adjusted = adjusted if test is None or not tested(test) else f" (p{adjusted_for(test, known)})"
        kinds.setdefault(kind, []).append(shown_name(other["group"]))
    words = (*(_SIDES[key] for key in (1, -1, 0)), "not tested against")
    said = "; ".join(f"{start} {listed(kinds[start])}" for start in words if start in kinds)
    shown = _SIDES[1] in kinds or _SIDES[-1] in kinds
    return f"{said}{adjusted if 'adjusted' in adjusted else ''}", "clear" if shown else "open", ranked


def _either_way(test: Row, known: Facts) -> tuple[str, bool]:
    shown = side(test) or 0
    told = f"{p_value(test['p'])}{adjusted_for(test, known)}"
    if shown < 0:
        gap = points(-test["difference"], -test["high"], -test["low"])
        return f"lower than {yardstick(known)} by {gap}, {told}", True
    gap = points(test["difference"], test["low"], test["high"])
    if shown > 0:
        return f"higher than {yardstick(known)} by {gap}, {told}", True
    return f"{_SIDES[0]} {yardstick(known)} (difference {gap}, {told})", False
