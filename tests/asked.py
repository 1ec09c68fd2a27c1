"""Services called with what they are asked for as keywords, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.services.predict import predict
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.report import content, report
from nscweb.services.report.content import ReportData
from nscweb.services.report.scope import ReportRequest
from nscweb.services.study import study_import
from nscweb.services.study.import_request import ImportReport, ImportRequest


def import_study(
    app: App,
    paths: Iterable[Path],
    name: str,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    **options: Any,
) -> ImportReport:
    """Import; `options` are further fields of `ImportRequest`."""
    request = ImportRequest(tuple(paths), name, **options)
    return study_import.import_study(app, request, progress=progress, cancel=cancel)


def predict_study(
    app: App,
    study: str,
    model: str,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    **options: Any,
) -> Run:
    """Predict; `options` are further fields of `PredictRequest`."""
    return predict.predict_study(app, PredictRequest(study, model, **options), progress=progress, cancel=cancel)


def report_data(app: App, run: Run | str, *, parts: bool = False, **options: Any) -> ReportData:
    """Gather a report; `options` are fields of `ReportRequest`."""
    return content.report_data(app, run, ReportRequest(**options), parts=parts)


def write_report(app: App, run: Run | str, form: str, out: Path, **options: Any) -> Path:
    """Write a report; `options` are further fields of `ReportRequest`."""
    return report.write_report(app, run, ReportRequest(form=form, **options), out)


def run_zip(app: App, run: Run | str, out: Path) -> Path:
    """Everything of a run."""
    return write_report(app, run, "zip", out)
