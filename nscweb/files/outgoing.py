"""The exit of every table: names, per cent, digits and order as `core.columns` says, and what made it in every line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nscweb.core.column_names import outgoing_name
from nscweb.core.columns import column, dictionary
from nscweb.core.rules import ALPHA
from nscweb.words.marks import light_of


@dataclass(frozen=True)
class MadeBy:
    """What made a table; in every line, so that a copied part still says it. The rest is in provenance.json.

    Attributes:
        model: name and version.
        run: id of the prediction; "" where there is none.
        simulated: the cells were drawn by a computer.
    """

    model: str = ""
    run: str = ""
    simulated: bool = False


def outgoing(frame: pd.DataFrame, table: str = "", made: MadeBy | None = None) -> pd.DataFrame:
    """A table as files, sheets and pages have it.

    Columns get their names of `core.columns`, fractions become per cent, numbers are rounded to the digits of their
    column, truth is yes or no; columns of the user's own stay as they are. A table that went out already stays the
    same.

    Args:
        frame: as the program computes with it.
        table: which one, a key of `core.column_names.INSIDE`; "" for names that mean the same everywhere.
        made: None for a table that says nothing of predicted cells, such as the sample sheet.
    """
    parts: dict[str, pd.Series] = {}
    for position, inside in enumerate(frame.columns):
        name, factor = outgoing_name(str(inside), table)
        parts[name] = _values(frame.iloc[:, position], name, factor)
    out = pd.DataFrame(parts, index=frame.index)
    if made is None:
        return out
    said = {"model": made.model, "run": made.run, "simulated": yes_no([made.simulated])[0]}
    for name, value in said.items():
        if name == "model" and name in out:
            continue  # each line is about a model of its own
        # One text for many lines is kept once.
        out[name] = pd.Categorical([value] * len(out), [value])
    return out


def rounded(value: float, digits: int) -> float:
    """A number with so many decimals; below 0 with so many significant digits."""
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, digits if digits >= 0 else -digits - 1 - math.floor(math.log10(abs(value))))


def columns_table(tables: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """The dictionary of the columns that occur: column, label, unit, meaning, tables.

    Args:
        tables: name of a file or sheet -> names of its columns.
    """
    lines = dictionary((name, [str(item) for item in columns]) for name, columns in tables.items())
    return pd.DataFrame(lines, columns=["column", "label", "unit", "meaning", "tables"])


def yes_no(values: Iterable[object]) -> list[str]:
    """Truth as words, because a spreadsheet translates TRUE."""
    return ["yes" if value else "no" for value in values]


def _values(values: pd.Series, name: str, factor: float) -> pd.Series:
    if values.dtype == bool:
        return pd.Series(yes_no(values.tolist()), index=values.index, dtype=object)
    if name == "trust_light":
        return values.map(light_of)
    row = column(name)
    kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
    if row is None or row.digits is None or not (kind == "f" or (kind in "iu" and factor != 1)):
        return values
    numbers = factor * values.to_numpy(np.float64)
    if row.digits >= 0:
        # Adding nothing turns a minus before zero into a plain zero.
        rounded_numbers = np.round(numbers, row.digits) + 0.0
    else:
        rounded_numbers = np.array([rounded(value, row.digits) for value in numbers.tolist()], np.float64)
    if name.startswith("p_"):
        # No p value is rounded over the line that decides.
        over = (rounded_numbers < ALPHA) != (numbers < ALPHA)
        rounded_numbers[over] = numbers[over]
    return pd.Series(rounded_numbers, index=values.index)
