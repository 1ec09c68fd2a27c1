"""Cells: look at single cells, their scores, and where the model looked."""

import streamlit as st

from nscweb.services.predict import light_samples
from nscweb.services.predict.runs import class_scheme
from nscweb.ui import cached, filters, picker, show
from nscweb.ui.cells import cell_view, drawn_by
from nscweb.ui.frame import open_page

with open_page("cells") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        picker.no_run_yet(study)
    if study and run:
        cell_view.place(app, run)
        above = st.container()
        flagged = cached.filter_options(app, run).flag_counts
        chosen = filters.cell_filters(study, run, f"cells_{run.run_id}", flagged)
        with above:
            show.warnings(light_samples.run_warnings(run, [chosen.sample] if chosen.sample else None))
        left, middle, right = st.columns([1, 1, 1], vertical_alignment="bottom")
        with_maps = left.toggle("Show where the model looked", value=True, key="cells_maps")
        explained, way = "predicted", ""
        if with_maps:
            with right:
                way = drawn_by.choose_way(app, run)
            with middle:
                explained = filters.class_to_explain(class_scheme(run), "cells")
        total, offset = cell_view.paging(app, run, chosen, per_page=24, key="cells_page")
        if not total:
            show.empty("No cell matches these filters", "Widen the confidence, or choose all samples and any class.")
        else:
            page = cached.gallery_page(app, run, chosen, 24, offset)
            st.caption(cell_view.shown_words(page))
            cell_view.draw(app, run, page, explained if with_maps else "", way)
            cell_view.downloads(app, run, page, chosen)
