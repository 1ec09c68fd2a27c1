"""The tables of the statistics for people, and the help behind each statistical word.

The help behind each statistical word: what a column of the tables means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from nscweb.core.rules import ALPHA
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.figures.group_marks import counted_how
from nscweb.services.compare.group_lights import with_light
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import for_file
from nscweb.services.report import export
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

PAIR, ALONE = "p, this pair alone", "p, this test alone"
_HELP: dict[str, str] = {
    "Group": "Inducer group of the sample sheet.",
    "Compared with": "The group that it is compared with: the one chosen, else the one that is first in the answer.",
    "Time": "Time since induction.",
    "Fate": "Predicted class.",
    "Difference": "Mean ratio of the group minus that of the one it is compared with, in points (per cent of cells).",
    "95 % interval": "True differences that fit these replicates: of 100 such intervals, about 95 hold the truth. "
    "It is about this comparison alone.",
    PAIR: "Chance to see a difference at least this large if there were none, for this comparison alone.",
    ALONE: "Chance to see this if there were no difference, for this one test, not adjusted.",
    "p, adjusted": "p after correction for the number of comparisons. This one decides.",
    "Games-Howell p": "p adjusted for all pairs of groups within one time point and fate, for unequal spread.",
    "Hedges g": "The difference in units of the spread between replicates, corrected for few replicates. "
    "About 0.2 is small, 0.8 large.",
    "g interval": "95 % interval of Hedges g (noncentral t).",
    "Replicates": "Biological replicates of the group and of the one that it is compared with.",
    "Note": "Why a number is missing, or what to mind.",
    "n": "Biological replicates with a ratio.",
    "Mean": "Mean ratio over replicates, each with the same weight.",
    "SD": "Standard deviation: how much replicates differ, in points.",
    "SEM": "Standard error of the mean: SD divided by the square root of n, in points.",
    "Shapiro p": "Shapiro-Wilk test of normality. Shown only: with so few replicates it can hardly see anything, so "
    "it decides nothing.",
    "F": "Welch's F: spread of the group means over the spread within groups.",
    "Levene p": "Levene's test of equal spread. Shown only: the tests used here do not need equal spread.",
    "No worse, p": "Chance to see this if the group were worse than the control by the margin. Below 0.05, it is "
    "shown to be no worse. Adjusted for all comparisons.",
    "Equal, p": "The same in both directions (two one-sided tests). Adjusted for all comparisons.",
    "90 % interval": "If it lies within the margins, both one-sided tests are below 0.05.",
    "Verdict": "What the adjusted p values say.",
    "Odds ratio": "Odds of the fate in the group over those in the control; 1 means no difference.",
    "rho": "Intra-class correlation: how much more alike cells of one replicate are than cells of two (0 to 1).",
    "Spread (SD)": "Standard deviation between replicates, joined over all groups, in points.",
    "Needed per group": "Replicates in each group that find the difference four times in five (power 80 %, p below "
    "0.05).",
    "Needed per group, p adjusted": "The same when p is adjusted for all comparisons (Bonferroni).",
    "Needed per group, larger spread": "As the first number, but with the upper 80 % limit of the spread: "
    "few replicates tell little about it.",
    "Can be shown now": "The smallest true difference that the two smallest groups find four times in five.",
    "Predicted": "Mean predicted ratio over replicates with its 95 % interval.",
    "Counted": "The share counted by hand; in brackets its own interval, where cells were counted.",
    "Counted n": "How many were counted, and what.",
    "Source": "Where the count is from.",
    "Marker": "Marker that was counted.",
    "Cells": "Cells counted in all replicates of the group.",
    "Groups": "Groups with three replicates or more.",
    "Degrees of freedom": "How much the spread is known: the more replicates, the larger the second number.",
    "Reliable from": "First time point at which the group differs from the control and keeps differing.",
    "Direction": "More or less of the fate than in the control.",
    "In words": "The same as a sentence.",
    "EC50": "Dose of half the effect.",
    "At dose 0 (%)": "Lower plateau of the curve in dose: the share without the inducer.",
    "At high dose (%)": "Upper plateau of the curve in dose: the share with very much of the inducer.",
    "p of the curve": "Chance that a share which does not depend on the dose fits a curve so much better than a flat "
    "line (F test), for this curve alone.",
}
_MEAN = "Means that fit these replicates: of 100 such intervals, about 95 hold the true mean ratio of the group."
# Columns that mean something else in one table than in the others.
_IN_TABLE: dict[tuple[str, str], str] = {
    ("groups_summary", "95 % interval"): _MEAN,
    ("anova", "n"): "Biological replicates of all groups together.",
    ("odds", "95 % interval"): "Odds ratios that fit these replicates. If it holds 1, no difference is shown.",
    ("dose_curves", "95 % interval"): "Doses of half the effect that fit these replicates.",
    ("dose_curves", "n"): "Replicates at all doses together.",
    ("counts", "Difference"): "Predicted minus counted, in points.",
    ("counts", "Replicates"): "Biological replicates behind the prediction.",
}


def help_of(column: str, table: str = "") -> str:
    """Help on a column; "" for one that is not known."""
    return _IN_TABLE.get((table, column), _HELP.get(column, ""))


@dataclass(frozen=True)
class Origin:
    """Run, filters and comparison behind the tables, for names of files and for what each line of a CSV says."""

    run: Run
    filters: Filters
    found: Comparison | None = None

    @property
    def simulated(self) -> bool:
        return self.run.provenance.simulated_cells

    @property
    def counted(self) -> str:
        """How ratios were counted, in words; "" where it is not known."""
        return counted_how(self.found.method) if self.found is not None else ""

    def file(self, what: str) -> str:
        """Name of a download without its ending."""
        return f"{self.run.run_id}_{what}" + ("_simulated" if self.simulated else "")

    def lit(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the trust light of each line, where the comparison behind it is known."""
        return frame if self.found is None else with_light(frame, self.found)

    def csv(self, frame: pd.DataFrame) -> bytes:
        """CSV in which every line says what light, cells, model and gates were; no text of it is a formula."""
        return export.with_gates(self.lit(frame), self.run, self.filters)


def origin_of(run: Run, data: object) -> Origin:
    """The run with the filters of a comparison, or none where it has none."""
    found = getattr(data, "filters", None)
    known = data if isinstance(data, Comparison) else None
    return Origin(run, found if isinstance(found, Filters) else Filters(), known)


def minded(rows: pd.DataFrame) -> list[str]:
    """Sentences that belong above every test: samples that the model may not fit.

    Args:
        rows: replicate rows, with the column ``light`` where samples were judged.
    """
    said = []
    if "light" in rows:
        marked = rows[rows["light"].isin(["yellow", "red"])].drop_duplicates(["group", "time_h", "light"])
        places = [
            f"{named(group)}{'' if pd.isna(hours) else ' at ' + time_word(float(hours))} ({light})"
            for group, hours, light in zip(marked["group"], marked["time_h"], marked["light"], strict=True)
        ]
        if places:
            more = f" and {len(places) - 8} more" if len(places) > 8 else ""
            said.append(
                "The model may not fit some samples, and they count in everything below: "
                f"{', '.join(places[:8])}{more}."
            )
    return said


def show_table(
    table: pd.DataFrame, what: str, data: pd.DataFrame, origin: Origin, *, key: str, family: str = ""
) -> None:
    """A table for people with a help text on every column, and the full frame as CSV below it.

    Args:
        what: which table, for the name of the file and for help that differs between tables.
        family: over what its p values were adjusted together, see `services.statistics.for_file`.
    """
    settings = {column: st.column_config.Column(help=help_of(str(column), what)) for column in table.columns}
    st.dataframe(table, hide_index=True, column_config=settings)
    st.download_button(
        "This table (CSV)",
        origin.csv(for_file(data, family)),
        file_name=f"{origin.file(what)}.csv",
        mime="text/csv",
        icon=":material/table:",
        key=key,
        on_click="ignore",
        type="tertiary",
    )


def tests_for_people(tests: pd.DataFrame) -> pd.DataFrame:
    """Comparisons: difference with interval, p, g, replicates, note."""
    shown = _keys(tests)
    shown.insert(3, "Compared with", [named(value) for value in tests["control"]])
    shown["Difference"] = [points(value, sign=True) for value in tests["difference"]]
    shown["95 % interval"] = between(tests["low"], tests["high"])
    shown["p, adjusted"] = [p_word(value) for value in tests["p_adjusted"]]
    shown[PAIR] = [p_word(value) for value in tests["p"]]
    if tests["p_games_howell"].notna().any():
        shown["Games-Howell p"] = [p_word(value) for value in tests["p_games_howell"]]
    shown["Hedges g"] = [_number(value, "+.2f") for value in tests["g"]]
    shown["g interval"] = between(tests["g_low"], tests["g_high"], 1.0, ".2f")
    sizes = zip(tests["n_group"], tests["n_control"], strict=True)
    shown["Replicates"] = [f"{first} and {second}" for first, second in sizes]
    return _noted(shown, tests["note"])


def summary_for_people(summary: pd.DataFrame) -> pd.DataFrame:
    """Groups: mean, spread, interval, normality."""
    shown = _keys(summary)
    shown["n"] = summary["n"]
    shown["Mean"] = [_number(100 * value, ".1f", " %") for value in summary["mean"]]
    shown["95 % interval"] = between(summary["low"], summary["high"])
    shown["SD"] = [points(value) for value in summary["sd"]]
    shown["SEM"] = [points(value) for value in summary["sem"]]
    shown["Cells"] = summary["cells"]
    shown["Shapiro p"] = [p_word(value) for value in summary["shapiro_p"]]
    return _noted(shown, summary["note"])


def anova_for_people(anova: pd.DataFrame) -> pd.DataFrame:
    """Welch's ANOVA per time point and fate."""
    shown = _keys(anova)
    freedom = zip(anova["df_between"], anova["df_within"], strict=True)
    shown["Groups"], shown["n"] = anova["groups"], anova["n"]
    shown["F"] = [_number(value, ".2f") for value in anova["f"]]
    shown["Degrees of freedom"] = [f"{a:.0f} and {b:.1f}" if np.isfinite(b) else "" for a, b in freedom]
    shown["p, adjusted"] = [p_word(value) for value in anova["p_adjusted"]]
    shown[ALONE] = [p_word(value) for value in anova["p"]]
    shown["Levene p"] = [p_word(value) for value in anova["levene_p"]]
    return _noted(shown, anova["note"])


def equivalence_for_people(table: pd.DataFrame) -> pd.DataFrame:
    """No worse than control by more than the margin."""
    shown = _keys(table)
    shown["Verdict"] = table["verdict"].to_numpy()
    shown["Difference"] = [points(value, sign=True) for value in table["difference"]]
    shown["90 % interval"] = between(table["low"], table["high"])
    shown["No worse, p"] = [p_word(value) for value in table["p_no_worse_adjusted"]]
    shown["Equal, p"] = [p_word(value) for value in table["p_equivalent_adjusted"]]
    return _noted(shown, table["note"])


def odds_for_people(table: pd.DataFrame) -> pd.DataFrame:
    """The model of cells within replicates."""
    shown = _keys(table)
    shown["Odds ratio"] = [_number(value, ".3g") for value in table["odds_ratio"]]
    shown["95 % interval"] = [
        "" if np.isnan(low) else f"[{low:.3g}, {high:.3g}]" if np.isfinite(high) else f"[{low:.3g}, no upper end]"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    shown["p, adjusted"] = [p_word(value) for value in table["p_adjusted"]]
    shown[ALONE] = [p_word(value) for value in table["p"]]
    shown["rho"] = [_number(value, ".3f") for value in table["rho"]]
    return _noted(shown, table["note"])


def power_for_people(power: pd.DataFrame) -> pd.DataFrame:
    """How many replicates would be needed."""
    shown = _keys(power)
    shown["Spread (SD)"] = [points(value) for value in power["sd"]]
    names = {
        "needed": "Needed per group",
        "needed_adjusted": "Needed per group, p adjusted",
        "needed_upper": "Needed per group, larger spread",
    }
    for column, title in names.items():
        known = np.isfinite(power["sd"].to_numpy(np.float64))
        shown[title] = [
            "" if not there else "over 1,000" if pd.isna(value) else f"{value}"
            for value, there in zip(power[column], known, strict=True)
        ]
    shown["Can be shown now"] = ["none: over 100" if value > 1 else points(value) for value in power["detectable"]]
    return shown


def compared_counts_for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Predicted against counted."""
    shown = _keys(table)
    ranges = between(table["low"], table["high"])
    counted = between(table["counted_low"], table["counted_high"])
    shown["Predicted"] = [
        f"{_number(100 * value, '.1f', ' %')} {said}".strip()
        for value, said in zip(table["predicted"], ranges, strict=True)
    ]
    shown["Counted"] = [
        f"{100 * value:.1f} % {said}".strip() for value, said in zip(table["counted"], counted, strict=True)
    ]
    units = zip(table["counted_n"], table["unit"], strict=True)
    shown["Counted n"] = ["" if pd.isna(n) else f"{n:,} {unit}" for n, unit in units]
    shown["Difference"] = [points(value, sign=True) for value in table["difference"]]
    shown["p, adjusted"] = [p_word(value) for value in table["p_adjusted"]]
    shown[ALONE] = [p_word(value) for value in table["p"]]
    shown["Replicates"] = table["n"]
    shown["Source"] = [plain(value) for value in table["source"]]
    return _noted(shown, table["note"])


def p_word(value: float) -> str:
    """ "0.034", "< 0.001", "> 0.99"; "" where there is none; it never rounds over 0.05, and is never a bare 0 or 1."""
    if not np.isfinite(value):
        return ""
    if value < 0.001 or value > 0.999:
        return "< 0.001" if value < 0.5 else "> 0.999"
    shown = (f"{value:.{digits}f}" for digits in range(3, 9))
    return next((text for text in shown if (float(text) < ALPHA) == (value < ALPHA)), f"{value:.9f}")


def points(value: float, *, sign: bool = False) -> str:
    """A share as points: "6.2", "+6.2"; "" where there is none."""
    return _number(100 * value, "+.1f" if sign else ".1f")


def between(low: pd.Series, high: pd.Series, factor: float = 100.0, form: str = ".1f") -> list[str]:
    """ "[1.2, 3.4]"; "" where there is none."""
    values = zip(low, high, strict=True)
    return [
        "" if pd.isna(a) or pd.isna(b) else f"[{format(factor * a, form)}, {format(factor * b, form)}]"
        for a, b in values
    ]


def _number(value: float, form: str, unit: str = "") -> str:
    return f"{format(value, form)}{unit}" if np.isfinite(value) else ""


def named(group: object) -> str:
    """Name of a group for people."""
    return plain(group) or "(no group given)"


def _keys(table: pd.DataFrame) -> pd.DataFrame:
    shown = {
        "Time": ["" if pd.isna(hours) else time_word(float(hours)) for hours in table["time_h"]],
        "Fate": [plain(name) for name in table["class"]],
    }
    if "group" in table:
        shown["Group"] = [named(value) for value in table["group"]]
    return pd.DataFrame(shown)


def _noted(shown: pd.DataFrame, notes: pd.Series) -> pd.DataFrame:
    if notes.astype(bool).any():
        shown["Note"] = notes.to_numpy()
    return shown
