"""Cells: look at single cells, where the model looked and where they lie among all others, and label them."""

import streamlit as st

from nscweb.ui import picker
from nscweb.ui.cells import cell_labels_view, gallery_view, map_view, scatter_view
from nscweb.ui.frame import open_page

with open_page("cells") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study:
        tabs = ["Gallery", map_view.MAP_TAB, scatter_view.SCATTER_TAB, cell_labels_view.TAB]
        pictures, cell_map, scatter, labels = st.tabs(
            tabs,
            default=cell_labels_view.TAB if cell_labels_view.wanted() else map_view.first_tab(tabs),
            key=f"cells_tabs_{study.study_id}",
            on_change="rerun",
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
        if labels.open:
            with labels:
                cell_labels_view.section(app, study, run)
