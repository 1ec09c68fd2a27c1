"""What is opened or computed once and shared: the app, dashboards, evaluations, class maps.

Keys carry `table_version`, which changes with the run and with the sample sheet, so nothing stale is shown.
Everything kept here is read, never changed, by the pages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.evaluation.ratios.cell_filters import FilterOptions, Filters
from nscweb.services.cells import cells, explain, quick_look
from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare import dashboard
from nscweb.services.compare.result import Comparison
from nscweb.services.context import App, open_app
from nscweb.services.evaluate import evaluate
from nscweb.services.predict import run_cells, runs
from nscweb.services.study import illumination
from nscweb.settings import Settings
from nscweb.settings import environment as variables

# Environment variables that decide which data folder and limits an `App` has.
_PREFIX = "NSCWEB_"
_Function = TypeVar("_Function", bound=Callable[..., object])


def _kept(entries: int, spinner: str | bool = False) -> Callable[[_Function], _Function]:
    """`st.cache_resource` with a type; arguments whose name starts with ``_`` are not part of the key."""
    return cast(Callable[[_Function], _Function], st.cache_resource(max_entries=entries, show_spinner=spinner))


def app() -> App:
    """The opened `App` of this server; opened once for each data folder."""
    ours = {name: value for name, value in variables().items() if name.startswith(_PREFIX)}
    return _open(tuple(sorted(ours.items())), str(Path.cwd()))


def dashboard_data(app: App, run: Run, filters: Filters) -> dashboard.DashboardData:
    """Counts and ratios of a run under filters."""
    return _dashboard(app, run, _key(app, run), filters)


def comparison(app: App, run: Run, filters: Filters, method: str, control: str, adjust: str) -> Comparison:
    """Groups of a run compared under filters; services keep the last ones, this adds the spinner."""
    with st.spinner("Counting …", show_time=False):
        return comparisons.comparison(app, run, filters, method, control, adjust)


def evaluation(app: App, run: Run) -> evaluate.Evaluation:
    """Figures of a run against the true classes of its study."""
    return _evaluation(app, run, _key(app, run))


def filter_options(app: App, run: Run) -> FilterOptions:
    """What a run can be filtered by."""
    return _options(app, run, _key(app, run))


def maps(app: App, run: Run, cell_ids: tuple[str, ...], class_name: str) -> list[explain.Explained]:
    """Class maps of the cells on one page of a gallery."""
    return _maps(app, run, _key(app, run), cell_ids, class_name)


def gallery_page(app: App, run: Run, chosen: cells.CellFilter, limit: int, offset: int) -> cells.GalleryPage:
    """One page of a gallery."""
    return _gallery(app, run, _key(app, run), chosen, limit, offset)


def quick(app: App, files: tuple[tuple[str, bytes], ...], model: str) -> quick_look.QuickLook:
    """Scores and maps of a few dropped images."""
    return _quick(app, str(app.settings.data_dir), files, model)


def light(app: App, study: Study) -> illumination.IlluminationReport:
    """How the samples of a study were lit."""
    key = f"{app.settings.data_dir}|{study.study_id}|{study.channel}|{runs.sheet_digest(study.samples)}"
    return _light(app, study.study_id, key)


def _key(app: App, run: Run) -> str:
    return f"{app.settings.data_dir}|{runs.table_version(app, run)}"


@_kept(4, "Opening the data folder …")
def _open(environment: tuple[tuple[str, str], ...], folder: str) -> App:
    return open_app(Settings.from_environment(dict(environment)))


@_kept(32, "Counting …")
def _dashboard(_app: App, _run: Run, key: str, filters: Filters) -> dashboard.DashboardData:
    return dashboard.dashboard_data(_app, _run, filters)


@_kept(4, "Comparing with the true classes …")
def _evaluation(_app: App, _run: Run, key: str) -> evaluate.Evaluation:
    return evaluate.evaluate_run(_app, _run)


@_kept(16)
def _options(_app: App, _run: Run, key: str) -> FilterOptions:
    return dashboard.filter_options(run_cells.run_cells(_app, _run))


@_kept(24, "Asking the model where it looked …")
def _maps(_app: App, _run: Run, key: str, cell_ids: tuple[str, ...], class_name: str) -> list[explain.Explained]:
    return explain.explain(_app, _run, cell_ids, class_name=class_name)


@_kept(24, "Fetching cells …")
def _gallery(_app: App, _run: Run, key: str, chosen: cells.CellFilter, limit: int, offset: int) -> cells.GalleryPage:
    return cells.gallery(_app, _run, chosen, limit=limit, offset=offset)


@_kept(8, "Comparing the illumination of the samples …")
def _light(_app: App, _study_id: str, key: str) -> illumination.IlluminationReport:
    return illumination.illumination_report(_app, _study_id)


@_kept(4, "Looking …")
def _quick(_app: App, folder: str, files: tuple[tuple[str, bytes], ...], model: str) -> quick_look.QuickLook:
    return quick_look.look(_app, files, model)
