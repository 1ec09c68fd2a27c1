"""Chosen cells on a page: their pictures, and what can be made of them: a population, labels, a file."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from nscweb.services.cells.cells import GalleryCell, GalleryPage
from nscweb.services.context import App
from nscweb.services.maps import chosen as services
from nscweb.services.maps.points import Points
from nscweb.ui import show
from nscweb.ui.cells import cell_view, gallery
from nscweb.ui.text import plain
from nscweb.words.numbers import count

Places = NDArray[np.int64]
_PER_PAGE = 24


def pictures(app: App, points: Points, chosen: Places, key: str) -> list[GalleryCell]:
    """A page of the chosen cells; returns the cells shown."""
    pages = max(1, math.ceil(len(chosen) / _PER_PAGE))
    page = int(st.pagination(pages, key=f"{key}_page_{len(chosen)}")) if pages > 1 else 1
    start = (page - 1) * _PER_PAGE
    cells = services.shown_cells(app, points, chosen[start : start + _PER_PAGE].tolist())
    study = points.map.study
    if points.run is not None and cells and cells[0].scores:
        shown = GalleryPage(tuple(cells), len(chosen), start, study.pixel_size_um)
        cell_view.draw(app, points.run, shown, "")
        return cells
    tiles = [
        gallery.Tile([("raw image", cell.image)], "", "", [f"object {cell.object_number} · {cell.sample}"])
        for cell in cells
    ]
    gallery.grid(tiles, width=120, pixel_size_um=study.pixel_size_um)
    return cells


def actions(app: App, points: Points, chosen: Places, key: str, how: str) -> None:
    """What can be made of the chosen cells.

    Args:
        how: what they were chosen on, in words; kept with a population.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key=f"{key}_name", placeholder="name of a population", width=240)
        keep = st.button(
            "Keep as population",
            key=f"{key}_keep",
            icon=":material/bookmark_add:",
            disabled=not name.strip(),
            help="It stays with the study: as colour here, as gate and as true class on the page Study, in exports.",
        )
        st.download_button(
            "CSV",
            lambda: services.chosen_csv(app, points, chosen),
            file_name=f"{points.map.study.study_id}_chosen_cells.csv",
            mime="text/csv",
            icon=":material/table:",
            key=f"{key}_csv",
            on_click="ignore",
        )
        st.download_button(
            "IDEAS (.pop)",
            lambda: services.chosen_populations(points, chosen, name),
            file_name=f"{points.map.study.study_id}_chosen_cells.zip",
            mime="application/zip",
            icon=":material/download:",
            key=f"{key}_pop",
            on_click="ignore",
            help="Lists of object numbers, one per sample, which IDEAS opens as populations.",
        )
    if keep:
        with show.caught(key):
            kept = services.keep_chosen(app, points, chosen, name, how)
            st.toast(f"{count(kept, 'cell')} kept as population {plain(name.strip())}.", icon=":material/check:")
