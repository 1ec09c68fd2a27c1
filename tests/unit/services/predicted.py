"""A study predicted with random weights, made once for all tests of this room that only read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core.card import CardEntry
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App, open_app
from nscweb.settings import Settings

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
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, folder)
    settings = Settings(**{**vars(settings), "weights_dirs": (folder / "models",)})
    app = open_app(settings, lambda: CLOCK)
    write_random_model(folder / "models" / "random")
    return app


@lru_cache(maxsize=1)
def predicted() -> Predicted:
    """The shared one; tests must not change it."""
    folder = Path(mkdtemp(prefix="nscweb-tests-"))
    app = fresh_app(folder)
    study = simulated_study(app)
    run = predict_study(app, study.name, "random")
    entry = app.settings.weights_dirs[0] / "random"
    from nscweb.core.card import read_card

    return Predicted(app, read_card(entry), study, run)
