"""Figures of a model: how training went, and the held-out curves and time points that its card records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.card import ModelCard
from nscweb.figures.accuracy import accuracy_by_time
from nscweb.figures.confusion_and_curves import confusion_figure, pr_figure, roc_figure
from nscweb.figures.look import INK, SERIES, finish, nothing_to_draw, panel_title

History = pd.DataFrame | Sequence[Mapping[str, Any]]
_CURVES = (
    ("train_loss", "training samples", "loss"),
    ("validation_loss", "validation samples", "loss"),
    ("train_accuracy", "training samples", "accuracy"),
    ("validation_accuracy", "validation samples", "accuracy"),
)


def training_curves_data(history: History) -> pd.DataFrame:
    """What `training_curves` draws: epoch, figure (``loss`` or ``accuracy`` in per cent), samples, value.

    Args:
        history: one row per epoch with epoch, train_loss, validation_loss, train_accuracy, validation_accuracy;
            accuracies 0..1, any of them may be missing.
    """
    table = pd.DataFrame(history)
    parts = []
    for column, samples, figure in _CURVES:
        if column in table:
            value = table[column].astype(float) * (100 if figure == "accuracy" else 1)
            parts.append(pd.DataFrame({"epoch": table["epoch"], "figure": figure, "samples": samples, "value": value}))
    columns = ["epoch", "figure", "samples", "value"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def training_curves(history: History, *, best_epoch: int | None = None, simulated: bool = False) -> go.Figure:
    """Loss and accuracy after each epoch, on training and on validation samples.

    Args:
        history: see `training_curves_data`.
        best_epoch: the epoch whose weights were kept, marked by a line; by default the least validation loss.
            Where no cells decided when to stop, a card names the last one.
        simulated: say so on the figure.
    """
    data = training_curves_data(history)
    if data.empty:
        return nothing_to_draw("The card of this model records no training curves.")
    panels = [name for name in ("loss", "accuracy") if (data["figure"] == name).any()]
    gap, panel = 44, 170
    inner = len(panels) * panel + (len(panels) - 1) * gap
    figure = make_subplots(len(panels), 1, shared_xaxes=True, vertical_spacing=gap / inner if len(panels) > 1 else 0)
    names = list(dict.fromkeys(data["samples"]))
    for row, name in enumerate(panels, start=1):
        for index, samples in enumerate(names):
            part = data[(data["figure"] == name) & (data["samples"] == samples)]
            figure.add_scatter(
                x=part["epoch"],
                y=part["value"],
                mode="lines+markers" if len(part) < 40 else "lines",
                name=samples,
                legendgroup=samples,
                showlegend=row == 1,
                line={"color": SERIES[index], "width": 2, "dash": "dot" if index == 0 else "solid"},
                marker={"size": 5},
                hovertemplate="epoch %{x}: %{y:.4g}",
                row=row,
                col=1,
            )
        figure.add_annotation(panel_title(name, x=0, y=figure.get_subplot(row, 1).yaxis.domain[1]))
    kept = best_epoch if best_epoch is not None else _least_loss(data)
    if kept is not None:
        figure.add_vline(x=kept, line={"color": INK, "dash": "dash", "width": 1.2})
        figure.add_annotation(
            text=f"kept: epoch {kept}",
            x=kept,
            y=1,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            font={"size": 12},
            xanchor="right" if kept > data["epoch"].max() / 2 else "left",
            yshift=3,
        )
    finish(figure, height=inner + 28 + 50, simulated=simulated, legend=names, margin={"t": 28, "b": 50})
    figure.update_xaxes(title_text="epoch", row=len(panels), col=1)
    for row, name in enumerate(panels, start=1):
        figure.update_yaxes(title_text="loss (cross-entropy)" if name == "loss" else "% of cells", row=row, col=1)
    return figure


def _least_loss(data: pd.DataFrame) -> int | None:
    loss = data[(data["figure"] == "loss") & (data["samples"] == "validation samples")]
    values = loss["value"].to_numpy(float)
    if not np.isfinite(values).any():
        return None
    return int(loss["epoch"].to_numpy()[int(np.nanargmin(values))])


def card_curves(card: ModelCard) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """ROC and precision-recall curves that a card records, as `roc_figure` and `pr_figure` take them."""
    names = {"false_positive_rate": "fpr", "true_positive_rate": "tpr"}
    roc = {
        str(name): pd.DataFrame(points).rename(columns=names)
        for name, points in dict(card.performance.curves.get("roc", {})).items()
    }
    pr = {str(name): pd.DataFrame(points) for name, points in dict(card.performance.curves.get("pr", {})).items()}
    return roc, pr


def _area_under(points: pd.DataFrame) -> float:
    """Average precision: area under the points of a curve, of which a card keeps a hundred."""
    table = points.sort_values("recall", kind="stable")
    recall, precision = table["recall"].to_numpy(float), table["precision"].to_numpy(float)
    return float(np.trapezoid(precision, recall) + recall[0] * precision[0]) if len(recall) else float("nan")


def card_figures(card: ModelCard) -> dict[str, go.Figure]:
    """Every figure that a card has numbers for: training, confusion, by_time, roc, precision_recall.

    "simulated cells" stands on them when the card says that its cells are simulated.
    """
    performance, simulated = card.performance, card.origin.simulated
    found: dict[str, go.Figure] = {}
    history = performance.curves.get("history")
    if history:
        best = performance.curves.get("best_epoch")
        found["training"] = training_curves(history, best_epoch=best, simulated=simulated)
    if performance.confusion:
        found["confusion"] = confusion_figure(performance.confusion, card.classes, simulated=simulated)
    if any(metric.time_h is not None for metric in performance.metrics):
        found["by_time"] = accuracy_by_time(performance.metrics, card.classes, simulated=simulated)
    roc, pr = card_curves(card)
    if roc:
        areas = {name: metric for name in roc if (metric := performance.metric("auc", name)) is not None}
        found["roc"] = roc_figure(roc, areas, card.classes, simulated=simulated)
    if pr:
        # Cards keep the points of a curve; the area under them is the average precision.
        average = {name: _area_under(points) for name, points in pr.items()}
        average |= dict(performance.curves.get("average_precision", {}))
        found["precision_recall"] = pr_figure(pr, average, card.classes, simulated=simulated)
    return found
