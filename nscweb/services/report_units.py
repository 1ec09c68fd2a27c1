"""In which units the files of a report are, and over which comparisons the p values of each table were adjusted."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nscweb.services.export_columns import column_meanings
from nscweb.services.report_data import ReportData
from nscweb.services.report_figures import FIGURES
from nscweb.services.report_parts import PARTS
from nscweb.services.report_references import ADJUSTED
from nscweb.words.numbers import listed

UNITS = (
    "Tables (CSV files and sheets) give ratios, their intervals, spreads and differences as fractions, 0 to 1: 0.05 is "
    "5 per cent, or 5 percentage points for a difference.",
    "Data of figures (folder figures, sheets that begin with Fig) give what the figure shows: per cent, and percentage "
    "points for differences. So do columns whose name or meaning says per cent or points.",
    "p values are 0 to 1, times (time_h) are hours since induction, counts are cells.",
)
_SAME_TESTS = ("Tests", "Fig differences")
_TOGETHER = ("All comparisons", "Fig all differences")


def family_notes(data: ReportData) -> dict[str, str]:
    """Name of a sheet with p values of pairs -> over which comparisons they were adjusted.

    Two sheets have the same pairs with different p values, because they answer different questions.
    """
    notes: dict[str, str] = {}
    how = ADJUSTED[data.found.adjust]
    tests, every = data.found.tests, data.tables.get("All comparisons", pd.DataFrame())
    tested = tests[tests["p"].notna()] if len(tests) else tests
    if len(tested):
        sizes = [str(size) for size in sorted({int(number) for number in tested["comparisons"]})]
        word = "comparison" if sizes == ["1"] else "comparisons"
        said = (
            f"p is adjusted by {how} within one class at one time point ({listed(sizes)} {word}), as in the answer; "
            "the sheet All comparisons adjusts the same pairs over all classes and time points together."
        )
        notes |= dict.fromkeys(_SAME_TESTS, said)
    if len(every):
        family, number = str(every["family"].iloc[0]), int(every["comparisons"].max())
        said = (
            f"p_adjusted is adjusted by {how} over all classes and time points together ({number:,} comparisons: "
            f"{family}), so it is mostly larger than p of the sheet Tests for the same pair."
        )
        notes |= dict.fromkeys(_TOGETHER, said)
    return notes


def sheet_notes(name: str, table: pd.DataFrame, families: dict[str, str]) -> list[tuple[str, str]]:
    """(column, meaning) of a sheet; that of the first column begins with the family of its p values."""
    told = [(column, said) for column, said in column_meanings(name, [str(c) for c in table.columns]) if said]
    if name in families and told:
        told[0] = (told[0][0], f"{families[name]} This column: {told[0][1]}")
    return told


def meanings_frame(data: ReportData, cells: Sequence[str]) -> pd.DataFrame:
    """Every column of every CSV file with its meaning and unit: file, column, meaning.

    Args:
        cells: columns of ``cells.csv``.
    """
    rows: list[tuple[str, str, str]] = []
    tables = [(part.file, part.name, data.tables[part.name]) for part in PARTS if part.name in data.tables]
    tables += [(f"figures/{name}.csv", FIGURES[name][0], table) for name, table in data.figures.items()]
    files = [("cells.csv", "Cells", list(cells))]
    files += [(file, name, [str(column) for column in table.columns]) for file, name, table in tables]
    for file, name, columns in files:
        told = column_meanings(name, columns)
        rows += [(file, column, said or "of your own sample sheet") for column, said in told]
    return pd.DataFrame(rows, columns=["file", "column", "meaning"])
