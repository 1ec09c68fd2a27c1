"""What a gate does: a histogram of the cells it keeps and leaves out, with its limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly import graph_objects as go

from nscweb.figures.look import INK, finish, nothing_to_draw, plain

KEPT_COLOUR, OUT_COLOUR = "#009E73", "#D55E00"
KEPT, LEFT_OUT = "kept", "left out"


def gate_histogram_data(
    edges: NDArray[np.float64], kept: NDArray[np.int64], left_out: NDArray[np.int64], names: Sequence[str] = ()
) -> pd.DataFrame:
    """What `gate_histogram` draws: from, to (or name), kept, left_out."""
    if names:
        return pd.DataFrame({"name": list(names), "kept": kept, "left_out": left_out})
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "kept": kept, "left_out": left_out})


def gate_histogram(
    edges: NDArray[np.float64],
    kept: NDArray[np.int64],
    left_out: NDArray[np.int64],
    *,
    label: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    names: Sequence[str] = (),
    simulated: bool = False,
) -> go.Figure:
    """Cells per value of one feature, stacked: kept by the gate and left out by it.

    Args:
        edges: (B + 1,) edges of the bins; not used when there are `names`.
        kept, left_out: (B,) cells per bin.
        label, unit: of the horizontal axis.
        low, high: limits, drawn as lines.
        names: of the bins, for populations.
    """
    if not int(kept.sum()) + int(left_out.sum()):
        return nothing_to_draw("No cell of this sample has this number.")
    places = [plain(name, 24) for name in names] if names else (edges[:-1] + edges[1:]) / 2
    widths = None if names else np.diff(edges) * 0.96
    figure = go.Figure()
    for name, counts, colour, pattern in ((KEPT, kept, KEPT_COLOUR, ""), (LEFT_OUT, left_out, OUT_COLOUR, "/")):
        figure.add_bar(
            x=places,
            y=counts,
            width=widths,
            name=name,
            # The pattern tells the two apart where colours do not.
            marker={
                "color": colour,
                "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "white", "solidity": 0.3},
            },
            hovertemplate=f"%{{x:.4g}}: %{{y:,}} cells {name}<extra></extra>"
            if not names
            else f"%{{x}}: %{{y:,}} cells {name}<extra></extra>",
        )
    finish(figure, height=270, simulated=simulated, legend=(KEPT, LEFT_OUT), margin={"l": 64})
    figure.update_layout(barmode="stack", bargap=0.05 if names else 0)
    for limit in (low, high):
        if limit is not None and not names:
            figure.add_vline(x=limit, line={"color": INK, "width": 2, "dash": "dash"})
    figure.update_xaxes(title_text=f"{label} ({unit})" if unit else label, showgrid=False)
    return figure.update_yaxes(title_text="cells", rangemode="tozero")
