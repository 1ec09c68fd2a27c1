"""Fate ratios over time, stacked: one small panel per inducer group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.classes import ClassScheme
from nscweb.figures.group_marks import add_mark_legend, counted_how
from nscweb.figures.look import (
    NO_GROUP,
    finish,
    nothing_to_draw,
    ordered_times,
    panel_title,
    plain,
    shared_axis_title,
    tick,
    time_label,
    time_unit,
    wrapped,
)
from nscweb.words.marks import mark, mark_colour, symbol


def stacked_ratios_data(means: pd.DataFrame, classes: ClassScheme, order: Sequence[str] = ()) -> pd.DataFrame:
    """What `stacked_ratios` draws: group, time_h, time, class, percent, replicates, cells; classes in order.

    Where the table has lights, intervals and a way of counting, they stand in ``light``, ``low``, ``high`` and
    ``method``; ``percent`` is NaN where a ratio is not known.
    """
    table = means[means["class"].isin(list(classes.names))]
    places = {name: f"{index:06d}" for index, name in enumerate(order)}
    ordered = pd.DataFrame(
        {
            "group": [places.get(name, name.casefold()) for name in table["group"].astype(str)],
            "time_h": table["time_h"].astype(float),
            "class": [classes.index(name) for name in table["class"]],
        },
        index=table.index,
    )
    table = table.loc[ordered.sort_values(["group", "time_h", "class"], kind="stable").index]
    data = pd.DataFrame(
        {
            "group": table["group"].astype(str),
            "time_h": table["time_h"].astype(float),
            "time": [time_label(hours) for hours in table["time_h"]],
            "class": table["class"].astype(str),
            "percent": 100 * table["mean"].astype(float),
            "replicates": table["replicates"].astype(int),
            "cells": table["cells"].astype(int),
        }
    )
    if "method" in table:
        data["low"], data["high"] = 100 * table["low"].astype(float), 100 * table["high"].astype(float)
        data["method"] = table["method"].astype(str)
    if "light" in table:
        data["light"] = [mark(str(light)) for light in table["light"]]
    return data.reset_index(drop=True)


def stacked_ratios(
    means: pd.DataFrame, classes: ClassScheme, *, order: Sequence[str] = (), simulated: bool = False
) -> go.Figure:
    """Stacked mean ratios over time, one small panel per inducer group.

    Args:
        means: of services.compare.result.Comparison, one row per group, time point and class.
        classes: order and colours.
        order: groups in the order wanted; by name without it.
        simulated: say so on the figure.
    """
    data = stacked_ratios_data(means, classes, order)
    if data.empty:
        return nothing_to_draw()
    groups = list(dict.fromkeys(data["group"]))
    times = ordered_times(data["time_h"])
    unit, axis_title = time_unit(times)
    # Three columns of many bars are too narrow for their labels on a phone.
    columns = 1 if len(groups) == 1 else 2 if len(groups) in (2, 4) or len(times) > 5 else 3
    rows = -(-len(groups) // columns)
    titles = [wrapped(group or NO_GROUP, 46 // columns) for group in groups]
    title_px = 34 if any("<br>" in title for title in titles) else 20
    gap, panel = title_px + 28, 140
    inner = rows * panel + (rows - 1) * gap
    figure = make_subplots(rows, columns, shared_yaxes=True, horizontal_spacing=0.035, vertical_spacing=gap / inner)
    # Traces and notes are added all at once: one by one, Plotly checks everything again for each.
    bars, notes = [], []
    for index, group in enumerate(groups):
        axes = figure.get_subplot(index // columns + 1, index % columns + 1)
        x, y = (axis.plotly_name.replace("axis", "") for axis in (axes.xaxis, axes.yaxis))
        own = data[data["group"] == group]
        for name in classes.names:
            bars.append(_bars(own[own["class"] == name], classes, name, unit, x, y, index == 0))
        for text, hours, light in _marks(own):
            font = {"size": 12, "color": mark_colour(light)}
            where = {"x": tick(hours, unit), "y": 101, "xref": x, "yref": y, "yanchor": "bottom"}
            notes.append({"text": text, "showarrow": False, "font": font, **where})
        notes.append(panel_title(titles[index], x=axes.xaxis.domain[0], y=axes.yaxis.domain[1], size=12))
    notes.append(shared_axis_title(axis_title))
    figure.add_traces(bars)
    marks = add_mark_legend(figure, data) if "light" in data else []
    figure.update_layout(annotations=notes)
    figure.update_layout(barmode="stack", bargap=0.2 if len(times) > 1 else 0.6)
    margin = {"t": title_px + 8, "b": 50, "l": 56}
    across = {
        "showticklabels": True,
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [tick(hours, unit) for hours in times],
        "range": [-0.5, len(times) - 0.5],
        "showgrid": False,
        "ticks": "",
        "tickangle": 0,
    }
    above = 122 if any(_marks(data[data["group"] == group]) for group in groups) else 100
    finish(
        figure,
        height=inner + margin["t"] + margin["b"],
        simulated=simulated,
        legend=[*classes.names, *marks],
        margin=margin,
        axes=(across, {"range": [0, above], "tickvals": [0, 50, 100]}),
    )
    figure.update_yaxes(title_text="% of cells", col=1)
    return figure


def _marks(rows: pd.DataFrame) -> list[tuple[str, float, str]]:
    """(text, hours, light) above the bars of a group: its warning, and a question mark where no ratio is known."""
    found = []
    lights = rows["light"] if "light" in rows else [""] * len(rows)
    # Times that are not known are no numbers, which are not equal to themselves.
    hours_of = [None if np.isnan(hours) else float(hours) for hours in rows["time_h"]]
    seen = zip(hours_of, lights, rows["percent"], strict=True)
    for hours, said, percent in dict.fromkeys((hours, str(said), np.isnan(percent)) for hours, said, percent in seen):
        light = next((name for name in ("yellow", "red") if said == mark(name)), "")
        text = symbol(light) + ("?" if percent else "")
        if text:
            found.append((text, np.nan if hours is None else hours, light))
    return found


def _said(rows: pd.DataFrame) -> list[str]:
    """What the hover adds where it is known: interval, way of counting, trust light."""
    said = [""] * len(rows)
    if "method" in rows:
        ends = zip(rows["low"], rows["high"], rows["method"], strict=True)
        said = [f"<br>95 % interval {low:.1f} to {high:.1f}<br>{counted_how(method)}" for low, high, method in ends]
    if "light" in rows:
        said = [f"{text}<br>trust light: {light}" for text, light in zip(said, rows["light"], strict=True)]
    return said


def _bars(
    rows: pd.DataFrame, classes: ClassScheme, name: str, unit: float, x: str, y: str, first: bool
) -> dict[str, Any]:
    return {
        "type": "bar",
        "x": [tick(hours, unit) for hours in rows["time_h"]],
        "y": rows["percent"].to_numpy(float),
        "name": plain(name),
        "legendgroup": name,
        "showlegend": first,
        "marker": {"color": classes.colour(name), "line": {"color": "white", "width": 1}},
        "customdata": np.stack([rows["time"], rows["replicates"], rows["cells"], _said(rows)], axis=1),
        "hovertemplate": "%{customdata[0]}: %{y:.1f} %<br>%{customdata[1]} replicates, %{customdata[2]:,} cells"
        "%{customdata[3]}",
        "xaxis": x,
        "yaxis": y,
    }
