"""The tabs of the page Compare, by name; each is given the app, the run and what was asked."""

from __future__ import annotations

from collections.abc import Callable

from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.ui import figures
from nscweb.ui.compare import fitness_view, overview, scores_view, statistics_view, time_course_view
from nscweb.ui.compare.question import Asked


def _overview(app: App, run: Run, asked: Asked) -> None:
    figures.choose_picture_format()
    overview.side_by_side(app, asked)
    overview.differences(asked)
    overview.heat_map(asked)
    overview.over_time(app, asked)


def _replicates(app: App, run: Run, asked: Asked) -> None:
    statistics_view.show_statistics(app, run, asked.found, asked.found.control, asked.time_h, asked.fate)


def _time_course(app: App, run: Run, asked: Asked) -> None:
    order = overview.order_of(asked)
    time_course_view.show_time_course(app, run, asked.found, asked.found.control, asked.fate, order)


def _scores(app: App, run: Run, asked: Asked) -> None:
    figures.choose_picture_format()
    scores_view.show_scores(app, run, asked.found, overview.order_of(asked))


def _fit(app: App, run: Run, asked: Asked) -> None:
    names = list(dict.fromkeys(asked.found.estimates.table["sample_id"].astype(str)))
    fitness_view.show_lights(app, run, names)


TABS: dict[str, Callable[[App, Run, Asked], None]] = {
    "Overview": _overview,
    "Replicates and tests": _replicates,
    "Time course": _time_course,
    "Scores": _scores,
    "Fit of the model": _fit,
}
