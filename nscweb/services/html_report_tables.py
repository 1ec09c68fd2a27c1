"""The appendices of the HTML report, compact: comparisons, trust lights, samples, sheet, funnel."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from nscweb.core.flags import FLAG_NAMES, flag
from nscweb.files.html_document import Html, bullets, heading, paragraph, table
from nscweb.services.compare.facts import cells_left_out
from nscweb.services.html_report_words import classes_in_threes, interval, light, number, p_text, percent, share
from nscweb.services.report_data import ReportData
from nscweb.services.report_references import ADJUSTED
from nscweb.services.report_scope import filtered_away
from nscweb.words.marks import MARK_HELP, mark

# A report is read by people: longer tables end with a word on where the rest is. The JSON inside has all of it.
_MOST_PAIRS, _MOST_NOTES = 160, 6
# Lines of a sheet of paper in small type.
_LINES = 62


def tests_parts(data: ReportData) -> list[Html]:
    """Every comparison, a line for two groups at a time point, the classes beside each other."""
    tests = data.tables["Tests"]
    if tests.empty:
        return [paragraph("There are no two groups at one time point that could be compared.")]
    pairs: dict[tuple[str, str, str], dict[str, Any]] = {}
    shown = _shown(data, tests)
    for row in shown.to_dict("records"):
        pairs.setdefault((row["time"], row["group"], row["other"]), {})[str(row["class"])] = row
    sizes = sorted({int(size) for key in ("n_group", "n_other") for size in shown[key]})
    several = len(sizes) > 1
    parts = [bullets(sorted({str(text) for text in tests["method"] if text}))]
    if not several:
        parts.append(paragraph(f"n = {sizes[0]} replicates in each group of every comparison."))
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Time", "Group", "Compared with", *(["n"] if several else [])]
        leading = len(columns)
        columns += ["Points [95 % interval]", "p", "g"] * len(names)
        lines = []
        for (time, group, other), rows in pairs.items():
            first = next(iter(rows.values()))
            line = [time, group, other, *([f"{first['n_group']}, {first['n_other']}"] if several else [])]
            for name in names:
                line += _test(rows.get(name))
            lines.append(line)
        parts.append(
            table(
                columns,
                lines,
                range(leading, len(columns)),
                caption="Differences in points, group minus the one it is compared with; p adjusted by "
                f"{ADJUSTED[data.found.adjust]} within each class and time point; g: Hedges g",
                over=[("", leading), *((name, 3) for name in names)],
                dense=True,
            )
        )
    if len(shown) < len(tests):
        parts.append(
            paragraph(
                f"{len(shown):,} of {len(tests):,} comparisons are shown; all are in tests.csv of the ZIP file and on "
                "the sheet Tests of the workbook.",
                "small",
            )
        )
    notes = list(dict.fromkeys(str(text) for text in shown["note"] if text))
    if notes:
        rest = len(notes) - _MOST_NOTES
        more = [f"… and {rest} more, on the sheet Tests."] if rest > 0 else []
        parts += [heading("Notes on single comparisons"), bullets([*notes[:_MOST_NOTES], *more])]
    return parts


def _shown(data: ReportData, tests: pd.DataFrame) -> pd.DataFrame:
    """All comparisons, or those at the time of the answer where they are too many to be read."""
    most = _MOST_PAIRS * len(data.found.classes.names)
    if len(tests) <= most:
        return tests
    hours = data.time_h
    then = tests["time_h"].isna() if math.isnan(hours) else tests["time_h"] == hours
    return tests[then].head(most)


def _test(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["–", "–", "–"]
    points = f"{percent(row['difference'], sign=True)} {interval(row['low'], row['high'])}".strip()
    return [points, p_text(row["p"]), number(row["g"])]


def fit_parts(data: ReportData) -> list[Html]:
    """Doubtful samples with their reasons; the others by name."""
    fit = data.tables["Fit"]
    if fit.empty or not any(fit["light"]):
        return [paragraph("These samples were not judged; predict again for a trust light per sample.", "method")]
    order = {"red": 0, "yellow": 1, "": 2}
    doubt = fit[fit["light"] != "green"]
    doubt = doubt.assign(order=doubt["light"].map(order)).sort_values("order", kind="stable")
    parts = [paragraph(f"The trust light of each sample. {MARK_HELP}", "small")]
    lines = [[row["sample"], light(row["light"]), row["reasons"]] for row in doubt.to_dict("records")]
    if lines:
        parts.append(table(["Sample", "Trust light", "Why"], lines, caption="Samples that are not green"))
    fits = [str(name) for name in fit.loc[fit["light"] == "green", "sample"]]
    if fits:
        parts.append(paragraph(f"{mark('green')}, {len(fits):,} of {len(fit):,}: {', '.join(fits)}.", "small"))
    return parts


def samples_parts(data: ReportData) -> list[Html]:
    """Ratios of the samples, then the sample sheet."""
    parts = []
    rows = data.tables["Samples"].to_dict("records")
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Sample", "Group", "Time", "Replicate", "Cells counted"]
        columns += [f"{name} % [95 % interval]" for name in names] + ["Trust light"]
        lines = [
            [
                row["sample"],
                row["group"],
                row["time"],
                row["replicate"],
                f"{row['cells']:,} of {row['cells_in']:,}",
                *(share(row, f"ratio_{name}", f"low_{name}", f"high_{name}") for name in names),
                light(row["light"]),
            ]
            for row in rows
        ]
        parts.append(table(columns, lines, range(4, 5 + len(names)), caption="Ratios of the samples", dense=True))
    if any(data.found.estimates.table["why"]):
        parts.append(bullets(sorted({str(text) for text in data.found.estimates.table["why"] if text}), "warn"))
    sheet = data.tables.get("Sample sheet")
    if sheet is None:
        return parts
    # The file of the sheet holds all samples, so that it can be imported again; here stand those analysed.
    # A name that begins like a formula stands there behind an apostrophe.
    here = sheet[~sheet.iloc[:, 0].str.removeprefix("'").isin(filtered_away(data.found))]
    return [*parts, heading("Sample sheet"), *(_sheet(here) if len(here) else [])]


def _sheet(sheet: pd.DataFrame) -> list[Html]:
    """What differs between samples as a table, what is the same for all as a sentence."""
    names = [str(name) for name in sheet.columns]
    alike = [name for name in names[1:] if len(sheet) > 1 and sheet[name].nunique() == 1]
    told = [f"{name}: {sheet[name].iloc[0] or 'empty'}" for name in alike]
    parts = [paragraph(f"The same for all samples: {'; '.join(told)}.", "small")] if told else []
    rest = [name for name in names if name not in alike]
    beside = _LINES if len(rest) <= 6 else 0
    lines = sheet[rest].to_numpy().tolist()
    return [*parts, table(rest, lines, caption="Sample sheet", side_by_side=beside, dense=True)]


def gates_parts(data: ReportData) -> list[Html]:
    """Which cells were left out for their quality, and how many of each sample."""
    parts = [paragraph(data.provenance["gates"]["sentence"], "method")]
    if data.provenance["gates"]["changed_after_run"]:
        parts.append(paragraph("The gates of the study were changed after this run; these are those of the run."))
    dropped = [f"{reason} {count:,}" for reason, count in cells_left_out(data.found).items()]
    if dropped:
        parts.append(paragraph(f"Cells left out, each named once by its first reason: {'; '.join(dropped)}."))
    funnel = data.tables.get("Funnel")
    if funnel is None:
        return [*parts, paragraph("The study was deleted, so its cells cannot be counted any more.")]
    gates = [name for name in FLAG_NAMES if name in funnel and funnel[name].sum()]
    columns = ["Sample", "Imported", *(flag(name).label for name in gates), "Kept", "Kept %"]
    wanted = ["sample", "imported", *gates, "kept", "kept_percent"]
    beside = _LINES if len(gates) <= 2 else 0
    lines = funnel[wanted].to_numpy().tolist()
    drawn = table(
        columns, lines, range(1, len(columns)), caption="Funnel: cells of each sample", side_by_side=beside, dense=True
    )
    return [*parts, drawn]
