"""Figures of the statistics: differences with intervals, dose curves."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.classes import ClassScheme
from nscweb.evaluation.groups.dose_response import DoseCurve, four_parameters
from nscweb.figures.group_marks import add_mark_legend, add_signs, group_label
from nscweb.figures.look import GRID, INK, MUTED, NO_GROUP, SERIES, SYMBOLS, finish, nothing_to_draw, plain, wrapped
from nscweb.words.marks import mark, mark_colour, symbol
from nscweb.words.numbers import p_value

NO_TEST = "There is nothing to compare: it needs two groups with a ratio."
_PAIR_WIDTH, _PAIR_LINES = 24, 4
_MARK = {"size": 9, "line": {"width": 1, "color": "white"}}


def differences_data(tests: pd.DataFrame) -> pd.DataFrame:
    """What `differences` draws, in points (per cent of cells): one row per comparison of one fate and time."""
    columns = ["time_h", "class", "group", "control", "n_group", "n_control", "p", "p_adjusted", "comparisons", "note"]
    table = tests[columns].copy()
    for name in ("difference", "low", "high", "low_all", "high_all"):
        table[f"{name}_points"] = 100 * tests[name].to_numpy(np.float64)
    return table.reset_index(drop=True)


def differences(
    tests: pd.DataFrame, *, cells: Mapping[str, int] | None = None, counted: str = "", simulated: bool = False
) -> go.Figure:
    """Estimation plot: difference of each group from the one compared with, and its interval; one fate and time point.

    The thick line is the 95 % interval of a comparison alone, the thin one holds for all comparisons at once. A
    hollow point has no interval: too few replicates for a test, or no spread.

    Args:
        tests: rows of `group_tests` of one class and time point; lights in the column ``light`` are marked.
        cells: group -> cells behind its mean, for the hover.
        counted: how ratios were counted, in words, for the hover.
    """
    data = differences_data(tests)
    data["hover"] = [
        _hover(row, str(method), cells or {}, counted)
        for row, method in zip(data.to_dict("records"), tests["method"], strict=True)
    ]
    shown = np.isfinite(data["difference_points"].to_numpy(np.float64))
    data = data[shown]
    if data.empty:
        return nothing_to_draw(NO_TEST)
    data = data.iloc[::-1].reset_index(drop=True)
    pairs = data["control"].nunique() > 1
    lights = list(tests["light"].astype(str)[shown])[::-1] if "light" in tests else [""] * len(data)
    names = [
        _pair(group, control, light) if pairs else group_label(group, light)
        for group, control, light in zip(data["group"], data["control"], lights, strict=True)
    ]
    place = np.arange(len(data), dtype=float)
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    for low, high, width, name in (
        ("low_all_points", "high_all_points", 1.5, "95 % interval for all comparisons at once"),
        ("low_points", "high_points", 5, "95 % interval of this comparison"),
    ):
        figure.add_scatter(
            x=np.column_stack([data[low], data[high], np.full(len(data), np.nan)]).ravel(),
            y=np.column_stack([place, place, np.full(len(data), np.nan)]).ravel(),
            mode="lines",
            line={"color": SERIES[0] if width > 2 else MUTED, "width": width},
            name=name,
            hoverinfo="skip",
        )
    tested = np.isfinite(data["low_points"].to_numpy(np.float64))
    figure.add_scatter(
        x=data["difference_points"],
        y=place,
        mode="markers",
        marker={
            "size": 11,
            "color": [SERIES[0] if known else "white" for known in tested],
            "line": {"width": 1.5, "color": SERIES[0]},
        },
        name="difference of the means",
        customdata=list(data["hover"]),
        hovertemplate="%{customdata}<extra></extra>",
    )
    control = plain(str(data["control"].iloc[0]) or NO_GROUP, 24)
    title = "Difference of the two groups (points)" if pairs else f"Difference from {control} (points)"
    entries = [trace.name for trace in figure.data]
    entries += add_mark_legend(figure, pd.DataFrame({"light": [mark(light) for light in lights]}))
    finish(
        figure,
        height=max(170, 90 + _row_height(names) * len(data)),
        simulated=simulated,
        legend=entries,
        margin={"l": 150, "r": 24, "b": 54},
    )
    figure.update_yaxes(tickvals=place, ticktext=names, range=[-0.6, len(data) - 0.4], gridcolor=GRID)
    return figure.update_xaxes(title_text=title)


def dose_figure(
    points: pd.DataFrame,
    fits: dict[str, DoseCurve],
    classes: ClassScheme,
    *,
    unit: str,
    counted: str = "",
    simulated: bool = False,
) -> go.Figure:
    """Ratio of each replicate against dose, with the fitted curve of each fate and the interval of its EC50.

    Args:
        points: dose, class, ratio of one series and time point; lights in the column ``light`` are marked.
        fits: class -> curve; one that is not fitted draws no line.
        unit: of the doses.
        counted: how ratios were counted, in words, for the hover.
    """
    known = points[np.isfinite(points["ratio"].to_numpy(np.float64))]
    if known.empty or not (known["dose"] > 0).any():
        return nothing_to_draw("No replicate with a dose has a ratio.")
    smallest, largest = float(known.loc[known["dose"] > 0, "dose"].min()), float(known["dose"].max())
    # Zero has no place on a logarithmic axis; it stands left of the smallest dose, with its own label.
    zero = smallest / max(3.0, min(10.0, largest / smallest) ** 0.5)
    figure = go.Figure()
    shown = [name for name in classes.names if name in set(known["class"])]
    for number, name in enumerate(shown):
        rows = known[known["class"] == name]
        colour = classes.colour(name)
        figure.add_scatter(
            x=np.where(rows["dose"] > 0, rows["dose"], zero),
            y=100 * rows["ratio"],
            mode="markers",
            name=plain(name),
            legendgroup=name,
            marker={**_MARK, "color": colour, "symbol": SYMBOLS[number % len(SYMBOLS)]},
            customdata=[_dose_hover(row, unit, counted) for row in rows.to_dict("records")],
            hovertemplate=f"%{{customdata}}<extra>{plain(name)}</extra>",
        )
        curve = fits.get(name)
        if curve is None or not curve.fitted:
            continue
        line = np.geomspace(smallest / 1.5, largest * 1.5, 120)
        share = four_parameters(line, curve.bottom, curve.top, float(np.log(curve.ec50)), curve.slope)
        figure.add_scatter(
            x=line,
            y=100 * share,
            mode="lines",
            line={"color": colour, "width": 2},
            hoverinfo="skip",
            legendgroup=name,
            showlegend=False,
        )
        if np.isfinite(curve.low):
            half = 50 * (curve.bottom + curve.top)
            figure.add_scatter(
                x=[curve.low, curve.high],
                y=[half, half],
                mode="lines",
                line={"color": colour, "width": 5},
                opacity=0.5,
                hoverinfo="skip",
                legendgroup=name,
                showlegend=False,
            )
    warned: list[str] = []
    if "light" in known:
        places = known["dose"].where(known["dose"] > 0, zero).astype(float).tolist()
        warned = add_signs(figure, places, (100 * known["ratio"]).tolist(), known["light"].astype(str).tolist())
    finish(figure, height=340, simulated=simulated, legend=[*shown, *warned], margin={"b": 54, "l": 56})
    levels = sorted(set(known["dose"]))
    figure.update_xaxes(
        type="log",
        tickvals=[level or zero for level in levels],
        ticktext=[f"{level:g}" for level in levels],
        title_text=f"dose ({plain(unit, 20)})" if unit else "dose (unit not given)",
    )
    return figure.update_yaxes(title_text="% of cells", range=[0, 100])


def _dose_hover(row: Mapping[Hashable, Any], unit: str, counted: str) -> str:
    text = f"{row['dose']:g} {plain(unit)}: {100 * row['ratio']:.1f} %"
    named = str(row.get("replicate", ""))
    text += f"<br>replicate {plain(named)}" if named else "<br>one replicate"
    text += f", {int(row['cells']):,} cells" if "cells" in row else ""
    return f"{text}<br>{plain(counted, 90)}" if counted else text


def _pair(group: str, control: str, light: str) -> str:
    sign = f'<span style="color:{mark_colour(light)}">{symbol(light)}</span> ' if symbol(light) else ""
    first, second = (
        wrapped(text, _PAIR_WIDTH, _PAIR_LINES) for text in (group or NO_GROUP, f"against {control or NO_GROUP}")
    )
    return f'<span style="font-size:11px">{sign}{first}<br>{second}</span>'


def _row_height(names: Sequence[str]) -> int:
    """Room for the label of most lines."""
    return max(34, 8 + 14 * max((1 + name.count("<br>") for name in names), default=1))


def _hover(row: Mapping[Hashable, Any], method: str, cells: Mapping[str, int], counted: str) -> str:
    group, control = str(row["group"]), str(row["control"])
    text = f"{plain(group or NO_GROUP)} minus {plain(control or NO_GROUP)}: {row['difference_points']:+.1f} points"
    if np.isfinite(row["low_points"]):
        text += f"<br>95 % interval {row['low_points']:.1f} to {row['high_points']:.1f}"
    p = float(row["p_adjusted"])
    text += f"<br>{p_value(p)}, adjusted for {row['comparisons']} comparisons" if np.isfinite(p) else "<br>no p value"
    text += f"<br>{row['n_group']} and {row['n_control']} replicates"
    if group in cells and control in cells:
        text += f", {cells[group]:,} and {cells[control]:,} cells"
    return "<br>".join(part for part in (text, plain(method, 90), plain(counted, 90)) if part)
