"""Figures of the time course: one fate against time, and the first day against the last."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.evaluation.groups.time_course import Agreement
from nscweb.figures.group_marks import add_signs
from nscweb.figures.look import (
    GRID,
    INK,
    MUTED,
    NO_GROUP,
    SERIES,
    SYMBOLS,
    finish,
    nothing_to_draw,
    plain,
    time_label,
    time_unit,
)
from nscweb.words.nothing import ONE_TIME

Float64 = NDArray[np.float64]
_MARK = {"size": 9, "line": {"width": 1, "color": "white"}}


def course_bands(
    course: pd.DataFrame,
    rows: pd.DataFrame,
    groups: Sequence[str],
    *,
    simulated: bool = False,
    fate: str = "",
    counted: str = "",
) -> go.Figure:
    """One fate against time: mean of each group, band over replicates, replicates as points.

    One replicate at a time is an open marker with the interval of its cells as whisker, and no line joins it.

    Args:
        course: rows of `time_course` of one class, with the interval of a single replicate filled in
            (`services.compare.courses.courses_of`); rows: replicate rows of the same class.
        counted: how ratios were counted, in words, for the hover.
        groups: those to draw, in order. Lights in the column ``light`` of `course`, where it has one, are marked.
    """
    table = course[course["group"].isin(list(groups)) & np.isfinite(course["time_h"].to_numpy(np.float64))]
    if table.empty:
        return nothing_to_draw("No group has a time point. Fill in the times in the sample sheet.")
    scale, axis = time_unit(sorted(set(table["time_h"])))
    # Whiskers of several groups at one time would hide one another; they stand side by side.
    alone = bool((table["n"] == 1).any()) and len(groups) > 1
    span = float(np.ptp(table["time_h"].to_numpy(np.float64))) / scale or 1.0
    step = 0.01 * span
    figure = go.Figure()
    for number, group in enumerate(groups):
        part = table[table["group"] == group].sort_values("time_h")
        if part.empty:
            continue
        colour, name = SERIES[number % len(SERIES)], plain(group or NO_GROUP, 30)
        single = (part["n"] == 1).to_numpy(bool)
        own = rows[(rows["group"] == group).to_numpy(bool) & np.isfinite(rows["ratio"].to_numpy(np.float64))]
        cells = own.groupby("time_h")["cells"].sum().to_dict() if "cells" in own else {}
        shift = step * (number - (len(groups) - 1) / 2) if alone else 0.0
        x = part["time_h"].to_numpy(np.float64) / scale + shift
        mean, low, high = (100 * part[column].to_numpy(np.float64) for column in ("mean", "low", "high"))
        for first, end in _stretches(single):
            _band(figure, x[first:end], mean[first:end], low[first:end], high[first:end], colour, group)
        # A gap beside every single replicate: nobody knows how replicates differ there, so nothing is joined.
        line_x, line_y, marks, whiskers = _with_gaps(x, mean, low, high, single)
        symbol = SYMBOLS[number % len(SYMBOLS)]
        figure.add_scatter(
            x=line_x,
            y=line_y,
            mode="lines+markers",
            name=name,
            legendgroup=group,
            line={"color": colour, "width": 2},
            marker={"symbol": [f"{symbol}-open" if one else symbol for one in marks], "size": 9, "color": colour},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": whiskers[1],
                "arrayminus": whiskers[0],
                "color": colour,
                "thickness": 1.5,
                "width": 4,
                "visible": bool(single.any()),
            },
            connectgaps=False,
            cliponaxis=False,
            customdata=[_hover(row, cells, counted) for row in _gapped_rows(part, single)],
            hovertemplate=f"%{{customdata}}<extra>{name}</extra>",
        )
        several = set(part.loc[~single, "time_h"])
        dots = own[own["time_h"].isin(several)]
        figure.add_scatter(
            x=dots["time_h"].to_numpy(np.float64) / scale + shift,
            y=100 * dots["ratio"],
            mode="markers",
            marker={"color": colour, "size": 5, "opacity": 0.6},
            showlegend=False,
            legendgroup=group,
            hoverinfo="skip",
        )
    warned = _signs(figure, table, table["time_h"].to_numpy(np.float64) / scale, table["mean"])
    finish(
        figure,
        height=360,
        simulated=simulated,
        legend=[*(plain(group or NO_GROUP, 30) for group in groups), *warned],
        margin={"b": 54, "l": 56},
    )
    figure.update_xaxes(title_text=axis, tickvals=sorted(set(table["time_h"] / scale)))
    return figure.update_yaxes(title_text=f"{plain(fate, 24)} (% of cells)", range=[0, _top(table, rows)])


def _signs(figure: go.Figure, table: pd.DataFrame, x: Float64, share: pd.Series) -> list[str]:
    if "light" not in table:
        return []
    places = x.tolist()
    return add_signs(figure, places, (100 * share).tolist(), table["light"].astype(str).tolist())


def bland_altman(
    pairs: pd.DataFrame, found: Agreement, *, simulated: bool = False, fate: str = "", counted: str = ""
) -> go.Figure:
    """First time point against the last: difference over mean, bias and limits of agreement.

    Args:
        pairs: rows of `first_against_final` of one class; lights in the column ``light`` are marked.
        found: bias and limits of these pairs, cut at -1 and 1.
        fate: for the axis.
        counted: how ratios were counted, in words, for the hover.
    """
    if pairs.empty:
        return nothing_to_draw(ONE_TIME)
    figure = go.Figure()
    middle = 50 * (pairs["first"] + pairs["final"])
    for number, group in enumerate(dict.fromkeys(pairs["group"])):
        rows = (pairs["group"] == group).to_numpy()
        figure.add_scatter(
            x=middle[rows],
            y=100 * pairs["difference"][rows],
            mode="markers",
            cliponaxis=False,
            name=plain(group or NO_GROUP, 30),
            marker={**_MARK, "color": SERIES[number % len(SERIES)], "symbol": SYMBOLS[number % len(SYMBOLS)]},
            customdata=[_pair_hover(row, counted) for row in pairs[rows].to_dict("records")],
            hovertemplate="%{y:+.1f} points, mean %{x:.1f} %<br>%{customdata}<extra>%{fullData.name}</extra>",
        )
    _signs(figure, pairs, middle.to_numpy(np.float64), pairs["difference"])
    figure.add_hline(y=0, line={"color": GRID, "width": 1.5})
    lines = (
        ("bias", found.bias, found.bias_low, found.bias_high, "solid"),
        ("upper limit", found.upper, found.upper_low, found.upper_high, "dash"),
        ("lower limit", found.lower, found.lower_low, found.lower_high, "dash"),
    )
    for name, value, low, high, dash in lines:
        # Under three pairs there are points only: a line would look like a result.
        if not np.isfinite(value) or not np.isfinite(found.lower):
            continue
        if np.isfinite(low):
            figure.add_hrect(y0=100 * low, y1=100 * high, fillcolor=MUTED, opacity=0.10, line_width=0)
        figure.add_hline(
            y=100 * value,
            line={"color": INK, "width": 1.5, "dash": dash},
            annotation={"text": f"{name} {100 * value:.1f}", "font": {"size": 12}, "xanchor": "right"},
        )
    finish(
        figure,
        height=340,
        simulated=simulated,
        legend=[trace.name for trace in figure.data if trace.name],
        margin={"b": 54, "l": 64},
    )
    figure.update_xaxes(title_text=f"mean of first and last, {plain(fate, 24)} (% of cells)")
    # No ratio can change by more than 100 points; the axis never shows more.
    drawn = [*(100 * pairs["difference"]), *(100 * end for end in (found.lower_low, found.upper_high))]
    known = [0.0, *(float(value) for value in drawn if np.isfinite(value))]
    room = 0.08 * max(max(known) - min(known), 5.0)
    ends = [max(-100.0, min(known) - room), min(100.0, max(known) + room)]
    return figure.update_yaxes(title_text="first minus last (points)", range=ends)


def _stretches(single: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and end of each run of time points with several replicates."""
    first = 0
    for place in range(len(single) + 1):
        if place == len(single) or single[place]:
            if place > first:
                yield first, place
            first = place + 1


def _band(figure: go.Figure, x: Float64, mean: Float64, low: Float64, high: Float64, colour: str, group: str) -> None:
    low, high = np.where(np.isfinite(low), low, mean), np.where(np.isfinite(high), high, mean)
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=colour,
        opacity=0.15,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        legendgroup=group,
    )


def _with_gaps(
    x: Float64, mean: Float64, low: Float64, high: Float64, single: NDArray[np.bool_]
) -> tuple[list[float], list[float], list[bool], tuple[list[float], list[float]]]:
    """Points with a gap wherever one of two neighbours is a single replicate; whiskers of single ones only."""
    line_x: list[float] = []
    line_y: list[float] = []
    marks: list[bool] = []
    below: list[float] = []
    above: list[float] = []
    for place, one in enumerate(single):
        if place and (one or single[place - 1]):
            line_x.append(float(x[place]))
            line_y.append(float("nan"))
            marks.append(bool(one))
            below.append(float("nan"))
            above.append(float("nan"))
        known = bool(one) and bool(np.isfinite(low[place]) and np.isfinite(high[place]))
        line_x.append(float(x[place]))
        line_y.append(float(mean[place]))
        marks.append(bool(one))
        below.append(max(0.0, float(mean[place] - low[place])) if known else float("nan"))
        above.append(max(0.0, float(high[place] - mean[place])) if known else float("nan"))
    return line_x, line_y, marks, (below, above)


def _gapped_rows(part: pd.DataFrame, single: NDArray[np.bool_]) -> Iterator[Any]:
    for place, row in enumerate(part.itertuples(index=False)):
        if place and (single[place] or single[place - 1]):
            yield None
        yield row


def _hover(row: Any, cells: Mapping[Hashable, float], counted: str) -> str:
    if row is None:
        return ""
    known = np.isfinite(row.low) and np.isfinite(row.high)
    between = f" [{100 * row.low:.1f}, {100 * row.high:.1f}]" if known else ""
    seen = f", {int(cells[row.time_h]):,} cells" if row.time_h in cells else ""
    how = "t interval over replicates" if row.n > 1 else "interval of its cells"
    if "agree" in getattr(row, "interval", ""):
        how = "interval of the cells of the replicates, which agree"
    parts = [
        f"{time_label(row.time_h)}: {100 * row.mean:.1f} %{between}",
        f"{row.n} {'replicate' if row.n == 1 else 'replicates'}{seen}",
        f"95 %: {how}" if known else "",
        plain(counted, 90),
    ]
    return "<br>".join(part for part in parts if part)


def _pair_hover(row: Mapping[Hashable, Any], counted: str) -> str:
    first, last = time_label(row["first_h"]), time_label(row["last_h"])
    named = str(row.get("replicate", "") or "")
    parts = [
        f"{first}: {100 * row['first']:.1f} %, {last}: {100 * row['final']:.1f} %",
        f"replicate {plain(named)}" if named else "one pair: means of the group",
        plain(counted, 90),
    ]
    return "<br>".join(part for part in parts if part)


def _top(table: pd.DataFrame, rows: pd.DataFrame) -> float:
    """A little above the highest thing drawn, 100 at most but for the marker at 100."""
    values = np.concatenate([table["mean"], table["high"], rows["ratio"]]).astype(np.float64)
    known = values[np.isfinite(values)]
    return float(min(102.0, 106 * known.max())) if len(known) and known.max() > 0 else 1.0
