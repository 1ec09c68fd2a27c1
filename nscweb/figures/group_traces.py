"""What a panel of groups consists of: cells behind, replicates, mean with interval, counted labels.

A panel has per cent along x with one row per group, or per cent along y with one column per time point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.figures.group_marks import counted_how, point_style
from nscweb.figures.look import INK, MUTED, NO_GROUP, plain

Places = NDArray[np.float64]
_SHADE = "rgba(91,103,117,0.18)"


@dataclass(frozen=True)
class Panel:
    """How a panel lies.

    Attributes:
        percent: axis of per cent.
        onwards: 1 where the next replicate has the larger place, -1 where it has the smaller one.
        point, bar: sizes of the marks of a replicate and of a mean, in px.
        mode: of the marks of means, in Plotly's words.
    """

    percent: Literal["x", "y"]
    onwards: int
    point: int
    bar: int
    mode: str

    def at(self, percent: Any, place: Any) -> dict[str, Any]:
        """Coordinates of a trace."""
        return {"x": percent, "y": place} if self.percent == "x" else {"x": place, "y": percent}


ROWS = Panel("x", -1, 8, 12, "markers")
COLUMNS = Panel("y", 1, 6, 10, "lines+markers")


def cell_shapes(panel: Panel, shapes: Sequence[tuple[Places, Places, Places]]) -> go.Scatter:
    """Score distributions.

    Args:
        shapes: of each the per cents (M,) and both edges (M,) as places on the other axis.
    """
    percent: list[float | None] = []
    place: list[float | None] = []
    for values, edge, other in shapes:
        percent += [*values.tolist(), *values[::-1].tolist(), None]
        place += [*edge.tolist(), *other[::-1].tolist(), None]
    return go.Scatter(
        **panel.at(percent, place),
        mode="lines",
        fill="toself",
        fillcolor=_SHADE,
        line={"width": 0},
        hoverinfo="skip",
        name="scores of the cells",
        legendgroup="cells",
        legendrank=3,
    )


def replicate_points(
    panel: Panel, own: pd.DataFrame, place: Places, colour: str, counted: Mapping[tuple[str, str], str]
) -> go.Scatter:
    """Replicates; those of one place stand side by side instead of on one another.

    Args:
        own: columns `group_data.POINT_DATA`.
        place: of each row, on the other axis.
        counted: of `group_marks.methods_by_group`.
    """
    together = pd.Series(place).groupby(place, sort=False)
    number, most = together.cumcount().to_numpy(float), together.transform("size").to_numpy(float)
    beside = np.where(most > 1, (number / np.maximum(most - 1, 1) - 0.5) * 0.4, 0.0)
    said = [
        f"{plain(row['group'] or NO_GROUP)}, {row['time']}, replicate {plain(row['replicate'], 30)}: "
        f"{row['percent']:.1f} %<br>{row['cells']:,} cells, {counted.get((row['group'], row['time']), '')}<br>"
        f"trust light: {row['light']}"
        for row in own.to_dict("records")
    ]
    return go.Scatter(
        **panel.at(own["percent"], place + panel.onwards * beside),
        mode="markers",
        marker=point_style(own["light"], colour, panel.point),
        text=said,
        hovertemplate="%{text}<extra></extra>",
        name="replicate",
        legendgroup="replicate",
        legendrank=1,
    )


def mean_marks(panel: Panel, means: pd.DataFrame, place: Places) -> go.Scatter:
    """Means with their intervals.

    Args:
        means: columns `group_data.GROUP_DATA`.
        place: of each row, on the other axis.
    """
    value = means["percent"].to_numpy(float)
    low, high = means["low"].to_numpy(float), means["high"].to_numpy(float)
    said = [
        f"{plain(row['group'] or NO_GROUP)}, {row['time']}: mean {row['percent']:.1f} %, 95 % interval "
        f"{row['low']:.1f} to {row['high']:.1f}<br>{row['replicates']} replicates, {row['cells']:,} cells<br>"
        f"{counted_how(row['method'])}<br>{row['interval']}<br>trust light: {row['light']}"
        for row in means.to_dict("records")
    ]
    spread = {"symmetric": False, "array": high - value, "arrayminus": value - low}
    return go.Scatter(
        **panel.at(value, place),
        mode=panel.mode,
        line={"color": INK, "width": 1.4},
        marker={
            "size": panel.bar,
            "color": INK,
            "symbol": "line-ns" if panel.percent == "x" else "line-ew",
            "line": {"color": INK, "width": panel.bar / 4},
        },
        **{f"error_{panel.percent}": {"type": "data", "thickness": 1.6, "width": 4, "color": INK, **spread}},
        text=said,
        hovertemplate="%{text}<extra></extra>",
        name="mean, 95 % interval",
        legendgroup="mean",
        legendrank=2,
    )


def counted_labels(panel: Panel, means: pd.DataFrame, place: Places) -> go.Scatter:
    """Means of counted labels, which are not corrected, as open diamonds."""
    return go.Scatter(
        **panel.at(means["naive_percent"], place),
        mode="markers",
        marker={"size": 8, "color": MUTED, "symbol": "diamond-open", "line": {"width": 1.5}},
        hovertemplate=f"counted labels, not corrected: %{{{panel.percent}:.1f}} %<extra></extra>",
        name="counted labels",
        legendgroup="naive",
        legendrank=4,
    )
