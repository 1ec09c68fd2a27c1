"""Two small figures of an evaluation: accuracy at each time point, and what recording conditions give away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.figures.look import INK, MUTED, finish, nothing_to_draw, plain, tick, time_label, time_unit

ALL_CLASSES = "all classes (accuracy)"


def accuracy_by_time_data(metrics: Iterable[Metric], classes: ClassScheme) -> pd.DataFrame:
    """What `accuracy_by_time` draws, in per cent: one row per figure, class and time, with its 95 % interval."""
    position = {name: index + 1 for index, name in enumerate(classes.names)}
    rows = [
        {
            "figure": item.name,
            "class": item.class_name or ALL_CLASSES,
            "time_h": item.time_h,
            "time": time_label(item.time_h),
            "percent": 100 * item.value,
            "low": 100 * item.low,
            "high": 100 * item.high,
            "cells": item.cells,
            "samples": item.samples,
            "interval": item.interval,
            "order": position.get(item.class_name, 0),
        }
        for item in metrics
        if item.time_h is not None
        and (
            (item.name == "accuracy" and not item.class_name) or (item.name == "recall" and item.class_name in position)
        )
    ]
    columns = ["figure", "class", "time_h", "time", "percent", "low", "high", "cells", "samples", "interval", "order"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["order", "time_h"], kind="stable", ignore_index=True).drop(columns="order")


def accuracy_by_time(metrics: Iterable[Metric], classes: ClassScheme, *, simulated: bool = False) -> go.Figure:
    """Accuracy (all classes) and recall (each class) at each time point with 95 % intervals.

    Args:
        metrics: figures with `time_h` set, from `classification_metrics(by_time=True)` or a model card.
        classes: order and colours.
        simulated: say so on the figure.
    """
    data = accuracy_by_time_data(metrics, classes)
    if data.empty:
        return nothing_to_draw("There is only one time point.")
    times = sorted(set(data["time_h"].astype(float)))
    unit, axis_title = time_unit(times)
    names = list(dict.fromkeys(data["class"]))
    figure = go.Figure()
    for index, name in enumerate(names):
        rows = data[data["class"] == name]
        overall = name == ALL_CLASSES
        colour = INK if overall else classes.colour(name)
        shift = (index - (len(names) - 1) / 2) * 0.09
        y = rows["percent"].to_numpy(float)
        low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
        figure.add_scatter(
            x=np.array([times.index(hours) for hours in rows["time_h"]]) + shift,
            y=y,
            mode="lines+markers",
            name=plain(name) if overall else f"{plain(name)} (recall)",
            line={"color": colour, "width": 2.4 if overall else 1.6, "dash": "solid" if overall else "dot"},
            marker={"color": colour, "size": 9 if overall else 7, "symbol": "square" if overall else "circle"},
            error_y={"symmetric": False, "array": high - y, "arrayminus": y - low, "thickness": 1.3, "width": 3},
            customdata=np.stack([rows["time"], low.round(1), high.round(1), rows["cells"], rows["samples"]], axis=1),
            hovertemplate="%{customdata[0]}: %{y:.1f} % (%{customdata[1]} to %{customdata[2]})"
            "<br>%{customdata[3]} cells, %{customdata[4]} samples",
        )
    finish(figure, height=310, simulated=simulated, legend=[f"{name} (recall)" for name in names])
    figure.update_xaxes(
        title_text=axis_title,
        tickvals=list(range(len(times))),
        ticktext=[tick(hours, unit) for hours in times],
        range=[-0.4, len(times) - 0.6],
        showgrid=False,
    )
    lowest = float(np.floor(data["low"].min() / 10) * 10)
    return figure.update_yaxes(title_text="% of cells named right", range=[max(0, lowest - 2), 101.5])


def shortcut_bars_data(report: Mapping[str, Any]) -> pd.DataFrame:
    """What `shortcut_bars` draws, in per cent: what, percent, low, high; from `ShortcutReport.as_dict()`."""
    rows = [
        {"what": item["label"], "percent": 100 * item["accuracy"], "low": np.nan, "high": np.nan}
        for item in report["features"]
    ]
    rows.append(
        {
            "what": "all together",
            "percent": 100 * report["accuracy"],
            "low": 100 * report["low"],
            "high": 100 * report["high"],
        }
    )
    rows.append({"what": "chance", "percent": 100 * report["chance"], "low": np.nan, "high": np.nan})
    return pd.DataFrame(rows)


def shortcut_bars(report: Mapping[str, Any], *, simulated: bool = False) -> go.Figure:
    """How often recording conditions alone name the right class: bars, with a line at chance."""
    data = shortcut_bars_data(report)
    chance = float(data["percent"].iloc[-1])
    bars = data.iloc[:-1].iloc[::-1]
    together = (bars["what"] == "all together").to_numpy()
    spread = [
        (bars[end].to_numpy(float) - bars["percent"].to_numpy(float)) * sign for end, sign in (("high", 1), ("low", -1))
    ]
    figure = go.Figure(
        go.Bar(
            x=bars["percent"],
            y=[plain(name) for name in bars["what"]],
            orientation="h",
            marker={"color": np.where(together, "#D55E00", "#9fb3c6").tolist()},
            text=[f"{value:.0f} %" for value in bars["percent"]],
            textposition="inside",
            insidetextanchor="start",
            textfont={"color": np.where(together, "white", INK).tolist()},
            error_x={"symmetric": False, "array": spread[0], "arrayminus": spread[1], "thickness": 1.4, "width": 4},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.add_vline(x=chance, line={"color": INK, "dash": "dash", "width": 1.5})
    figure.add_annotation(
        x=chance,
        y=1,
        yref="paper",
        yanchor="bottom",
        text=f"chance {chance:.0f} %",
        showarrow=False,
        font={"size": 12, "color": MUTED},
    )
    finish(figure, height=90 + 30 * len(bars), simulated=simulated, margin={"l": 118, "t": 26, "b": 48})
    figure.update_xaxes(title_text="% of cells named right (balanced)", range=[0, 100], tickvals=[0, 25, 50, 75, 100])
    return figure.update_yaxes(showgrid=False, ticks="")
