"""Fate ratios over time as lines: one panel per fate, one line per inducer group, one point per replicate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.classes import ClassScheme
from nscweb.evaluation.ratios.counted import replicate_ratios
from nscweb.evaluation.ratios.published_counts import IMMUNOFLUORESCENCE, published_group
from nscweb.figures.look import (
    INK,
    NO_GROUP,
    finish,
    nothing_to_draw,
    ordered_times,
    panel_title,
    plain,
    series_style,
    tick,
    time_label,
    time_unit,
)

REFERENCE_NAME = "published immunofluorescence"
COLUMNS = ("series", "group", "time_h", "time", "class", "percent", "low", "high", "replicate", "cells", "method")


def ratio_lines_data(
    group_ratios: pd.DataFrame,
    sample_ratios: pd.DataFrame,
    classes: ClassScheme,
    *,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What `ratio_lines` draws, in per cent; ``series`` is ``mean``, ``replicate`` or ``reference``.

    ``low`` and ``high`` are the 95 % interval of a mean; ``method`` says how it or the reference was made.
    """
    names = list(classes.names)
    means = group_ratios[group_ratios["class"].isin(names)]
    points = replicate_ratios(sample_ratios[sample_ratios["class"].isin(names)])
    parts = [
        _rows("mean", means, means["mean"], low=means["low"], high=means["high"], method=means["method"]),
        _rows("replicate", points, points["ratio"], replicate=points["replicate"]),
    ]
    if reference is not None and len(reference):
        published = _published(reference, list(dict.fromkeys(means["group"])), names)
        if len(published):
            share = published["percent"] / 100
            parts.append(_rows("reference", published, share, method="Zhu et al. 2021, marker-positive cells"))
    result = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    position = {name: index for index, name in enumerate(names)}
    order = result["class"].map(position)
    return result.assign(order=order).sort_values(
        ["order", "series", "group", "time_h", "replicate"], kind="stable", ignore_index=True
    )[list(COLUMNS)]


def _rows(series: str, table: pd.DataFrame, share: pd.Series, **more: Any) -> pd.DataFrame:
    index = table.index
    empty = {"low": np.nan, "high": np.nan, "replicate": "", "method": "", **more}
    return pd.DataFrame(
        {
            "series": pd.Series(series, index=index, dtype=object),
            "group": table["group"].astype(str),
            "time_h": table["time_h"].astype(float),
            "time": pd.Series([time_label(hours) for hours in table["time_h"]], index=index, dtype=object),
            "class": table["class"].astype(str),
            "percent": 100 * share.astype(float),
            "low": 100 * pd.Series(empty["low"], index=index, dtype=float),
            "high": 100 * pd.Series(empty["high"], index=index, dtype=float),
            "replicate": pd.Series(empty["replicate"], index=index, dtype=object),
            "cells": table["cells"] if "cells" in table else pd.Series(0, index=index),
            "method": pd.Series(empty["method"], index=index, dtype=object),
        }
    )


def _published(reference: pd.DataFrame, groups: list[str], classes: list[str]) -> pd.DataFrame:
    """Reference rows under the user's group names; only counted ones, only fates of this model."""
    table = reference
    if "kind" in table:
        table = table[table["kind"] == IMMUNOFLUORESCENCE]
    table = table.rename(columns={"fate": "class"})
    table = table[table["class"].isin(classes)]
    known = [table[table["group"].isin([group, published_group(group)])].assign(group=group) for group in groups]
    return pd.concat(known, ignore_index=True) if known else table.iloc[:0]


def ratio_lines(
    group_ratios: pd.DataFrame,
    sample_ratios: pd.DataFrame,
    classes: ClassScheme,
    *,
    reference: pd.DataFrame | None = None,
    simulated: bool = False,
) -> go.Figure:
    """Mean ratio over time with 95 % interval bars, one small point per replicate, one panel per class.

    Args:
        group_ratios, sample_ratios: from `evaluation.ratios`.
        classes: order.
        reference: `evaluation.reference.published_reference()` to lay over as open diamonds.
        simulated: say so on the figure.
    """
    data = ratio_lines_data(group_ratios, sample_ratios, classes, reference=reference)
    if data.empty:
        return nothing_to_draw("No cell is left to count. Loosen the filters.")
    groups = sorted(dict.fromkeys(data["group"]), key=str.casefold)
    times = ordered_times(data["time_h"])
    unit, axis_title = time_unit(times)
    place, crowded = _positions(times)
    shift, slot = _shifts(groups, list(place.values()))
    style = series_style(groups)
    gap, panel = 34, 210
    inner = len(classes) * panel + (len(classes) - 1) * gap
    figure = make_subplots(len(classes), 1, shared_xaxes=True, vertical_spacing=gap / inner if len(classes) > 1 else 0)
    for row, name in enumerate(classes.names, start=1):
        part = data[data["class"] == name]
        for number, group in enumerate(groups):
            own = part[part["group"] == group]
            x = np.array([place[_key(hours)] for hours in own["time_h"]]) + shift[group]
            for series in ("replicate", "mean", "reference"):
                chosen = (own["series"] == series).to_numpy()
                if chosen.any():
                    beside = 0.3 * slot if series == "replicate" else 0.0
                    trace = _trace(series, own[chosen], x[chosen] - beside, style[group])
                    trace.update(legendgroup=str(number), name=plain(group or NO_GROUP, 40))
                    trace.showlegend = series == "mean" and row == 1
                    figure.add_trace(trace, row=row, col=1)
        top = figure.get_subplot(row, 1).yaxis.domain[1]
        swatch = f'<span style="color:{classes.colour(name)}">■</span> '
        figure.add_annotation(panel_title(swatch + plain(name), x=0, y=top))
    legend = [group or NO_GROUP for group in groups]
    if (data["series"] == "reference").any():
        legend.append(REFERENCE_NAME)
        marker = {"symbol": "diamond-open", "size": 10, "color": INK, "line": {"width": 1.8}}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=REFERENCE_NAME, marker=marker, row=1, col=1)
    margin = {"t": 28, "b": 50, "l": 56}
    finish(figure, height=inner + margin["t"] + margin["b"], simulated=simulated, legend=legend, margin=margin)
    span = list(place.values())
    edge = 0.03 * (max(span) - min(span) or 1) + slot * (len(groups) + 1) / 2
    figure.update_xaxes(
        tickvals=span, ticktext=[tick(hours, unit) for hours in times], range=[min(span) - edge, max(span) + edge]
    )
    scale = " (logarithmic)" if crowded else ""
    figure.update_xaxes(title_text=axis_title + scale, row=len(classes), col=1)
    return figure.update_yaxes(range=[0, 100], tickvals=[0, 25, 50, 75, 100], title_text="% of cells")


def _trace(series: str, rows: pd.DataFrame, x: Any, style: dict[str, Any]) -> go.Scatter:
    y = rows["percent"].to_numpy(float)
    if series == "replicate":
        return go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"color": style["color"], "symbol": style["symbol"], "size": 5, "opacity": 0.55},
            customdata=np.stack([rows["time"], [plain(name, 30) for name in rows["replicate"]], rows["cells"]], axis=1),
            hovertemplate="%{customdata[0]}, replicate %{customdata[1]}: %{y:.1f} %<br>%{customdata[2]} cells",
        )
    if series == "reference":
        return go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"color": style["color"], "symbol": "diamond-open", "size": 11, "line": {"width": 1.8}},
            customdata=rows["time"].to_numpy(object)[:, None],
            hovertemplate="%{customdata[0]}: %{y:.1f} % marker-positive<br>immunofluorescence, Zhu et al. 2021",
        )
    low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
    return go.Scatter(
        x=x,
        y=y,
        # A cell without a time point has no place on the line.
        mode="lines+markers" if np.isfinite(rows["time_h"]).sum() > 1 else "markers",
        connectgaps=False,
        line={"color": style["color"], "width": 2, "dash": style["dash"]},
        marker={"color": style["color"], "symbol": style["symbol"], "size": 8, "line": {"color": "white", "width": 1}},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": high - y,
            "arrayminus": y - low,
            "thickness": 1.3,
            "width": 3,
            "color": style["color"],
        },
        customdata=np.stack([rows["time"], low.round(1), high.round(1), rows["method"]], axis=1),
        hovertemplate="%{customdata[0]}: %{y:.1f} %<br>95 %: %{customdata[1]} to %{customdata[2]}<br>%{customdata[3]}",
    )


def _key(time_h: float) -> float:
    return float(time_h) if np.isfinite(time_h) else -1.0


def _positions(times: list[float]) -> tuple[dict[float, float], bool]:
    """Place of each time on the axis, and whether it is logarithmic because early times would be crowded.

    Unknown time stands at the end.
    """
    known = [hours for hours in times if np.isfinite(hours)]
    place: dict[float, float] = {}
    crowded = False
    if known:
        span = known[-1] - known[0]
        crowded = len(known) > 2 and bool(min(np.diff(known)) < 0.15 * span) and known[0] > 0
        place = {hours: float(np.log2(hours)) if crowded else float(hours) for hours in known}
    if len(known) < len(times):
        values = list(place.values())
        place[-1.0] = values[-1] + max(np.diff(values), default=1.0) if values else 0.0
    return place, crowded


def _shifts(groups: list[str], span: list[float]) -> tuple[dict[str, float], float]:
    """Groups stand side by side at each time, so that points and bars do not hide one another."""
    width = max(span) - min(span) if len(span) > 1 else 1.0
    room = min(0.5 * min(np.diff(span), default=1.0), 0.03 * len(groups) * width)
    slot = room / len(groups)
    return {group: (index - (len(groups) - 1) / 2) * slot for index, group in enumerate(groups)}, slot
