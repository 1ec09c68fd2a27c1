"""The dictionary: every column of every table that leaves the program or is shown, one row each of ``columns.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["CHAPTERS", "COLUMNS", "Column", "column", "dictionary", "heading", "label", "pattern_of"]

# What may stand between braces in the name of a row that holds for many columns.
_STEM = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Column:
    """One row of the dictionary.

    Attributes:
        name: in every file, sheet and JSON; it ends with the unit where it has one. ``{class}`` in a name stands for
            the name of a class, so that one row holds for ``neuron_percent`` and ``astrocyte_percent``.
        label: on a page, without the unit.
        unit: "%", "points" (percentage points), "h", "µm" and the like; "" without.
        digits: decimals that are written; below 0 so many significant digits; None for text and whole numbers.
        meaning: a sentence without a full stop.
    """

    name: str
    label: str
    unit: str
    digits: int | None
    meaning: str

    @property
    def heading(self) -> str:
        """The label with its unit: "Mean (%)"."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def form(self) -> str:
        """How a page writes a number, as in C: "%.2f", "%.4g"; "" where it is as it is."""
        if self.digits is None:
            return ""
        return f"%.{self.digits}f" if self.digits >= 0 else f"%.{-self.digits}g"

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """What names this row holds for; None where it is one name."""
        if "{" not in self.name:
            return None
        before, _, after = _STEM.split(self.name)
        return re.compile(f"{re.escape(before)}(.+){re.escape(after)}", re.DOTALL)

    def of(self, name: str, stem: str) -> Column:
        """The row of one name that the pattern holds for."""
        label, meaning = (_STEM.sub(lambda _: stem, text) for text in (self.label, self.meaning))
        return Column(name, label, self.unit, self.digits, meaning)


def _read() -> dict[str, tuple[Column, ...]]:
    """Heading -> rows of ``columns.toml``.

    Raises:
        ValueError: a row is not [label, unit, digits, meaning], or a name has two rows.
    """
    text = (Path(__file__).parent / "columns.toml").read_text("utf-8")
    chapters = {}
    seen: set[str] = set()
    for title, table in tomllib.loads(text).items():
        for name, row in table.items():
            if name in seen or len(row) != 4:
                raise ValueError(f"columns.toml: {name} has two rows, or not four values")
            seen.add(name)
        chapters[title] = tuple(
            Column(name, label, unit, None if digits == "" else int(digits), meaning)
            for name, (label, unit, digits, meaning) in table.items()
        )
    return chapters


CHAPTERS: dict[str, tuple[Column, ...]] = _read()
COLUMNS: dict[str, Column] = {row.name: row for chapter in CHAPTERS.values() for row in chapter}
# The longest ending first, so that neuron_low_percent is not the per cent of a class "neuron_low".
_PATTERNS = sorted((row for row in COLUMNS.values() if row.pattern), key=lambda row: -len(row.name))


def column(name: str) -> Column | None:
    """The row of a column; None for one of the user's own."""
    if name in COLUMNS:
        return COLUMNS[name]
    found = pattern_of(name)
    return found[0].of(name, found[1]) if found else None


def pattern_of(name: str) -> tuple[Column, str] | None:
    """The row that holds for a name such as ``neuron_percent``, and what stands in its place: "neuron"."""
    for row in _PATTERNS:
        match = row.pattern.fullmatch(name) if row.pattern else None
        if match:
            return row, match[1]
    return None


def label(name: str) -> str:
    """What a column is called for people, without its unit."""
    found = column(name)
    return found.label if found else name


def heading(name: str) -> str:
    """What a column is called for people, with its unit."""
    found = column(name)
    return found.heading if found else name


def dictionary(tables: Iterable[tuple[str, Iterable[str]]]) -> list[tuple[str, str, str, str, str]]:
    """Rows (column, label, unit, meaning, tables) of the columns that occur, in the order in which they do.

    Args:
        tables: name of a table -> names of its columns. Columns of the user's own are listed as such.
    """
    where: dict[str, list[str]] = {}
    for table, names in tables:
        for name in names:
            where.setdefault(name, []).append(table)
    lines = []
    for name, there in where.items():
        row = column(name) or Column(name, name, "", None, "of your own sample sheet")
        lines.append((name, row.label, row.unit, row.meaning, ", ".join(there)))
    return lines
