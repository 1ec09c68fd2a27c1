"""The section Scatter of the page Cells: two numbers of a cell against each other, and gates drawn over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from nscweb.core.gates import USES, Corner, Region, Use
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.maps.map import read_map
from nscweb.services.maps.points import Points, points_of
from nscweb.services.maps.vectors import source_of
from nscweb.services.study import gates as services
from nscweb.services.study.drawn.axes import Axis, axes_of, study_values
from nscweb.services.study.populations import made_populations
from nscweb.ui import cached, show
from nscweb.ui.cells import chart, chosen_view
from nscweb.ui.text import plain
from nscweb.words.map_words import chosen_words

SCATTER_TAB = "Scatter"
_FIRST, _SECOND = "area_px", "aspect_ratio"
_SAVED = "Gate saved. Predict again to use it in ratios; the scores are kept, so it takes seconds."


def section(app: App, study: Study, run: Run | None) -> None:
    """Any two numbers of the cells of a study."""
    st.fragment(_section)(app, study, run)


def _section(app: App, study: Study, run: Run | None) -> None:
    with show.caught("cells_scatter"):
        found = read_map.announced(
            cached.spinner("Reading the cells …"), app, study.study_id, source_of(app, study, "features")
        )
        if found is None:
            show.empty("No cells", "No sample of this study holds a cell.")
            return
        points = points_of.announced(cached.spinner("Reading what is known of the cells …"), app, found, run)
        key = f"scatter_{study.study_id}"
        axes = {item.name: item for item in axes_of(app, study.study_id)}
        first, second, third = st.columns(3)
        with first:
            x = _axis_box("Across", axes, _FIRST, f"{key}_x")
        with second:
            y = _axis_box("Up", axes, _SECOND, f"{key}_y")
        with third:
            colouring = chart.colour_box(app, points, key)
        xy = study_values(app, study, (x.name, y.name)) * np.array([x.factor, y.factor])
        regions = services.get_gates(app, study.study_id).regions
        here = [item for item in (_shown(region, x, y) for region in regions) if item is not None]
        place = f"{key}_{x.name}_{y.name}"
        chosen = chart.draw(
            app,
            points,
            xy,
            colouring,
            place,
            axes=(x.heading, y.heading),
            regions=here,
            name=f"{study.study_id}_scatter",
        )
        st.caption(
            "Draw round cells with the lasso or a box, or click one; a double click lets go of them. What you drew can "
            "be kept as a gate."
        )
        if len(chosen):
            _chosen(app, points, chosen, (x, y), key, chart.drawn_corners(place))
        _table(app, study, key)


def _axis_box(title: str, axes: dict[str, Axis], first: str, key: str) -> Axis:
    names = list(axes)
    start = names.index(first) if first in axes else 0
    chosen = st.selectbox(
        title,
        names,
        index=start,
        format_func=lambda name: plain(axes[name].heading, 60),
        key=key,
        persist_state="session",
    )
    return axes[chosen]


def _shown(region: Region, x: Axis, y: Axis) -> Region | None:
    """A region in the units of the chart; None where it is over other numbers."""
    if {region.x, region.y} != {x.name, y.name}:
        return None
    turned = region.x != x.name
    corners = [corner[::-1] if turned else corner for corner in region.corners]
    return replace(region, corners=tuple((a * x.factor, b * y.factor) for a, b in corners))


def _chosen(
    app: App, points: Points, chosen: NDArray[np.int64], axes: tuple[Axis, Axis], key: str, corners: tuple[Corner, ...]
) -> None:
    st.subheader(chosen_words(len(chosen), len(points.map.row)), anchor=False)
    if corners:
        _save(app, points.map.study, axes, key, corners)
    how = f"chosen on the scatter of {axes[0].label} and {axes[1].label}"
    chosen_view.actions(app, points, chosen, key, how)
    chosen_view.pictures(app, points, chosen, key)


def _save(app: App, study: Study, axes: tuple[Axis, Axis], key: str, corners: tuple[Corner, ...]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Gate", key=f"{key}_gate", placeholder="name of the gate", width=240)
        use = st.selectbox("What it does", list(USES), format_func=_use_word, key=f"{key}_use", width=280)
        save = st.button(
            "Save gate", type="primary", key=f"{key}_save", icon=":material/save:", disabled=not name.strip()
        )
    if save:
        with show.caught(key), st.spinner("Flagging the cells anew …"):
            x, y = axes
            raw = tuple((a / x.factor, b / y.factor) for a, b in corners)
            services.save_region(app, study.study_id, Region(name.strip(), x.name, y.name, raw, use))
            st.toast(_SAVED if use != "name" else "Gate saved as a population.", icon=":material/check:")
            chart.again()


def _use_word(use: Use) -> str:
    return USES[use]


def _table(app: App, study: Study, key: str) -> None:
    """Gates and populations that were made here, each with a way to change or delete it."""
    regions = services.get_gates(app, study.study_id).regions
    made = made_populations(app, study.study_id)
    if not made:
        return
    st.subheader("Drawn gates and kept populations", anchor=False)
    known = {region.name: region for region in regions}
    rows = [
        {
            "name": plain(name),
            "how": plain(str(said["how"]), 200),
            "cells": int(said["cells"]),
            "use": USES[known[name].use] if name in known else "only names its cells",
        }
        for name, said in made.items()
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"{key}_made",
        column_config={"name": "Name", "how": "Made", "cells": "Cells", "use": "What it does"},
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Change", list(made), format_func=plain, key=f"{key}_change", width=240)
        use: Use = "name"
        if name in known:
            uses = list(USES)
            use = st.selectbox(
                "From now on",
                uses,
                index=uses.index(known[name].use),
                format_func=_use_word,
                key=f"{key}_use_{name}",
                width=280,
            )
        changed = name in known and use != known[name].use
        save = st.button("Save", key=f"{key}_change_save", icon=":material/save:", disabled=not changed)
        delete = st.button("Delete", key=f"{key}_delete", icon=":material/delete:")
    if save or delete:
        with show.caught(key), st.spinner("Flagging the cells anew …"):
            if save:
                services.save_region(app, study.study_id, replace(known[name], use=use))
                st.toast(_SAVED)
            elif name in known:
                services.drop_region(app, study.study_id, name)
            else:
                services.delete_population(app, study.study_id, name)
            chart.again()
