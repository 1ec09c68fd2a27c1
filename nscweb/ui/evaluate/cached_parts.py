"""Parts of the page Evaluate that are computed when somebody asks for them, and then kept.

Keys change with the run and with the sample sheet, so nothing stale is shown; what is kept is never changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.services.evaluate import by_parts, label_audit, two_runs
from nscweb.services.evaluate.by_parts import PartEvaluation
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.evaluate.label_audit import AuditResult
from nscweb.services.evaluate.sorting import SortingCurve, sorting_of
from nscweb.services.evaluate.two_runs import ModelComparison
from nscweb.services.predict import runs

if TYPE_CHECKING:
    from nscweb.evaluation.scores.curve_bands import CurveBands

_Function = TypeVar("_Function", bound=Callable[..., object])


def splits(app: App, result: Evaluation) -> dict[str, tuple[str, ...]]:
    """What an evaluation can be split by."""
    return _splits(app, result, _key(app, result.run))


def parts(app: App, result: Evaluation, by: str) -> tuple[PartEvaluation, ...]:
    """Figures of every part."""
    return _parts(app, result, _key(app, result.run), by)


def bands(app: App, result: Evaluation, by: str, part: str) -> CurveBands:
    """Curves with bands, of everything (by is "") or of one part."""
    return _bands(app, result, _key(app, result.run), by, part)


def sorting(
    app: App, result: Evaluation, class_name: str, prevalence: float | None, by: str, part: str
) -> SortingCurve:
    """Figures of every threshold for one class."""
    return _sorting(app, result, _key(app, result.run), class_name, prevalence, by, part)


def comparison(app: App, first: Run, second: Run) -> ModelComparison:
    """Two runs on the same cells."""
    return _comparison(app, first, second, f"{_key(app, first)}|{_key(app, second)}")


def audit(app: App, run: Run) -> AuditResult | None:
    """The kept label audit of a run, or None."""
    return _audit(app, run, f"{app.settings.data_dir}|{label_audit.audit_version(app, run)}")


def audit_key(app: App, run: Run) -> str:
    """Part of the key of a job: the same labels asked twice are one job, changed labels are another."""
    return label_audit.audit_version(app, run)


def _key(app: App, run: Run) -> str:
    return f"{app.settings.data_dir}|{runs.table_version(app, run)}"


def _kept(entries: int, spinner: str | bool = False) -> Callable[[_Function], _Function]:
    return cast(Callable[[_Function], _Function], st.cache_resource(max_entries=entries, show_spinner=spinner))


@_kept(8)
def _splits(_app: App, _result: Evaluation, key: str) -> dict[str, tuple[str, ...]]:
    return by_parts.splits_of(_app, _result)


@_kept(12, "Counting each part …")
def _parts(_app: App, _result: Evaluation, key: str, by: str) -> tuple[PartEvaluation, ...]:
    return by_parts.split_evaluation(_app, _result, by)


@_kept(24, "Drawing samples again …")
def _bands(_app: App, _result: Evaluation, key: str, by: str, part: str) -> CurveBands:
    return by_parts.bands_of(_app, _result, by, part)


@_kept(24)
def _sorting(
    _app: App, _result: Evaluation, key: str, class_name: str, prevalence: float | None, by: str, part: str
) -> SortingCurve:
    return sorting_of(_app, _result, class_name, prevalence=prevalence, by=by, part=part)


@_kept(6, "Comparing the two models …")
def _comparison(_app: App, _first: Run, _second: Run, key: str) -> ModelComparison:
    return two_runs.compare_models(_app, _first, _second)


@_kept(4, "Reading the label audit …")
def _audit(_app: App, _run: Run, key: str) -> AuditResult | None:
    return label_audit.read_label_audit(_app, _run)
