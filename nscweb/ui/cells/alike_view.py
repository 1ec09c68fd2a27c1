"""Cells like one that is shown: its nearest neighbours in the vectors of the map."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from nscweb.services.cells.cells import GalleryCell
from nscweb.services.context import App
from nscweb.services.maps.alike import cells_like
from nscweb.services.maps.points import Points
from nscweb.ui.cells import chart, chosen_view
from nscweb.ui.text import plain

_SHOWN = 12


def rings(key: str) -> tuple[int, ...]:
    """Positions of the cells that are shown as alike, for rings on the map."""
    return tuple(st.session_state.get(_slot(key), ()))


def forget(key: str) -> None:
    """Nothing is shown as alike any more."""
    st.session_state.pop(_slot(key), None)


def like_one_of(app: App, points: Points, cells: Sequence[GalleryCell], key: str) -> None:
    """Choose one of the cells shown, and see those of all samples that are most like it."""
    names = {cell.cell_id: f"object {cell.object_number} · {plain(cell.sample, 40)}" for cell in cells}
    if len(names) == 1:
        # One cell was clicked: it is the one that is meant.
        (asked,) = names
        st.markdown("**Cells like this one**")
    else:
        asked = st.selectbox(
            "Cells like this one",
            ["", *names],
            format_func=lambda cell: names.get(cell, "choose one of the cells shown"),
            key=f"{key}_like",
            width=420,
        )
    if not asked:
        forget(key)
        return
    found = cells_like(points.map, asked, _SHOWN)
    before = rings(key)
    st.session_state[_slot(key)] = tuple(found.tolist())
    if tuple(found.tolist()) != before:
        chart.again()
    st.caption("The most alike first, from all samples; rings on the map show where they lie.")
    chosen_view.pictures(app, points, found, f"{key}_alike", mixed=False)


def _slot(key: str) -> str:
    return f"nsc_alike_{key}"
