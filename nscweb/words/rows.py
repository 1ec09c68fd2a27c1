"""Rows of the tables that sentences are made from, as plain dictionaries, and what a test shows.

`Facts` is what is behind the numbers: the way of counting, and everything that was left out or is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, DEFAULT_METHOD, FEWEST_CELLS, FEWEST_REPLICATES

NAMELESS = "the group without a name"
Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """What stands behind the numbers and belongs into the sentence; all of one fate and time point.

    Attributes:
        method: key of evaluation.ratios.estimates.METHODS.
        control: group that the others were tested against; "" when every pair was tested.
        control_marked: the sample sheet says that this group is a control.
        adjust: ``holm`` or ``fdr_bh``.
        simulated_cells: the cells are simulated.
        simulated_training: the model has learnt from simulated cells only.
        why_lost: a sentence on why ratios could not be recovered; "" for our own.
        other_times: the model has no held-out cells of this time point; ratios rest on those of others.
        least_score: cells with a lower score were not counted, 0..1.
        hidden_groups: groups that the filter leaves out; they are neither ranked nor tested.
        hidden_replicates: replicates that the filter leaves out.
        emptied: groups recorded at this time point of which no cell is left.
        red: group -> how many of its samples have a red trust light, and how many it has.
        small: group -> how many of its replicates have too few cells, and how many it has; only where there are any.
        unnamed: groups with samples that name no replicate, so that each counts as one.
        fewest: replicates that a group needs for a test.
        outlying: group -> a few words on its spread, where its replicates vary more than those of other groups.
    """

    method: str = DEFAULT_METHOD
    control: str = ""
    control_marked: bool = False
    adjust: str = DEFAULT_ADJUST
    simulated_cells: bool = False
    simulated_training: bool = False
    why_lost: str = ""
    other_times: bool = False
    least_score: float = 0.0
    hidden_groups: int = 0
    hidden_replicates: int = 0
    emptied: tuple[str, ...] = ()
    red: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    small: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unnamed: frozenset[str] = frozenset()
    fewest: int = FEWEST_REPLICATES
    outlying: Mapping[str, str] = field(default_factory=dict)


def tested(test: Row | None) -> bool:
    """True where a test gave a p value."""
    return test is not None and bool(np.isfinite(test["p"]))


def tied(test: Row | None) -> bool:
    """True where a test was made and shows no difference."""
    return test is not None and tested(test) and not apart(test)


def side(test: Row | None) -> int | None:
    """1 where the adjusted p value and the interval both show that the first group is higher, -1 lower, 0 neither.

    None where nothing was tested.
    """
    if test is None or not np.isfinite(test["p"]):
        return None
    return (int(test["low"] > 0) - int(test["high"] < 0)) if test["p"] < ALPHA else 0


def apart(test: Row) -> bool:
    """True where both the adjusted p value and the interval show that the first group is higher."""
    return side(test) == 1


@dataclass(frozen=True)
class Sides:
    """What the tests of one time point show of a group beside each of the others, by name.

    Attributes:
        higher, lower: others that it is shown to be higher or lower than.
        alike: tested, and no difference shown.
        untested: they could be compared, but there is no test.
        aside: they cannot be compared: too few cells, unlike those that the model knows, no ratio.
    """

    higher: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def rest(self) -> tuple[str, ...]:
        """Those about which the tests say nothing."""
        return (*self.untested, *self.aside)

    @property
    def state(self) -> int | None:
        """1 higher than all that it was tested against, -1 lower than all, 0 neither, None where no test is."""
        if not (self.higher or self.lower or self.alike):
            return None
        return int(not (self.lower or self.alike)) - int(not (self.higher or self.alike))


def sides(rows: Sequence[Row], found: Mapping[str, Row], name: str, control: str = "") -> Sides:
    """How a group stands beside the others at one time point, or beside `control` alone.

    Args:
        rows: all groups of that fate and time point.
        found: its tests by the other group (`tests_of`).
    """
    ranked = [str(row["group"]) for row in ranked_of(rows) if enough(row)]
    names = [str(row["group"]) for row in rows if str(row["group"]) != name]
    order = [*(other for other in ranked if other != name), *sorted(set(names) - set(ranked), key=str.casefold)]
    kinds: dict[int | str, list[str]] = {}
    for other in [control] if control else order:
        test = found.get(other)
        if name not in ranked or other not in ranked:
            kinds.setdefault("aside", []).append(other)
            continue
        shown = None if test is None or test.get("light", "") == "red" else side(test)
        kinds.setdefault("untested" if shown is None else shown, []).append(other)
    return Sides(*(tuple(kinds.get(key, ())) for key in (1, -1, 0, "untested", "aside")))


def tests_of(tests: pd.DataFrame, name: str, fate: str, time_h: float) -> dict[str, Row]:
    """Tests of a group at that time by the other group, turned so that the group comes first."""
    found: dict[str, Row] = {}
    # One group of many has few tests, and turning rows into dictionaries takes the time here.
    mine = (tests["group"] == name).to_numpy(bool) | (tests["other"] == name).to_numpy(bool)
    for row in _picked(tests, mine & _here(tests, fate, time_h)):
        if row["group"] == name:
            found[str(row["other"])] = row
        else:
            ends = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
            found[str(row["group"])] = {**row, **ends}
    return found


def at(table: pd.DataFrame, fate: str, time_h: float) -> list[Row]:
    """Rows of one class at one time; NaN finds the cells without a time."""
    return _picked(table, _here(table, fate, time_h))


def _here(table: pd.DataFrame, fate: str, time_h: float) -> NDArray[np.bool_]:
    hours = table["time_h"].to_numpy(float)
    here = np.isnan(hours) if np.isnan(time_h) else hours == time_h
    return np.asarray((table["class"] == fate).to_numpy(bool) & here)


def _picked(table: pd.DataFrame, chosen: NDArray[np.bool_]) -> list[Row]:
    """Some rows as dictionaries; column by column, because a page asks some hundred times a click."""
    places = np.flatnonzero(chosen)
    columns = {str(name): table[name].array.take(places).tolist() for name in table.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def records(table: pd.DataFrame) -> list[Row]:
    """A table as plain dictionaries, which are quicker to ask than rows of pandas."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def usable(row: Row) -> bool:
    """True where a share could be recovered."""
    return bool(row["recovered"]) and bool(np.isfinite(row["mean"]))


def trusted(row: Row) -> bool:
    """True where a share was recovered from cells that the model may know."""
    return usable(row) and row["light"] != "red"


def enough(row: Row) -> bool:
    """True where there are cells enough for any claim."""
    return int(row["cells"]) >= FEWEST_CELLS


def ranked_of(rows: Sequence[Row]) -> list[Row]:
    """Groups that may be ranked, highest first: those of too few cells only where there are no others."""
    known = [row for row in rows if trusted(row)]
    many = [row for row in known if enough(row)]
    # Equal means in the order of their names, as `words.headline.group_order` has them.
    return sorted(many or known, key=lambda row: (-float(row["mean"]), str(row["group"]).casefold(), str(row["group"])))


def shown_name(group: object) -> str:
    """A group's name for a sentence."""
    return str(group) or NAMELESS


def after(moment: str) -> str:
    """A moment with a space before it, or nothing."""
    return f" {moment}" if moment else ""
