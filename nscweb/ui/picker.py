"""Choosing a study and a run: the same two boxes on every page, in step with the address."""

from __future__ import annotations

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.predict.demo import study_to_open
from nscweb.services.predict.runs import list_runs
from nscweb.services.study import study as studies
from nscweb.ui import frame, session, show
from nscweb.ui.text import plain, when
from nscweb.words.numbers import count


def pick_study(app: App, *, quiet: bool = False) -> Study | None:
    """The study to work on: the one in the address, else the last that was brought in or predicted.

    Without any study an empty state says how to get one; with `quiet` that is left to the page. A study in the
    address that is gone is told, and another is offered.
    """
    known = studies.list_studies(app)
    if not known and quiet:
        return None
    if not known:
        show.empty(
            "There is no study yet",
            "Open the demo study on the page Home, or bring in your own cells on the page Study.",
        )
        with st.container(horizontal=True):
            frame.page_link("home", "Home: open the demo study")
            frame.page_link("study", "Study: bring in cells")
        return None
    names = {study.study_id: study.name for study in known}
    wanted = session.chosen("study")
    if wanted and wanted not in names:
        show.warnings([f"The study {wanted} named in this address does not exist any more. Another one is shown."])
    first = None if wanted in names else study_to_open(app)
    current = first.study_id if first else wanted
    _set_box("nsc_study_box", current)
    st.selectbox(
        "Study",
        list(names),
        format_func=lambda study_id: plain(names.get(study_id, study_id)),
        key="nsc_study_box",
        on_change=_study_changed,
        width=380,
    )
    session.choose("study", current)
    study = studies.get_study(app, current)
    if study.simulated:
        show.simulated_banner()
    return study


def pick_run(app: App, study: Study) -> Run | None:
    """The run of a study to show, the newest unless another is chosen; None when there is none yet."""
    runs = list_runs(app, study.study_id)
    if not runs:
        return None
    by_id = {run.run_id: run for run in runs}
    current = session.chosen("run") if session.chosen("run") in by_id else runs[0].run_id
    if len(runs) > 1:
        _set_box("nsc_run_box", current)
        st.selectbox(
            "Run",
            list(by_id),
            format_func=lambda run_id: run_title(by_id[run_id]) if run_id in by_id else run_id,
            key="nsc_run_box",
            on_change=_run_changed,
            width=520,
            help="Each run is one prediction of this study by one model. Nothing is overwritten.",
        )
    session.choose("run", current)
    return by_id[current]


def run_title(run: Run) -> str:
    """A run in a list: id, model, cells, time."""
    return f"{run.run_id} · {plain(run.model)} · {count(run.cells, 'cell')} · {when(run.created_utc)}"


def no_run_yet(study: Study) -> None:
    """The empty state of pages that need a run."""
    show.empty(
        f"“{plain(study.name)}” has not been predicted yet",
        "Choose a model on the page Predict and press Run prediction.",
    )
    frame.page_link("predict", "Predict this study")


def _set_box(key: str, value: str) -> None:
    # Always, even when it seems to be so already: what is kept here from another page does not reach the box of this
    # one, which would then show its first entry above the data of the chosen one.
    st.session_state[key] = value


def _study_changed() -> None:
    session.choose("study", st.session_state["nsc_study_box"])


def _run_changed() -> None:
    session.choose("run", st.session_state["nsc_run_box"])
