"""Predict: choose a model, run it as a job, and see the fate ratios over time."""

import streamlit as st

from nscweb.ui import cached, dashboard_view, figures, filters, jobs, model_view, picker, show
from nscweb.ui.frame import open_page

with open_page("predict") as app:
    study = picker.pick_study(app)
    if study:
        model = model_view.pick_model(app, key="predict_model")
        if model:
            with st.container(horizontal=True):
                pressed = st.button(
                    "Run prediction", type="primary", icon=":material/play_arrow:", disabled=not study.cells
                )
                if st.button("Model card", icon=":material/description:"):
                    model_view.model_drawer(model)
            if pressed:
                jobs.start_prediction(app, study, model)
        jobs.follow_current(app, "predict")
        run = picker.pick_run(app, study)
        if not run:
            show.empty(
                "Not predicted yet",
                "Press Run prediction. It runs on this computer, and you may close the tab meanwhile.",
            )
        else:
            st.header("Ratios", anchor=False)
            chosen = filters.dashboard_filters(cached.filter_options(app, run), f"predict_{run.run_id}")
            data = cached.dashboard_data(app, run, chosen)
            show.warnings(data.warnings)
            dashboard_view.numbers(data)
            if not data.kept:
                show.empty("No cell is left", "The filters leave out every cell. Widen them above.")
            elif data.group_ratios.empty:
                show.empty(
                    "Nothing to draw", "Fill inducer group and time in the sample sheet on the page Study."
                )
            else:
                figures.choose_picture_format()
                dashboard_view.stacked(data)
                dashboard_view.lines(data)
                dashboard_view.tables(app, data)
