"""A study predicted with random weights, made once for all tests of this room: one to read, and copies to change."""

from __future__ import annotations

import atexit
import shutil
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp

from asked import predict_study
from random_models import write_random_model
from ready_folders import ready_copy
from small_studies import simulated_study

from nscweb.core.card import CardEntry, read_card
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App, open_app
from nscweb.settings import Settings

MODEL = "random"
CLOCK = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Predicted:
    """An opened data folder with one model, one study of 240 simulated cells, and its run."""

    app: App
    model: CardEntry
    study: Study
    run: Run


def fresh_app(folder: Path) -> App:
    """A data folder with the model ``random`` in it and nothing else; no shipped weights are seen."""
    ready_copy(folder, _make_model, "model")
    return open_folder(folder)


def predicted_app(folder: Path, cells: int = 240, *, truth: bool = True) -> tuple[App, Study, Run]:
    """A copy of a data folder with the model, one simulated study of so many cells, and its run."""
    ready_copy(folder, partial(_make_predicted, cells=cells, truth=truth), "predicted", cells, truth)
    app = open_folder(folder)
    (study,) = app.catalogue.studies()
    (run,) = app.catalogue.runs(study.study_id)
    return app, study, run


@cache
def predicted() -> Predicted:
    """The shared one; tests must not change it."""
    folder = Path(mkdtemp(prefix="nscweb-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    app, study, run = predicted_app(folder)
    return Predicted(app, read_card(folder / "models" / MODEL), study, run)


def open_folder(folder: Path) -> App:
    """A data folder as it is, which sees its own models only."""
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, folder)
    settings = Settings(**{**vars(settings), "weights_dirs": (folder / "models",)})
    return open_app(settings, lambda: CLOCK)


def _make_model(folder: Path) -> None:
    open_folder(folder).catalogue.close()
    write_random_model(folder / "models" / MODEL)


def _make_predicted(folder: Path, *, cells: int, truth: bool) -> None:
    app = fresh_app(folder)
    predict_study(app, simulated_study(app, cells=cells, truth=truth).name, MODEL)
    app.catalogue.close()
