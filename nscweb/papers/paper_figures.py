"""Figures of a reproduced paper: our numbers as filled marks with intervals, the paper's as open diamonds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.figures.look import (
    DASHES,
    INK,
    MUTED,
    SERIES,
    SYMBOLS,
    finish,
    hyphenated,
    nothing_to_draw,
    panel_title,
    plain,
)

_WIDE = 6.0
_PAPER = {"symbol": "diamond-open", "size": 11, "color": INK, "line": {"width": 2}}


def figure_by_model(
    table: pd.DataFrame, figure: str, axis: str, split_titles: Mapping[str, str], *, simulated: bool = False
) -> go.Figure:
    """One figure, such as accuracy, of each model: a row per model, a colour per split, the paper's as a diamond.

    Args:
        table: from `printed_tables.compared`.
        figure: its column.
        axis: words on the axis.
        split_titles: split -> words.
    """
    if table.empty:
        return nothing_to_draw("No training was finished.")
    labels = [_row_label(row) for _, row in table.iterrows()]
    order = list(dict.fromkeys(labels))[::-1]
    splits = list(dict.fromkeys(table["split"]))
    drawn = go.Figure()
    legend = []
    for index, split in enumerate(splits):
        part = table[table["split"] == split]
        y = np.array([order.index(_row_label(row)) for _, row in part.iterrows()], float)
        y += ((len(splits) - 1) / 2 - index) * 0.22
        value = part[figure].to_numpy(float)
        spread = part[f"{figure} sd"].to_numpy(float)
        low = np.where(np.isfinite(spread), value - spread, part[f"{figure} low"].to_numpy(float))
        high = np.where(np.isfinite(spread), value + spread, part[f"{figure} high"].to_numpy(float))
        name = split_titles.get(split, split)
        legend.append(name)
        drawn.add_scatter(
            x=value,
            y=y,
            mode="markers",
            name=plain(name),
            marker={"color": SERIES[index], "symbol": SYMBOLS[index], "size": 9},
            error_x={
                "symmetric": False,
                "thickness": 1.4,
                "width": 3,
                "array": np.nan_to_num(high - value),
                "arrayminus": np.nan_to_num(value - low),
            },
            hovertemplate="%{x:.3f}",
        )
    printed = table[table[f"{figure} paper"].notna()]
    if len(printed):
        legend.append("paper")
        drawn.add_scatter(
            x=printed[f"{figure} paper"],
            y=[order.index(_row_label(row)) for _, row in printed.iterrows()],
            mode="markers",
            name="paper",
            marker=_PAPER,
            hovertemplate="paper: %{x:.3f}",
        )
    finish(drawn, height=90 + 34 * len(order), simulated=simulated, legend=legend, margin={"l": 200})
    drawn.update_xaxes(title_text=axis)
    return drawn.update_yaxes(
        tickvals=list(range(len(order))), ticktext=[plain(name, 31) for name in order], range=[-0.6, len(order) - 0.4]
    )


def loss_curves(
    histories: Sequence[tuple[str, pd.DataFrame]], *, column: str = "validation_loss", simulated: bool = False
) -> go.Figure:
    """Loss of each model by epoch: solid on validation cells, and faint on training cells."""
    drawn = go.Figure()
    names = [name for name, _ in histories]
    for index, (name, history) in enumerate(histories):
        colour = SERIES[index % len(SERIES)]
        dash = DASHES[(index // len(SERIES)) % len(DASHES)]
        drawn.add_scatter(
            x=history["epoch"],
            y=history[column],
            mode="lines+markers",
            name=plain(name),
            line={"color": colour, "dash": dash, "width": 2.2},
            marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 7},
            hovertemplate="epoch %{x}: %{y:.3f}",
        )
        drawn.add_scatter(
            x=history["epoch"],
            y=history["train_loss"],
            mode="lines",
            showlegend=False,
            opacity=0.35,
            line={"color": colour, "dash": "dot", "width": 1.4},
            hoverinfo="skip",
        )
    finish(drawn, height=330, simulated=simulated, legend=names)
    _epoch_axis(drawn, max((float(history["epoch"].max()) for _, history in histories), default=1.0))
    drawn.update_yaxes(title_text="loss (solid: validation, dotted: training)")
    losses = np.concatenate([history[column].to_numpy(float) for _, history in histories])
    if losses.max() > _WIDE * np.median(losses):
        # One network that starts very badly would press all others onto the axis.
        return drawn.update_yaxes(type="log", exponentformat="power", dtick="D1")
    return drawn.update_yaxes(rangemode="tozero")


def fold_curves(folds: Mapping[int, pd.DataFrame], *, simulated: bool = False) -> go.Figure:
    """Accuracy by epoch of each fold (thin), their mean (bold) and one standard deviation (band)."""
    joined = pd.concat([history.assign(fold=fold) for fold, history in folds.items()])
    drawn = go.Figure()
    legend = []
    for index, (column, name) in enumerate((("train_accuracy", "training"), ("validation_accuracy", "validation"))):
        colour = SERIES[index]
        for _, history in joined.groupby("fold"):
            drawn.add_scatter(
                x=history["epoch"],
                y=history[column],
                mode="lines",
                showlegend=False,
                hoverinfo="skip",
                line={"color": colour, "width": 0.8},
            )
        summary = joined.groupby("epoch")[column].agg(["mean", "std"]).fillna(0.0)
        x = summary.index.to_numpy(float)
        band = np.concatenate([summary["mean"] + summary["std"], (summary["mean"] - summary["std"])[::-1]])
        drawn.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=band,
            fill="toself",
            mode="lines",
            showlegend=False,
            line={"width": 0},
            fillcolor=colour,
            opacity=0.15,
            hoverinfo="skip",
        )
        drawn.add_scatter(x=x, y=summary["mean"], mode="lines+markers", name=name, line={"color": colour, "width": 3})
        legend.append(name)
    finish(drawn, height=310, simulated=simulated, legend=legend)
    _epoch_axis(drawn, float(joined["epoch"].max()))
    return drawn.update_yaxes(title_text="accuracy")


def fold_boxes(metrics: pd.DataFrame, figures: Sequence[str], *, simulated: bool = False) -> go.Figure:
    """Box and every single fold for each model: columns title, figure, value."""
    drawn = make_subplots(rows=1, cols=len(figures), horizontal_spacing=0.12)
    titles = list(dict.fromkeys(metrics["title"]))
    for column, figure in enumerate(figures, start=1):
        for index, title in enumerate(titles):
            part = metrics[(metrics["title"] == title) & (metrics["figure"] == figure)]
            drawn.add_box(
                y=part["value"],
                name=hyphenated(title, 12),
                boxpoints="all",
                pointpos=0,
                jitter=0.3,
                marker={"color": SERIES[index % len(SERIES)], "size": 6},
                showlegend=False,
                row=1,
                col=column,
            )
    finish(drawn, height=340, simulated=simulated, margin={"b": 80})
    for column, figure in enumerate(figures, start=1):
        drawn.update_yaxes(title_text=figure.replace("_", " "), row=1, col=column)
    return drawn


def inducer_ratios(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Per cent of the asked fate in each inducer group (Fig 4c of Zhu et al. 2021).

    Args:
        table: columns group, counted_1d, counted_end (immunofluorescence), paper, ours, low, high, truth (NaN where not
            known), all in per cent.
    """
    groups = list(table["group"])[::-1]
    y = np.arange(len(groups), dtype=float)
    rows = table.iloc[::-1]
    drawn = go.Figure()
    series: list[tuple[str, str, dict[str, Any], float]] = [
        ("immunofluorescence, day 1", "counted_1d", {"symbol": "line-ns-open", "size": 13, "color": MUTED}, 0.0),
        ("immunofluorescence, last day", "counted_end", {"symbol": "line-ns-open", "size": 15, "color": INK}, 0.0),
        ("paper, predicted at day 1", "paper", {**_PAPER, "size": 10}, -0.14),
        ("true share (simulated)", "truth", {"symbol": "x-thin-open", "size": 9, "color": SERIES[2]}, 0.0),
    ]
    legend = []
    for name, column, marker, shift in series:
        if rows[column].notna().any():
            legend.append(name)
            drawn.add_scatter(x=rows[column], y=y + shift, mode="markers", name=name, marker=marker)
    drawn.add_scatter(
        x=rows["ours"],
        y=y + 0.14,
        mode="markers",
        name="ours, predicted at day 1",
        marker={"color": SERIES[0], "size": 9},
        error_x={
            "symmetric": False,
            "array": rows["high"] - rows["ours"],
            "arrayminus": rows["ours"] - rows["low"],
            "width": 3,
        },
    )
    legend.append("ours, predicted at day 1")
    finish(drawn, height=80 + 38 * len(groups), simulated=simulated, legend=legend, margin={"l": 172})
    drawn.update_xaxes(title_text="% of cells of the fate", range=[0, 103])
    return drawn.update_yaxes(tickvals=list(y), ticktext=[plain(name) for name in groups])


def donor_ratios(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Per cent called positive for each donor and by the marker: columns donor, predicted, low, high, marker."""
    drawn = go.Figure()
    drawn.add_bar(
        x=table["donor"],
        y=table["predicted"],
        name="predicted by the network",
        marker={"color": SERIES[0]},
        error_y={
            "symmetric": False,
            "array": table["high"] - table["predicted"],
            "arrayminus": table["predicted"] - table["low"],
        },
    )
    drawn.add_scatter(
        x=table["donor"], y=table["marker"], name="by the marker", mode="markers", marker={**_PAPER, "size": 12}
    )
    finish(drawn, height=300, simulated=simulated, legend=["predicted by the network", "by the marker"])
    drawn.update_xaxes(title_text="donor")
    return drawn.update_yaxes(title_text="% of cells", range=[0, 103])


def learning_rate_search(trials: pd.DataFrame, curve: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """What was tried, what a Gaussian process believes of the loss, and where an improvement is expected (Fig 4B)."""
    if trials.empty:
        return nothing_to_draw("No learning rate could be tried.")
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.09)
    x = np.concatenate([curve["learning_rate"], curve["learning_rate"][::-1]])
    drawn.add_scatter(
        x=x,
        y=np.concatenate([curve["high"], curve["low"][::-1]]),
        fill="toself",
        mode="lines",
        opacity=0.25,
        line={"width": 0},
        fillcolor=SERIES[2],
        name="95 % of its beliefs",
        hoverinfo="skip",
        row=1,
        col=1,
    )
    drawn.add_scatter(
        x=curve["learning_rate"],
        y=curve["mean"],
        mode="lines",
        line={"dash": "dot", "color": INK},
        name="Gaussian process",
        row=1,
        col=1,
    )
    drawn.add_scatter(
        x=trials["learning_rate"],
        y=trials["validation_loss"],
        mode="markers",
        name="trainings",
        marker={"color": SERIES[1], "size": 9},
        row=1,
        col=1,
    )
    drawn.add_scatter(
        x=curve["learning_rate"],
        y=curve["expected_improvement"],
        mode="lines",
        fill="tozeroy",
        line={"color": SERIES[0]},
        name="expected improvement",
        row=2,
        col=1,
    )
    legend = ["95 % of its beliefs", "Gaussian process", "trainings", "expected improvement"]
    finish(drawn, height=420, simulated=simulated, legend=legend)
    drawn.update_xaxes(type="log", exponentformat="power")
    drawn.update_xaxes(title_text="learning rate", row=2, col=1)
    drawn.update_yaxes(title_text="validation loss", row=1, col=1)
    return drawn.update_yaxes(title_text="expected gain", row=2, col=1)


def shape_modes_figure(
    modes: np.ndarray[Any, Any], shares: Mapping[str, np.ndarray[Any, Any]], *, simulated: bool = False
) -> go.Figure:
    """Mean outline of each mode above, its share in each group below.

    Args:
        modes: (K, P, 2) contours of `evaluation.audit.shape_modes`.
        shares: group -> (K,) shares.
    """
    count = len(modes)
    drawn = make_subplots(rows=2, cols=1, row_heights=[0.3, 0.7], vertical_spacing=0.1)
    scale = 0.42 / float(np.abs(modes).max())
    for mode, contour in enumerate(modes):
        closed = np.concatenate([contour, contour[:1]]) * scale
        # Upright, so that long shapes do not touch their neighbours.
        drawn.add_scatter(
            x=mode + 1 + closed[:, 1],
            y=closed[:, 0],
            mode="lines",
            fill="toself",
            showlegend=False,
            line={"color": INK, "width": 1.2},
            fillcolor="#cfdbe6",
            hoverinfo="skip",
            row=1,
            col=1,
        )
    for index, (group, values) in enumerate(shares.items()):
        drawn.add_bar(
            x=list(range(1, count + 1)),
            y=100 * values,
            name=plain(group),
            marker={"color": SERIES[index % len(SERIES)]},
            row=2,
            col=1,
        )
    finish(drawn, height=430, simulated=simulated, legend=list(shares))
    drawn.update_xaxes(range=[0.4, count + 0.6], tickvals=list(range(1, count + 1)))
    drawn.update_xaxes(visible=False, row=1, col=1)
    # One scale for both axes of the outlines, or round cells would look long.
    drawn.update_yaxes(visible=False, range=[-0.5, 0.5], scaleanchor="x", row=1, col=1)
    drawn.update_xaxes(title_text="shape mode, the commonest first", row=2, col=1)
    drawn.add_annotation(**panel_title("mean outline", x=0, y=1.0))
    return drawn.update_yaxes(title_text="% of cells", row=2, col=1)


def _epoch_axis(drawn: go.Figure, last: float) -> None:
    # There is no epoch 1.5.
    drawn.update_xaxes(title_text="epoch", dtick=max(1, round(last / 10)), tick0=1)


def _row_label(row: pd.Series) -> str:
    more = [str(row[name]) for name in ("task", "variant") if row[name]]
    return ", ".join([str(row["title"]), *more])
