"""Compare: which inducer gives most of a fate, how early, and how sure."""

import streamlit as st

from nscweb.ui import picker, show
from nscweb.ui.compare import answer_block, tabs
from nscweb.ui.frame import open_page, page_link

with open_page("compare") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        show.empty("This study has not been predicted yet", "Run a prediction on the page Predict first.")
        page_link("predict", "Go to Predict")
    if study and run:
        asked, there = answer_block.ask_and_answer(app, run)
        if there:
            # Only the tab that is open is computed, so that a click on a filter stays quick.
            drawn = st.tabs(list(tabs.TABS), key=f"compare_tab_{run.run_id}", on_change="rerun")
            for tab, show_tab in zip(drawn, tabs.TABS.values(), strict=True):
                if tab.open:
                    with tab:
                        show_tab(app, run, asked)
