"""The report of a run as one HTML file for reading, printing and archiving."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nscweb.core.findings import Finding, FindingLog
from nscweb.files.html_document import Html, Section, facts, heading, numbered, paragraph, report_page, table
from nscweb.services.report.content import COMPARED, ReportData
from nscweb.services.report.html_answer import (
    answer_parts,
    fit_parts,
    gates_parts,
    ratio_parts,
    samples_parts,
    tests_parts,
)
from nscweb.services.report.html_card import card_section
from nscweb.services.report.methods import methods_parts
from nscweb.services.report.scope import counted_words
from nscweb.services.report.workbook_sheets import about_facts

_MOST_FINDINGS = 60


def html_report(data: ReportData) -> str:
    """The file as text."""
    made = data.run.provenance
    subtitle = (
        f"Run {data.run.run_id}, made {data.run.created_utc}, model {made.model} {made.model_version}; "
        f"{counted_words(data.found)}"
    )
    sections = [
        Section("The answer", answer_parts(data)),
        Section("Ratios with 95 % intervals", ratio_parts(data), new_page=True),
        Section("Groups compared", tests_parts(data)),
        Section("Trust lights: does the model fit these samples?", fit_parts(data)),
        Section("Samples", samples_parts(data)),
        Section("Cells and quality gates", gates_parts(data)),
        card_section(data),
        Section("Methods, ready for a paper", _methods(data)),
        Section("What was noticed at import", _findings(data)),
        Section("What made these numbers", _made(data)),
    ]
    leaving = data.leaving()
    machine = {"provenance": data.provenance, "tables": {name: _plain(leaving[name]) for name in COMPARED}}
    return report_page(data.title, subtitle, data.notices, sections, machine)


def _methods(data: ReportData) -> list[Html]:
    parts, references = methods_parts(data)
    said = [html for part in parts for html in (heading(part.title), paragraph(part.text))]
    return [*said, heading("References"), numbered(references)]


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
    columns = ["Level", "How often", "What", "For example", "Code"]
    return [table(columns, lines, numbers=(1,), caption="Findings of the import, the same ones together")]


def _made(data: ReportData) -> list[Html]:
    said = about_facts(data)
    wanted = ("Study", "Model", "How it was counted", "Run")
    return [part for name in wanted if name in said for part in (heading(name), facts(said[name]))]


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """A table for JSON: numbers with all digits, None where there is none."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return {"columns": [str(name) for name in frame.columns], "rows": rows}
