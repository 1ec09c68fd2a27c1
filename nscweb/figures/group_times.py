"""Groups over time: one small panel each, and a heat map with the values written into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.classes import ClassScheme
from nscweb.figures.group_data import group_data, moment_key, outline, point_data
from nscweb.figures.group_marks import LEFT, add_mark_legend, counted_how, group_label, methods_by_group
from nscweb.figures.group_traces import COLUMNS, Places, cell_shapes, counted_labels, mean_marks, replicate_points
from nscweb.figures.look import (
    NO_GROUP,
    finish,
    ink_on,
    nothing_to_draw,
    ordered_times,
    panel_title,
    plain,
    shared_axis_title,
    tick,
    time_unit,
    wrapped,
)
from nscweb.words.marks import mark_colour, symbol

REFERENCE = "published immunofluorescence"
# Light to dark of one hue, so that the order survives a black and white print.
_SCALE = [(0.0, "#f3f7fb"), (0.5, "#6aa6d1"), (1.0, "#08306b")]


def over_time(
    groups: pd.DataFrame,
    rows: pd.DataFrame,
    bins: pd.DataFrame,
    classes: ClassScheme,
    order: Sequence[str],
    fate: str,
    *,
    reference: pd.DataFrame | None = None,
    naive: bool = False,
    simulated: bool = False,
) -> go.Figure:
    """One small panel per group in the order of the answer: mean with interval, replicates, cells behind.

    Args:
        groups, rows: of services.compare.result.Comparison.
        bins: of services.compare.score_spread.
        reference: group, time_h, percent of this fate by immunofluorescence, to lay over as open diamonds.
        naive: lay the uncorrected means beside.
    """
    data, points = group_data(groups, order, [fate]), point_data(rows, order, [fate])
    if data.empty:
        return nothing_to_draw()
    names = [name for name in order if name in set(data["group"])]
    times = ordered_times(data["time_h"])
    unit, axis_title = time_unit(times)
    place = {moment_key(hours): index for index, hours in enumerate(times)}
    columns = 1 if len(names) == 1 else 2
    count = -(-len(names) // columns)
    titles = [wrapped(name or NO_GROUP, 22) for name in names]
    title_px = 34 if any("<br>" in title for title in titles) else 20
    gap, panel = title_px + 34, 128
    inner = count * panel + (count - 1) * gap
    figure = make_subplots(
        count, columns, shared_yaxes=True, horizontal_spacing=0.04, vertical_spacing=gap / inner if count > 1 else 0
    )
    lights = {
        (name, moment_key(hours)): str(light)
        for name, hours, light in zip(groups["group"], groups["time_h"], groups["light"], strict=True)
    }
    # Traces and notes are added all at once: one by one, Plotly checks everything again for each.
    traces: list[go.Scatter] = []
    notes: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        axes = figure.get_subplot(index // columns + 1, index % columns + 1)
        where = {side: axis.plotly_name.replace("axis", "") for side, axis in (("x", axes.xaxis), ("y", axes.yaxis))}
        means, own = data[data["group"] == name], points[points["group"] == name]
        at, own_at = _columns(means, place), _columns(own, place)
        colour, counted = classes.colour(fate), methods_by_group(means)
        shapes = [_column_shape(place[moment_key(hours)], *outline(bins, name, hours, fate)) for hours in times]
        panel_traces = [cell_shapes(COLUMNS, shapes), replicate_points(COLUMNS, own, own_at, colour, counted)]
        if naive:
            panel_traces.append(counted_labels(COLUMNS, means, at + 0.3))
        if reference is not None:
            panel_traces.append(_landmark(reference[reference["group"] == name], place))
        panel_traces.append(mean_marks(COLUMNS, means, at))
        traces += [trace.update(xaxis=where["x"], yaxis=where["y"], showlegend=index == 0) for trace in panel_traces]
        for row in means.to_dict("records"):
            light = lights.get((name, moment_key(row["time_h"])), "")
            text = symbol(light) + ("" if np.isfinite(row["percent"]) else "?")
            if text:
                notes.append(
                    {
                        "text": text,
                        "x": place[moment_key(row["time_h"])],
                        "y": 103,
                        "yanchor": "bottom",
                        "showarrow": False,
                        "font": {"size": 12, "color": mark_colour(light)},
                        "xref": where["x"],
                        "yref": where["y"],
                    }
                )
        notes.append(panel_title(titles[index], x=axes.xaxis.domain[0], y=axes.yaxis.domain[1], size=13))
    notes.append(shared_axis_title(axis_title))
    figure.add_traces(traces)
    figure.update_layout(annotations=notes)
    legend = ["replicate", "mean, 95 % interval", "scores of the cells"]
    legend += ["counted labels"] if naive else []
    legend += [REFERENCE] if reference is not None else []
    legend += add_mark_legend(figure, data, points)
    margin = {"t": title_px + 8, "b": 50, "l": 50}
    across = {
        "range": [-0.6, len(times) - 0.4],
        "tickvals": list(range(len(times))),
        "ticktext": [tick(hours, unit) for hours in times],
        "showgrid": False,
    }
    finish(
        figure,
        height=inner + margin["t"] + 50,
        simulated=simulated,
        legend=legend,
        margin=margin,
        axes=(across, {"range": [0, 122], "tickvals": [0, 50, 100]}),
    )
    return figure.update_yaxes(title_text="% of cells", col=1)


def heat_map(
    groups: pd.DataFrame, classes: ClassScheme, order: Sequence[str], fate: str, *, simulated: bool = False
) -> go.Figure:
    """Mean per cent of one fate, groups down in the order of the answer, times across, values in the fields."""
    data = group_data(groups, order, [fate])
    if data.empty:
        return nothing_to_draw()
    names = [name for name in order if name in set(data["group"])]
    times = ordered_times(data["time_h"])
    unit, axis_title = time_unit(times)
    column = {moment_key(hours): index for index, hours in enumerate(times)}
    lights = {
        (name, moment_key(hours)): str(light)
        for name, hours, light in zip(groups["group"], groups["time_h"], groups["light"], strict=True)
    }
    shape = (len(names), len(times))
    value = np.full(shape, np.nan)
    hover = np.full(shape, "", object)
    figure, notes = go.Figure(), []
    for row in data.to_dict("records"):
        y, x = names.index(row["group"]), column[moment_key(row["time_h"])]
        light = lights[(row["group"], moment_key(row["time_h"]))]
        value[y, x] = row["percent"]
        said = "?" if np.isnan(row["percent"]) else f"{row['percent']:.0f}"
        hover[y, x] = (
            f"{plain(row['group'] or NO_GROUP)}, {row['time']}: {said} %<br>95 % interval {row['low']:.1f} to "
            f"{row['high']:.1f}<br>{row['replicates']} replicates, {row['cells']:,} cells<br>"
            f"{counted_how(row['method'])}<br>trust light: {row['light']}"
        )
        notes.append(
            {
                "text": f"{said} {symbol(light)}".strip(),
                "x": x,
                "y": y,
                "showarrow": False,
                "xref": "x",
                "yref": "y",
                "font": {"size": 14, "weight": 600, "color": ink_on(row["percent"] / 100, _SCALE)},
            }
        )
    # All at once: one by one, Plotly checks everything again for each.
    figure.update_layout(annotations=notes)
    figure.add_heatmap(
        z=value,
        zmin=0,
        zmax=100,
        colorscale=_SCALE,
        showscale=False,
        xgap=2,
        ygap=2,
        text=hover,
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
    )
    legend = add_mark_legend(figure, data)
    margin = {"t": 6, "b": 50, "l": LEFT}
    finish(figure, height=30 * len(names) + 60, simulated=simulated, legend=legend, margin=margin)
    figure.update_xaxes(
        tickvals=list(range(len(times))),
        ticktext=[tick(hours, unit) for hours in times],
        title_text=f"{axis_title}; % {plain(fate, 24)}",
        showgrid=False,
    )
    return figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[group_label(name) for name in names],
        autorange="reversed",
        showgrid=False,
    )


def _landmark(rows: pd.DataFrame, place: dict[float, int]) -> go.Scatter:
    # As an array: an empty list would choose no columns instead of no rows.
    known = rows[np.array([moment_key(hours) in place for hours in rows["time_h"]], bool)]
    return go.Scatter(
        # A legend needs a point, also where this group has none.
        x=[place[moment_key(hours)] - 0.3 for hours in known["time_h"]] or [np.nan],
        y=known["percent"].tolist() or [np.nan],
        mode="markers",
        marker={"size": 10, "color": "#b23a00", "symbol": "diamond-open", "line": {"width": 1.8}},
        hovertemplate="%{y:.1f} % marker-positive<br>immunofluorescence, Zhu et al. 2021<extra></extra>",
        name=REFERENCE,
        legendgroup="reference",
        legendrank=5,
    )


def _columns(table: pd.DataFrame, place: dict[float, int]) -> Places:
    return np.array([place[moment_key(hours)] for hours in table["time_h"]], np.float64)


def _column_shape(middle: int, percent: Places, height: Places) -> tuple[Places, Places, Places]:
    return percent, middle + 0.42 * height, middle - 0.42 * height
