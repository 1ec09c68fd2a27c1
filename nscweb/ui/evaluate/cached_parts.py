"""Parts of the page Evaluate that are made when somebody asks for them; services keep them, a spinner shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.services.evaluate import by_parts, label_audit, two_runs
from nscweb.services.evaluate.by_parts import PartEvaluation
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.evaluate.label_audit import AuditResult
from nscweb.services.evaluate.sorting import SortingCurve, sorting_of
from nscweb.services.evaluate.two_runs import ModelComparison
from nscweb.ui.cached import spinner

if TYPE_CHECKING:
    from nscweb.evaluation.scores.curve_bands import CurveBands


def parts(app: App, result: Evaluation, by: str) -> tuple[PartEvaluation, ...]:
    """Figures of every part."""
    return by_parts.split_evaluation.announced(spinner("Counting each part …"), app, result, by)


def bands(app: App, result: Evaluation, by: str, part: str) -> CurveBands:
    """Curves with bands, of everything (by is "") or of one part."""
    return by_parts.bands_of.announced(spinner("Drawing samples again …"), app, result, by, part)


def sorting(
    app: App, result: Evaluation, class_name: str, prevalence: float | None, by: str, part: str
) -> SortingCurve:
    """Figures of every threshold for one class."""
    sign = spinner("Judging every threshold …")
    return sorting_of.announced(sign, app, result, class_name, prevalence=prevalence, by=by, part=part)


def comparison(app: App, first: Run, second: Run) -> ModelComparison:
    """Two runs on the same cells."""
    return two_runs.compare_models.announced(spinner("Comparing the two models …"), app, first, second)


def audit(app: App, run: Run) -> AuditResult | None:
    """The kept label audit of a run, or None."""
    return label_audit.read_label_audit.announced(spinner("Reading the label audit …"), app, run)
