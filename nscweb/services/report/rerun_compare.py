"""Two tables of a report compared, number by number, and which rules changed since the report was made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
# Table -> version since which another rule holds, and what is different.
TABLES: dict[str, tuple[str, str]] = {
    "Time course": (
        "0.5.0",
        "an interval over time is the one of the table Groups (Student's t over replicates); before, it was drawn by "
        "chance.",
    ),
    "Earliest day": (
        "0.5.0",
        "a day comes from the tests of the sentence on top, adjusted within a fate and time point; before, by tests of "
        "its own, adjusted over all time points.",
    ),
    "Replicates needed": (
        "0.7.0",
        "the error of the correction that all samples share is in it, as in the intervals, and it is counted over all "
        "groups of the run; before, by the spread of replicates in the groups shown alone.",
    ),
    "Means and spread": (
        "0.7.0",
        "a single replicate, and replicates that agree, have the interval of their cells, as in the table Groups; "
        "before, they had none.",
    ),
}
# Way of counting -> the same.
METHODS: dict[str, tuple[str, str]] = {
    "em": (
        "0.6.0",
        "maximum likelihood asks known mixtures of held-out cells first whether the scores of the model are honest; "
        "where they are not, they are calibrated, or ratios are counted by another way; before, scores were taken as "
        "they are.",
    )
}
# Columns of a table that a version brought; an older report cannot have them.
COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Replicates": ("0.7.0", ("low_percent", "high_percent")),
    "Replicates needed": ("0.7.0", ("shared_error_points",)),
}
# Tables whose numbers are not of the ratios of the samples.
_OF_RATIOS = ("Samples", "Groups", "Tests")


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


def compare_tables(name: str, was: pd.DataFrame, now: pd.DataFrame, new: Sequence[str] = ()) -> TableCheck:
    """Compare by the columns that name a row; columns that only the file has, and what made it, are passed over.

    Args:
        was: as read from the report.
        now: as made again.
        new: columns that the report may lack (`new_columns`).
    """
    keys = BY_NAME[name].keys
    absent = [column for column in new if column not in was.columns]
    now = now.drop(columns=[column for column in (*MADE, *absent) if column in now])
    lost = [column for column in now.columns if column not in was.columns]
    if any(key in lost for key in keys):
        return TableCheck(name, 0, 0, 0.0, (f"{name}: the report has no column {', '.join(lost)}.",))
    said = [f"{name}: the report has no column {column}." for column in lost]
    old, again = _by_key(was, keys), _by_key(now, keys)
    said += [f"{name}: {_named(keys, key)} is in the report alone." for key in old if key not in again]
    said += [f"{name}: {_named(keys, key)} is not in the report." for key in again if key not in old]
    columns = [str(column) for column in now.columns if column not in keys and column not in lost]
    numbers, largest = 0, 0.0
    for key, row in again.items():
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
    return TableCheck(name, len(again), numbers, largest, (*said[:_SHOWN], *more))


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


def new_columns(name: str) -> tuple[str, ...]:
    """Columns of a table that a report may lack, because the version that made it had none of them."""
    return COLUMNS[name][1] if name in COLUMNS else ()


def other_rules(made: dict[str, Any], checks: Sequence[TableCheck]) -> tuple[str, ...]:
    """Sentences about rules that changed since a report was made, for what differs in it.

    Args:
        made: provenance of the report.
    """
    version = str(made.get("versions", {}).get("nscweb", ""))
    differ = [check.name for check in checks if not check.same]
    said = [
        f"Another rule for {name}: since {since} {words}"
        for name, (since, words) in TABLES.items()
        if name in differ and _older(version, since)
    ]
    since, words = METHODS.get(str(made.get("counting", {}).get("asked", "")), ("", ""))
    if since and _older(version, since) and any(name in differ for name in _OF_RATIOS):
        said.append(f"Another rule for all ratios: since {since} {words}")
    return tuple(said)


def _older(version: str, since: str) -> bool:
    """Whether a version is before another one; one that cannot be read is."""
    try:
        numbers = [tuple(int(part) for part in text.split(".")[:3]) for text in (version, since)]
    except ValueError:
        return True
    return numbers[0] < numbers[1]
