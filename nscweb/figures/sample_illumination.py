"""How the samples of a study were lit: one dot per sample, side by side by inducer group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.figures.look import NO_GROUP, SERIES, SYMBOLS, finish, hyphenated, nothing_to_draw, plain

# Column of the table of samples -> axis title with its unit.
FEATURES: dict[str, str] = {
    "background": "background level (grey values)",
    "noise": "noise of the background (grey values)",
    "gradient": "slope of the background (% of its level)",
    "stripes": "stripes in the background (% of its level)",
}


def illumination_data(samples: pd.DataFrame, feature: str) -> pd.DataFrame:
    """What `illumination_dots` draws: sample, group, cells, median, spread."""
    table = samples[["sample", "group", "cells", feature, f"{feature}_spread"]].copy()
    table["group"] = table["group"].replace("", NO_GROUP)
    return table.rename(columns={feature: "median", f"{feature}_spread": "spread"})


def illumination_dots(samples: pd.DataFrame, feature: str, *, simulated: bool = False) -> go.Figure:
    """Median of one feature of the light in each sample, with its spread over cells, by group.

    Args:
        samples: table of `services.study.illumination.IlluminationReport`.
        feature: one of `FEATURES`.
    """
    data = illumination_data(samples, feature)
    data = data[np.isfinite(data["median"])]
    if data.empty:
        return nothing_to_draw(
            "This was not measured, because the images have values below 0 or an older version read them."
        )
    groups = list(dict.fromkeys(data["group"]))
    figure = go.Figure()
    for index, group in enumerate(groups):
        rows = data[data["group"] == group]
        # Samples of a group stand beside one another, so that none hides another.
        places = index + (np.linspace(-0.3, 0.3, len(rows)) if len(rows) > 1 else np.zeros(1))
        figure.add_scatter(
            x=places,
            y=rows["median"],
            error_y={"type": "data", "array": rows["spread"], "thickness": 1, "width": 0},
            mode="markers",
            marker={"color": SERIES[index % len(SERIES)], "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
            text=[plain(name) for name in rows["sample"]],
            hovertemplate="%{text}: %{y:.4g}<extra></extra>",
        )
    finish(figure, height=300, simulated=simulated, margin={"l": 70, "b": 86})
    figure.update_xaxes(
        tickvals=list(range(len(groups))),
        ticktext=[hyphenated(group, 14) for group in groups],
        range=[-0.6, len(groups) - 0.4],
        showgrid=False,
        tickangle=0 if len(groups) <= 6 else -40,
    )
    return figure.update_yaxes(title_text=FEATURES[feature])
