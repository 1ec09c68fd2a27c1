"""Report: every run with what made it, and its numbers to take away."""

import streamlit as st

from nscweb.ui import picker
from nscweb.ui.frame import open_page
from nscweb.ui.report import report_view

with open_page("report") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        picker.no_run_yet(study)
    if study and run:
        st.header("Take the numbers away", anchor=False)
        report_view.downloads(app, run)
        st.header("What made this run", anchor=False)
        report_view.provenance(run)
        st.header("All runs of this study", anchor=False)
        report_view.runs_table(app, study)
