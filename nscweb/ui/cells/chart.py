"""A chart of cells as points: drawn once, chosen on by box, lasso or click, whatever it is coloured by afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.errors import StreamlitInvalidLayoutContextError

from nscweb.core.gates import Corner, Region, box
from nscweb.core.run_record import Run
from nscweb.core.streams import stream
from nscweb.figures.cell_map import cell_points, drawn_points
from nscweb.figures.look import SERIES, figure_config, plain
from nscweb.services.context import App
from nscweb.services.kept import kept
from nscweb.services.labels.labels import labels_mark
from nscweb.services.maps.clusters import values_of
from nscweb.services.maps.points import UNLABELLED, Colouring, Points, chosen_in, colourings, order_of, points_key
from nscweb.services.predict.runs import class_scheme
from nscweb.services.study.populations import made_populations
from nscweb.ui import figures
from nscweb.words.marks import light_of, mark_colour
from nscweb.words.numbers import count

Places = NDArray[np.int64]


def colour_box(app: App, points: Points, key: str, further: Sequence[Colouring] = ()) -> Colouring:
    """What the points are coloured by; `further` stands before what every chart has."""
    known = {item.key: item for item in (*further, *colourings(app, points))}
    chosen = st.selectbox(
        "Colour",
        list(known),
        format_func=lambda name: _title(known[name]),
        key=f"{key}_colour",
        persist_state="session",
    )
    return known[chosen]


def draw(
    app: App,
    points: Points,
    xy: NDArray[np.floating[Any]],
    colouring: Colouring,
    key: str,
    *,
    axes: tuple[str, str] | None = None,
    regions: Sequence[Region] = (),
    rings: tuple[int, ...] = (),
    name: str = "map",
) -> Places:
    """Draw the points and return the positions of the chosen cells; a choice stays when the colour changes.

    Args:
        xy: (N, 2) of all cells.
        key: of the chart: another one has a choice of its own.
        name: of the file that the camera button saves.
    """
    figure, drawn, known = _figure(app, points, xy, colouring, axes, tuple(regions), rings, key)
    if drawn < known:
        st.caption(
            f"{drawn:,} of {count(known, 'cell')} are drawn, by chance from all samples; what you choose holds all."
        )
    said = repr(_key(app, points, xy, colouring, axes, tuple(regions), rings, key))
    # Whatever changes the figure makes a new chart of it, in which nothing is chosen yet.
    chart = f"{key}_{crc32(said.encode()):08x}"
    event = st.plotly_chart(
        figure,
        theme=None,
        width="stretch",
        key=chart,
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config=figure_config(name, figures.picture_format(), choose=True),
        alt=f"{known} cells as points, coloured by {colouring.title}",
    )
    return _chosen(xy, event["selection"], key, chart)


def choose(key: str, chosen: Places) -> None:
    """Choose cells of a chart by their positions, without drawing."""
    st.session_state[_slot(key)] = chosen
    st.session_state[f"{_slot(key)}_corners"] = ()


def again() -> None:
    """Draw the section once more; the whole page where it is the page that is being drawn."""
    try:
        st.rerun(scope="fragment")
    except StreamlitInvalidLayoutContextError:
        st.rerun()


def drawn_corners(key: str) -> tuple[Corner, ...]:
    """Corners of the box or lasso that cells of a chart were chosen with, in its units; () where there is none."""
    found = st.session_state.get(f"{_slot(key)}_corners", ())
    return tuple(found)


def _slot(key: str) -> str:
    return f"nsc_chosen_cells_{key}"


def _chosen(xy: NDArray[np.floating[Any]], selection: Any, key: str, chart: str) -> Places:
    """What is chosen now; an empty selection of a chart that was just drawn anew means nothing."""
    slot = _slot(key)
    found = chosen_in(np.asarray(xy), selection)
    last, had = st.session_state.get(f"{slot}_chart", ("", False))
    st.session_state[f"{slot}_chart"] = (chart, bool(len(found)))
    if len(found) or (last == chart and had):
        st.session_state[slot] = found
        st.session_state[f"{slot}_corners"] = _corners(selection)
    before = st.session_state.get(slot)
    if isinstance(before, np.ndarray) and (not len(before) or int(before.max()) < len(xy)):
        return before
    return np.zeros(0, np.int64)


def _corners(selection: Any) -> tuple[Corner, ...]:
    """Of the last shape; several of them are one choice, and no polygon."""
    shapes = [*selection.get("lasso", ()), *selection.get("box", ())]
    if len(shapes) != 1:
        return ()
    shape = shapes[0]
    if selection.get("box"):
        return box(tuple(shape["x"][:2]), tuple(shape["y"][:2]))
    return tuple(zip(map(float, shape["x"]), map(float, shape["y"]), strict=True))


def _title(item: Colouring) -> str:
    return f"{item.title} ({item.unit})" if item.unit else item.title


def _key(
    app: App,
    points: Points,
    xy: NDArray[np.floating[Any]],
    colouring: Colouring,
    axes: tuple[str, str] | None,
    regions: tuple[Region, ...],
    rings: tuple[int, ...],
    key: str,
) -> Any:
    study = points.map.study.study_id
    made = repr(made_populations(app, study)) if colouring.key.startswith("population") else ""
    made += labels_mark(app, study) if colouring.key == "label" else ""
    return (points_key(app, points.map, points.run), colouring, axes, regions, rings, key, made)


@kept(6, _key)
def _figure(
    app: App,
    points: Points,
    xy: NDArray[np.floating[Any]],
    colouring: Colouring,
    axes: tuple[str, str] | None,
    regions: tuple[Region, ...],
    rings: tuple[int, ...],
    key: str,
) -> tuple[Any, int, int]:
    """(figure, points drawn, points that have a place)."""
    known = np.asarray(np.isfinite(np.asarray(xy)).all(axis=1), bool)
    turn = stream(0, "points drawn", points.map.study.study_id).random(len(known))
    drawn = drawn_points(known, turn)
    values = values_of(app, points, colouring.key)
    names = [] if colouring.numbers else order_of(points, colouring.key, values[drawn])
    figure = cell_points(
        xy,
        drawn,
        values,
        title=_title(colouring),
        names=names,
        colours=_colours(points.run, colouring.key, names),
        axes=axes,
        regions=regions,
        rings=rings,
        words=_words(points, drawn, values, colouring),
        simulated=points.map.study.simulated,
    )
    return figure, len(drawn), int(known.sum())


def _colours(run: Run | None, key: str, names: Sequence[str]) -> dict[str, str]:
    if run is not None and key in ("predicted", "true_class", "label"):
        classes = class_scheme(run)
        return {UNLABELLED: "#b4bcc6", **dict(zip(classes.names, classes.colours, strict=False))}
    if key == "light":
        return {name: mark_colour(light_of(name)) for name in names}
    if key.startswith("population "):
        return {"not in it": "#b4bcc6", next(iter(names), ""): SERIES[0]} if names[0] != "not in it" else {}
    return {}


def _words(points: Points, drawn: Places, values: NDArray[Any], colouring: Colouring) -> list[str]:
    samples = [plain(item.name, 40) for item in points.map.study.samples]
    owners = points.map.sample[drawn].tolist()
    numbers = points.object_number[drawn].tolist()
    if colouring.numbers:
        said = [f"{value:.4g}" if np.isfinite(value) else "not known" for value in values[drawn].tolist()]
    else:
        said = [plain(value, 40) for value in values[drawn].tolist()]
    return [f"{samples[o]} · object {n}<br>{s}" for o, n, s in zip(owners, numbers, said, strict=True)]
