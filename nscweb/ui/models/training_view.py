"""The section of the page Models where models are trained: what is at work or done, and the form for a new one."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from nscweb.core.errors import JobNotFound
from nscweb.jobs import queue
from nscweb.services.context import App
from nscweb.services.train import training_jobs
from nscweb.ui import figures, session, show
from nscweb.ui.models import learn_from, training_progress, training_setup

_ROUND = "nsc_trainings_started"
_TAB = "nsc_models_tab"
TABS = ["Installed models", "Train a model", "Search settings", "Published models and data"]
_TAB_OF = {"train": TABS[1], "tune": TABS[2], "install": TABS[3], "fetch": TABS[3]}


def first_tab(app: App) -> str:
    """The tab to open first: that of what the address asks for, else the one of the last such job.

    It stays when the job has ended, because tabs with another first tab would jump under the user's hands.
    """
    job_id = session.chosen("job")
    if learn_from.wanted():
        st.session_state[_TAB] = TABS[1]
    elif job_id:
        with suppress(JobNotFound):
            tab = _TAB_OF.get(queue.view(app, job_id).kind)
            if tab is not None:
                st.session_state[_TAB] = tab
    return str(st.session_state.get(_TAB, TABS[0]))


def train_a_model(app: App) -> None:
    """Trainings with their curves and buttons, then the form, folded away while there are any."""
    if any(item.live.history for item in training_jobs.trainings(app)):
        figures.choose_picture_format()
    there = training_progress.draw_all(app)
    fold = f"new_training_{there == 0}_{st.session_state.get(_ROUND, 0)}"
    box = st.expander(
        "Train a new model", expanded=there == 0 or learn_from.wanted(), icon=":material/model_training:", key=fold
    )
    with box, show.caught("training"):
        order = training_setup.new_training(app)
        if order is not None:
            training_jobs.new_training(app, order)
            training_progress.begin(app, order.name)
            st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
            st.rerun()
    _let_go_of_ended(app)


def _let_go_of_ended(app: App) -> None:
    """A job that has ended need not stay in the address."""
    job_id = session.chosen("job")
    known = {item.order.job_id: item.state for item in training_jobs.trainings(app)}
    if job_id and known.get(job_id) in ("finished", "stopped", "failed"):
        session.choose("job", "")
