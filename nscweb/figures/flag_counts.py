"""Quality of the cells of a study: how many are kept, how many are left out for what, and which flags they carry."""

from __future__ import annotations

import pandas as pd
from plotly import graph_objects as go

from nscweb.core.flags import LEFT_OUT, flag
from nscweb.figures.look import INK, finish, nothing_to_draw

KEPT, ALL = "kept", "all cells"
# Gates that are off unless somebody sets them; a row of zeros would only ask what they are.
_OFTEN_OFF = ("size", "shape", "population", "drawn")
_FIRST, _OTHERS = "#D55E00", "#f3c9a8"


def quality_funnel_data(funnel: pd.DataFrame) -> pd.DataFrame:
    """What `quality_funnel` draws: all cells, each flag, cells kept.

    Args:
        funnel: one row per sample: imported, kept, and per flag the cells that it leaves out first, under its name,
            and all cells that carry it, as ``<name>_alone``.

    Returns:
        Columns what, cells (left out for this first), percent of all cells, carry (cells with this flag, alone or
        with others), carry_percent. The cells of the flags and those kept add up to all.
    """
    total = int(funnel["imported"].sum())
    rows = [(ALL, total, total)]
    for name in LEFT_OUT:
        first, carry = (int(funnel[column].sum()) if column in funnel else 0 for column in (name, f"{name}_alone"))
        if carry or name not in _OFTEN_OFF:
            rows.append((flag(name).label, first, carry))
    kept = int(funnel["kept"].sum())
    table = pd.DataFrame([*rows, (KEPT, kept, kept)], columns=["what", "cells", "carry"])
    table["percent"] = 100.0 * table["cells"] / max(1, total)
    table["carry_percent"] = 100.0 * table["carry"] / max(1, total)
    return table[["what", "cells", "percent", "carry", "carry_percent"]]


def quality_funnel(funnel: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """All cells, cells left out for each reason first (dark) or that also carry its flag (pale), cells kept."""
    if funnel.empty or not funnel["imported"].sum():
        return nothing_to_draw("This study has no cells.")
    data = quality_funnel_data(funnel)
    plainly = {ALL: "#9fb3c6", KEPT: "#009E73"}
    words = [_words(what, *numbers) for what, *numbers in data.itertuples(index=False)]
    figure = go.Figure(
        go.Bar(
            x=data["percent"],
            y=data["what"],
            orientation="h",
            marker={"color": [plainly.get(what, _FIRST) for what in data["what"]]},
            customdata=words,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_bar(
        x=data["carry_percent"] - data["percent"],
        y=data["what"],
        orientation="h",
        marker={"color": _OTHERS},
        customdata=words,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
        showlegend=False,
    )
    for what, end, said in zip(data["what"], data["carry_percent"], words, strict=True):
        inside = end > 60
        figure.add_annotation(
            x=end,
            y=what,
            text=said,
            showarrow=False,
            xanchor="right" if inside else "left",
            xshift=-4 if inside else 4,
            font={"color": "white" if inside and what != ALL else INK},
        )
    finish(figure, height=64 + 27 * len(data), simulated=simulated, margin={"l": 112, "t": 8, "b": 48})
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="% of all cells", range=[0, 100], tickvals=[0, 25, 50, 75, 100])
    return figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")


def _words(what: str, cells: int, percent: float, carry: int, carry_percent: float) -> str:
    if what in (ALL, KEPT):
        return f"{cells:,} ({percent:.1f} %)"
    return f"left out first {cells:,} ({percent:.1f} %), carry this flag {carry:,} ({carry_percent:.1f} %)"
