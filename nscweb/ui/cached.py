"""What services keep, asked for with a spinner; and the app, opened once for each data folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import streamlit as st

from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.evaluation.ratios.cell_filters import FilterOptions
from nscweb.services.cells import cells, explain, quick_look
from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare import dashboard
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.result import Comparison
from nscweb.services.context import App, open_app
from nscweb.services.evaluate import evaluate
from nscweb.services.study import illumination
from nscweb.settings import Settings
from nscweb.settings import environment as variables

# Environment variables that decide which data folder and limits an `App` has.
_PREFIX = "NSCWEB_"


def spinner(text: str) -> AbstractContextManager[object]:
    """For `Kept.announced`: shown while something is made or waited for."""
    return cast(AbstractContextManager[object], st.spinner(text, show_time=False))


def app() -> App:
    """The opened `App` of this server; opened once for each data folder."""
    ours = {name: value for name, value in variables().items() if name.startswith(_PREFIX)}
    return cast(App, _open(tuple(sorted(ours.items())), str(Path.cwd())))


def comparison(app: App, run: Run, request: CompareRequest) -> Comparison:
    """Groups of a run compared as asked."""
    return comparisons.comparison.announced(spinner("Counting …"), app, run, request)


def evaluation(app: App, run: Run) -> evaluate.Evaluation:
    """Figures of a run against the true classes of its study."""
    return evaluate.evaluate_run.announced(spinner("Comparing with the true classes …"), app, run)


def filter_options(app: App, run: Run) -> FilterOptions:
    """What a run can be filtered by."""
    return dashboard.options_of.announced(spinner("Counting …"), app, run)


def maps(
    app: App, run: Run, cell_ids: tuple[str, ...], class_name: str, way: str, progress: Progress = no_progress
) -> list[explain.Explained]:
    """Class maps of the cells on one page of a gallery.

    Args:
        way: of `explain.METHODS`; for Grad-CAM the quicker form is taken where there is one.
    """
    sign = spinner("Asking the model where it looked …")
    method = explain.check_method(way) if way and way != "grad-cam" else "auto"
    return explain.explain.announced(sign, app, run, cell_ids, class_name=class_name, method=method, progress=progress)


def gallery_page(app: App, run: Run, chosen: cells.CellFilter, limit: int, offset: int) -> cells.GalleryPage:
    """One page of a gallery."""
    return cells.gallery.announced(spinner("Fetching cells …"), app, run, chosen, limit=limit, offset=offset)


def quick(app: App, files: tuple[tuple[str, bytes], ...], model: str) -> quick_look.QuickLook:
    """Scores and maps of a few dropped images."""
    return quick_look.look.announced(spinner("Looking …"), app, files, model)


def light(app: App, study: Study) -> illumination.IlluminationReport:
    """How the samples of a study were lit."""
    sign = spinner("Comparing the illumination of the samples …")
    return illumination.illumination_report.announced(sign, app, study.study_id)


# The decorator of Streamlit has no types in every version.
@st.cache_resource(max_entries=4, show_spinner="Opening the data folder …")  # type: ignore[untyped-decorator,unused-ignore]
def _open(environment: tuple[tuple[str, str], ...], folder: str) -> App:
    return open_app(Settings.from_environment(dict(environment)))
