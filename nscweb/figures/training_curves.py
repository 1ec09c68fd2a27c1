"""Figures of a training that is at work and of a search for settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.figures.look import INK, MUTED, SERIES, finish, nothing_to_draw
from nscweb.figures.model_history import training_curves

# State of a trial -> colour, symbol; told apart by shape too.
_STATES = {
    "finished": (SERIES[0], "circle"),
    "ended early": (SERIES[4], "triangle-up-open"),
    "diverged": (SERIES[1], "x"),
}
_LOGARITHMIC = ("learning_rate", "weight_decay")


def live_curves(history: Sequence[Mapping[str, Any]], *, simulated: bool = False) -> go.Figure:
    """Loss and accuracy so far, the best epoch marked; for a training that is not finished.

    Args:
        history: one row per finished epoch, see `training_curves_data`.
        simulated: say so on the figure.
    """
    if not history:
        return nothing_to_draw("The first point comes after the first epoch.")
    figure = training_curves(history, simulated=simulated)
    for annotation in figure.layout.annotations:
        if str(annotation.text).startswith("kept: "):
            # Inside the panel: above it, an early epoch would stand on the title.
            annotation.update(
                text=annotation.text.replace("kept: ", "best so far: "),
                yanchor="top",
                yshift=-2,
                xshift=-4 if annotation.xanchor == "right" else 4,
                bgcolor="rgba(255,255,255,0.8)",
            )
    last = max(float(row["epoch"]) for row in history)
    figure.update_xaxes(range=[0.5, max(4.0, last) + 0.5], dtick=1 if last <= 12 else None)
    # The same key in every refresh keeps zoom and hidden lines as the user has set them.
    return figure.update_layout(uirevision="training")


def trials_data(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """The table of trials with numbers where there are numbers; what the figures of a search draw.

    Args:
        rows: of ``trials.csv``, see `nscweb.services.train.tune_files`.
    """
    table = pd.DataFrame(list(rows))
    for name in table.columns:
        if name != "state":
            table[name] = pd.to_numeric(table[name])
    return table


def search_progress(rows: Sequence[Mapping[str, str]], *, simulated: bool = False) -> go.Figure:
    """Validation loss of each trial, the best so far as a line, the default settings as a dotted one."""
    table = trials_data(rows)
    if table.empty:
        return nothing_to_draw("The first point comes after the first trial.")
    figure = go.Figure()
    figure.add_scatter(
        x=table["trial"],
        y=table["best_so_far"],
        mode="lines",
        name="best so far",
        line={"color": INK, "width": 2, "shape": "hv"},
        hovertemplate="best of %{x} trials: %{y:.4g}<extra></extra>",
    )
    names = ["best so far"]
    for state, (colour, symbol) in _STATES.items():
        part = table[table["state"] == state]
        if part.empty:
            continue
        names.append(state)
        figure.add_scatter(
            x=part["trial"],
            y=part["validation_loss"],
            mode="markers",
            name=state,
            marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 1.5, "color": colour}},
            hovertemplate="trial %{x}: %{y:.4g}<extra></extra>",
        )
    _default_line(figure, table)
    finish(figure, height=290, simulated=simulated, legend=names)
    last = max(4, len(table))
    figure.update_xaxes(title_text="trial", range=[0.5, last + 0.5], dtick=1 if last <= 15 else None)
    return figure.update_yaxes(title_text="validation loss (cross-entropy)")


def search_setting(rows: Sequence[Mapping[str, str]], name: str, words: str, *, simulated: bool = False) -> go.Figure:
    """Validation loss against one setting; every trial is a point."""
    table = trials_data(rows)
    if table.empty or name not in table:
        return nothing_to_draw("No trial has tried this setting yet.")
    figure = go.Figure()
    names = []
    for state, (colour, symbol) in _STATES.items():
        part = table[table["state"] == state]
        if part.empty:
            continue
        names.append(state)
        figure.add_scatter(
            x=part[name],
            y=part["validation_loss"],
            mode="markers",
            name=state,
            customdata=part["trial"],
            marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 1.5, "color": colour}},
            hovertemplate="trial %{customdata}: %{x:.3g} gives %{y:.4g}<extra></extra>",
        )
    best = table.loc[int(np.argmin(table["validation_loss"].to_numpy(float)))]
    figure.add_scatter(
        x=[best[name]],
        y=[best["validation_loss"]],
        mode="markers",
        name="best",
        marker={"color": INK, "symbol": "circle-open", "size": 17, "line": {"width": 2}},
        hoverinfo="skip",
    )
    finish(figure, height=290, simulated=simulated, legend=[*names, "best"])
    if name in _LOGARITHMIC:
        ticks = [step * 10.0**power for power in range(-6, 3) for step in (1, 3)]
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    elif name == "batch":
        sizes = sorted(int(size) for size in table[name].unique())
        figure.update_xaxes(type="log", tickvals=sizes, ticktext=[str(size) for size in sizes])
    figure.update_xaxes(title_text=words)
    return figure.update_yaxes(title_text="validation loss (cross-entropy)")


def _default_line(figure: go.Figure, table: pd.DataFrame) -> None:
    first = table.iloc[0]
    figure.add_hline(y=float(first["validation_loss"]), line={"color": MUTED, "dash": "dot", "width": 1.2})
    figure.add_annotation(
        text="default settings",
        x=1,
        xref="paper",
        xanchor="right",
        y=float(first["validation_loss"]),
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": MUTED},
    )
