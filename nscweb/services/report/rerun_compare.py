"""Two tables of a report compared, number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from nscweb.core.columns import column as known_column
from nscweb.services.report.parts import BY_NAME

# Below this two numbers are the same: digits that are lost when a file is written.
EXACT = 1e-9
# Other processors and thread counts add up in another order; scores then agree to about this.
ROUNDING = 1e-4
# What made a table, in every line of it: the run has another id, other weights are told as a reason.
MADE = ("model", "run", "simulated")
_SHOWN = 8
Value = str | float | None


@dataclass(frozen=True)
class TableCheck:
    """How a table made again compares with the one in the report.

    Attributes:
        name: of the table.
        rows, numbers: rows and values compared.
        largest: largest difference between two numbers that were compared.
        different: sentences, one per difference beyond rounding, a few and then a count.
    """

    name: str
    rows: int
    numbers: int
    largest: float
    different: tuple[str, ...]

    @property
    def same(self) -> bool:
        """No difference beyond rounding."""
        return not self.different


def compare_tables(name: str, was: pd.DataFrame, now: pd.DataFrame) -> TableCheck:
    """Compare by the columns that name a row; columns that only the file has, and what made it, are passed over.

    Args:
        was: as read from the report.
        now: as made again.
    """
    keys = BY_NAME[name].keys
    now = now.drop(columns=[column for column in MADE if column in now])
    lost = [column for column in now.columns if column not in was.columns]
    if any(key in lost for key in keys):
        return TableCheck(name, 0, 0, 0.0, (f"{name}: the report has no column {', '.join(lost)}.",))
    said = [f"{name}: the report has no column {column}." for column in lost]
    old, new = _by_key(was, keys), _by_key(now, keys)
    said += [f"{name}: {_named(keys, key)} is in the report alone." for key in old if key not in new]
    said += [f"{name}: {_named(keys, key)} is not in the report." for key in new if key not in old]
    columns = [str(column) for column in now.columns if column not in keys and column not in lost]
    numbers, largest = 0, 0.0
    for key, row in new.items():
        if key not in old:
            continue
        for column in columns:
            before, after = old[key][column], row[column]
            numbers += 1
            apart = _apart(before, after)
            if apart > ROUNDING and not _last_digit(column, before, after):
                said.append(f"{name}: {_named(keys, key)}: {column} was {_shown(before)} and is {_shown(after)}.")
            elif math.isfinite(apart):
                largest = max(largest, apart)
    more = [f"{name}: … and {len(said) - _SHOWN} more differences."] if len(said) > _SHOWN else []
    return TableCheck(name, len(new), numbers, largest, (*said[:_SHOWN], *more))


def _by_key(table: pd.DataFrame, keys: Sequence[str]) -> dict[tuple[Value, ...], dict[str, Value]]:
    found: dict[tuple[Value, ...], dict[str, Value]] = {}
    seen: dict[tuple[Value, ...], int] = {}
    for row in table.to_dict("records"):
        plain = {str(column): _plain(value) for column, value in row.items()}
        key = tuple(plain[name] for name in keys)
        # Rows of one name, such as the bins of a diagram, are told apart by their order.
        seen[key] = seen.get(key, 0) + 1
        found[key if seen[key] == 1 else (*key, float(seen[key]))] = plain
    return found


def _plain(value: object) -> Value:
    """A value as the same thing whichever file it came from: number, text, or nothing."""
    from nscweb.files.plain_tables import neutral

    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        return float(str(value))
    except ValueError:
        return str(neutral(str(value)))


def _apart(before: Value, after: Value) -> float:
    """Difference of two numbers, relative where they are large; infinite for anything else that differs."""
    if before == after:
        return 0.0
    if isinstance(before, float) and isinstance(after, float):
        return abs(before - after) / max(1.0, abs(before))
    return math.inf


def _last_digit(column: str, before: Value, after: Value) -> bool:
    """Two numbers that differ by one in the last digit that the column has: what is rounded may fall to either side."""
    row = known_column(column)
    if row is None or row.digits is None or not (isinstance(before, float) and isinstance(after, float)):
        return False
    if row.digits >= 0:
        return abs(before - after) < 1.5 * 10.0**-row.digits
    largest = max(abs(before), abs(after))
    return abs(before - after) < 1.5 * 10.0 ** (math.floor(math.log10(largest)) + 1 + row.digits) if largest else True


def _named(keys: Sequence[str], values: Sequence[Value]) -> str:
    return ", ".join(f"{key} {_shown(value)}" for key, value in zip(keys, values, strict=False))


def _shown(value: Value) -> str:
    if value is None:
        return "empty"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
