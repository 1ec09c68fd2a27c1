"""What every column of a table of a report means, with its unit: notes on the heads of columns, lists on About.

In which units the files of a report are, and over which comparisons the p values of each table were adjusted.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nscweb.core.flags import FLAGS
from nscweb.services.report.content import ReportData
from nscweb.services.report.figure_data import FIGURES
from nscweb.services.report.parts import PARTS
from nscweb.services.report.references import ADJUSTED
from nscweb.services.report.sample_tables import meanings
from nscweb.words.numbers import listed

_POINTS = "as a share, 0 to 1 (0.05 is 5 percentage points)"
_INTERVAL = {"low": "lower end of the 95 % interval", "high": "upper end of the 95 % interval"}
_PERCENT = {name: f"{said}, per cent" for name, said in _INTERVAL.items()}
_ALONE = {
    "low": "lower end of the 95 % interval of this comparison alone, as a share",
    "high": "upper end of the 95 % interval of this comparison alone, as a share",
}
_ANY: dict[str, str] = {
    "p_single": "p value of this test alone, before the adjustment",
    "p_adjusted": "p value adjusted for the comparisons of the family; this one decides",
    "p_games_howell": "p value of Games-Howell for all pairs of groups of one class and time point",
    "family": "over what the p values were adjusted together",
    "comparisons": "comparisons that p values are adjusted for",
    "low_all": "lower end of the interval that holds for all comparisons at once, as a share",
    "high_all": "upper end of the interval that holds for all comparisons at once, as a share",
    "g_low": "lower end of the 95 % interval of g",
    "g_high": "upper end of the 95 % interval of g",
    "n": "biological replicates with a ratio",
    "n_control": "replicates of the control",
    "lost": "replicates whose ratio could not be recovered",
    "fewest_cells": "cells of the smallest replicate",
    "shapiro_p": "p value of the Shapiro-Wilk test of normality; shown only, it decides nothing",
    "levene_p": "p value of Levene's test of equal spread; shown only, it decides nothing",
    "groups": "groups compared",
    "f": "Welch's F: spread of group means over the spread within groups",
    "df_between": "degrees of freedom between groups",
    "df_within": "degrees of freedom within groups",
    "margin": f"largest difference that would not matter, {_POINTS}",
    "p_equivalent": "p value of: the groups differ by the margin or more (two one-sided tests)",
    "p_equivalent_adjusted": "the same, adjusted for the comparisons of the table",
    "p_no_worse": "p value of: the group is worse than the control by the margin or more",
    "p_no_worse_adjusted": "the same, adjusted for the comparisons of the table",
    "verdict": "what the adjusted p values say",
    "share_control": "share of the class in the control, 0 to 1",
    "odds_ratio": "odds of the class in the group over those in the control; 1 is no difference",
    "rho": "intra-class correlation: how much more alike cells of one replicate are, 0 to 1",
    "degrees": "degrees of freedom",
    "cells_group": "cells counted in the group",
    "cells_control": "cells counted in the control",
    "sd_upper": "upper 80 % limit of the standard deviation, as a share",
    "needed": "replicates in each group that find the difference four times in five; empty: over 1,000 or not known",
    "needed_adjusted": "the same when p is adjusted for all comparisons",
    "needed_upper": "the same with the upper limit of the spread",
    "detectable": f"smallest true difference that the two smallest groups would show, {_POINTS}",
    "marker": "marker that was counted",
    "counted_low": "lower end of the 95 % interval of the count itself (Wilson), where cells were counted",
    "counted_high": "upper end of the 95 % interval of the count itself (Wilson), where cells were counted",
    "counted_n": "how many were counted",
    "first_h": "first time point, hours since induction",
    "last_h": "last time point, hours since induction",
    "first": "ratio at the first time point, 0 to 1",
    "final": "ratio at the last time point, 0 to 1",
    "direction": "more or less of the class than the control",
    "sentence": "the same in words",
    "bias": f"mean of first minus last, {_POINTS}",
    "bias_low": "lower end of the 95 % interval of the bias",
    "bias_high": "upper end of the 95 % interval of the bias",
    "lower": f"lower limit of agreement, {_POINTS}",
    "lower_low": "lower end of its 95 % interval",
    "lower_high": "upper end of its 95 % interval",
    "upper": f"upper limit of agreement, {_POINTS}",
    "upper_low": "lower end of its 95 % interval",
    "upper_high": "upper end of its 95 % interval",
    "series": "groups whose doses belong together; in figures: mean or replicate",
    "dose": "dose of the sample sheet, in the unit of the column unit",
    "ec50": "dose of half the effect, in the unit of the column unit",
    "bottom": "share without the inducer, 0 to 1, by the curve",
    "top": "share at the highest effect, 0 to 1, by the curve",
    "slope": "Hill slope of the curve",
    "doses": "different doses behind the curve",
    "what": "number that was compared with known samples",
    "value": "of this sample, in the unit of the column unit",
    "typical": "of known samples, median",
    "lowest_known": "lower end of known samples",
    "highest_known": "upper end of known samples",
    "deviations_from_known_samples": "distance from known samples in their standard deviations",
    "effect": "difference from known samples in units of the spread of cells",
    "known_samples": "known samples that it was compared with",
    "sample_id": "name of the sample",
    "set": "which classes a cell may be; none of these: unlike every class",
    "class_set": "which classes the cell may be, at an error rate of 10 % of each class; none of these: unlike all",
    "error_rate": "share of the cells of each class whose set may lack it, 0 to 1",
    "percent": "share of the cells in per cent",
    "naive_percent": "share of counted labels in per cent, not corrected",
    "difference_points": "mean of group minus mean of other or control, percentage points",
    **{f"{end}_points": f"{said} of this comparison, percentage points" for end, said in _INTERVAL.items()},
    **{
        f"{end}_all_points": f"{end}er end of the interval for all comparisons, percentage points"
        for end in ("low", "high")
    },
    "ece": "calibration error: mean distance of score and share that is right, 0 to 1",
    "ece_low": "lower end of its 95 % interval",
    "ece_high": "upper end of its 95 % interval",
    "by_chance": "calibration error that honest scores would show by chance with as many cells",
    "score": "mean score of the cells of the bin, 0 to 1",
    "mixture": "number of the mixture",
    "filters": "what the table was narrowed to",
    "ratio": "share of the class, 0 to 1, by the method of the report",
    "naive": "share of counted labels, 0 to 1, not corrected",
    "what_to_do": "what to do about it",
}
_PAIR = {"control": "group that is compared with", "other": "group that is compared with"}
_FLAGS = {item.name: f"cells left out here because they are {item.label}" for item in FLAGS}
# Where a column means something else in one table.
_IN: dict[str, dict[str, str]] = {
    "All comparisons": {**_PAIR, **_ALONE},
    "Equivalence": {
        **_PAIR,
        "low": "lower end of the 90 % interval, as a share",
        "high": "upper end of the 90 % interval, as a share",
    },
    "Odds": {
        **_PAIR,
        "share": "share of the class in the group, 0 to 1",
        "low": "lower end of the 95 % interval of the odds ratio",
        "high": "upper end of the 95 % interval of the odds ratio",
    },
    "Replicates needed": {
        "sd": "standard deviation between replicates, joined over all groups, as a share",
        "difference": f"true difference that should be shown, {_POINTS}",
    },
    "Counted cells": {
        "predicted": "mean predicted ratio over replicates, 0 to 1",
        "counted": "share counted by hand, 0 to 1",
        "difference": f"predicted minus counted, {_POINTS}",
        "unit": "what counted_n counts",
        "source": "where the count is from",
    },
    "Time course": {
        "interval": "replicates: t interval over them; else of the cells of the one replicate, or of several that agree"
    },
    "Earliest day": {
        **_PAIR,
        "time_h": "earliest reliable time point, hours since induction; empty where there is none",
    },
    "First against last": {"difference": f"first minus last, {_POINTS}"},
    "Agreement": {"n": "pairs of first and last", "sd": "standard deviation of the differences"},
    "Doses": {"unit": "of the dose"},
    "Dose curves": {
        "unit": "of dose and ec50",
        "low": "lower end of the 95 % interval of ec50",
        "high": "upper end of the 95 % interval of ec50",
        "p_single": "p value of the curve against no effect of the dose",
        "n": "replicates behind the curve",
    },
    "Fit": {
        "cells": "cells looked at",
        "kind": "input: of the images; embedding: of what the network sees",
        "expected": "share of far cells in known samples, 0 to 1",
        "unlike": "yes when the cells are unlike those that the model learnt from",
    },
    "Fit numbers": {
        "unit": "of value, typical and known samples",
        "p": "chance of a known sample as far out as this one",
    },
    "Sets by group": {**_PERCENT, "replicates": "samples behind the line"},
    "Sets by sample": {"count": "cells with this set", "share": "the same as a share, 0 to 1"},
    "Reliability": {
        "class": "class whose scores are checked; named class: the highest score of each cell",
        "time_h": "hours since induction of the held-out cells; empty: all together",
        "cells": "held-out cells of the bin",
        "share": "share of the cells of the bin that are right, 0 to 1",
    },
    "Known mixtures": {
        "cells": "cells in the mixture",
        "true": "share that was mixed, per cent",
        "recovered": "share that was found, per cent; empty where it could not be recovered",
        "naive": "share of counted labels, per cent",
        "inside": "yes when the 95 % interval holds the true share",
        **_PERCENT,
    },
    "Funnel": {**_FLAGS, **{f"{name}_alone": f"{said}, whatever else they are" for name, said in _FLAGS.items()}},
    "Fig scores of cells": {
        "low": "lower end of the bin of scores, 0 to 1",
        "high": "upper end of the bin of scores, 0 to 1",
        "cells": "cells with such a score of this class",
    },
    "Fig ratios over time": _PERCENT,
    "Fig means": _PERCENT,
    "Fig replicates": _PERCENT,
    "Fig differences": {**_PAIR, "low": "lower end of the 95 % interval, points", "high": "upper end, points"},
    "Fig all differences": _PAIR,
}


def column_meanings(table: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """(column, meaning with its unit) in order; "" for a column of the user's own.

    Args:
        table: name of the table or sheet.
    """
    own = _IN.get(table, {})
    found = []
    for column, said in meanings(columns):
        found.append((column, own.get(column) or _ANY.get(column) or said))
    return found


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
