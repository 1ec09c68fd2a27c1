"""Figures of honest scores: reliability diagrams, shares of class sets, recovered against true ratios of mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.classes import ClassScheme
from nscweb.figures.group_marks import add_mark_legend
from nscweb.figures.look import (
    AXIS,
    MUTED,
    NO_GROUP,
    SERIES,
    SYMBOLS,
    finish,
    nothing_to_draw,
    ordered_times,
    panel_title,
    plain,
    tick,
    time_label,
    time_unit,
    wrapped,
)
from nscweb.words.marks import mark, mark_colour, symbol

if TYPE_CHECKING:
    from nscweb.evaluation.scores.reliability import Reliability

MANY, NONE = "three or more classes", "none of these"
_NOT_SURE = "#8a949f"


def reliability_figure(found: Reliability, *, simulated: bool = False) -> go.Figure:
    """Share of cells that are right against the score, with intervals; honest scores lie on the dashed line.

    Args:
        found: of `nscweb.evaluation.scores.reliability`.
        simulated: say so on the figure.
    """
    what = "cells named rightly" if not found.class_name else f"cells that are {plain(found.class_name)}"
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="honest scores",
        line={"color": MUTED, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    share = 100 * found.share
    figure.add_scatter(
        x=100 * found.score,
        y=share,
        mode="lines+markers",
        name="this model",
        line={"color": SERIES[0], "width": 2},
        marker={"size": 8, "color": SERIES[0]},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": 100 * found.share_high - share,
            "arrayminus": share - 100 * found.share_low,
            "color": SERIES[0],
            "thickness": 1.3,
            "width": 4,
        },
        customdata=np.stack([found.count, 100 * found.share_low, 100 * found.share_high], axis=1),
        hovertemplate="score %{x:.1f} %: %{y:.1f} % (%{customdata[1]:.1f} to %{customdata[2]:.1f})<br>"
        "%{customdata[0]:,} cells<extra></extra>",
    )
    finish(figure, height=340, simulated=simulated, legend=["honest scores", "this model"])
    start = 0.0 if found.class_name else 10 * np.floor(10 * min(float(found.score.min()), float(found.share_low.min())))
    figure.update_xaxes(title_text="score that the model gives, %", range=[start, 101])
    figure.update_yaxes(title_text=f"{what}, %", range=[start, 102])
    return figure


def sets_data(groups: pd.DataFrame, sets: Sequence[str], first: Sequence[str] = ()) -> pd.DataFrame:
    """What `sets_figure` draws: group, time_h, time, set, percent, low, high, replicates, cells; sets in order.

    Args:
        first: groups in the order of the answer; by name without it.
    """
    place = {name: f"{index:06d}" for index, name in enumerate(first)}
    table = groups[groups["set"].isin(list(sets))]
    order = {name: place for place, name in enumerate(sets)}
    keys = pd.DataFrame(
        {
            "group": [place.get(name, name.casefold()) for name in table["group"].astype(str)],
            "time": table["time_h"].astype(float),
            "set": table["set"].map(order),
        },
        index=table.index,
    )
    table = table.loc[keys.sort_values(["group", "time", "set"], kind="stable").index]
    return pd.DataFrame(
        {
            "group": table["group"].astype(str),
            "time_h": table["time_h"].astype(float),
            "time": [time_label(hours) for hours in table["time_h"]],
            "set": table["set"].astype(str),
            "percent": 100 * table["share"].astype(float),
            "low": 100 * table["low"].astype(float),
            "high": 100 * table["high"].astype(float),
            "replicates": table["replicates"].astype(int),
            "cells": table["cells"].astype(int),
        }
    ).reset_index(drop=True)


def _marked(groups: pd.DataFrame) -> dict[str, list[tuple[float, str]]]:
    """Group -> hours and light of its time points with a yellow or red one."""
    found: dict[str, list[tuple[float, str]]] = {}
    if "light" in groups:
        for row in groups.drop_duplicates(["group", "time_h"]).to_dict("records"):
            if symbol(str(row["light"])):
                found.setdefault(str(row["group"]), []).append((float(row["time_h"]), str(row["light"])))
    return found


def sets_figure(
    groups: pd.DataFrame,
    sets: Sequence[str],
    classes: ClassScheme,
    *,
    order: Sequence[str] = (),
    method: str = "",
    simulated: bool = False,
) -> go.Figure:
    """Stacked mean shares of class sets over time, one small panel per inducer group.

    Single classes have their own colour, pairs both colours as stripes; sets of three or more are joined.

    Args:
        groups: of `services.compare.honest_scores.RunSets`; lights in the column ``light``, where it has one, are
            marked.
        sets: words in order.
        classes: colours.
        order: groups in the order of the answer.
        method: how sets were made, in words, for the hover.
        simulated: say so on the figure.
    """
    data = sets_data(groups, sets, order)
    if data.empty:
        return nothing_to_draw()
    data["shown"] = [name if _members(name, classes) is not None else MANY for name in data["set"]]
    keys = ["group", "time_h", "time", "shown", "replicates", "cells"]
    data = data.groupby(keys, sort=False, dropna=False).agg(percent=("percent", "sum")).reset_index()
    shown = list(dict.fromkeys(name if _members(name, classes) is not None else MANY for name in sets))
    names = list(dict.fromkeys(data["group"]))
    times = ordered_times(data["time_h"])
    unit, axis_title = time_unit(times)
    columns = 1 if len(names) == 1 else 2 if len(names) in (2, 4) or len(times) > 5 else 3
    rows = -(-len(names) // columns)
    titles = [wrapped(group or NO_GROUP, 46 // columns) for group in names]
    above = 34 if any("<br>" in title for title in titles) else 20
    panel, gap = 150, above + 30
    inner = rows * panel + (rows - 1) * gap
    figure = make_subplots(rows, columns, shared_yaxes=True, horizontal_spacing=0.035, vertical_spacing=gap / inner)
    marked = _marked(groups)
    behind = f"%{{customdata[1]}} replicates, %{{customdata[2]}} cells<br>{plain(method, 90)}".removesuffix("<br>")
    for index, group in enumerate(names):
        row, column = index // columns + 1, index % columns + 1
        for name in shown:
            bars = data[(data["group"] == group) & (data["shown"] == name)]
            figure.add_bar(
                x=[tick(hours, unit) for hours in bars["time_h"]],
                y=bars["percent"],
                name=plain(name),
                legendgroup=name,
                showlegend=index == 0,
                marker=_marker(name, classes),
                customdata=np.stack([bars["time"], bars["replicates"], bars["cells"]], axis=1),
                hovertemplate=f"%{{customdata[0]}}: %{{y:.1f}} %<br>{behind}",
                row=row,
                col=column,
            )
        axes = figure.get_subplot(row, column)
        figure.add_annotation(panel_title(titles[index], x=axes.xaxis.domain[0], y=axes.yaxis.domain[1], size=12))
        figure.update_xaxes(showticklabels=True, row=row, col=column)
        for hours, light in marked.get(group, ()):
            figure.add_annotation(
                text=symbol(light),
                x=tick(hours, unit),
                y=101,
                yanchor="bottom",
                showarrow=False,
                row=row,
                col=column,
                font={"size": 12, "color": mark_colour(light)},
            )
    figure.update_layout(barmode="stack", bargap=0.2 if len(times) > 1 else 0.6)
    lit = [mark(light) for group in marked.values() for _, light in group]
    finish(
        figure,
        height=inner + above + 96,
        simulated=simulated,
        legend=[*shown, *add_mark_legend(figure, pd.DataFrame({"light": lit}))],
        margin={"t": above + 8, "b": 58, "l": 58},
    )
    known = [tick(hours, unit) for hours in times]
    across = {"categoryorder": "array", "categoryarray": known, "range": [-0.5, len(known) - 0.5]}
    figure.update_xaxes(type="category", **across)
    # One title for all columns: on a phone those of neighbours would run into one another.
    figure.add_annotation(
        text=axis_title, x=0.5, y=0, xref="paper", yref="paper", showarrow=False, yanchor="top", yshift=-26
    )
    figure.update_yaxes(range=[0, 122 if lit else 100.5], tickvals=[0, 50, 100])
    for row in range(1, rows + 1):
        figure.update_yaxes(title_text="cells, %", row=row, col=1)
    return figure


def mixtures_data(table: pd.DataFrame) -> pd.DataFrame:
    """What `mixtures_figure` draws, in per cent: the columns of the table, and the time in words."""
    data = table.copy()
    data.insert(2, "time", [time_label(hours) for hours in data["time_h"]])
    for name in ("true", "recovered", "low", "high", "naive"):
        data[name] = 100 * data[name].astype(float)
    return data.reset_index(drop=True)


def mixtures_figure(
    table: pd.DataFrame, classes: ClassScheme, *, naive: bool = False, simulated: bool = False
) -> go.Figure:
    """Recovered against true shares of known mixtures; a perfect answer lies on the dashed line.

    Args:
        table: of `services.compare.mixtures.MixtureTest`.
        classes: order and colours.
        naive: draw the counted labels as well.
        simulated: say so on the figure.
    """
    data = mixtures_data(table)
    drawn = data[np.isfinite(data["recovered"])]
    if drawn.empty and not naive:
        return nothing_to_draw("No mixture could be recovered.")
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="perfect",
        line={"color": MUTED, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    legend = ["perfect"]
    # Intervals of many mixtures hide one another; thinner lines keep the points in view.
    thin = 1.2 if len(drawn) <= 90 else 0.7
    for index, name in enumerate(classes.names):
        own = drawn[drawn["class"] == name]
        colour = classes.colour(name)
        figure.add_scatter(
            x=own["true"],
            y=own["recovered"],
            mode="markers",
            name=plain(name),
            marker={"color": colour, "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 7},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": own["high"] - own["recovered"],
                "arrayminus": own["recovered"] - own["low"],
                "color": colour,
                "thickness": thin,
                "width": 0,
            },
            customdata=np.stack([own["mixture"], own["time"], own["low"], own["high"], own["naive"]], axis=1),
            hovertemplate="mixture %{customdata[0]}, %{customdata[1]}<br>true %{x:.1f} %, recovered %{y:.1f} % "
            "(%{customdata[2]:.1f} to %{customdata[3]:.1f})<br>counted %{customdata[4]:.1f} %",
        )
        legend.append(name)
        if naive:
            counted = data[data["class"] == name]
            figure.add_scatter(
                x=counted["true"],
                y=counted["naive"],
                mode="markers",
                name=f"{plain(name)}, counted",
                marker={"color": colour, "symbol": f"{SYMBOLS[index % len(SYMBOLS)]}-open", "size": 7, "opacity": 0.6},
                hovertemplate="true %{x:.1f} %, counted %{y:.1f} %",
            )
            legend.append(f"{name}, counted")
    finish(figure, height=400, simulated=simulated, legend=legend)
    figure.update_xaxes(title_text="true share, %", range=[-2, 102])
    figure.update_yaxes(title_text="recovered share, %", range=[-2, 102])
    return figure


def _members(name: str, classes: ClassScheme) -> tuple[str, ...] | None:
    """The classes of a set of at most two; None for larger sets. Names are compared whole, whatever is in them."""
    if name == NONE:
        return ()
    if name in classes.names:
        return (name,)
    pairs = ((one, other) for one in classes.names for other in classes.names)
    return next(((one, other) for one, other in pairs if name == f"{one} or {other}"), None)


def _marker(name: str, classes: ClassScheme) -> Mapping[str, Any]:
    """One colour for a class, stripes of two for a pair, grey for more, white for none."""
    members, white = _members(name, classes), {"color": "white", "width": 1}
    if members is None:
        return {"color": _NOT_SURE, "line": white}
    if not members:
        return {"color": "white", "line": {"color": AXIS, "width": 1.5}}
    colours = [classes.colour(member) for member in members]
    if len(colours) == 1:
        return {"color": colours[0], "line": white}
    pattern = {"shape": "/", "size": 7, "solidity": 0.5, "fgcolor": colours[1], "bgcolor": colours[0]}
    return {"color": colours[0], "pattern": pattern, "line": white}
