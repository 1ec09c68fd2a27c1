"""Trainings on a page: live curves while they run, Stop, Continue, Discard, and Keep when they are done."""

from __future__ import annotations

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.figures.model_history import training_curves_data
from nscweb.figures.training_curves import live_curves
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.services.train import training_jobs
from nscweb.services.train.training_jobs import Training
from nscweb.ui import figures, frame, jobs, show
from nscweb.ui.models import cards, model_view
from nscweb.ui.models.name_field import name_field
from nscweb.ui.text import duration, html, label, percent

_SECONDS = 2.0
_KEPT = "nsc_model_kept"
CURVES_HELP = model_view.TRAINING_HELP
_STATES = {
    "queued": ("", "waits for its turn"),
    "running": ("", "training"),
    "interrupted": ("warn", "interrupted; it goes on with the next worker"),
    "stopped": ("warn", "stopped"),
    "failed": ("refuse", "failed"),
    "finished": ("", "finished"),
}


def begin(app: App, name: str) -> None:
    """Queue a training, new or stopped, and remember its job."""
    training_jobs.started(app, name, jobs.start(app, training_jobs.JOB_KIND, {"name": name}))


def draw_all(app: App) -> int:
    """Every training that is neither kept nor thrown away; returns how many there are."""
    kept = st.session_state.pop(_KEPT, "")
    if kept:
        show.note(f"The model {kept} is kept. You can choose it on the page Predict now.")
        frame.page_link("predict", "Predict a study with it")
    found = training_jobs.trainings(app)
    for item in found:
        with show.caught("training"):
            if item.state in jobs.LIVING:
                st.fragment(run_every=_SECONDS, key=f"live_{item.order.name}")(_live)(app, item.order.name)
            else:
                _ended(app, item)
    return len(found)


def _live(app: App, name: str) -> None:
    with show.caught("training"):
        item = training_jobs.training(app, name)
        if item.state not in jobs.LIVING:
            st.rerun(scope="app")
        view = jobs.watched(app, item.order.job_id)
        with st.container(border=True):
            _heading(item)
            jobs.bar(view, view.step if view.state == "running" else jobs.headline(view))
            show.facts(_numbers(item, view.cells_per_second, view.seconds_left))
            _curves(item)
            with st.container(horizontal=True, vertical_alignment="center"):
                jobs.stop_button(app, view.job_id, "Stop training", f"stop_{name}")
                st.caption("You can close this tab; the training goes on. What it has learnt is kept when you stop it.")


def _ended(app: App, item: Training) -> None:
    name = item.order.name
    with st.container(border=True):
        _heading(item)
        if item.state == "failed":
            show.problem(NscwebError(item.message or "The training ended without a reason.", "", "E-TRAINING"))
        if item.model is not None:
            show.facts(cards.headline(item.model.card))
            st.caption("Measured on: " + label(item.model.card.performance.data, 600), help=cards.METRIC_HELP)
            cards.draw_baseline(item.model.card)
        elif item.live.history:
            show.facts(_numbers(item, None, None))
        _curves(item)
        if item.model is not None:
            _keep(app, item)
        else:
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button("Continue", key=f"continue_{name}", type="primary", icon=":material/play_arrow:"):
                    begin(app, name)
                    st.rerun()
                _discard(app, name, "Discard", "Throw away what this training has learnt so far?")


def _keep(app: App, item: Training) -> None:
    name = item.order.name
    assert item.model is not None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = name_field("Keep it under the name", name, f"keep_name_{name}", width=320)
        if st.button("Keep", key=f"keep_{name}", type="primary", icon=":material/check:"):
            with show.caught("keep"):
                entry = training_jobs.keep(app, name, wanted)
                st.session_state[_KEPT] = entry.card.name
                st.rerun()
        if st.button("Model card", key=f"card_{name}", icon=":material/description:"):
            model_view.model_drawer(item.model)
        _discard(app, name, "Throw away", "Throw this model away? It cannot be brought back.")


def _discard(app: App, name: str, word: str, question: str) -> None:
    with st.popover(word, icon=":material/delete:", key=f"ask_discard_{name}"):
        st.text(question)
        if st.button("Yes, delete it", key=f"discard_{name}", type="primary"):
            training_jobs.discard(app, name)
            st.rerun()


def _heading(item: Training) -> None:
    tag, words = _STATES.get(item.state, ("", item.state))
    asked = item.order.request
    st.html(
        f"<b>{html(item.order.name)}</b> <span class='nsc-tag {tag}'>{html(words)}</span> "
        f"<span class='nsc-side-note' style='padding:0'>{html(asked.architecture)} · kept together: "
        f"{html(asked.split_by)} · seed {asked.seed}</span>"
    )


def _numbers(item: Training, rate: float | None, left: float | None) -> list[tuple[str, str, str]]:
    live, best = item.live, item.live.best
    done = int(live.history[-1]["epoch"]) if live.history else 0
    epochs = live.epochs or item.order.planned_epochs
    tiles = [("Epochs done", f"{done:,}", f"of at most {epochs:,}" if epochs else "")]
    if best is not None:
        accuracy = percent(best["validation_accuracy"])
        tiles.append(("Best so far", accuracy, f"of validation cells right, epoch {int(best['epoch'])}"))
    speed = live.cells_per_second or rate
    if speed:
        tiles.append(("Speed", f"{speed:,.{0 if speed >= 10 else 1}f}", "cells per second"))
    if left is not None and item.state == "running":
        tiles.append(("Time left", duration(left), "at most"))
    return tiles


def _curves(item: Training) -> None:
    if not item.live.history:
        st.caption("The curves begin after the first epoch.")
        return
    name = item.order.name
    data = training_curves_data(item.live.history)
    figures.show_figure(
        live_curves(item.live.history, simulated=item.simulated),
        f"{name}_training",
        export.trained_csv(data, "Training curves", name, item.simulated),
        key=f"curves_{name}",
        alt="Loss and accuracy after each epoch",
    )
    st.caption(CURVES_HELP)
