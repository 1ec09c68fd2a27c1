"""Figures for a threshold on a score: precision, recall and yield against it, and enrichment."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.figures.look import AXIS, INK, SERIES, add_band, finish, nothing_to_draw, plain

_LINES: tuple[tuple[str, str, str], ...] = (
    ("precision", "right among the sorted (precision)", "solid"),
    ("recall", "of the class kept (recall)", "dash"),
    ("yield", "of all cells sorted (yield)", "dot"),
)


def sorting_figure(table: pd.DataFrame, class_name: str, threshold: float, *, simulated: bool = False) -> go.Figure:
    """Precision, recall and yield in per cent against the threshold, with 95 % bands and a line at the chosen one.

    Args:
        table: of `evaluation.scores.thresholds.SortingCurve`.
        class_name: the class wanted.
        threshold: chosen.
        simulated: say so on the figure.
    """
    figure = go.Figure()
    legend = []
    for index, (column, name, dash) in enumerate(_LINES):
        legend.append(name)
        _line(figure, table, column, name, SERIES[index], dash, 100.0)
    if not len(figure.data):
        return nothing_to_draw("No cell is sorted at any threshold.")
    _finish(figure, class_name, threshold, simulated, legend)
    return figure.update_yaxes(title_text="per cent of cells", range=[0, 100.5])


def enrichment_figure(table: pd.DataFrame, class_name: str, threshold: float, *, simulated: bool = False) -> go.Figure:
    """Enrichment (precision over prevalence) against the threshold with its 95 % band; 1 means no gain."""
    figure = go.Figure()
    _line(figure, table, "enrichment", "times enriched", SERIES[3], "solid", 1.0)
    if not len(figure.data):
        return nothing_to_draw("No cell is sorted at any threshold.")
    _finish(figure, class_name, threshold, simulated, ["times enriched"])
    figure.add_hline(y=1, line={"color": AXIS, "dash": "dot", "width": 1.2}, layer="below")
    return figure.update_yaxes(title_text="times enriched", rangemode="tozero")


def _line(
    figure: go.Figure, table: pd.DataFrame, column: str, name: str, colour: str, dash: str, factor: float
) -> None:
    rows = table[np.isfinite(table[column].to_numpy(float))]
    if rows.empty:
        return
    x = rows["threshold"].to_numpy(float)
    value, low, high = (factor * rows[key].to_numpy(float) for key in (column, f"{column}_low", f"{column}_high"))
    add_band(figure, x, low, high, colour)
    unit = " %" if factor > 1 else ""
    figure.add_scatter(
        x=x,
        y=value,
        mode="lines",
        name=name,
        line={"color": colour, "width": 2.2, "dash": dash},
        customdata=np.stack([low, high, rows["sorted"].to_numpy(float)], axis=1),
        hovertemplate=f"score %{{x:.2f}}: %{{y:.1f}}{unit} (%{{customdata[0]:.1f}} to %{{customdata[1]:.1f}})"
        "<br>%{customdata[2]:,} cells sorted",
    )


def _finish(figure: go.Figure, class_name: str, threshold: float, simulated: bool, legend: list[str]) -> None:
    finish(figure, height=300, simulated=simulated, legend=[text.ljust(80) for text in legend])
    figure.update_layout(legend={"orientation": "v"}, showlegend=True)
    figure.add_vline(x=threshold, line={"color": INK, "width": 1.4})
    figure.update_xaxes(title_text=f"least score for {plain(class_name, 24)}", range=[0, 1])
