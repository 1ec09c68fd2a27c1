"""What all figures of a comparison share: names of groups on an axis, and the marks of yellow and red with a legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from plotly import graph_objects as go

from nscweb.evaluation.ratios.estimates import METHODS
from nscweb.figures.look import NO_GROUP, plain, wrapped
from nscweb.words.marks import mark, mark_colour, symbol, warning_mark

# Room for a group's name and its mark on the left, the same in all figures of a comparison.
LEFT = 140
_ONE_LINE = 19
_TWO_LINES = 22
# Plotly's forms of the signs ● ▲ ■ of `marks`.
_FORMS = {"yellow": "triangle-up", "red": "square"}
_WARNED = ("yellow", "red")


def group_label(name: str, light: str = "") -> str:
    """The name of a group on an axis with the mark of a yellow or red trust light.

    A short name has the mark in words below it. A long one takes both lines, and the sign stands before it; the
    legend says what it means.
    """
    text = name or NO_GROUP
    if len(text) <= _ONE_LINE:
        said = warning_mark(light)
        below = f'<br><span style="color:{mark_colour(light)};font-size:11px">{said}</span>' if said else ""
        return f"{plain(text)}{below}"
    sign = symbol(light)
    before = f'<span style="color:{mark_colour(light)}">{sign}</span> ' if sign else ""
    return f'{before}<span style="font-size:11px">{wrapped(text, _TWO_LINES - 2 * len(sign))}</span>'


def light_of(said: str) -> str:
    """The light behind the words of `marks.mark`: "■ do not trust" is red."""
    return next((light for light in _WARNED if said == mark(light)), "")


def point_style(lights: Iterable[str], colour: str, size: int) -> dict[str, Any]:
    """Markers of replicates: yellow and red ones look as in the legend, in form and in colour.

    Args:
        lights: words of `marks.mark`, one per point.
        colour: of all others, which tells the fate.
    """
    known = [light_of(said) for said in lights]
    return {
        "color": [mark_colour(light) if light else colour for light in known],
        "opacity": 0.9,
        "size": [size + 1 if light else size for light in known],
        "symbol": [_FORMS.get(light, "circle") for light in known],
        "line": {"color": "white", "width": 0.8},
    }


def add_mark_legend(figure: go.Figure, *tables: pd.DataFrame) -> list[str]:
    """Legend entries for the marks that are in `tables` (column ``light``, as words); returns their names."""
    said = {str(text) for table in tables for text in table["light"].unique()}
    names = []
    for light in _WARNED:
        if mark(light) in said:
            name = mark(light).partition(" ")[2]
            figure.add_scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=name,
                legendrank=2000,
                hoverinfo="skip",
                marker={"symbol": _FORMS[light], "color": mark_colour(light), "size": 9},
            )
            names.append(name)
    return names


def counted_how(method: str) -> str:
    """A key of `METHODS` in words; anything else as it is."""
    return METHODS.get(method, method)


def add_signs(figure: go.Figure, x: Sequence[float], y: Sequence[float], lights: Sequence[str]) -> list[str]:
    """The signs of yellow and red lights above points, with legend entries; returns the names of these.

    Args:
        x, y: places of points, in the units of the axes.
        lights: ``yellow``, ``red`` or anything else, one per point.
    """
    where = [index for index, light in enumerate(lights) if light in _WARNED]
    if not where:
        return []
    figure.add_scatter(
        x=[x[index] for index in where],
        y=[y[index] for index in where],
        mode="text",
        text=[symbol(lights[index]) for index in where],
        textposition="top center",
        textfont={"size": 12, "color": [mark_colour(lights[index]) for index in where]},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    return add_mark_legend(figure, pd.DataFrame({"light": [mark(lights[index]) for index in where]}))


def methods_by_group(means: pd.DataFrame) -> Mapping[tuple[str, str], str]:
    """(group, time) -> how many replicates there are and how ratios were counted, for the hover of its replicates."""
    return {
        (str(row["group"]), str(row["time"])): f"one of {row['replicates']} replicates; {counted_how(row['method'])}"
        for row in means.to_dict("records")
    }
