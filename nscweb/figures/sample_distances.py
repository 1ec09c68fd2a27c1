"""How far the samples of a run lie from the samples that its model knows: one row per number, one dot per sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.figures.look import finish, nothing_to_draw, plain
from nscweb.words.marks import mark, mark_colour

# Beyond that many deviations a dot stands at the edge, so that the others stay apart.
EDGE = 10.0
# Where about two of a thousand good samples lie outside (t of the limit for yellow with some fifty known samples).
BAND = 3.2
_SYMBOLS = {"green": "circle", "yellow": "triangle-up", "red": "square"}
_ROW_PX = 30


def fitness_data(table: pd.DataFrame) -> pd.DataFrame:
    """What `fitness_dots` draws, for a file: the table without its short keys."""
    return table.drop(columns=["number"]).rename(
        columns={"sample_id": "sample", "title": "what", "deviations": "deviations_from_known_samples"}
    )


def fitness_dots(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Deviation of each sample from known samples, for every number that was compared.

    Args:
        table: `services.predict.light_tables.fitness_table`.
    """
    if table.empty:
        return nothing_to_draw("No sample of this run was compared with known samples.")
    rows = list(dict.fromkeys(table["title"]))
    figure = go.Figure()
    figure.add_vrect(x0=-BAND, x1=BAND, fillcolor="#e9f0f5", line_width=0, layer="below")
    rng = np.random.default_rng(0)
    shown = []
    for light in ("green", "yellow", "red"):
        part = table[table["light"] == light]
        if part.empty:
            continue
        word = mark(light).partition(" ")[2]
        shown.append(word)
        places = part["title"].map(rows.index).to_numpy(float)
        many = part["sample_id"].nunique() > 8
        figure.add_scatter(
            x=part["deviations"].clip(-EDGE, EDGE),
            y=places + (rng.uniform(-0.25, 0.25, len(part)) if many else 0.0),
            mode="markers",
            name=word,
            marker={"symbol": _SYMBOLS[light], "color": mark_colour(light), "size": 7, "opacity": 0.75},
            text=[
                f"{plain(name)}<br>{title}: {_number(value)} {unit}, known samples {_number(typical)}"
                for name, title, value, unit, typical in part[
                    ["sample_id", "title", "value", "unit", "typical"]
                ].itertuples(index=False)
            ],
            customdata=part["deviations"],
            hovertemplate="%{text}<br>%{customdata:.1f} deviations<extra></extra>",
        )
    left = 16 + int(5.9 * max(len(row) for row in rows))
    finish(
        figure,
        height=70 + _ROW_PX * len(rows),
        simulated=simulated,
        legend=shown,
        margin={"l": min(left, 190), "b": 58},
    )
    ticks = [-EDGE, -5, 0, 5, EDGE]
    figure.update_xaxes(
        title_text="standard deviations",
        range=[-EDGE - 0.6, EDGE + 0.6],
        tickvals=ticks,
        ticktext=[f"≤ −{EDGE:.0f}", "−5", "0", "5", f"≥ {EDGE:.0f}"],
    )
    return figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows, range=[len(rows) - 0.4, -0.6], showgrid=True, ticks=""
    )


def _number(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.3g}"
