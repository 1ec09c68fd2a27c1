"""The section of the page Models where training settings are searched: the form, trials while they come, the result."""

from __future__ import annotations

from typing import Literal, cast

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.figures.training_curves import search_progress, search_setting, trials_data
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.services.train import search_jobs, tune_space
from nscweb.services.train.request import TuneRequest
from nscweb.services.train.search_jobs import Search
from nscweb.ui import dataframes, figures, jobs, show
from nscweb.ui.models import training_setup
from nscweb.ui.text import duration, html, plain

_SECONDS = 3.0
_EPOCHS = 20
_ROUND = "nsc_searches_started"
_SAMPLERS = {"gp": "Gaussian process (Kim et al. 2023)", "tpe": "Parzen estimators (TPE)"}
_WHAT = (
    "A search trains many small variations and keeps the settings with the lowest validation loss. Cells that "
    "training holds out are never looked at, so the figures in the card of the final model stay honest. The first "
    "trial has the usual settings. It takes as long as that many trainings, less what ends early."
)
_SEARCH_HELP = (
    "Gaussian process: after six trials the next settings are those with the largest expected improvement (its "
    "logarithm is what is climbed). Parzen estimators need more trials and are quicker to compute."
)
_SETTINGS_HELP = (
    "Learning rate: how large each step of learning is. Weight decay: how strongly large numbers in the network are "
    "held back. Cells per step: how many cells are looked at before each step. Label smoothing: how much doubt is "
    "mixed into the true classes. Strength of augmentation: how much images are turned, shifted and changed in "
    "brightness. Mixup: how strongly pairs of cells are blended. All but the first three keep the network from "
    "learning cells by heart."
)
_LOSS_HELP = (
    "Validation loss: how far the scores of samples that are set aside are from their true classes (cross-entropy); "
    "lower is better. One trial is one short training with other settings."
)


def search_settings(app: App) -> None:
    """Searches with their figures and buttons, then the form for a new one."""
    found = search_jobs.searches(app)
    for item in found:
        with show.caught("search"):
            if item.state in jobs.LIVING:
                st.fragment(run_every=_SECONDS, key=f"search_{item.order.name}")(_live)(app, item.order.name)
            else:
                _ended(app, item)
    fold = f"new_search_{not found}_{st.session_state.get(_ROUND, 0)}"
    box = st.expander("Search for training settings", expanded=not found, icon=":material/search:", key=fold)
    with box, show.caught("search"):
        _form(app)


def _form(app: App) -> None:
    st.caption(_WHAT, help=_LOSS_HELP)
    data = training_setup.choose_data(app, "search")
    if data is None:
        return
    left, middle, right = st.columns(3)
    trials = left.number_input(
        "Trials",
        min_value=2,
        max_value=500,
        value=20,
        step=1,
        key="search_trials",
        help="A trial is one short training with other settings. Under ten a search finds little.",
    )
    epochs = middle.number_input(
        "Epochs of each trial at most",
        min_value=1,
        max_value=1000,
        value=_EPOCHS,
        step=1,
        key="search_epochs",
        placeholder="as in training",
        help="Fewer epochs make a quicker and coarser search. Empty: as many as training takes.",
    )
    sampler = right.selectbox(
        "How the next settings are chosen",
        list(_SAMPLERS),
        format_func=lambda key: _SAMPLERS.get(key, key),
        key="search_sampler",
        help=_SEARCH_HELP,
    )
    searched = st.multiselect(
        "Settings to search",
        list(tune_space.SPACE),
        default=list(tune_space.SPACE),
        format_func=lambda key: _range_words(key) if key in tune_space.SPACE else key,
        key="search_space",
        help=_SETTINGS_HELP,
    )
    name = training_setup.chosen_name(data, "search", "Name of the search")
    request = TuneRequest(
        data.ids,
        data.architecture,
        training_setup.planned(app),
        labels=data.labels,
        epochs=int(epochs) if epochs else None,
        split_by=data.split_by,
        trials=int(trials or 2),
        sampler=cast(Literal["gp", "tpe"], sampler),
        space={key: tune_space.SPACE[key] for key in searched},
    )
    plan = training_setup.draw_plan(app, request, request.trials)
    if st.button(
        "Start search", type="primary", icon=":material/play_arrow:", disabled=plan is None, key="search_start"
    ):
        order = search_jobs.SearchOrder(name, request)
        search_jobs.new_search(app, order)
        _begin(app, order.name)
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        st.rerun()


def _begin(app: App, name: str) -> None:
    search_jobs.search_started(app, name, jobs.start(app, search_jobs.JOB_KIND, {"name": name}))


def _live(app: App, name: str) -> None:
    with show.caught("search"):
        item = search_jobs.search(app, name)
        if item.state not in jobs.LIVING:
            st.rerun(scope="app")
        view = jobs.watched(app, item.order.job_id)
        with st.container(border=True):
            _heading(item)
            jobs.bar(view, view.step if view.state == "running" else jobs.headline(view))
            left = duration(view.seconds_left)
            _result(item, left if view.state == "running" else "")
            jobs.stop_button(app, view.job_id, "Stop search", f"stop_search_{name}")


def _ended(app: App, item: Search) -> None:
    name = item.order.name
    with st.container(border=True):
        _heading(item)
        if item.state == "failed":
            show.problem(NscwebError(item.message or "The search ended without a reason.", "", "E-SEARCH"))
        _result(item, "")
        with st.container(horizontal=True, vertical_alignment="center"):
            if item.state != "finished" and st.button(
                "Continue", key=f"continue_search_{name}", type="primary", icon=":material/play_arrow:"
            ):
                _begin(app, name)
                st.rerun()
            with st.popover("Delete", icon=":material/delete:", key=f"ask_search_{name}"):
                st.text("Delete this search with its table of trials?")
                if st.button("Yes, delete it", key=f"delete_search_{name}", type="primary"):
                    search_jobs.discard_search(app, name)
                    st.rerun()


def _heading(item: Search) -> None:
    asked = item.order.request
    tag = "warn" if item.state in ("stopped", "interrupted") else "refuse" if item.state == "failed" else ""
    st.html(
        f"<b>{html(item.order.name)}</b> <span class='nsc-tag {tag}'>{html(item.state)}</span> "
        f"<span class='nsc-side-note' style='padding:0'>{html(asked.architecture)} · "
        f"{len(item.trials)} of {asked.trials} trials · {html(_SAMPLERS[asked.sampler])}</span>"
    )


def _result(item: Search, left: str) -> None:
    if not item.trials or not item.facts:
        st.caption("The first trial has the usual settings; the figure begins when it is done.")
        return
    best, usual = item.facts["validation_loss"], item.facts["validation_loss_of_default_settings"]
    gain = f"{100 * (usual - best) / usual:.1f} % lower than with the usual ones" if best < usual else "the usual ones"
    tiles = [
        ("Lowest validation loss", f"{best:.4f}", gain),
        ("Validation accuracy", f"{100 * item.facts['validation_accuracy']:.1f} %", "in that trial"),
        ("Best trial", f"{item.facts['best_trial']}", f"of {len(item.trials)}"),
    ]
    show.facts([*tiles, ("Time left", left, "at most")] if left else tiles)
    figures.show_figure(
        search_progress(item.trials, simulated=item.simulated),
        f"{item.order.name}_search",
        export.trained_csv(trials_data(item.trials), "Trials", item.order.name, item.simulated),
        key=f"search_figure_{item.order.name}",
        alt="Validation loss of each trial",
    )
    names = [name for name in item.order.request.space if name in item.trials[0]]
    name = st.segmented_control(
        "Against one setting",
        names,
        default=names[0],
        required=True,
        format_func=lambda key: tune_space.WORDS.get(key, key),
        key=f"search_setting_{item.order.name}",
    )
    figures.show_figure(
        search_setting(item.trials, str(name), tune_space.WORDS.get(str(name), str(name)), simulated=item.simulated),
        f"{item.order.name}_{name}",
        export.trained_csv(trials_data(item.trials), "Trials", item.order.name, item.simulated),
        key=f"search_setting_figure_{item.order.name}",
        alt="Validation loss against one setting",
    )
    measured = ("validation_loss", "validation_accuracy", "epochs", "seconds")
    dataframes.show_frame(trials_data(item.trials), "Trials", ("trial", "state", *item.order.request.space, *measured))
    if item.state in ("finished", "stopped"):
        st.caption("To train with the best settings, choose this search under Options on the tab Train a model.")


def _range_words(name: str) -> str:
    part = tune_space.SPACE[name]
    if isinstance(part, tune_space.Choices):
        return f"{tune_space.WORDS[name]}: {', '.join(str(value) for value in part.choices)}"
    return plain(f"{tune_space.WORDS[name]}: {part.low:g} to {part.high:g}")
