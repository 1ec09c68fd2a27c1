"""Data of the appendices of the HTML report, compact: comparisons, trust lights, samples, sheet, funnel."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from nscweb.core.flags import LEFT_OUT, flag
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.files.html_document import Table
from nscweb.services.report.content import ReportData
from nscweb.services.report.html_answer import distinct
from nscweb.services.report.html_numbers import classes_in_threes, interval, light, number, p_text, percent, share
from nscweb.services.report.scope import filtered_away

# A report is read by people: longer tables end with a word on where the rest is. The JSON inside has all of it.
_MOST_PAIRS, _MOST_NOTES = 160, 6
# Lines of a sheet of paper in small type.
_LINES_OF_A_SHEET = 62


def tests(data: ReportData) -> dict[str, Any] | None:
    """Every comparison, a line for two groups at a time point, the classes beside each other; None without any."""
    made = data.tables["Tests"]
    if made.empty:
        return None
    pairs: dict[tuple[str, str, str], dict[str, Any]] = {}
    shown = _shown(data, made)
    for row in shown.to_dict("records"):
        pairs.setdefault((row["time"], row["group"], row["other"]), {})[str(row["class"])] = row
    sizes = sorted({int(size) for key in ("n_group", "n_other") for size in shown[key]})
    several = len(sizes) > 1
    tables = []
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Time", "Group", "Compared with", *(["n"] if several else [])]
        leading = len(columns)
        columns += ["Points [95 % interval]", "p", "g"] * len(names)
        lines = []
        for (time, group, other), rows in pairs.items():
            first = next(iter(rows.values()))
            line = [time, group, other, *([f"{first['n_group']}, {first['n_other']}"] if several else [])]
            lines.append([*line, *(text for name in names for text in _test(rows.get(name)))])
        caption = (
            "Differences in points, group minus the one it is compared with; p adjusted by "
            f"{ADJUSTMENTS[data.found.adjust]} within each class and time point; g: Hedges g"
        )
        over = [("", leading), *((name, 3) for name in names)]
        tables.append(Table(columns, lines, range(leading, len(columns)), caption, over, dense=True))
    notes = list(dict.fromkeys(str(text) for text in shown["note"] if text))
    rest = len(notes) - _MOST_NOTES
    more = [f"… and {rest} more, on the sheet Tests."] if rest > 0 else []
    return {
        "methods": distinct(made["method"]),
        "replicates": 0 if several else sizes[0],
        "tables": tables,
        "shown": len(shown),
        "made": len(made),
        "notes": [*notes[:_MOST_NOTES], *more],
    }


def _shown(data: ReportData, made: pd.DataFrame) -> pd.DataFrame:
    """All comparisons, or those at the time of the answer where they are too many to be read."""
    most = _MOST_PAIRS * len(data.found.classes.names)
    if len(made) <= most:
        return made
    hours = data.time_h
    then = made["time_h"].isna() if math.isnan(hours) else made["time_h"] == hours
    return made[then].head(most)


def _test(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["–", "–", "–"]
    points = f"{percent(row['difference'], sign=True)} {interval(row['low'], row['high'])}".strip()
    return [points, p_text(row["p"]), number(row["g"])]


def fit(data: ReportData) -> dict[str, Any] | None:
    """Doubtful samples with their reasons, the others by name; None where samples were not judged."""
    table = data.tables["Fit"]
    if table.empty or not any(table["light"]):
        return None
    order = {"red": 0, "yellow": 1, "": 2}
    doubt = table[table["light"] != "green"]
    doubt = doubt.assign(order=doubt["light"].map(order)).sort_values("order", kind="stable")
    lines = [[row["sample"], light(row["light"]), row["reasons"]] for row in doubt.to_dict("records")]
    shown = Table(["Sample", "Trust light", "Why"], lines, caption="Samples that are not green")
    green = [str(name) for name in table.loc[table["light"] == "green", "sample"]]
    return {"doubtful": shown if lines else None, "green": green}


def samples(data: ReportData) -> dict[str, Any]:
    """Ratios of the samples, then the sample sheet."""
    tables = []
    rows = data.tables["Samples"].to_dict("records")
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Sample", "Group", "Time", "Replicate", "Cells counted"]
        columns += [f"{name} % [95 % interval]" for name in names] + ["Trust light"]
        lines = [
            [
                *(row[key] for key in ("sample", "group", "time", "replicate")),
                f"{row['cells']:,} of {row['cells_in']:,}",
                *(share(row, f"ratio_{name}", f"low_{name}", f"high_{name}") for name in names),
                light(row["light"]),
            ]
            for row in rows
        ]
        tables.append(Table(columns, lines, range(4, 5 + len(names)), "Ratios of the samples", dense=True))
    why = distinct(data.found.estimates.table["why"])
    return {"tables": tables, "why": why, "alike": [], "sheet": None, **_sheet(data)}


def _sheet(data: ReportData) -> dict[str, Any]:
    """What differs between samples as a table, what is the same for all in words."""
    sheet = data.tables.get("Sample sheet")
    if sheet is None:
        return {}
    # The file of the sheet holds all samples, so that it can be imported again; here stand those analysed.
    # A name that begins like a formula stands there behind an apostrophe.
    here = sheet[~sheet.iloc[:, 0].str.removeprefix("'").isin(filtered_away(data.found))]
    if here.empty:
        return {}
    names = [str(name) for name in here.columns]
    alike = [name for name in names[1:] if len(here) > 1 and here[name].nunique() == 1]
    rest = [name for name in names if name not in alike]
    lines = here[rest].to_numpy().tolist()
    beside = _LINES_OF_A_SHEET if len(rest) <= 6 else 0
    return {
        "alike": [f"{name}: {here[name].iloc[0] or 'empty'}" for name in alike],
        "sheet": Table(rest, lines, caption="Sample sheet", side_by_side=beside, dense=True),
    }


def funnel(data: ReportData) -> Table | None:
    """How many cells of each sample the quality gates left out; None where the study is gone."""
    counts = data.tables.get("Funnel")
    if counts is None:
        return None
    gates = [name for name in LEFT_OUT if name in counts and counts[name].sum()]
    columns = ["Sample", "Imported", *(flag(name).label for name in gates), "Kept", "Kept %"]
    counts = counts.assign(kept_percent=[f"{value:.2f}" for value in counts["kept_percent"]])
    lines = counts[["sample", "imported", *gates, "kept", "kept_percent"]].to_numpy().tolist()
    caption = "Funnel: cells of each sample, each under the first reason that leaves it out"
    beside = _LINES_OF_A_SHEET if len(gates) <= 2 else 0
    return Table(columns, lines, range(1, len(columns)), caption, side_by_side=beside, dense=True)
