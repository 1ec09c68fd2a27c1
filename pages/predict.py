"""Predict: choose a model, run it as a job, and see the fate ratios over time."""

import streamlit as st

from nscweb.services import comparison_facts
from nscweb.ui import (
    cached,
    compare_controls,
    compare_view,
    dashboard_view,
    figures,
    filters,
    jobs,
    model_view,
    picker,
    show,
)
from nscweb.ui.frame import open_page, page_link

with open_page("predict") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study:
        fold = f"run_{study.study_id}_{run is None}"
        with st.expander("Run a prediction", expanded=run is None, icon=":material/play_circle:", key=fold):
            model = model_view.pick_model(app, key="predict_model")
            if model:
                fast = model_view.choose_speed(app, model)
                with st.container(horizontal=True):
                    if st.button(
                        "Run prediction",
                        type="primary",
                        icon=":material/play_arrow:",
                        disabled=not study.cells,
                    ):
                        jobs.start_prediction(app, study, model, fast=fast)
                    if st.button("Model card", icon=":material/description:"):
                        model_view.model_drawer(model)
        jobs.follow_current(app, "predict")
    if study and not run and not jobs.is_following():
        show.empty(
            "Not predicted yet",
            "Press Run prediction. It runs on this computer, and you may close the tab meanwhile.",
        )
    if study and run:
        options = cached.filter_options(app, run)
        chosen = filters.dashboard_filters(options, filters.shared_key(run))
        asked = compare_controls.ask(app, run, options, chosen)
        data, counted = asked.found.data, comparison_facts.cells_counted(asked.found)
        show.warnings(data.warnings)
        if not counted:
            show.empty("No cell is left", "The filters leave out every cell. Widen them above.")
        elif asked.found.groups.empty:
            show.empty(
                "Nothing to draw", "Fill inducer group and time in the sample sheet on the page Study."
            )
        else:
            compare_view.answer(asked)
            page_link("compare", "Compare the groups")
        dashboard_view.numbers(asked.found)
        if counted and not asked.found.groups.empty:
            figures.choose_picture_format()
            dashboard_view.stacked(asked)
            dashboard_view.tables(asked)
