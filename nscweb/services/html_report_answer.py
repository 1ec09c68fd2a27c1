"""The first two pages of the HTML report: the answer with its table, samples in doubt, and the ratios as figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nscweb.files.html_document import Html, bullets, figure, heading, paragraph, table
from nscweb.files.svg import ROWS_OF_A_PAGE, ratio_rows, ratio_svg, stacked_svg
from nscweb.services.compare.comparison import answer_of
from nscweb.services.html_report_words import classes_in_threes, interval, light, p_text, percent, share
from nscweb.services.report_data import ReportData
from nscweb.services.report_methods_statistics import control_words
from nscweb.services.report_references import ADJUSTED, plural
from nscweb.services.report_scope import confidence_words, family_left_out
from nscweb.words.marks import MARK_HELP, mark, symbol
from nscweb.words.numbers import when

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
