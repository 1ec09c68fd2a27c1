"""Figures of the checks in a model card: what swaps of light and frame cost, and accuracy under changed recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.card import ModelCard
from nscweb.figures.look import INK, SERIES, finish, nothing_to_draw, plain, wrapped

Rows = Sequence[Mapping[str, Any]]
OWN, OTHER = "from a cell of its own class", "from a cell of another class"
_ROW_HEIGHT = 21


def swap_data(audit: Mapping[str, Any]) -> pd.DataFrame:
    """What `swap_figure` draws, in per cent: swapped, own_class, other_class and cost with their intervals."""
    names = {
        "what": "swapped",
        "control": "own_class",
        "accuracy": "other_class",
        "low": "other_class_low",
        "high": "other_class_high",
        "cost": "cost",
        "cost_low": "cost_low",
        "cost_high": "cost_high",
    }
    rows = [row for row in audit.get("swaps", ()) if row.get("decides")]
    table = pd.DataFrame([{new: row[old] for old, new in names.items()} for row in rows], columns=list(names.values()))
    numbers = list(names.values())[1:]
    for name in numbers:
        table[name] = table[name].astype(float) * 100
    return table


def swap_figure(audit: Mapping[str, Any], *, simulated: bool = False) -> go.Figure:
    """Accuracy when light or frame of each cell are those of another cell: of its own class, and of another class.

    Args:
        audit: of a model card.
        simulated: say so on the figure.
    """
    data = swap_data(audit)
    if data.empty:
        return nothing_to_draw("The card of this model has no swaps.")
    places = [wrapped(f"{name[0].upper()}{name[1:]}", 26, 3) for name in data["swapped"]]
    figure = go.Figure()
    for place, own, other in zip(places, data["own_class"], data["other_class"], strict=True):
        figure.add_scatter(
            x=[own, other],
            y=[place, place],
            mode="lines",
            line={"color": INK, "width": 1},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=data["own_class"],
        y=places,
        mode="markers",
        name=OWN,
        marker=_open_circle(SERIES[0]),
        hovertemplate="%{x:.1f} %",
    )
    figure.add_scatter(
        x=data["other_class"],
        y=places,
        mode="markers",
        name=OTHER,
        marker={"symbol": "diamond", "size": 9, "color": SERIES[1]},
        error_x=_interval(data, "other_class", "other_class_low", "other_class_high", SERIES[1]),
        hovertemplate="%{x:.1f} %",
    )
    finish(figure, height=52 * len(data) + 60, simulated=simulated, legend=[OWN, OTHER], margin={"l": 178, "t": 8})
    _mark_unchanged(figure, audit.get("accuracy", {}).get("value"))
    figure.update_xaxes(title_text="accuracy, % of held-out cells")
    figure.update_yaxes(autorange="reversed", title_text="")
    return figure


def robustness_data(rows: Rows) -> pd.DataFrame:
    """What `robustness_figure` draws: change, strength, accuracy, low, high, cost and share_shift in per cent, cells,
    samples."""
    columns = ["change", "strength", "accuracy", "low", "high", "cost", "share_shift", "cells", "samples"]
    table = pd.DataFrame([dict(row) for row in rows]).reindex(columns=columns)
    for name in ("accuracy", "low", "high", "cost", "share_shift"):
        table[name] = table[name].astype(float) * 100
    return table


def robustness_figure(rows: Rows, *, simulated: bool = False) -> go.Figure:
    """Accuracy with its interval under each change of the recording; a dashed line marks the unchanged cells.

    Args:
        rows: of a model card, the first of them unchanged.
        simulated: say so on the figure.
    """
    data = robustness_data(rows)
    if data.empty:
        return nothing_to_draw("The card of this model has no robustness table.")
    changed = data[data["change"] != "unchanged"]
    kinds = list(dict.fromkeys(changed["change"]))
    names = [
        wrapped(f"{change}, {strength}", 36, 4)
        for change, strength in zip(changed["change"], changed["strength"], strict=True)
    ]
    # A row is as high as its name has lines, so that names never lie on one another.
    heights = np.array([_ROW_HEIGHT + 14 * name.count("<br>") for name in names])
    places = np.cumsum(heights) - heights / 2
    figure = go.Figure()
    for number, kind in enumerate(kinds):
        part = changed["change"].to_numpy() == kind
        # Neighbouring kinds differ in shape and colour, so that groups are seen without reading.
        colour, symbol = (SERIES[0], "circle") if number % 2 == 0 else (SERIES[1], "diamond")
        figure.add_scatter(
            x=changed["accuracy"][part],
            y=places[part],
            text=[name for name, chosen in zip(names, part, strict=True) if chosen],
            mode="markers",
            name=plain(kind),
            marker={"symbol": symbol, "size": 8, "color": colour},
            error_x=_interval(changed[part], "accuracy", "low", "high", colour),
            customdata=changed[["cost", "share_shift"]][part],
            hovertemplate="%{text}<br>%{x:.1f} %, loss %{customdata[0]:.1f} points, shares %{customdata[1]:.1f}",
        )
    finish(figure, height=int(heights.sum()) + 86, simulated=simulated, margin={"l": 224, "t": 26})
    unchanged = data.loc[data["change"] == "unchanged", "accuracy"]
    _mark_unchanged(figure, None if unchanged.empty else float(unchanged.iloc[0]) / 100)
    figure.update_xaxes(title_text="accuracy, % of held-out cells")
    figure.update_yaxes(
        range=[float(heights.sum()), 0], tickfont={"size": 11}, tickvals=places, ticktext=names, showgrid=True
    )
    return figure


def audit_figures(card: ModelCard) -> dict[str, go.Figure]:
    """The figures that a card has numbers for: ``swaps``, ``robustness``."""
    found = {}
    if not swap_data(card.audit).empty:
        found["swaps"] = swap_figure(card.audit, simulated=card.origin.simulated)
    if card.robustness:
        found["robustness"] = robustness_figure(card.robustness, simulated=card.origin.simulated)
    return found


def _open_circle(colour: str) -> dict[str, Any]:
    return {"symbol": "circle-open", "size": 11, "color": colour, "line": {"width": 2}}


def _interval(data: pd.DataFrame, value: str, low: str, high: str, colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": data[high] - data[value],
        "arrayminus": data[value] - data[low],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def _mark_unchanged(figure: go.Figure, accuracy: float | None) -> None:
    if accuracy is None:
        return
    figure.add_vline(x=100 * accuracy, line={"color": INK, "dash": "dash", "width": 1.2})
    figure.add_annotation(
        text="unchanged",
        x=100 * accuracy,
        # Most accuracies lie near the right edge, where a centred word would be cut.
        xanchor="right" if accuracy > 0.5 else "left",
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12},
    )
