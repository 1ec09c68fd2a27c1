"""Cells: look at single cells, their scores, where the model looked, and label them."""

import streamlit as st

from nscweb.ui import picker
from nscweb.ui.cells import cell_labels_view, gallery_view
from nscweb.ui.frame import open_page

with open_page("cells") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study:
        tabs = ["Gallery", cell_labels_view.TAB]
        pictures, labels = st.tabs(
            tabs,
            default=cell_labels_view.TAB if cell_labels_view.wanted() else tabs[0],
            key=f"cells_tabs_{study.study_id}",
            on_change="rerun",
        )
        if pictures.open:
            with pictures:
                gallery_view.section(app, study, run)
        if labels.open:
            with labels:
                cell_labels_view.section(app, study, run)
