"""Figures of an evaluation: confusion matrix, ROC and precision-recall curves. Numbers come from `evaluation`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.figures.accuracy import accuracy_by_time, accuracy_by_time_data, shortcut_bars, shortcut_bars_data
from nscweb.figures.look import AXIS, DASHES, INK, add_band, finish, hyphenated, nothing_to_draw, plain

__all__ = [
    "accuracy_by_time",
    "accuracy_by_time_data",
    "confusion_data",
    "confusion_figure",
    "curves_data",
    "pr_figure",
    "roc_figure",
    "shortcut_bars",
    "shortcut_bars_data",
]

# A figure with or without its interval (value, low, high).
Area = float | Metric | tuple[float, float, float]
Bands = Mapping[str, pd.DataFrame]


def confusion_data(matrix: Any, classes: ClassScheme) -> pd.DataFrame:
    """What `confusion_figure` draws, one row per field: true_class, predicted, cells, percent_of_true_class."""
    counts = np.asarray(matrix, np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    percent = np.divide(100.0 * counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    size = len(classes)
    return pd.DataFrame(
        {
            "true_class": np.repeat(np.asarray(classes.names, object), size),
            "predicted": np.tile(np.asarray(classes.names, object), size),
            "cells": counts.ravel(),
            "percent_of_true_class": percent.ravel(),
        }
    )


def confusion_figure(matrix: Any, classes: ClassScheme, *, simulated: bool = False) -> go.Figure:
    """Confusion matrix: counts, and per cent of each true class as text and colour.

    Args:
        matrix: (K, K) counts, rows true, columns predicted.
        classes: order.
        simulated: say so on the figure.
    """
    data = confusion_data(matrix, classes)
    size = len(classes)
    if not data["cells"].sum():
        return nothing_to_draw("No cell has a known true class.")
    percent = data["percent_of_true_class"].to_numpy().reshape(size, size)
    counts = data["cells"].to_numpy().reshape(size, size)
    names = [hyphenated(name, 11) for name in classes.names]
    ticks = list(range(size))
    figure = go.Figure(
        go.Heatmap(
            z=percent,
            x=ticks,
            y=ticks,
            customdata=counts,
            zmin=0,
            zmax=100,
            colorscale=[[0, "#f7fafc"], [0.5, "#7fb4d6"], [1, "#004a75"]],
            xgap=3,
            ygap=3,
            hovertemplate="true %{y}, predicted %{x}: %{customdata} cells, %{z:.1f} % of the true class<extra></extra>",
            showscale=False,
        )
    )
    for row in range(size):
        for column in range(size):
            figure.add_annotation(
                x=column,
                y=row,
                text=f"<b>{counts[row, column]:,}</b><br>{percent[row, column]:.1f} %",
                showarrow=False,
                font={"color": "white" if percent[row, column] > 55 else INK, "size": 13 if size < 6 else 11},
            )
    height = max(250, 74 * size) + 78
    left = 30 + 7 * max(len(line) for name in names for line in name.split("<br>"))
    finish(figure, height=height, simulated=simulated, margin={"l": left, "r": 14, "t": 14, "b": 64})
    figure.update_xaxes(
        title_text="predicted class", tickvals=ticks, ticktext=names, showgrid=False, ticks="", tickangle=0
    )
    figure.update_yaxes(title_text="true class", tickvals=ticks, ticktext=names, showgrid=False, ticks="")
    figure.update_yaxes(autorange="reversed", title_standoff=4)
    return figure


def curves_data(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What `roc_figure` and `pr_figure` draw: the points of all curves with a column ``class`` in front."""
    parts = [table.assign(**{"class": name}) for name, table in curves.items()]
    if not parts:
        return pd.DataFrame(columns=["class"])
    joined = pd.concat(parts, ignore_index=True)
    return joined[["class", *(column for column in joined.columns if column != "class")]]


def roc_figure(
    curves: Mapping[str, pd.DataFrame],
    areas: Mapping[str, Area],
    classes: ClassScheme,
    *,
    simulated: bool = False,
    bands: Bands | None = None,
) -> go.Figure:
    """ROC curve of each class against the rest, AUC in the legend with its interval where `areas` holds a `Metric`.

    Args:
        curves: class name -> columns fpr, tpr from `evaluation.scores.curves.roc`.
        areas: class name -> AUC.
        bands: class name -> columns fpr, tpr, low, high from `evaluation.scores.curve_bands`; a name that is no class
            is drawn as a further curve, the mean of the classes.
    """
    figure = _curve_figure(curves, areas, classes, ("fpr", "tpr"), "AUC", simulated, bands or {})
    if not curves:
        return figure
    figure.add_shape(
        type="line", x0=0, y0=0, x1=1, y1=1, line={"color": AXIS, "dash": "dot", "width": 1.2}, layer="below"
    )
    figure.update_xaxes(title_text="other cells taken for it (false positive rate)")
    return figure.update_yaxes(title_text="its cells found (recall)")


def pr_figure(
    curves: Mapping[str, pd.DataFrame],
    areas: Mapping[str, Area],
    classes: ClassScheme,
    *,
    simulated: bool = False,
    bands: Bands | None = None,
) -> go.Figure:
    """Precision-recall curve of each class, average precision (AP) in the legend.

    Args:
        curves: class name -> columns recall, precision from `evaluation.scores.curves.pr`.
        areas: class name -> average precision.
        bands: as in `roc_figure`, columns recall, precision, low, high.
    """
    figure = _curve_figure(curves, areas, classes, ("recall", "precision"), "AP", simulated, bands or {})
    if not curves:
        return figure
    figure.update_xaxes(title_text="its cells found (recall)")
    return figure.update_yaxes(title_text="found cells that are right (precision)")


def _curve_figure(
    curves: Mapping[str, pd.DataFrame],
    areas: Mapping[str, Area],
    classes: ClassScheme,
    axes: tuple[str, str],
    area_name: str,
    simulated: bool,
    bands: Bands,
) -> go.Figure:
    if not curves:
        return nothing_to_draw("A curve needs cells of at least two true classes.")
    figure = go.Figure()
    legend: list[str] = []
    for name, band in bands.items():
        x, low, high = (band[band.columns[index]].to_numpy(float) for index in (0, 2, 3))
        add_band(figure, x, low, high, classes.colour(name) if name in classes.names else INK)
    for index, name in enumerate(name for name in classes.names if name in curves):
        table = curves[name]
        text = f"{plain(name)}, {area_name} {_area(areas.get(name))}" if name in areas else plain(name)
        legend.append(text)
        line: dict[str, Any] = {"color": classes.colour(name), "width": 2.2, "dash": DASHES[index % len(DASHES)]}
        if axes[0] == "recall":
            line["shape"] = "hv"
        figure.add_scatter(
            x=table[axes[0]],
            y=table[axes[1]],
            mode="lines",
            name=text,
            line=line,
            cliponaxis=False,
            hovertemplate=f"{axes[0]} %{{x:.3f}}, {axes[1]} %{{y:.3f}}",
        )
    for name, band in bands.items():
        if name not in classes.names:
            text = f"{plain(name)}, {area_name} {_area(areas.get(name))}" if name in areas else plain(name)
            legend.append(text)
            figure.add_scatter(
                x=band[axes[0]],
                y=band[axes[1]],
                mode="lines",
                name=text,
                line={"color": INK, "width": 1.6},
                cliponaxis=False,
                hovertemplate=f"{axes[0]} %{{x:.2f}}, {axes[1]} %{{y:.3f}}",
            )
    # One entry per line at any width, so the room below is known.
    finish(figure, height=330, simulated=simulated, legend=_one_per_row(legend), margin={"l": 58, "t": 14})
    figure.update_layout(legend={"orientation": "v"})
    ticks: Sequence[float] = (0, 0.2, 0.4, 0.6, 0.8, 1)
    figure.update_xaxes(range=[0, 1], tickvals=ticks, constrain="domain")
    return figure.update_yaxes(range=[0, 1.005], tickvals=ticks)


def _one_per_row(legend: list[str]) -> list[str]:
    return [text.ljust(80) for text in legend]


def _area(area: Area | None) -> str:
    if isinstance(area, tuple):
        return f"{area[0]:.3f} ({area[1]:.3f} to {area[2]:.3f})"
    if isinstance(area, Metric):
        return f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
    return f"{area:.3f}" if area is not None else "not known"
