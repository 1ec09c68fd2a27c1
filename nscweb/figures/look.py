"""One look for every figure: fonts, colours, legend below, units on every axis, readable from 390 px on.

It also chooses the colour in which a letter can be read on what is behind it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.core.timepoint import TimePoint
from nscweb.words.nothing import NO_CELL

# Between black and white every colour is at least 4.5 from one of them, which the guidelines ask for.
WHITE, BLACK = "#ffffff", "#000000"
Values = NDArray[np.float64]
INK = "#1d2733"
MUTED = "#5b6775"
GRID = "#e4e8ed"
AXIS = "#aab4c0"
PAPER = "#ffffff"
FONT = "Source Sans Pro, Segoe UI, Helvetica Neue, Arial, sans-serif"
# Okabe-Ito without black and yellow (too faint as a line), then darker kin.
SERIES: tuple[str, ...] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#5d3a9b",
    "#7a5c00",
    "#004d40",
)
SYMBOLS: tuple[str, ...] = ("circle", "square", "triangle-up", "diamond", "cross", "x", "star", "triangle-down")
DASHES: tuple[str, ...] = ("solid", "dash", "dot", "dashdot")
NO_TIME = "no time given"
NOTHING = f"{NO_CELL} Loosen the filters."
NO_GROUP = "no group given"
# Marks that turn the direction of the text around them.
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "linecolor": AXIS,
    "zeroline": False,
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": AXIS,
    "tickfont": {"size": 12},
    "title": {"standoff": 8, "font": {"size": 13}},
    "automargin": False,
}


def ink_on(place: float, scale: Sequence[tuple[float, str]]) -> str:
    """White or black, whichever has the higher contrast on a field of a colour scale.

    Args:
        place: 0..1 on the scale; NaN is an empty, light field.
        scale: (place, #rrggbb), rising.
    """
    if not np.isfinite(place):
        return BLACK
    stops = [stop for stop, _ in scale]
    colours = np.stack([rgb_of(colour) for _, colour in scale])
    behind = np.array([np.interp(place, stops, colours[:, band]) for band in range(3)])
    return max((WHITE, BLACK), key=lambda colour: contrast(rgb_of(colour), behind))


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Contrast ratio of two sRGB colours, 1..21 (Web Content Accessibility Guidelines 2.2, "contrast ratio")."""
    light = sorted((_luminance(one), _luminance(other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def rgb_of(colour: str) -> NDArray[np.float64]:
    """(3,) of 0..1, of a colour ``#rrggbb``; raises ValueError for another kind of colour."""
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], np.float64) / 255


def _luminance(rgb: NDArray[np.float64]) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def plain(text: object, limit: int = 60) -> str:
    """A user's text for a figure: shown as it is, never taken as mark-up, cut at `limit` characters.

    Plotly renders a part of HTML in labels, so ``<`` and ``&`` are written as entities.
    """
    cleaned = _CONTROL.sub(" ", _BIDI.sub("", str(text))).strip()
    if len(cleaned) > limit:
        cleaned = cleaned[: limit - 1].rstrip() + "…"
    return cleaned.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def wrapped(text: object, width: int, lines: int = 2) -> str:
    """`plain` text broken into at most `lines` lines of `width` characters."""
    cleaned = _CONTROL.sub(" ", _BIDI.sub("", str(text))).strip()
    parts = textwrap.wrap(cleaned, width, max_lines=lines, placeholder="…") or [""]
    return "<br>".join(plain(part) for part in parts)


def hyphenated(text: object, width: int) -> str:
    """`wrapped` text in which a word longer than `width` is broken with a hyphen, for narrow tick labels."""
    words = []
    for word in _CONTROL.sub(" ", _BIDI.sub("", str(text))).split():
        while len(word) > width:
            words.append(word[: width - 1] + "-")
            word = word[width - 1 :]
        words.append(word)
    return wrapped(" ".join(words), width, lines=3)


def time_label(time_h: float | None) -> str:
    """ "12 h", "3 d"; a sentence where no time is known."""
    if time_h is None or not np.isfinite(time_h):
        return NO_TIME
    return TimePoint(float(time_h)).label()


def time_unit(times_h: Iterable[float]) -> tuple[float, str]:
    """Hours in one unit of a time axis, and its name: days when every time is a multiple of 12 hours."""
    known = [hours for hours in times_h if np.isfinite(hours)]
    if not known:
        return 1.0, "time not given"
    if max(known) >= 24 and all(hours % 12 == 0 for hours in known):
        return 24.0, "days since induction"
    return 1.0, "hours since induction"


def tick(time_h: float, unit: float) -> str:
    """A time without its unit, for an axis that names the unit: "0.5", "3"; "?" where it is not known."""
    return f"{time_h / unit:g}" if np.isfinite(time_h) else "?"


def ordered_times(times_h: Iterable[float]) -> list[float]:
    """Different times in order; not-a-number last and once."""
    values = np.unique(np.asarray(list(times_h), np.float64))
    known = [float(value) for value in values[np.isfinite(values)]]
    return [*known, float("nan")] if bool(np.isnan(values).any()) else known


def legend_rows(names: Sequence[str], width_px: int = 640) -> int:
    """Rows that a legend below takes. Narrower pages need more; there Plotly takes the room from the panels."""
    rows, used = 0, width_px
    for name in names:
        entry = 46 + round(6.6 * len(name))
        rows, used = (rows + 1, entry) if used + entry > width_px else (rows, used + entry)
    return rows


def finish(
    figure: go.Figure,
    *,
    height: int,
    title: str = "",
    simulated: bool = False,
    legend: Sequence[str] = (),
    margin: dict[str, int] | None = None,
    axes: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> go.Figure:
    """Give a figure the common look.

    Args:
        figure: changed in place and returned.
        height: pixels without the title lines above and the legend below, which are added.
        title: short, of our own words or already `plain`; "" for none.
        simulated: write "simulated cells" on the figure.
        legend: entries that are shown; their rows are added to the height.
        margin: changes to the margins.
        axes: what all x axes and all y axes have beside the common look; quicker here than in a call of its own.
    """
    below = 22 * legend_rows(legend) + (10 if legend else 0)
    sides = {"l": 58, "r": 14, "t": 16, "b": 52, **(margin or {})}
    # The strip above the panels also holds Plotly's buttons, which would cover a panel title.
    above = max(30, (26 if title else 0) + (20 if simulated else 0))
    sides["t"] += above
    sides["b"] += below
    full = height + below + above
    figure.update_layout(
        height=full,
        margin={**sides, "autoexpand": bool(legend)},
        template=_template(),
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        font={"family": FONT, "size": 13, "color": INK},
        hoverlabel={"font": {"family": FONT, "size": 13}, "align": "left"},
        showlegend=bool(legend),
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            # In units of the panels: Plotly then makes room when a narrow page needs more rows.
            "y": -(sides["b"] - below) / (full - sides["t"] - sides["b"]),
            "yanchor": "top",
            "font": {"size": 12},
            "bgcolor": "rgba(0,0,0,0)",
        },
        separators=".,",
    )
    if axes:
        every_axis(figure, *axes)
    lines = [f"<b>{title}</b>"] if title else []
    if simulated:
        lines.append('<span style="color:#8a6100;font-size:12px">simulated cells</span>')
    if lines:
        figure.update_layout(
            title={
                "text": "<br>".join(lines),
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1 - (16 if title else 8) / full,
                "yref": "container",
                "yanchor": "top",
                "font": {"size": 15, "color": INK},
                "pad": {"l": 8},
            }
        )
    return figure


def every_axis(figure: go.Figure, x: dict[str, Any], y: dict[str, Any]) -> None:
    """Change all axes in one go; `update_xaxes` goes through the whole layout for each, which 20 panels feel."""
    names = [str(name) for name in figure.layout if str(name)[:5] in ("xaxis", "yaxis")]
    figure.update_layout({name: x if name[0] == "x" else y for name in names or ("xaxis", "yaxis")})


@cache
def _template() -> go.layout.Template:
    """The common look of axes: a template is checked once, settings of the axes of 20 panels take 4 ms for each."""
    return go.layout.Template(layout={"xaxis": _AXIS, "yaxis": _AXIS})


def add_band(figure: go.Figure, x: Values, low: Values, high: Values, colour: str) -> None:
    """A pale band between `low` and `high` (N,) at `x` (N,), in the units of the axes; no hover, no legend.

    Args:
        colour: ``#rrggbb`` of the line that the band belongs to.
    """
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.15)",
        hoverinfo="skip",
        showlegend=False,
    )


def panel_title(text: str, *, x: float, y: float, size: int = 13) -> dict[str, Any]:
    """Annotation above a panel, left-aligned; `x` and `y` in paper coordinates."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
        "font": {"size": size, "color": INK},
        "yshift": 3,
    }


def shared_axis_title(text: str) -> dict[str, Any]:
    """Annotation below all panels of a figure."""
    return {
        "text": text,
        "x": 0.5,
        "y": 0,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "yanchor": "top",
        "yshift": -24,
    }


def nothing_to_draw(text: str = NOTHING) -> go.Figure:
    """A figure that says in words why it is empty."""
    figure = go.Figure()
    figure.add_annotation(text=plain(text, 120), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    finish(figure, height=160)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def figure_config(filename: str, form: Literal["svg", "png"] = "svg", *, choose: bool = False) -> dict[str, Any]:
    """Plotly options of a figure on a page: a camera button that saves `form` under `filename`, no wheel zoom.

    Args:
        choose: points can be chosen by box and lasso.
    """
    removed = ["autoScale2d", "zoomIn2d", "zoomOut2d", "sendChartToCloud"]
    return {
        "displaylogo": False,
        "displayModeBar": True,
        # Plotly's own default offers to send the data to its cloud.
        "showSendToCloud": False,
        "plotlyServerURL": "",
        "responsive": True,
        "scrollZoom": False,
        "modeBarButtonsToRemove": removed if choose else ["select2d", "lasso2d", *removed],
        "toImageButtonOptions": {"format": form, "filename": filename, "scale": 1 if form == "svg" else 2},
    }
