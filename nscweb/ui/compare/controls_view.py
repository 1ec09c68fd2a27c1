"""Calibrate on my control samples: choosing them on a page."""

from __future__ import annotations

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.services.predict import controls, runs
from nscweb.ui import show
from nscweb.ui.text import plain

CONTROLS_HELP = (
    "Ratios and sets are corrected by what the model mixes up on cells of known class. As a rule these are its own "
    "held-out cells, from other cultures. Pure samples of your own experiment, recorded on the same day with the same "
    "settings, say it better. At least one of every class is needed, two or more are better; they then take no part in "
    "comparisons, because they are the measure."
)


def choose_controls(app: App, run: Run) -> None:
    """The control samples of the study of a run: which there are, which are in use, and a form to change that."""
    study = runs.study_of(app, run)
    if study is None:
        return
    choice = controls.control_choice(app, study.study_id)
    with st.expander("Calibrate on my control samples", expanded=bool(choice.chosen)):
        st.caption(CONTROLS_HELP)
        sentence = controls.controls_sentence(app, run)
        if sentence:
            show.note(sentence)
        if choice.without_class:
            names = ", ".join(plain(name) for name in choice.without_class[:8])
            show.note(f"Marked as control, but without a true class in the sample sheet: {names}.")
        if not choice.samples:
            show.empty(
                "No sample of known class",
                "Enter the true class of pure control samples in the sample sheet on the page Study.",
            )
            return
        offered = {item.name: item for item in choice.samples}
        with st.form(f"controls_form_{run.run_id}", border=False):
            chosen = st.multiselect(
                "Control samples",
                list(offered),
                default=list(choice.chosen),
                key=f"controls_{run.run_id}",
                # Chosen names are not read as Markdown.
                format_func=lambda name: plain(
                    f"{name}: {offered[name].true_class}, {offered[name].time or 'no time'}, "
                    f"{offered[name].cells:,} cells"
                ),
                placeholder="None: the model's own held-out cells are used",
            )
            if st.form_submit_button("Use these controls" if offered else "Use"):
                _save(app, run, chosen)


def _save(app: App, run: Run, chosen: list[str]) -> None:
    study = runs.study_of(app, run)
    if study is None:
        return
    try:
        if chosen:
            controls.check_all_classes(app, study, chosen, run.class_names)
        controls.use_controls(app, study.study_id, chosen or None)
    except NscwebError as error:
        show.problem(error)
        return
    st.rerun()
