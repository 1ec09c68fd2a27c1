"""Rows of the tables that sentences are made from, as plain dictionaries, and what a test shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ALPHA = 0.05
NAMELESS = "the group without a name"
LEAST_REPLICATES = 3
# Fewer cells than this are too few for any claim (see services.fitness_rules.FEWEST_CELLS).
TOO_FEW_CELLS = 20

Row = dict[str, Any]


def tested(test: Row | None) -> bool:
    """True where a test gave a p value."""
    return test is not None and bool(np.isfinite(test["p"]))


def tied(test: Row | None) -> bool:
    """True where a test was made and shows no difference."""
    return test is not None and tested(test) and not apart(test)


def apart(test: Row) -> bool:
    """True where both the adjusted p value and the interval show that the first group is higher."""
    return bool(test["p"] < ALPHA and test["low"] > 0)


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
    return int(row["cells"]) >= TOO_FEW_CELLS


def ranked_of(rows: Sequence[Row]) -> list[Row]:
    """Groups that may be ranked, highest first: those of too few cells only where there are no others."""
    known = [row for row in rows if trusted(row)]
    many = [row for row in known if enough(row)]
    # Equal means in the order of their names, as `words.group_order` has them.
    return sorted(many or known, key=lambda row: (-float(row["mean"]), str(row["group"]).casefold(), str(row["group"])))


def shown_name(group: object) -> str:
    """A group's name for a sentence."""
    return str(group) or NAMELESS


def after(moment: str) -> str:
    """A moment with a space before it, or nothing."""
    return f" {moment}" if moment else ""
