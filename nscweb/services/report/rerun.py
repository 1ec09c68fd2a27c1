"""`nscweb rerun`: make the tables of a report again from the same inputs, and say whether they are the same.

Everything is made in a folder of its own beside the data: the cells are read where they are, sheet, gates, filters
and way of counting are those that the report wrote down, so what was changed in the study since does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.card import CardEntry
from nscweb.core.errors import InputRefused, ModelNotFound, StudyNotFound, WrongUse
from nscweb.core.plain import from_plain
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Mode, Run
from nscweb.core.samples import Study
from nscweb.services.models import list_models
from nscweb.services.predict.fast_here import require_fast
from nscweb.services.report.content import report_data
from nscweb.services.report.parts import ALSO_COMPARED, COMPARED
from nscweb.services.report.rerun_compare import EXACT, TableCheck, compare_tables, new_columns, other_rules
from nscweb.services.report.rerun_folder import Statement, read_report, same_inputs
from nscweb.services.report.scope import ReportRequest

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class RerunResult:
    """What came out.

    Attributes:
        study, model: what was predicted again, with which model.
        run: id of the run in the report.
        checks: one per table.
        reasons: what is not as it was, the likely reason first; empty when everything is.
        cells: predicted again.
    """

    study: str
    model: str
    run: str
    checks: tuple[TableCheck, ...]
    reasons: tuple[str, ...]
    cells: int

    @property
    def same(self) -> bool:
        """All tables are the same, rounding apart."""
        return all(check.same for check in self.checks)

    @property
    def sentence(self) -> str:
        """The outcome in a sentence or two."""
        numbers, rows = sum(c.numbers for c in self.checks), sum(c.rows for c in self.checks)
        if not self.same:
            names = ", ".join(check.name for check in self.checks if not check.same)
            why = f" What is not as it was: {' '.join(self.reasons)}" if self.reasons else ""
            return f"Not the same: numbers differ in {names}.{why}"
        largest = max((check.largest for check in self.checks), default=0.0)
        how = "digit by digit" if largest <= EXACT else f"to {largest:.1g}, which is rounding"
        return f"The same: {numbers:,} values in {rows:,} rows of {len(self.checks)} tables agree {how}."

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "same": self.same,
            "sentence": self.sentence,
            "study": self.study,
            "model": self.model,
            "run": self.run,
            "cells": self.cells,
            "reasons": list(self.reasons),
            "tables": [
                {
                    "name": check.name,
                    "rows": check.rows,
                    "values": check.numbers,
                    "largest": check.largest,
                    "same": check.same,
                    "different": list(check.different),
                }
                for check in self.checks
            ],
        }


def rerun(
    app: App, report: Path, *, out: Path | None = None, progress: Progress = no_progress, device: str = "auto"
) -> RerunResult:
    """Predict the study of a report again with its gates, sheet and way of counting, and compare the tables.

    Args:
        report: HTML, ZIP or XLSX file of a report.
        out: also write the new report, as a ZIP file.

    Raises:
        InputRefused: the file is no report.
        StudyNotFound: its study is not in this data folder.
        ModelNotFound: neither its weights nor another version of its model are installed.
    """
    from nscweb.services.predict.predict import predict_study
    from nscweb.services.predict.predict_request import PredictRequest
    from nscweb.services.report.report import write_report

    stated = read_report(report)
    made = stated.provenance
    study = _study(app, made)
    entry = _model(app, made)
    counting = made["counting"]
    chosen = {"filters": made["filters"], "method": counting["asked"]}
    chosen |= {name: counting[name] for name in ("control", "adjust", "variance") if name in counting}
    # Reports of before 0.6.0 do not say where the spread of replicates is from: each group stood by itself.
    chosen = {"variance": "own"} | chosen | made.get("asked", {}) | {"form": "zip"}
    request = from_plain(ReportRequest, chosen, f"The report {report.name}", InputRefused)
    mode, not_fast = _mode(app, entry, made, device, progress)
    with same_inputs(app, study, made) as (beside, its_study):
        run = predict_study(beside, PredictRequest(its_study, str(entry.folder), mode, device), progress=progress)
        more = [name for name in ALSO_COMPARED if name in stated.tables]
        data = report_data(beside, run, request, parts=bool(more), progress=progress)
        now = data.leaving()
        checks = tuple(
            compare_tables(name, stated.tables[name], now.get(name, stated.tables[name].iloc[:0]), new_columns(name))
            for name in (*COMPARED, *more)
        )
        if out is not None:
            write_report(beside, run, request, out)
    reasons = (*not_fast, *_reasons(stated, run, study), *other_rules(made, checks))
    return RerunResult(
        made["study"], f"{run.model} {run.provenance.model_version}", made["run"], checks, reasons, run.cells
    )


def _mode(
    app: App, entry: CardEntry, made: dict[str, Any], device: str, progress: Progress
) -> tuple[Mode, tuple[str, ...]]:
    """The mode of a report, and why it is another one here: fast mode is not offered on every machine."""
    if made["settings"].get("mode") != "fast":
        return "exact", ()
    try:
        require_fast(app, entry, device, progress)
    except WrongUse as error:
        return "exact", (f"The report was made in fast mode, this one in exact mode. {error.what}",)
    return "fast", ()


def _study(app: App, made: dict[str, Any]) -> Study:
    studies = app.catalogue.studies()
    for same in (
        [study for study in studies if (study.study_id, study.name) == (made["study_id"], made["study"])],
        [study for study in studies if study.name == made["study"]],
        [study for study in studies if study.study_id == made["study_id"]],
    ):
        if same:
            return same[0]
    raise StudyNotFound(
        f"The study {made['study']!r} of this report is not in this data folder.",
        "Choose its data folder with --data-dir, or import its files again under this name.",
    )


def _model(app: App, made: dict[str, Any]) -> CardEntry:
    entries = list_models(app)
    for entry in entries:
        if entry.card.weights.sha256 == made["weights_sha256"]:
            return entry
    for entry in entries:
        if entry.card.name == made["model"]:
            return entry
    raise ModelNotFound(
        f"The model {made['model']} {made['model_version']} of this report is not installed.",
        f"Install the weights with the SHA-256 {made['weights_sha256']}.",
    )


def _reasons(stated: Statement, run: Run, study: Study) -> tuple[str, ...]:
    was, now = stated.provenance, run.provenance
    found = []
    if was["weights_sha256"] != now.weights_sha256:
        found.append(
            f"Other weights: the report used {was['model']} {was['model_version']} "
            f"({was['weights_sha256'][:12]}…), installed is {now.model_version} ({now.weights_sha256[:12]}…)."
        )
    if was["cells_sha256"] != now.cells_sha256:
        found.append(
            f"Other cells: the cell files are not those of the report ({was['cells']:,} cells then, {run.cells:,} now)."
        )
    if was.get("brightfield") and was["brightfield"] != study.channel:
        found.append(f"Another brightfield channel: {was['brightfield']} then, {study.channel} now.")
    versions = [
        f"{name} {old} then, {now.versions.get(name, 'not installed')} now"
        for name, old in was["versions"].items()
        if now.versions.get(name) != old
    ]
    if versions:
        found.append(f"Other versions: {'; '.join(versions)}.")
    return tuple(found)
