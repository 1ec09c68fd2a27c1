"""Study: bring in cells, say what each sample is, look at them and at their quality."""

import streamlit as st

from nscweb.services.study.study import list_studies
from nscweb.ui import jobs, picker
from nscweb.ui.frame import open_page, page_link
from nscweb.ui.study import gates_view, new_study, quality_view, sheet_view, study_view, understanding_view

with open_page("study") as app:
    new_study.new_study(app, expanded=not list_studies(app))
    jobs.follow_current(app, "import")
    jobs.follow_current(app, "cut")
    jobs.follow_current(app, "part")
    jobs.follow_current(app, "each")
    jobs.follow_current(app, "merge")
    study = picker.pick_study(app, quiet=True)
    if study:
        study_view.facts(study)
        understanding_view.card(app, study)
        sheet, pictures, gates, quality, found, settings = st.tabs(
            ["Sample sheet", "Pictures", "Gates", "Quality", "What was noticed", "Settings"],
            key=f"study_tabs_{study.study_id}",
            on_change="rerun",
        )
        if sheet.open:
            with sheet:
                sheet_view.sheet(app, study)
        if pictures.open:
            with pictures:
                study_view.pictures(app, study)
        if gates.open:
            with gates:
                gates_view.gates(app, study)
        if quality.open:
            with quality:
                quality_view.quality(app, study)
        if found.open:
            with found:
                study_view.found(app, study)
        if settings.open:
            with settings:
                study_view.settings(app, study)
        page_link("predict", "Next: predict this study")
