"""The report of a run as one HTML file for reading, printing and archiving: ``report.html`` with its data."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nscweb.core.card import ModelCard
from nscweb.core.findings import Finding, FindingLog
from nscweb.files.html_document import Table, render
from nscweb.services.compare.facts import cells_left_out
from nscweb.services.compare.known_part import more_cells_line
from nscweb.services.labels.marker_report import markers_shown
from nscweb.services.report.content import COMPARED, ReportData
from nscweb.services.report.html_answer import answer, ratios
from nscweb.services.report.html_details import fit, funnel, samples, tests
from nscweb.services.report.methods import methods_parts
from nscweb.services.report.scope import counted_words
from nscweb.services.report.workbook_sheets import about_facts
from nscweb.words.marks import MARK_HELP, mark
from nscweb.words.nothing import ONE_GROUP

_MOST_FINDINGS = 60
_FIGURES_OF_A_CARD = ("accuracy", "macro_f1", "recall", "precision", "auc")


def html_report(data: ReportData) -> str:
    """The file as text."""
    made = data.run.provenance
    methods, references = methods_parts(data)
    leaving = data.leaving()
    return render(
        "report.html",
        title=data.title,
        subtitle=f"Run {data.run.run_id}, made {data.run.created_utc}, model {made.model} {made.model_version}; "
        f"{counted_words(data.found)}",
        notices=data.notices,
        data=data,
        answer=answer(data),
        more_cells=more_cells_line(data.found),
        ratios=ratios(data),
        tests=tests(data),
        fit=fit(data),
        samples=samples(data),
        markers=markers_shown(data.tables),
        left_out=cells_left_out(data.found),
        funnel=funnel(data),
        performance=_performance(data.card),
        methods=methods,
        references=references,
        findings=_findings(data),
        about=about_facts(data),
        mark=mark,
        mark_help=MARK_HELP,
        one_group=ONE_GROUP,
        machine={"provenance": data.provenance, "tables": {name: _plain(leaving[name]) for name in COMPARED}},
    )


def _performance(card: ModelCard | None) -> Table | None:
    """Figures of a model on its held-out samples, over all time points."""
    metrics = card.performance.metrics if card is not None else ()
    rows = [
        [
            metric.name.replace("_", " "),
            metric.class_name or "all",
            f"{metric.value:.3f}",
            f"[{metric.low:.3f}, {metric.high:.3f}]",
            f"{metric.cells:,}",
            metric.samples,
        ]
        for metric in metrics
        if metric.name in _FIGURES_OF_A_CARD and metric.time_h is None
    ]
    columns = ["Figure", "Class", "Value", "95 % interval", "Cells", "Samples"]
    return Table(columns, rows, (2, 3, 4, 5), "Figures on held-out samples", side_by_side=30) if rows else None


def _findings(data: ReportData) -> Table | None:
    rows = data.tables.get("Findings")
    if rows is None or rows.empty:
        return None
    log = FindingLog(
        Finding(row["level"], row["code"], row["message"], row["where"]) for row in rows.to_dict("records")
    )
    lines = [
        [line.level, f"{line.count:,}", line.message, ", ".join(line.examples), line.code]
        for line in log.by_reason()[:_MOST_FINDINGS]
    ]
    columns = ["Level", "How often", "What", "For example", "Code"]
    return Table(columns, lines, (1,), "Findings of the import, the same ones together")


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """A table for JSON: numbers with all digits, None where there is none."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return {"columns": [str(name) for name in frame.columns], "rows": rows}
