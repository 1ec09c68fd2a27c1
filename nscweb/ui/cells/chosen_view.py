"""Chosen cells on a page: their pictures, and what can be made of them: a population, labels, a file."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from nscweb.core.streams import stream
from nscweb.services.cells.cells import GalleryCell, GalleryPage
from nscweb.services.context import App
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import labellers, undo_labels
from nscweb.services.maps import chosen as services
from nscweb.services.maps.points import Points
from nscweb.services.study.populations import known_classes
from nscweb.ui import show
from nscweb.ui.cells import by_hand_view, cell_view, gallery
from nscweb.ui.text import plain
from nscweb.words.numbers import count

Places = NDArray[np.int64]
_PER_PAGE = 24


def pictures(app: App, points: Points, chosen: Places, key: str, *, mixed: bool = True) -> list[GalleryCell]:
    """A page of the chosen cells, of all samples mixed or in their order; returns the cells shown."""
    pages = max(1, math.ceil(len(chosen) / _PER_PAGE))
    page = int(st.pagination(pages, key=f"{key}_page_{len(chosen)}")) if pages > 1 else 1
    start = (page - 1) * _PER_PAGE
    if mixed:
        chosen = stream(0, "chosen cells").permutation(chosen)
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
    _labels(app, points, chosen, key, how)
    if keep:
        with show.caught(key):
            kept = services.keep_chosen(app, points, chosen, name, how)
            st.toast(f"{count(kept, 'cell')} kept as population {plain(name.strip())}.", icon=":material/check:")


def _labels(app: App, points: Points, chosen: Places, key: str, how: str) -> None:
    study = points.map.study
    names = list(points.run.class_names) if points.run else []
    names += sorted({*known_classes(app, study.study_id), *agreed_labels(app, study.study_id).classes} - set(names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Label them as",
            names,
            index=None,
            placeholder="class",
            accept_new_options=True,
            format_func=plain,
            key=f"{key}_class",
            width=240,
        )
        who = by_hand_view.labeller()
        give = st.button(
            f"Label {count(len(chosen), 'cell')}",
            key=f"{key}_label",
            icon=":material/label:",
            disabled=not name or not who,
            help="Labels say who gave them. These cells were picked, so they train a model and never judge one.",
        )
        back = st.button(
            "Take back",
            key=f"{key}_label_back",
            icon=":material/undo:",
            disabled=who not in labellers(app, study.study_id),
            help="Takes back the last labels that you gave.",
        )
    with show.caught(key):
        if give and name:
            st.toast(plain(services.label_chosen(app, points, chosen, name, who, how), 200), icon=":material/check:")
        if back:
            undone = undo_labels(app, study.study_id, who)
            st.toast(plain(undone.sentence if undone else "There is nothing to take back.", 200))
