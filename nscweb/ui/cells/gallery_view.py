"""The section Gallery of the page Cells: cells of a run by filters, their scores, and where the model looked."""

from __future__ import annotations

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.predict import light_samples
from nscweb.services.predict.runs import class_scheme
from nscweb.services.study.gates import populations_of
from nscweb.ui import cached, filters, picker, show
from nscweb.ui.cells import cell_view, drawn_by


def section(app: App, study: Study, run: Run | None) -> None:
    """Pages of cells; where there is no run, how to get one."""
    if run is None:
        picker.no_run_yet(study)
        return
    cell_view.place(app, run)
    above = st.container()
    flagged = cached.filter_options(app, run).flag_counts
    chosen = filters.cell_filters(study, run, f"cells_{run.run_id}", flagged, populations_of(app, study.study_id))
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
        return
    page = cached.gallery_page(app, run, chosen, 24, offset)
    st.caption(cell_view.shown_words(page))
    cell_view.draw(app, run, page, explained if with_maps else "", way)
    cell_view.downloads(app, run, page, chosen)
