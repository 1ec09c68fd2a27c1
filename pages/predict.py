"""Predict: choose a model, run it as a job, and see the fate ratios over time."""

import streamlit as st

from nscweb.services.predict.predict_request import PredictRequest
from nscweb.ui import figures, jobs, picker, show
from nscweb.ui.compare import answer_block
from nscweb.ui.frame import open_page, page_link
from nscweb.ui.models import model_view
from nscweb.ui.predict import dashboard_view

with open_page("predict") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study:
        # Where there is a prediction its answer comes first, and the next prediction below it.
        asked, there = answer_block.ask_and_answer(app, run) if run else (None, False)
        fold = f"run_{study.study_id}_{run is None}"
        with st.expander("Run a prediction", expanded=run is None, icon=":material/play_circle:", key=fold):
            model = model_view.pick_model(app, key="predict_model")
            if model:
                fast = model_view.choose_speed(app, model)
                with st.container(horizontal=True):
                    if st.button(
                        "Run prediction", type="primary", icon=":material/play_arrow:", disabled=not study.cells
                    ):
                        jobs.start_prediction(
                            app, PredictRequest(study.study_id, model.card.name, "fast" if fast else "exact")
                        )
                    if st.button("Model card", icon=":material/description:"):
                        model_view.model_drawer(model)
        jobs.follow_current(app, "predict")
    if study and not run and not jobs.is_following():
        show.empty(
            "Not predicted yet", "Press Run prediction. It runs on this computer, and you may close the tab meanwhile."
        )
    if study and asked:
        if there:
            page_link("compare", "Compare the groups")
        dashboard_view.numbers(asked.found)
        if there:
            figures.choose_picture_format()
            dashboard_view.stacked(asked)
            dashboard_view.tables(asked)
