"""Cells as points in a plane: a map, or two numbers against each other, coloured by whatever is known of the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.core.gates import Region
from nscweb.figures.look import INK, SERIES, SYMBOLS, finish, nothing_to_draw, plain

# More points than this are neither told apart by eye nor quick on a laptop; the rest is chosen with them all the same.
MOST_DRAWN = 30_000
_GREY = "#b4bcc6"
# Cividis without its palest end (Nuñez, Anderton and Renslow 2018): the same to readers who see few colours.
_SCALE = [[0.0, "#00224e"], [0.25, "#414d6b"], [0.5, "#7d7c78"], [0.75, "#bcae6c"], [1.0, "#e3c94f"]]
# Ends of a colour scale, so that single far values do not make all others look alike.
_ENDS = (0.01, 0.99)
_MOST_NAMES = 24
_ROUNDS = 4


def drawn_points(
    known: NDArray[np.bool_], turn: NDArray[np.floating[Any]], most: int = MOST_DRAWN
) -> NDArray[np.int64]:
    """Positions of the points that are drawn: all known ones, or `most` of them.

    Args:
        known: (N,) points that have a place.
        turn: (N,) random numbers, the same for the same cells, so that a chart does not flicker.
    """
    places = np.flatnonzero(known)
    if len(places) <= most:
        return places
    return np.sort(places[np.argsort(turn[places], kind="stable")[:most]])


def cell_points(
    xy: NDArray[np.floating[Any]],
    drawn: NDArray[np.int64],
    values: NDArray[Any],
    *,
    title: str,
    names: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
    axes: tuple[str, str] | None = None,
    regions: Sequence[Region] = (),
    rings: Sequence[int] = (),
    words: Sequence[str] = (),
    drag: str = "lasso",
    simulated: bool = False,
) -> go.Figure:
    """Points drawn by WebGL, with box and lasso at hand; each carries its position among all cells.

    Args:
        xy: (N, 2) of all cells.
        drawn: (M,) positions of the points that are drawn.
        values: (N,) what colours them: numbers, or names.
        title: of the colours.
        names: of the colours in the order of the legend; empty for numbers.
        colours: name -> colour, for names that have one of their own.
        axes: titles of the two axes; None for a map, whose axes mean nothing.
        regions: gates drawn over these axes.
        rings: positions of cells that get a ring.
        words: (M,) what a point says when it is pointed at.
        drag: what dragging does at first: ``lasso``, ``select`` (a box) or ``pan``.
    """
    if not len(drawn):
        return nothing_to_draw("No cell of this study has a place here.")
    figure = go.Figure()
    texts = np.asarray(words, object) if len(words) else None
    size = 3 if len(drawn) > 8000 else 4.5 if len(drawn) > 1500 else 7
    legend: list[str] = []
    if len(names):
        legend = _names(figure, xy, drawn, values, names, colours or {}, texts, size)
    else:
        _numbers(figure, xy, drawn, np.asarray(values, np.float64), title, texts, size)
    for region in regions:
        corners = np.array([*region.corners, region.corners[0]])
        figure.add_scatter(
            x=corners[:, 0],
            y=corners[:, 1],
            mode="lines",
            line={"color": INK, "width": 2, "dash": "dash" if region.use == "outside" else "solid"},
            name=f"gate {plain(region.name, 24)}",
            hoverinfo="name",
            showlegend=False,
        )
    if len(rings):
        places = np.asarray(rings, np.int64)
        figure.add_scattergl(
            x=xy[places, 0],
            y=xy[places, 1],
            mode="markers",
            marker={"symbol": "circle-open", "size": 13, "color": INK, "line": {"width": 2}},
            customdata=places,
            hoverinfo="skip",
            showlegend=False,
        )
    finish(figure, height=500, simulated=simulated, legend=legend, margin={"l": 58 if axes else 14, "t": 10})
    figure.update_layout(dragmode=drag, legend={"itemsizing": "constant"}, hovermode="closest")
    if axes is None:
        figure.update_xaxes(visible=False)
        return figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1)
    figure.update_xaxes(title_text=axes[0])
    return figure.update_yaxes(title_text=axes[1])


def _names(
    figure: go.Figure,
    xy: NDArray[np.floating[Any]],
    drawn: NDArray[np.int64],
    values: NDArray[Any],
    names: Sequence[str],
    colours: Mapping[str, str],
    texts: NDArray[Any] | None,
    size: float,
) -> list[str]:
    shown = values[drawn]
    there = [(place, name, np.flatnonzero(shown == name)) for place, name in enumerate(names)]
    there = [item for item in there if len(item[2])]
    # What is drawn last lies on top: a few rounds, so that no name hides all others.
    rounds = _ROUNDS if len(there) <= len(SERIES) else 1
    legend = [plain(name, 32) for _, name, _ in there[:_MOST_NAMES]]
    for number in range(rounds):
        for order, (place, name, cells) in enumerate(there):
            here = cells[number::rounds]
            own = colours.get(name) or SERIES[place % len(SERIES)]
            # A second turn of colours gets another shape.
            symbol = SYMBOLS[place // len(SERIES) % len(SYMBOLS)]
            figure.add_scattergl(
                x=xy[drawn[here], 0],
                y=xy[drawn[here], 1],
                mode="markers",
                name=plain(name, 32),
                legendgroup=str(place),
                marker={"color": own, "size": size, "opacity": 0.7, "symbol": symbol},
                customdata=drawn[here],
                showlegend=number == 0 and order < _MOST_NAMES,
                **_hover(texts, here),
            )
    return legend


def _numbers(
    figure: go.Figure,
    xy: NDArray[np.floating[Any]],
    drawn: NDArray[np.int64],
    values: NDArray[np.float64],
    title: str,
    texts: NDArray[Any] | None,
    size: float,
) -> None:
    shown = values[drawn]
    known = np.isfinite(shown)
    if not known.all():
        here = np.flatnonzero(~known)
        figure.add_scattergl(
            x=xy[drawn[here], 0],
            y=xy[drawn[here], 1],
            mode="markers",
            marker={"color": _GREY, "size": size, "opacity": 0.5},
            customdata=drawn[here],
            showlegend=False,
            **_hover(texts, here),
        )
    here = np.flatnonzero(known)
    if not len(here):
        return
    low, high = np.quantile(shown[here], _ENDS)
    figure.add_scattergl(
        x=xy[drawn[here], 0],
        y=xy[drawn[here], 1],
        mode="markers",
        marker={
            "color": shown[here],
            "colorscale": _SCALE,
            "cmin": float(low),
            "cmax": float(high if high > low else low + 1e-9),
            "size": size,
            "opacity": 0.75,
            "colorbar": {"title": {"text": plain(title, 30), "side": "right"}, "thickness": 12, "len": 0.8, "x": 1.0},
        },
        customdata=drawn[here],
        showlegend=False,
        **_hover(texts, here),
    )


def _hover(texts: NDArray[Any] | None, here: NDArray[np.int64]) -> dict[str, Any]:
    if texts is None:
        return {"hoverinfo": "skip"}
    return {"text": texts[here], "hovertemplate": "%{text}<extra></extra>"}
