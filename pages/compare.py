"""Compare: which inducer gives most of a fate, how early, and how sure."""

import streamlit as st

from nscweb.services import comparison_facts
from nscweb.ui import cached, compare_controls, compare_tabs, compare_view, filters, picker, show
from nscweb.ui.frame import open_page, page_link

with open_page("compare") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        show.empty("This study has not been predicted yet", "Run a prediction on the page Predict first.")
        page_link("predict", "Go to Predict")
    if study and run:
        options = cached.filter_options(app, run)
        chosen = filters.dashboard_filters(options, filters.shared_key(run))
        asked = compare_controls.ask(app, run, options, chosen)
        found = asked.found
        show.warnings(found.data.warnings)
        if not comparison_facts.cells_counted(found):
            show.empty("No cell is left", "The filters leave out every cell. Widen them above.")
        elif found.groups.empty:
            show.empty(
                "Nothing to compare", "Fill inducer group and time in the sample sheet on the page Study."
            )
        else:
            compare_view.answer(asked)
            # Only the tab that is open is computed, so that a click on a filter stays quick.
            tabs = st.tabs(list(compare_tabs.TABS), key=f"compare_tab_{run.run_id}", on_change="rerun")
            for tab, show_tab in zip(tabs, compare_tabs.TABS.values(), strict=True):
                if tab.open:
                    with tab:
                        show_tab(app, run, asked)
