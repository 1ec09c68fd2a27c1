"""The demo: a simulated study, imported by the real road and predicted with the shipped model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.runs import Run
from nscweb.core.samples import Study

if TYPE_CHECKING:
    from nscweb.services.context import App

DEMO_NAME = "Demo (simulated)"
LABELLED_NAME = "Demo with known fates (simulated)"
DEMO_CELLS = 12_150
LABELLED_CELLS = 2_250
DEMO_SEED = 2021


@dataclass(frozen=True)
class Demo:
    """The demo study with its newest run (None when no model is installed), and the one with known fates."""

    study: Study
    run: Run | None
    labelled: Study
    labelled_run: Run | None


def find_demo(app: App) -> Demo | None:
    """The demo when both studies are there and predicted, else None; quick, for a page."""
    raise NotImplementedError


def ensure_demo(
    app: App,
    *,
    cells: int = DEMO_CELLS,
    labelled_cells: int = LABELLED_CELLS,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Demo:
    """Make what is missing of the demo; a second call finds everything there and changes nothing."""
    raise NotImplementedError
