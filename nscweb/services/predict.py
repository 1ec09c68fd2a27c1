"""Predict a study: every cell through one model, kept as a prediction table with its provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.run_record import Run
from nscweb.services.export import export_run
from nscweb.services.models import model_by_name
from nscweb.services.runs import get_run, latest_run, list_runs, prediction_table, table_version
from nscweb.services.study.gates import gates_changed

if TYPE_CHECKING:
    from nscweb.inference.backends import Mode
    from nscweb.services.context import App

__all__ = [
    "export_run",
    "fast_mode_offered",
    "get_run",
    "latest_run",
    "list_runs",
    "predict_study",
    "prediction_table",
    "run_for",
    "table_version",
]


def predict_study(
    app: App,
    study: str,
    model: str,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    run_key: str | None = None,
    device: str = "auto",
    mode: Mode = "exact",
) -> Run:
    """Predict every cell of a study and keep the result as a run.

    Where nothing but the gates of the study differs from an earlier run, its scores are kept and only the flags
    are made new, which takes seconds (`services.regate`).

    Args:
        study: name or id.
        model: name of a model or path of its folder.
        run_key: names the unfinished run, so that a job that was killed goes on from its last chunk; None
            makes one from study, cells and weights, so that the same command goes on too.
        device: ``auto``, ``cpu`` or ``cuda``.
        mode: ``exact``, or ``fast`` for the 8-bit form of models whose card offers it (`fast_mode_offered`).

    Raises:
        WrongUse: fast mode is not offered by this model.
        StudyNotFound, ModelNotFound, CardInvalid, WeightsInvalid, JobCancelled, DiskFull.
    """
    from nscweb.services.prediction_run import predict

    return predict(app, study, model, progress, cancel, run_key, device, mode)


def run_for(
    app: App,
    study: str,
    model: str,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    device: str = "auto",
) -> Run:
    """The newest exact run of a study by exactly these weights and with its gates, or a fresh one.

    What evaluate and explain start from. Where the gates alone changed, the fresh run keeps the scores.
    """
    found = app.catalogue.study(study)
    digest = model_by_name(app, model).card.weights.sha256
    for run in list_runs(app, found.study_id):
        made = run.provenance
        same = made.weights_sha256 == digest and run.extra.get("channel") == found.channel
        exact = made.settings.get("mode", "exact") == "exact"
        if same and exact and not gates_changed(app, run):
            return run
    return predict_study(app, study, model, progress=progress, cancel=cancel, device=device)


def fast_mode_offered(app: App, model: str) -> tuple[bool, str]:
    """Whether a model has a fast mode that passed its check, and a sentence: how good it is, or why not."""
    from nscweb.services.model_exports import fast_mode_sentence

    return fast_mode_sentence(model_by_name(app, model))
