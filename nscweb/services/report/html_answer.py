"""The first two pages of the HTML report: the answer with its table, samples in doubt, and the ratios as figures.

The appendices of the HTML report, compact: comparisons, trust lights, samples, sheet, funnel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from nscweb.core.flags import FLAG_NAMES, flag
from nscweb.files.html_document import Html, bullets, figure, heading, paragraph, table
from nscweb.files.svg import ROWS_OF_A_PAGE, ratio_rows, ratio_svg, stacked_svg
from nscweb.services.compare.comparison import answer_of
from nscweb.services.compare.facts import cells_left_out
from nscweb.services.report.content import ReportData
from nscweb.services.report.html_numbers import classes_in_threes, interval, light, number, p_text, percent, share
from nscweb.services.report.methods_statistics import control_words
from nscweb.services.report.references import ADJUSTED, plural
from nscweb.services.report.scope import confidence_words, family_left_out, filtered_away
from nscweb.words.marks import MARK_HELP, mark, symbol
from nscweb.words.numbers import when

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
    lines = funnel.assign(kept_percent=[f"{value:.1f}" for value in funnel["kept_percent"]])[wanted].to_numpy().tolist()
    drawn = table(
        columns, lines, range(1, len(columns)), caption="Funnel: cells of each sample", side_by_side=beside, dense=True
    )
    return [*parts, drawn]


_MOST_DOUBTFUL = 8


def answer_parts(data: ReportData) -> list[Html]:
    """The sentence, the groups in its order, the samples in doubt, and what must be read before the numbers."""
    first, *rest = data.found.sentences or ("No cell is left to count.",)
    # The way of counting stands above the ratios.
    said = [text for text in rest if text != data.found.estimates.sentence]
    parts = [paragraph(first, "lead"), *(paragraph(text) for text in said)]
    parts += [paragraph(text) for text in [confidence_words(data.found)] if text]
    if not data.found.groups.empty:
        parts += _groups(data)
    parts += _doubtful(data)
    # What one sample is like stands in the list above.
    warnings = [text for text in data.found.data.warnings if not text.startswith('The sample "')]
    if warnings:
        parts += [heading("Read this before the numbers"), bullets(warnings, "warn")]
    return parts


def _groups(data: ReportData) -> list[Html]:
    # The table speaks of what the sentence above it speaks of, whatever the page opens with.
    found, fate, hours = data.found, data.fate, data.time_h
    said = answer_of(found, fate, hours)
    against = found.control or said.leader
    rows = {str(row["group"]): row for row in _at(data.tables["Groups"].to_dict("records"), fate, hours)}
    tests = {
        (str(row["group"]), str(row["other"])): row for row in _at(data.tables["Tests"].to_dict("records"), fate, hours)
    }
    moment = when(hours)
    columns = ["Group", f"{fate} % [95 % interval]", "Replicates", "Cells"]
    numbers = [1, 2, 3]
    if tests:
        columns += [
            f"Points more or less than {against or 'no group given'} [95 % interval]",
            f"p, {ADJUSTED[found.adjust]}",
        ]
        numbers += [4, 5]
    lines = []
    for name in [name for name in said.order if name in rows]:
        row = rows[name]
        line = [name or "no group given", share(row), row["replicates"], f"{row['cells']:,}"]
        if tests:
            line += _difference(tests, name, against)
        lines.append([*line, light(row["light"])])
    caption = f"{fate}{moment and ' '}{moment}: groups in the order of the answer"
    drawn = table([*columns, "Trust light"], lines, numbers, caption=caption, cards=True)
    return [drawn, *_family(data, list(tests.values())), *_early(data, said.order, fate)]


def _family(data: ReportData, tests: Sequence[dict[Any, Any]]) -> list[Html]:
    """What the p values of the table were adjusted for, and which control was chosen by whom."""
    sizes = {int(row["comparisons"]) for row in tests if math.isfinite(row["p"])}
    said = [control_words(data)]
    if sizes:
        moment = when(data.time_h)
        told = ", as in the sentence above" if "adjusted" in "".join(data.found.sentences[:1]) else ""
        said.insert(
            0,
            f"p values are adjusted by {ADJUSTED[data.found.adjust]} for the {max(sizes)} "
            f"{plural(max(sizes), 'comparison')} of {data.fate}{moment and ' '}{moment}{told}.",
        )
        said.append(family_left_out(data.found))
    text = " ".join(part for part in said if part)
    return [paragraph(text, "small")] if text else []


def _early(data: ReportData, order: Sequence[str], fate: str) -> list[Html]:
    """The fate of the answer in every group at every time point."""
    rows = [row for row in data.tables["Groups"].to_dict("records") if row["class"] == fate]
    times = list(dict.fromkeys(str(row["time"]) for row in sorted(rows, key=lambda row: row["time_h"])))
    parts = []
    if len(times) > 1:
        held = {(str(row["group"]), str(row["time"])): row for row in rows}
        lines = []
        for name in order:
            found = [held.get((name, time)) for time in times]
            told = [f"{symbol(str(row['light']))} {share(row)}".strip() if row else "–" for row in found]
            lines.append([name or "no group given", *told])
        caption = f"How early: {fate} % [95 % interval] at every time point"
        parts = [table(["Group", *times], lines, range(1, 1 + len(times)), caption=caption, cards=True)]
    said = "In sentences numbers are whole and ends of intervals rounded outwards; tables have one digit more."
    return [*parts, paragraph(said, "small")]


def _difference(tests: dict[tuple[str, str], dict[str, Any]], name: str, against: str) -> list[str]:
    if name == against:
        return ["–", "–"]
    row, sign = tests.get((name, against)), 1.0
    if row is None:
        row, sign = tests.get((against, name)), -1.0
    if row is None or not math.isfinite(row["difference"]):
        return ["–", "–"]
    ends = sorted((sign * row["low"], sign * row["high"]))
    return [f"{percent(sign * row['difference'], sign=True)} {interval(*ends)}".strip(), p_text(row["p"])]


def _at(rows: Sequence[dict[Any, Any]], fate: str, hours: float) -> list[dict[Any, Any]]:
    def then(value: float) -> bool:
        return bool(value == hours or (math.isnan(hours) and math.isnan(value)))

    return [row for row in rows if row["class"] == fate and then(float(row["time_h"]))]


def _doubtful(data: ReportData) -> list[Html]:
    fit = data.tables["Fit"]
    if fit.empty or not any(fit["light"]):
        return []
    doubt = [*fit[fit["light"] == "red"].to_dict("records"), *fit[fit["light"] == "yellow"].to_dict("records")]
    if not doubt:
        return [paragraph("No sample is in doubt: every trust light is green (● fits).")]
    shown = [f"{mark(str(row['light']))}: {row['sample']}. {row['reasons']}" for row in doubt[:_MOST_DOUBTFUL]]
    if len(doubt) > len(shown):
        shown.append(f"… and {len(doubt) - len(shown)} more, in the section on trust lights.")
    return [heading("Samples in doubt"), bullets(shown, "warn")]


def ratio_parts(data: ReportData) -> list[Html]:
    """Both figures, then the numbers behind them."""
    found = data.found
    parts = [paragraph(found.estimates.sentence, "method")]
    if found.groups.empty:
        return [*parts, paragraph("No cell is left to count.")]
    rows = ratio_rows(found.groups, answer_of(found, data.fate, data.time_h).order)
    pieces = [rows[start : start + ROWS_OF_A_PAGE] for start in range(0, len(rows), ROWS_OF_A_PAGE)]
    kind = "Simulated cells. " if found.data.simulated else ""
    for piece in pieces:
        drawn, small = (
            ratio_svg(found.groups, found.replicate_rows, found.classes, piece, narrow=narrow)
            for narrow in (False, True)
        )
        told = f"{kind}Filled: mean over replicates with its 95 % interval; open: replicates. {MARK_HELP}"
        parts.append(figure(drawn, told, small))
    for piece in pieces:
        drawn, small = (stacked_svg(found.groups, found.classes, piece, narrow=narrow) for narrow in (False, True))
        parts.append(figure(drawn, f"{kind}Mean shares over replicates; the same numbers as above.", small))
    parts += _ratio_tables(data, rows)
    said = sorted({str(text) for text in found.groups["interval"] if text})
    parts.append(
        paragraph(
            f"Intervals of groups: {'; '.join(said)}. SD: between replicates, in points. Counted: share of counted "
            "labels, not corrected.",
            "small",
        )
    )
    parts.append(bullets(sorted({str(text) for text in found.groups["why"] if text}), "warn"))
    return parts


def _ratio_tables(data: ReportData, rows: Sequence[tuple[str, float]]) -> list[Html]:
    held: dict[tuple[str, float], dict[str, Any]] = {}
    for row in data.tables["Groups"].to_dict("records"):
        hours = -1.0 if math.isnan(row["time_h"]) else float(row["time_h"])
        held.setdefault((str(row["group"]), hours), {})[str(row["class"])] = row
    parts = []
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Group", "Time", "Replicates", "Cells"]
        columns += ["Mean % [95 % interval]", "SD", "Counted %"] * len(names) + ["Trust light"]
        lines = []
        for key in rows:
            first = next(iter(held[key].values()))
            line = [key[0] or "no group given", first["time"], first["replicates"], f"{first['cells']:,}"]
            for name in names:
                one = held[key].get(name)
                line += [share(one), percent(one["sd"]), percent(one["naive_mean"])] if one else ["–"] * 3
            lines.append([*line, light(first["light"])])
        parts.append(
            table(
                columns,
                lines,
                range(2, 4 + 3 * len(names)),
                caption="Ratios of the groups; the biological replicate is the unit",
                over=[("", 4), *((name, 3) for name in names), ("", 1)],
                dense=True,
            )
        )
    return parts
