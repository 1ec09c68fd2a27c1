"""Clusters of the map with their typical cells and what groups differ in, and samples that lie apart."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.maps import clusters as services
from nscweb.services.maps.chosen import shown_cells
from nscweb.services.maps.clusters import Clusters
from nscweb.services.maps.points import Points
from nscweb.services.report.export import study_csv
from nscweb.ui import cached, dataframes, filters, show
from nscweb.ui.cells import chart, gallery
from nscweb.ui.text import label, plain
from nscweb.words.map_words import CLUSTERS_NOTE, cluster_words
from nscweb.words.numbers import sentence_start

_TYPICAL = 8


def wanted(key: str) -> int | None:
    """How many clusters are asked for, 0 for as many as are told apart best; None where none are."""
    if not st.session_state.get(f"{key}_clusters", False):
        return None
    return int(st.session_state.get(f"{key}_clusters_number") or 0)


def apart(points: Points) -> None:
    """Which samples lie apart from their replicates, in a line that opens."""
    found = services.samples_apart(points)
    st.caption(label(found.sentence, 600))
    if found.table["deviations"].notna().any():
        with st.expander("How far each sample lies from those of its group and time"):
            dataframes.show_frame(found.table, "Samples apart", height=240)


def clusters(app: App, points: Points, key: str, place: str) -> None:
    """A switch that proposes clusters, and what they are."""
    on = st.toggle("Propose clusters", key=f"{key}_clusters", persist_state="session")
    if not on:
        return
    number = st.select_slider(
        "Number of clusters",
        [0, *range(services.FEWEST, services.MOST + 1)],
        format_func=lambda size: "as many as are told apart best" if not size else str(size),
        key=f"{key}_clusters_number",
        persist_state="session",
        width=420,
    )
    found = services.clusters_of.announced(cached.spinner("Looking for clusters …"), app, points, int(number))
    st.caption(CLUSTERS_NOTE)
    study = points.map.study
    if not found.counted.any():
        show.note("No cell passes the gates of the study, so that no share can be counted. See the page Study, Gates.")
        return
    time_h, control = _question(study, found, key)
    tests = services.cluster_tests(found, time_h, control)
    counted = max(1, int(found.counted.sum()))
    for order, name in enumerate(found.names):
        cells = found.cells(order)
        said = cluster_words(sentence_start(name), cells, cells / counted, services.differing(tests, name))
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(f"**{label(said, 400)}**")
        if right.button("Choose its cells", key=f"{key}_cluster_{order}_{number}", type="tertiary"):
            chart.choose(place, (found.number == order).nonzero()[0])
            chart.again()
        typical = shown_cells(app, points, services.typical_cells(points, found, order, _TYPICAL).tolist())
        tiles = [gallery.Tile([("raw image", cell.image)], "", "", [plain(cell.sample, 40)]) for cell in typical]
        gallery.grid(tiles, width=92, pixel_size_um=study.pixel_size_um)
    _tests(study, tests, key)


def _question(study: Study, found: Clusters, key: str) -> tuple[float, str | None]:
    """Time point and control of the comparison between groups."""
    times = sorted({float(hours) for hours in found.rows["time_h"].tolist() if math.isfinite(hours)})
    left, right = st.columns(2)
    time_h = math.nan
    if times:
        time_h = left.selectbox(
            "Groups compared at", times, index=len(times) - 1, format_func=filters.time_word, key=f"{key}_cluster_time"
        )
    groups = list(dict.fromkeys(item.group for item in study.samples if item.cells))
    marked = {item.group for item in study.samples if item.control}
    names = ["", *groups]
    start = names.index(next(iter(marked))) if len(marked) == 1 and next(iter(marked)) in names else 0
    control = right.selectbox(
        "against",
        names,
        index=start,
        format_func=lambda name: plain(name) if name else "each other",
        key=f"{key}_cluster_control",
    )
    return time_h, control or None


def _tests(study: Study, tests: pd.DataFrame, key: str) -> None:
    with st.expander("Shares of the clusters compared between groups", icon=":material/table:"):
        if tests.empty:
            st.caption("There are no two groups to compare at this time.")
            return
        dataframes.show_frame(tests, "Tests", height=320)
        st.download_button(
            "This table (CSV)",
            study_csv(tests, "Tests", study),
            file_name=f"{study.study_id}_clusters.csv",
            mime="text/csv",
            icon=":material/table:",
            on_click="ignore",
            key=f"{key}_clusters_csv",
        )
