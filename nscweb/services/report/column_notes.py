"""Notes on tables of a report: in which units its files are, and over which comparisons p values were adjusted."""

from __future__ import annotations

import pandas as pd

from nscweb.core.columns import column
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.services.report.content import ReportData
from nscweb.words.numbers import listed

UNITS = (
    "Shares and rates are per cent with two decimals (columns that end with percent), differences of shares are "
    "percentage points (points).",
    "Scores of single cells and figures of merit are 0 to 1 with four decimals, p values have four significant digits, "
    "times are hours since induction (time_h), counts are cells.",
)
_SAME_TESTS = ("Tests", "Fig differences")
_TOGETHER = ("All comparisons", "Fig all differences")


def family_notes(data: ReportData) -> dict[str, str]:
    """Name of a sheet with p values of pairs -> over which comparisons they were adjusted.

    Two sheets have the same pairs with different p values, because they answer different questions.
    """
    notes: dict[str, str] = {}
    how = ADJUSTMENTS[data.found.adjust]
    tests, every = data.found.tests, data.tables.get("All comparisons", pd.DataFrame())
    tested = tests[tests["p"].notna()] if len(tests) else tests
    if len(tested):
        sizes = [str(size) for size in sorted({int(number) for number in tested["comparisons"]})]
        word = "comparison" if sizes == ["1"] else "comparisons"
        said = (
            f"p_adjusted is adjusted by {how} within one class at one time point ({listed(sizes)} {word}), as in the "
            "answer; the sheet All comparisons adjusts the same pairs over all classes and time points together."
        )
        notes |= dict.fromkeys(_SAME_TESTS, said)
    if len(every):
        family, number = str(every["family"].iloc[0]), int(every["comparisons"].max())
        said = (
            f"p_adjusted is adjusted by {how} over all classes and time points together ({number:,} comparisons: "
            f"{family}), so it is mostly larger than that of the sheet Tests for the same pair."
        )
        notes |= dict.fromkeys(_TOGETHER, said)
    return notes


def sheet_notes(name: str, table: pd.DataFrame, families: dict[str, str]) -> list[tuple[str, str]]:
    """(column, meaning) of a sheet that goes out; that of the first column begins with the family of its p values."""
    said = [(str(item), row.meaning) for item in table.columns if (row := column(str(item)))]
    if name in families and said:
        said[0] = (said[0][0], f"{families[name]} This column: {said[0][1]}")
    return said
