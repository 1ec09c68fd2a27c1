"""The table of jobs: task, name for people, page. A task gets its arguments as JSON and hands back JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nscweb.core.errors import JobError
from nscweb.core.plain import from_plain
from nscweb.core.progress import CancelAsked, Progress

if TYPE_CHECKING:
    from nscweb.services.context import App

T = TypeVar("T")
Payload = dict[str, Any]
# In the payload of a job that an earlier worker began: when it was asked for, ISO 8601 in UTC.
AGAIN_SINCE = "again_since_utc"
Task = Callable[["App", Payload, Progress, CancelAsked], dict[str, Any]]


def import_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Import files into a new study, or one that is there. Payload: an `ImportRequest`.

    `AGAIN_SINCE` is in the payload of a job that is taken up again; what was finished then is not done twice.
    """
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.study_import import finished_since
    from nscweb.services.study.understood.join_studies import bring_in
    from nscweb.services.study.uploads import discard_staged

    request = _request(ImportRequest, payload)
    again = payload.get(AGAIN_SINCE) and not request.add_to
    report = finished_since(app, request.name, payload[AGAIN_SINCE]) if again else None
    if report is None:
        report = bring_in(app, request, progress=progress, cancel=cancel)
    discard_staged(app, request.paths)
    return report.as_dict()


def cut_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Cut the cells out of the images of a study. Payload: study, and when it is taken up again `AGAIN_SINCE`."""
    from nscweb.services.study.study_import import finished_since
    from nscweb.services.study.understood.cut_again import cut_study, name_of_cells

    name = name_of_cells(app.catalogue.study(payload["study"]))
    report = finished_since(app, name, payload[AGAIN_SINCE]) if payload.get(AGAIN_SINCE) else None
    return (report or cut_study(app, payload["study"], progress=progress, cancel=cancel)).as_dict()


def part_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Part samples by the names of their files. Payload: study, and when it is taken up again `AGAIN_SINCE`."""
    from nscweb.services.study.study_import import finished_since
    from nscweb.services.study.understood.cut_again import name_of_parts
    from nscweb.services.study.understood.part_again import part_study

    name = name_of_parts(app.catalogue.study(payload["study"]))
    report = finished_since(app, name, payload[AGAIN_SINCE]) if payload.get(AGAIN_SINCE) else None
    return (report or part_study(app, payload["study"], progress=progress, cancel=cancel)).as_dict()


def each_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Make a study with each object once. Payload: study, kind, and when it is taken up again `AGAIN_SINCE`."""
    from nscweb.services.study.study_import import finished_since
    from nscweb.services.study.understood.one_of_each import name_of_each, one_of_each

    name = name_of_each(app.catalogue.study(payload["study"]))
    report = finished_since(app, name, payload[AGAIN_SINCE]) if payload.get(AGAIN_SINCE) else None
    return (report or one_of_each(app, payload["study"], payload["kind"], progress=progress, cancel=cancel)).as_dict()


def merge_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Put the samples of a study into another one. Payload: into, other, and `AGAIN_SINCE` when taken up again."""
    from nscweb.services.study.study import list_studies
    from nscweb.services.study.understood.merged import merge_and_tell, told_of

    gone = all(study.study_id != payload["other"] for study in list_studies(app))
    into = payload["into"]
    done = gone and bool(payload.get(AGAIN_SINCE))
    merged = told_of(app, into) if done else merge_and_tell(app, into, payload["other"], progress=progress)
    return {"study_id": merged.card.study.study_id, "sentence": merged.sentence}


def predict_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Predict a study. Payload: a `PredictRequest`."""
    from nscweb.services.predict.predict import predict_study
    from nscweb.services.predict.predict_request import PredictRequest

    run = predict_study(app, _request(PredictRequest, payload), progress=progress, cancel=cancel)
    return {"run_id": run.run_id, "study_id": run.study_id, "cells": run.cells}


def fast_check_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Measure the fast mode of a model on this machine. Payload: model."""
    from nscweb.services.predict.fast_here import measure_fast

    found = measure_fast(app, payload["model"], progress=progress, cancel=cancel)
    return {"offered": found.offered, "sentence": found.sentence}


def demo_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Make the demo study, or what is missing of it."""
    from nscweb.services.predict.demo import ensure_demo

    demo = ensure_demo(app, progress=progress, cancel=cancel)
    return {"study_id": demo.study.study_id, "run_id": demo.run.run_id if demo.run else ""}


def train_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Train what an order says, or go on with it. Payload: name of the training."""
    from nscweb.services.train.training_jobs import run_training

    entry = run_training(app, payload["name"], progress=progress, cancel=cancel)
    return {"training": payload["name"], "model": entry.card.name}


def tune_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Search for training settings, or go on with a search. Payload: name of the search."""
    from nscweb.services.train.search_jobs import run_search

    result = run_search(app, payload["name"], progress=progress, cancel=cancel)
    return {"search": payload["name"], "trials": len(result.trials), "loss": result.best.loss}


def label_audit_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Judge the labels of a study by held-out scores. Payload: run."""
    from nscweb.services.evaluate.label_audit import run_label_audit

    found = run_label_audit(app, payload["run"], progress=progress, cancel=cancel)
    return {"run_id": found.run.run_id, "study_id": found.run.study_id, "contradicted": found.contradicted}


def map_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Make the map of a study, or place its new cells on it. Payload: a `MapRequest`."""
    from nscweb.services.maps.map import MapRequest, make_map

    made = make_map(app, _request(MapRequest, payload), progress=progress, cancel=cancel)
    return {"study_id": made.study.study_id, "cells": len(made.row), "laid_out": made.laid_out}


def install_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Install a published model or ImageNet weights. Payload: name, file."""
    from nscweb.services.fetch import published_models

    return published_models.install_task(app, payload, progress, cancel)


def fetch_task(app: App, payload: Payload, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Download a public data set and import it. Payload: name."""
    from nscweb.services.fetch import public_data_import

    return public_data_import.fetch_task(app, payload, progress, cancel)


def _request(kind: type[T], payload: Payload) -> T:
    """The request in a payload; a job that another version queued may hold one that this version cannot do."""
    return from_plain(
        kind, payload, "What this job was asked to do", lambda said: JobError(said, "Ask for it again on its page.")
    )


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        task: what the worker does.
        title: what people call it.
        page: where it was asked for, and where it is looked at.
    """

    task: Task
    title: str
    page: str


KINDS: dict[str, JobKind] = {
    "import": JobKind(import_task, "Import", "study"),
    "cut": JobKind(cut_task, "Cells cut out of fields", "study"),
    "part": JobKind(part_task, "Samples parted by names", "study"),
    "each": JobKind(each_task, "Study with each object once", "study"),
    "merge": JobKind(merge_task, "Two studies made one", "study"),
    "predict": JobKind(predict_task, "Prediction", "predict"),
    "fast_check": JobKind(fast_check_task, "Measurement of fast mode", "predict"),
    "demo": JobKind(demo_task, "Demo study", "home"),
    "train": JobKind(train_task, "Training", "models"),
    "tune": JobKind(tune_task, "Search for settings", "models"),
    "label_audit": JobKind(label_audit_task, "Check of the labels", "evaluate"),
    "map": JobKind(map_task, "Map of cells", "cells"),
    "install": JobKind(install_task, "Installation of a model", "models"),
    "fetch": JobKind(fetch_task, "Download of public data", "models"),
}
TASKS: dict[str, Task] = {name: kind.task for name, kind in KINDS.items()}
