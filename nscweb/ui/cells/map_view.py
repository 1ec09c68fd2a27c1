"""The section Map of the page Cells: every cell a point, chosen by lasso, shown, kept, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from nscweb.core.errors import JobNotFound, ModelError
from nscweb.core.plain import to_plain
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.jobs import queue
from nscweb.services.context import App
from nscweb.services.maps.clusters import colouring_of
from nscweb.services.maps.map import MapRequest, StudyMap, read_map
from nscweb.services.maps.points import WAYS, Points, Way, points_of
from nscweb.services.maps.vectors import Kind, Source, source_of
from nscweb.ui import cached, jobs, session, show
from nscweb.ui.cells import alike_view, chart, chosen_view, clusters_view
from nscweb.ui.text import label, plain, when
from nscweb.words.map_words import chosen_words
from nscweb.words.numbers import count

MAP_TAB = "Map"
_TAB = "nsc_cells_tab"
_KINDS: dict[Kind, str] = {
    "model": "what the model sees in a cell",
    "imagenet": "a network for everyday pictures (EfficientNet-Lite0)",
    "features": "measured features (size, outline, contrast, focus)",
}
_HELP = (
    "Cells that look alike lie side by side. t-SNE keeps neighbours together; how far apart two islands lie, and how "
    "large they are, means nothing. The widest directions (PCA) keep large distances and mix what is near."
)
_HOW_TO = (
    "Draw round cells with the lasso or a box (buttons above the chart), or click one. A double click lets go of them."
)


def first_tab(tabs: Sequence[str]) -> str:
    """The tab of the page to open first: the map where its job is in the address, also after it has ended."""
    with suppress(JobNotFound):
        job_id = session.chosen("job")
        if job_id and queue.view(cached.app(), job_id).kind == "map":
            st.session_state[_TAB] = MAP_TAB
    return str(st.session_state.get(_TAB, tabs[0]))


def section(app: App, study: Study, run: Run | None) -> None:
    """The map of a study."""
    jobs.follow_current(app, "map")
    st.fragment(_section)(app, study, run)


def _section(app: App, study: Study, run: Run | None) -> None:
    with show.caught("cells_map"):
        source = _source(app, study, run)
        found = read_map.announced(cached.spinner("Reading the map …"), app, study.study_id, source)
        if found is None:
            _not_made(source)
            _make_button(app, study, source, "Make the map")
            st.caption("Until then: the widest directions of the measured features.")
            source = source_of(app, study, "features")
            found = read_map.announced(cached.spinner("Reading the map …"), app, study.study_id, source)
        elif found.places is None:
            _make_button(app, study, source, "Lay out neighbours (t-SNE)")
        if found is None:
            show.empty("No cells", "No sample of this study holds a cell.")
            return
        _drawn(app, found, run)


def _source(app: App, study: Study, run: Run | None) -> Source:
    kinds = list(_KINDS)
    kind = st.selectbox(
        "Alike by",
        kinds,
        format_func=lambda name: f"{_KINDS[name]}: {plain(run.model)}" if name == "model" and run else _KINDS[name],
        key=f"map_kind_{study.study_id}",
        help=_HELP,
        persist_state="session",
        width=520,
    )
    try:
        return source_of(app, study, kind, run.model if kind == "model" and run else "")
    except ModelError as error:
        # A run stays when its model is gone; the map then rests on what is there.
        show.note(f"{error.what} The map is made of the features of EfficientNet-Lite0 instead.")
        return source_of(app, study, "imagenet")


def _not_made(source: Source) -> None:
    show.note(
        f"No map of {source.sentence} was made yet. It takes about a minute for 20,000 cells, as a job; you can go on "
        "working."
    )


def _make_button(app: App, study: Study, source: Source, words: str, anew: bool = False) -> None:
    if st.button(
        words, type="secondary" if anew else "primary", icon=":material/scatter_plot:", key=f"map_make_{anew}"
    ):
        jobs.start(app, "map", to_plain(MapRequest(study.study_id, source.kind, source.model, anew)))
        st.rerun(scope="app")


def _drawn(app: App, found: StudyMap, run: Run | None) -> None:
    study, key = found.study, f"map_{found.study.study_id}_{found.source.key}"
    points = points_of.announced(cached.spinner("Reading what is known of the cells …"), app, found, run)
    left, right = st.columns(2)
    ways: list[Way] = ["tsne", "widest"] if found.places is not None else ["widest"]
    way = left.segmented_control(
        "Layout", ways, default=ways[0], format_func=WAYS.__getitem__, key=f"{key}_way_{len(ways)}", required=True
    )
    wanted = clusters_view.wanted(key)
    with right:
        colouring = chart.colour_box(app, points, key, [] if wanted is None else [colouring_of(wanted)])
    if found.unplaced:
        st.caption(f"{count(found.unplaced, 'cell')} came after the map was made and have no place on it yet.")
        _make_button(app, study, found.source, "Place them")
    rings = alike_view.rings(key)
    place = f"{key}_{way}"
    chosen = chart.draw(
        app, points, points.places(way or "tsne"), colouring, place, rings=rings, name=f"{study.study_id}_map"
    )
    st.caption(_facts(found, way or "tsne"))
    clusters_view.apart(points)
    _chosen(app, points, chosen, key)
    clusters_view.clusters(app, points, key, place)
    _anew(app, found)


def _anew(app: App, found: StudyMap) -> None:
    if found.places is None:
        return
    with st.expander("Make the map anew", icon=":material/refresh:"):
        st.caption("All cells are laid out again. Without need the map stays as it is, so that you find your way.")
        _make_button(app, found.study, found.source, "Make the map anew", anew=True)


def _facts(found: StudyMap, way: Way) -> str:
    if way == "widest":
        shares = " and ".join(f"{100 * share:.0f} %" for share in found.shares)
        what = label(found.source.sentence, 200)
        return f"The two widest directions of {what} hold {shares} of all differences. {_HOW_TO}"
    late = len(found.row) - found.laid_out
    placed = f"; {late:,} were placed on it afterwards" if late else ""
    return (
        f"t-SNE of {label(found.source.sentence, 200)}, made {when(found.made_utc)} of {count(found.laid_out, 'cell')}"
        f"{placed}. Only what lies near means something. {_HOW_TO}"
    )


def _chosen(app: App, points: Points, chosen: NDArray[np.int64], key: str) -> None:
    if not len(chosen):
        alike_view.forget(key)
        return
    st.subheader(chosen_words(len(chosen), len(points.map.row)), anchor=False)
    chosen_view.actions(app, points, chosen, key, f"chosen on the map ({points.map.source.sentence})")
    cells = chosen_view.pictures(app, points, chosen, key)
    alike_view.like_one_of(app, points, cells, key)
