"""Cells: look at single cells, their scores, where the model looked, and where they lie among all others."""

import streamlit as st

from nscweb.ui import picker
from nscweb.ui.cells import gallery_view, map_view, scatter_view
from nscweb.ui.frame import open_page

with open_page("cells") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study:
        tabs = ["Gallery", map_view.MAP_TAB, scatter_view.SCATTER_TAB]
        pictures, cell_map, scatter = st.tabs(
            tabs, default=map_view.first_tab(tabs), key=f"cells_tabs_{study.study_id}", on_change="rerun"
        )
        if pictures.open:
            with pictures:
                gallery_view.section(app, study, run)
        if cell_map.open:
            with cell_map:
                map_view.section(app, study, run)
        if scatter.open:
            with scatter:
                scatter_view.section(app, study, run)
