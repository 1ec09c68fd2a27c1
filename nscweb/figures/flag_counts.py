"""Quality of the cells of a study: how many are kept, and which flags each sample carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.flags import FLAGS
from nscweb.figures.look import INK, finish, nothing_to_draw, plain

# More rows than this are not read by anybody; the table has them all.
MAX_SAMPLES = 60
KEPT, ALL = "kept", "all cells"
# Gates that are off unless somebody sets them; a row of zeros would only ask what they are.
_OFTEN_OFF = ("size", "shape", "population")


def quality_funnel_data(summary: pd.DataFrame) -> pd.DataFrame:
    """What `quality_funnel` draws: what, cells, percent of all cells; all, each flag, kept.

    Args:
        summary: one row per sample with the columns cells, kept and one count per flag of `core.flags`.
    """
    total = int(summary["cells"].sum())
    rows = [
        (ALL, total),
        *((flag.label, int(summary[flag.name].sum())) for flag in FLAGS if _is_shown(summary, flag.name)),
    ]
    rows.append((KEPT, int(summary["kept"].sum())))
    table = pd.DataFrame(rows, columns=["what", "cells"])
    table["percent"] = 100.0 * table["cells"] / max(1, total)
    return table


def _is_shown(summary: pd.DataFrame, name: str) -> bool:
    return name in summary and (name not in _OFTEN_OFF or bool(summary[name].any()))


def quality_funnel(summary: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Cells in, cells with each flag, cells kept, over all samples. A cell may carry several flags."""
    if summary.empty or not summary["cells"].sum():
        return nothing_to_draw("This study has no cells.")
    data = quality_funnel_data(summary)
    plainly = {ALL: "#9fb3c6", KEPT: "#009E73"}
    figure = go.Figure(
        go.Bar(
            x=data["percent"],
            y=data["what"],
            orientation="h",
            marker={"color": [plainly.get(what, "#D55E00") for what in data["what"]]},
            text=[
                f"{cells:,} ({percent:.1f} %)" for cells, percent in zip(data["cells"], data["percent"], strict=True)
            ],
            textposition="auto",
            textfont={"color": [INK if what == ALL else "white" for what in data["what"]]},
            outsidetextfont={"color": INK},
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    finish(figure, height=64 + 27 * len(data), simulated=simulated, margin={"l": 112, "t": 8, "b": 48})
    figure.update_xaxes(title_text="% of all cells", range=[0, 100], tickvals=[0, 25, 50, 75, 100])
    return figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")


def quality_by_sample_data(summary: pd.DataFrame) -> pd.DataFrame:
    """What `quality_by_sample` draws, worst sample first: sample, cells, kept, flag, flagged, percent of the sample."""
    table = summary[summary["cells"] > 0]
    order = (table["kept"] / table["cells"]).sort_values(kind="stable").index[:MAX_SAMPLES]
    table = table.loc[order]
    flags = [flag for flag in FLAGS if flag.name in table]
    parts = [
        pd.DataFrame(
            {
                "sample": table["sample"].astype(str),
                "cells": table["cells"],
                "kept": table["kept"],
                "flag": flag.label,
                "flagged": table[flag.name],
                "percent": 100.0 * table[flag.name] / table["cells"],
                "order": np.arange(len(table)),
            }
        )
        for flag in flags
    ]
    if not parts:
        return pd.DataFrame(columns=["sample", "cells", "kept", "flag", "flagged", "percent"])
    joined = pd.concat(parts, ignore_index=True).sort_values("order", kind="stable", ignore_index=True)
    return joined.drop(columns="order")


def quality_by_sample(summary: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Per cent of each sample with each flag, as a table of shades; worst samples on top, at most `MAX_SAMPLES`."""
    data = quality_by_sample_data(summary)
    if data.empty:
        return nothing_to_draw("This study has no cells.")
    flags = list(dict.fromkeys(data["flag"]))
    samples = list(dict.fromkeys(data["sample"]))
    percent = data["percent"].to_numpy(float).reshape(len(samples), len(flags))
    names = [plain(name, 22) for name in samples]
    rows: Sequence[int] = range(len(samples))
    figure = go.Figure(
        go.Heatmap(
            z=percent,
            x=list(range(len(flags))),
            y=list(rows),
            zmin=0,
            zmax=max(10.0, float(percent.max())),
            colorscale=[[0, "#f7fafc"], [0.5, "#f0b27a"], [1, "#b84a00"]],
            xgap=2,
            ygap=2,
            text=[[f"{value:.1f}" if value else "" for value in row] for row in percent],
            texttemplate="%{text}",
            textfont={"size": 11},
            hovertemplate="%{y}, %{x}: %{z:.1f} % of the sample<extra></extra>",
            showscale=False,
        )
    )
    left = 20 + 6.4 * max(len(name) for name in names)
    title = "% of the cells of each sample"
    margin = {"l": int(left), "t": 6, "b": 78}
    finish(figure, height=84 + 22 * len(names), title=title, simulated=simulated, margin=margin)
    figure.update_xaxes(
        tickvals=list(range(len(flags))), ticktext=flags, tickangle=-40, tickfont={"size": 11}, showgrid=False, ticks=""
    )
    figure.update_yaxes(tickvals=list(rows), ticktext=names, showgrid=False, ticks="", tickfont={"size": 11})
    return figure.update_yaxes(autorange="reversed")
