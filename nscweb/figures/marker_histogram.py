"""Light of a marker over all cells: a histogram with its threshold, controls beside the stained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.figures.look import INK, finish, nothing_to_draw, plain

_BINS = 80
STAINED, CONTROLS, SINGLE = "stained", "controls without it", "stained for it alone"
_COLOURS = {STAINED: "#0072B2", CONTROLS: "#7f8c99", SINGLE: "#E69F00"}


def marker_histogram_data(
    values: NDArray[np.float64], kinds: NDArray[np.object_], noise: float, threshold: float
) -> pd.DataFrame:
    """What `marker_histogram` draws: ``kind``, ``from``, ``to`` (grey values above the background), ``cells``.

    Bins are equally wide in the inverse hyperbolic sine of the value over the noise, so that they are narrow near 0
    and grow with the light.

    Args:
        values: (N,) intensities.
        kinds: (N,) one of `STAINED`, `CONTROLS`, `SINGLE`.
        noise: grey values.
        threshold: a bin ends there.
    """
    known = np.isfinite(values)
    if not known.any():
        return pd.DataFrame(columns=["kind", "from", "to", "cells"])
    shown, limit = np.arcsinh(values[known] / noise), float(np.arcsinh(threshold / noise))
    low, high = float(shown.min()), float(shown.max())
    width = max((high - low) / _BINS, 1e-6)
    steps = np.arange(np.floor((low - limit) / width), np.ceil((high - limit) / width) + 1)
    edges = limit + width * steps
    rows = []
    for kind in (STAINED, CONTROLS, SINGLE):
        counts, _ = np.histogram(shown[kinds[known] == kind], edges)
        if counts.any():
            ends = np.sinh(edges) * noise
            rows.append(pd.DataFrame({"kind": kind, "from": ends[:-1], "to": ends[1:], "cells": counts}))
    return pd.concat(rows, ignore_index=True)


def marker_histogram(
    data: pd.DataFrame, noise: float, threshold: float, *, title: str, simulated: bool = False
) -> go.Figure:
    """Draw the data of `marker_histogram_data`; the axis is linear within the noise and logarithmic beyond."""
    if data.empty:
        return nothing_to_draw("No cell has this number.")
    figure = go.Figure()
    kinds: Sequence[str] = [kind for kind in _COLOURS if (data["kind"] == kind).any()]
    for kind in kinds:
        part = data[data["kind"] == kind]
        ends = np.arcsinh(part[["from", "to"]].to_numpy(np.float64) / noise)
        figure.add_bar(
            x=ends.mean(axis=1),
            y=part["cells"],
            width=ends[:, 1] - ends[:, 0],
            name=kind,
            marker={"color": _COLOURS[kind]},
            opacity=1.0 if kind == STAINED else 0.75,
            customdata=part[["from", "to"]].to_numpy(np.float64),
            hovertemplate="%{customdata[0]:.4g} to %{customdata[1]:.4g}: %{y:,} cells<extra></extra>",
        )
    finish(figure, height=250, simulated=simulated, legend=tuple(kinds), margin={"l": 64})
    figure.update_layout(barmode="overlay", bargap=0)
    figure.add_vline(x=float(np.arcsinh(threshold / noise)), line={"color": INK, "width": 2, "dash": "dash"})
    top = float(data["to"].max())
    ticks = [0.0, *(10.0**power for power in range(7) if noise <= 10.0**power <= 1.2 * top)]
    figure.update_xaxes(
        title_text=f"{plain(title, 40)}: mean above the background (grey values)",
        showgrid=False,
        tickvals=[float(np.arcsinh(tick / noise)) for tick in ticks],
        ticktext=[f"{tick:,.0f}" for tick in ticks],
    )
    return figure.update_yaxes(title_text="cells", rangemode="tozero")
