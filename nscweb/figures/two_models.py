"""Figures of two models on the same cells: differences with their intervals, and over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.classes import ClassScheme
from nscweb.figures.look import AXIS, INK, finish, nothing_to_draw, ordered_times, plain, tick, time_unit

_WORDS = {"accuracy": "accuracy", "macro_f1": "macro F1", "recall": "recall", "f1": "F1", "precision": "precision"}


def difference_figure(
    table: pd.DataFrame, classes: ClassScheme, names: tuple[str, str], *, simulated: bool = False
) -> go.Figure:
    """Second minus first in points, one line per figure, with 95 % intervals; right of zero the second is better.

    Args:
        table: of `evaluation.scores.model_pairs.differences`; its rows over all time points are drawn.
        classes: order and colours.
        names: of the two models.
        simulated: say so on the figure.
    """
    rows = table[table["time_h"].isna() & (table["figure"] != "precision")]
    if rows.empty:
        return nothing_to_draw("There is nothing to compare.")
    rows = rows.iloc[::-1]
    labels = [
        f"{_WORDS.get(figure, figure)}{' of ' + plain(name, 18) if name else ''}"
        for figure, name in zip(rows["figure"], rows["class"], strict=True)
    ]
    value, low, high = (100 * rows[key].to_numpy(float) for key in ("difference", "low", "high"))
    figure = go.Figure(
        go.Scatter(
            x=value,
            y=list(range(len(rows))),
            mode="markers",
            marker={
                "color": [classes.colour(name) if name else INK for name in rows["class"]],
                "symbol": ["circle" if name else "square" for name in rows["class"]],
                "size": 10,
            },
            error_x={"symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1.6},
            customdata=np.stack([low, high, 100 * rows["first"], 100 * rows["second"]], axis=1),
            hovertemplate="%{x:+.1f} points (%{customdata[0]:+.1f} to %{customdata[1]:+.1f})"
            "<br>%{customdata[2]:.1f} % and %{customdata[3]:.1f} %<extra></extra>",
            showlegend=False,
        )
    )
    left = 34 + round(6.4 * max(len(text) for text in labels))
    finish(figure, height=90 + 30 * len(rows), simulated=simulated, margin={"l": left, "b": 66})
    figure.add_vline(x=0, line={"color": AXIS, "width": 1.4}, layer="below")
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, range=[-0.6, len(rows) - 0.4])
    widest = max(1.0, float(np.abs(np.concatenate([low, high])).max())) * 1.08
    return figure.update_xaxes(
        title_text=f"points; right of 0:<br>{plain(names[1], 34)} is better", range=[-widest, widest]
    )


def difference_by_time_figure(table: pd.DataFrame, names: tuple[str, str], *, simulated: bool = False) -> go.Figure:
    """Difference in accuracy (second minus first, points) at each time point with 95 % intervals."""
    rows = table[table["time_h"].notna() & (table["figure"] == "accuracy")]
    if rows.empty:
        return nothing_to_draw("There is only one time point.")
    times = ordered_times(rows["time_h"].tolist())
    unit, axis = time_unit(times)
    value, low, high = (100 * rows[key].to_numpy(float) for key in ("difference", "low", "high"))
    figure = go.Figure(
        go.Scatter(
            x=[times.index(hours) for hours in rows["time_h"]],
            y=value,
            mode="lines+markers",
            line={"color": INK, "width": 1.8},
            marker={"size": 9},
            error_y={"symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1.4},
            customdata=np.stack([low, high, rows["cells"], rows["samples"]], axis=1),
            hovertemplate="%{y:+.1f} points (%{customdata[0]:+.1f} to %{customdata[1]:+.1f})"
            "<br>%{customdata[2]} cells, %{customdata[3]} samples<extra></extra>",
            showlegend=False,
        )
    )
    finish(figure, height=300, simulated=simulated)
    figure.add_hline(y=0, line={"color": AXIS, "width": 1.4}, layer="below")
    figure.update_xaxes(
        title_text=axis, tickvals=list(range(len(times))), ticktext=[tick(hours, unit) for hours in times]
    )
    return figure.update_yaxes(title_text=f"accuracy, points<br>above 0: {plain(names[1], 22)}")
