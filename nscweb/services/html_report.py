"""The report of a run as one HTML file for reading, printing and archiving."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from nscweb.core.findings import Finding, FindingLog
from nscweb.core.flags import FLAG_NAMES, flag
from nscweb.reports.html_report import (
    Html,
    Section,
    bullets,
    facts,
    figure,
    heading,
    numbered,
    paragraph,
    report_page,
    table,
)
from nscweb.reports.html_report_svg import ROWS_OF_A_PAGE, ratio_rows, ratio_svg, stacked_svg
from nscweb.reports.marks import MARK_HELP, mark
from nscweb.services.comparison import default_fate
from nscweb.services.export_xlsx import about_facts
from nscweb.services.html_report_card import card_section
from nscweb.services.report_data import COMPARED, ReportData
from nscweb.services.report_methods import methods_text

# A report is read by people: longer tables end with a word on where the rest is. The JSON inside has all of it.
_MOST_TESTS, _MOST_NOTES, _MOST_FINDINGS = 300, 6, 60


def html_report(data: ReportData) -> str:
    """The file as text."""
    made = data.run.provenance
    kept = f"{data.found.data.kept:,} of {data.found.data.cells:,} cells counted"
    subtitle = (
        f"Run {data.run.run_id}, made {data.run.created_utc}, model {made.model} {made.model_version}; {kept}"
    )
    sections = [
        Section("The answer", _answer(data)),
        Section("Ratios with 95 % intervals", _ratios(data)),
        Section("Groups compared", _tests(data)),
        Section("Does the model fit these samples?", _fit(data)),
        Section("Samples", _samples(data), new_page=True),
        Section("Cells and quality gates", _gates(data)),
        card_section(data),
        Section("Methods, ready for a paper", _methods(data)),
        Section("What was noticed at import", _findings(data)),
        Section("What made these numbers", _made(data)),
    ]
    machine = {
        "provenance": data.provenance,
        "tables": {name: _plain(data.tables[name]) for name in COMPARED},
    }
    return report_page(data.title, subtitle, data.notices, sections, machine)


def _answer(data: ReportData) -> list[Html]:
    first, *rest = data.found.sentences or ("No cell is left to count.",)
    # The way of counting stands above the ratios.
    said = [text for text in rest if text != data.found.estimates.sentence]
    parts = [paragraph(first, "lead"), *(paragraph(text) for text in said)]
    if data.found.data.warnings:
        parts += [heading("Read this before the numbers"), bullets(data.found.data.warnings, "warn")]
    return parts


def _ratios(data: ReportData) -> list[Html]:
    found = data.found
    parts = [paragraph(found.estimates.sentence, "method")]
    if found.groups.empty:
        return [*parts, paragraph("No cell is left to count.")]
    rows = ratio_rows(found.groups)
    pieces = [rows[start : start + ROWS_OF_A_PAGE] for start in range(0, len(rows), ROWS_OF_A_PAGE)]
    unit = "Filled: mean over replicates with its 95 % interval; open: replicates. "
    kind = "Simulated cells. " if found.data.simulated else ""
    for piece in pieces:
        drawn = ratio_svg(found.groups, found.replicate_rows, found.classes, piece)
        parts.append(figure(drawn, f"{kind}{unit}▲ look closer, ■ do not trust: see “Does the model fit”."))
    for piece in pieces:
        drawn = stacked_svg(found.groups, found.classes, piece)
        parts.append(figure(drawn, f"{kind}Mean shares over replicates; the same numbers as above."))
    columns = [
        "Group",
        "Time",
        "Class",
        "Replicates",
        "Cells",
        "Mean %",
        "95 % interval",
        "SD",
        "Counted %",
        "Light",
    ]
    lines = [
        [
            row["group"], row["time"], row["class"], row["replicates"], f"{row['cells']:,}",
            _percent(row["mean"]), _interval(row["low"], row["high"]), _percent(row["sd"]),
            _percent(row["naive_mean"]), mark(str(row["light"])),
        ]
        for row in data.tables["Groups"].to_dict("records")
    ]  # fmt: skip
    parts.append(table(columns, lines, numbers=(3, 4, 5, 6, 7, 8)))
    said = sorted({str(text) for text in found.groups["interval"]})
    parts.append(paragraph(f"Intervals of groups: {'; '.join(said)}.", "small"))
    lost = sorted({str(text) for text in found.groups["why"] if text})
    parts.append(bullets(lost, "warn"))
    return parts


def _tests(data: ReportData) -> list[Html]:
    tests, found = data.tables["Tests"], data.found
    if tests.empty:
        return [paragraph("There are no two groups at one time point that could be compared.")]
    shown = tests
    if len(tests) > _MOST_TESTS:
        shown = tests[tests["class"] == default_fate(found.classes)].head(_MOST_TESTS)
    columns = [
        "Time",
        "Class",
        "Group",
        "Compared with",
        "Difference, points",
        "95 % interval",
        "Adjusted p",
        "g",
        "n",
    ]
    lines = [
        [
            row["time"], row["class"], row["group"], row["other"], _percent(row["difference"], sign=True),
            _interval(row["low"], row["high"]), p_text(row["p"]), _number(row["g"]),
            f"{row['n_group']} and {row['n_other']}",
        ]
        for row in shown.to_dict("records")
    ]  # fmt: skip
    methods = sorted({str(text) for text in tests["method"] if text})
    parts = [bullets(methods), table(columns, lines, numbers=(4, 5, 6, 7))]
    if len(shown) < len(tests):
        parts.append(
            paragraph(
                f"{len(shown)} of {len(tests)} comparisons are shown; all are in tests.csv of the ZIP file and on "
                "the sheet Tests of the workbook.",
                "small",
            )
        )
    notes = list(dict.fromkeys(str(text) for text in shown["note"] if text))
    if notes:
        more = (
            [f"… and {len(notes) - _MOST_NOTES} more, on the sheet Tests."]
            if len(notes) > _MOST_NOTES
            else []
        )
        parts += [heading("Notes on single comparisons"), bullets([*notes[:_MOST_NOTES], *more])]
    return parts


def _fit(data: ReportData) -> list[Html]:
    fit = data.tables["Fit"]
    if fit.empty or not any(fit["light"]):
        return [paragraph("These samples were not judged; predict again for a light per sample.", "method")]
    order = {"red": 0, "yellow": 1, "": 2, "green": 3}
    worst = fit.assign(order=fit["light"].map(order)).sort_values("order", kind="stable")
    lines = [[row["sample"], mark(str(row["light"])), row["reasons"]] for row in worst.to_dict("records")]
    return [paragraph(MARK_HELP, "small"), table(["Sample", "Light", "Why"], lines)]


def _samples(data: ReportData) -> list[Html]:
    names = data.found.classes.names
    columns = ["Sample", "Group", "Time", "Replicate", "Cells", *(f"{name} %" for name in names), "Light"]
    lines = [
        [
            row["sample"], row["group"], row["time"], row["replicate"], f"{row['cells']:,} of {row['cells_in']:,}",
            *(
                f"{_percent(row[f'ratio_{name}'])} {_interval(row[f'low_{name}'], row[f'high_{name}'])}".strip()
                for name in names
            ),
            mark(str(row["light"])),
        ]
        for row in data.tables["Samples"].to_dict("records")
    ]  # fmt: skip
    parts = [table(columns, lines, numbers=range(4, 5 + len(names)))]
    if any(data.found.estimates.table["why"]):
        parts.append(
            bullets(sorted({str(text) for text in data.found.estimates.table["why"] if text}), "warn")
        )
    sheet = data.tables.get("Sample sheet")
    if sheet is not None:
        parts += [
            heading("Sample sheet"),
            table([str(name) for name in sheet.columns], sheet.to_numpy().tolist()),
        ]
    return parts


def _gates(data: ReportData) -> list[Html]:
    parts = [paragraph(data.provenance["gates"]["sentence"], "method")]
    if data.provenance["gates"]["changed_after_run"]:
        parts.append(
            paragraph("The gates of the study were changed after this run; these are those of the run.")
        )
    parts.append(bullets([f"{count:,} cells: {reason}" for reason, count in data.found.data.dropped.items()]))
    funnel = data.tables.get("Funnel")
    if funnel is None:
        return [*parts, paragraph("The study was deleted, so its cells cannot be counted any more.")]
    gates = [name for name in FLAG_NAMES if name in funnel and funnel[name].sum()]
    columns = ["Sample", "Imported", *(flag(name).label for name in gates), "Kept", "Kept %"]
    wanted = ["sample", "imported", *gates, "kept", "kept_percent"]
    parts.append(table(columns, funnel[wanted].to_numpy().tolist(), numbers=range(1, len(columns))))
    return parts


def _methods(data: ReportData) -> list[Html]:
    sentences, references = methods_text(data)
    return [paragraph(" ".join(sentences)), numbered(references)]


def _findings(data: ReportData) -> list[Html]:
    rows = data.tables.get("Findings")
    if rows is None or rows.empty:
        return [paragraph("Nothing: every file could be used.")]
    log = FindingLog(
        Finding(row["level"], row["code"], row["message"], row["where"]) for row in rows.to_dict("records")
    )
    folded = log.by_reason()
    lines = [
        [line.level, f"{line.count:,}", line.message, ", ".join(line.examples), line.code]
        for line in folded[:_MOST_FINDINGS]
    ]
    return [table(["Level", "How often", "What", "For example", "Code"], lines, numbers=(1,))]


def _made(data: ReportData) -> list[Html]:
    said = about_facts(data)
    wanted = ("Study", "Model", "How it was counted", "Run")
    return [part for name in wanted if name in said for part in (heading(name), facts(said[name]))]


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """A table for JSON: numbers with all digits, None where there is none."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return {"columns": [str(name) for name in frame.columns], "rows": rows}


def _percent(value: float, *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.1f}, {100 * high:.1f}]" if math.isfinite(low) and math.isfinite(high) else ""


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def p_text(value: float) -> str:
    """ "0.031"; "< 0.001"; "–" where no p value is given."""
    if not math.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
