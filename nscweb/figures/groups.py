"""Groups side by side at one time point: replicates with mean and interval, and differences with theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from nscweb.core.classes import ClassScheme
from nscweb.core.rules import FEWEST_CELLS
from nscweb.figures.group_data import at_time, difference_data, group_data, outline, point_data
from nscweb.figures.group_marks import LEFT, add_mark_legend, group_label, methods_by_group
from nscweb.figures.group_traces import ROWS, Places, cell_shapes, counted_labels, mean_marks, replicate_points
from nscweb.figures.look import AXIS, INK, MUTED, NO_GROUP, finish, nothing_to_draw, panel_title, plain, time_label
from nscweb.words.numbers import p_value

_ROW = 30
LOST = "cannot be told"


def superplot(
    groups: pd.DataFrame,
    rows: pd.DataFrame,
    bins: pd.DataFrame,
    classes: ClassScheme,
    order: Sequence[str],
    time_h: float,
    *,
    first: str = "",
    naive: bool = False,
    simulated: bool = False,
) -> go.Figure:
    """One panel per fate at one time point: a row per group with its cells, replicates, mean and interval.

    The form of Lord et al., J. Cell Biol. 219, e202001064 (2020): cells lightly behind, replicates as points.

    Args:
        groups, rows: of services.compare.result.Comparison.
        bins: of services.compare.score_spread.
        order: groups in the order of the answer.
        first: fate of the panel on top, the one that was asked about; the others follow in their own order.
        naive: lay the uncorrected mean beside the corrected one, as an open circle.
    """
    here = at_time(groups, time_h)
    data = group_data(here, order, classes.names)
    if data.empty:
        return nothing_to_draw()
    points = point_data(at_time(rows, time_h), order, classes.names)
    names = [name for name in order if name in set(data["group"])]
    lights = dict(zip(here["group"], here["light"], strict=True))
    fates = sorted(classes.names, key=lambda fate: fate != first)
    count, gap, panel = len(classes), 34, _ROW * len(names) + 12
    inner = count * panel + (count - 1) * gap
    figure = make_subplots(count, 1, shared_xaxes=True, vertical_spacing=gap / inner if count > 1 else 0)
    line = {name: len(names) - 1 - index for index, name in enumerate(names)}
    for row, fate in enumerate(fates, start=1):
        means = data[data["class"] == fate]
        own = points[points["class"] == fate]
        traces = [cell_shapes(ROWS, [_row_shape(line[name], *outline(bins, name, time_h, fate)) for name in names])]
        traces += [replicate_points(ROWS, own, _rows(own, line), classes.colour(fate), methods_by_group(means))]
        traces += [counted_labels(ROWS, means, _rows(means, line) - 0.3)] if naive else []
        for trace in (*traces, mean_marks(ROWS, means, _rows(means, line))):
            figure.add_trace(trace.update(showlegend=row == 1), row=row, col=1)
        for name in means.loc[means["percent"].isna(), "group"]:
            figure.add_annotation(text=LOST, x=50, y=line[name], showarrow=False, font={"color": MUTED}, row=row, col=1)
        top = figure.get_subplot(row, 1).yaxis.domain[1]
        swatch = f'<span style="color:{classes.colour(fate)}">■</span> '
        figure.add_annotation(panel_title(swatch + plain(fate), x=0, y=top))
    margin = {"t": 28, "b": 46, "l": LEFT}
    legend = [
        "replicate",
        "mean, 95 % interval",
        "scores of the cells",
        *(["counted labels"] if naive else []),
        *add_mark_legend(figure, data, points),
    ]
    finish(figure, height=inner + 74, simulated=simulated, legend=legend, margin=margin)
    figure.update_xaxes(range=[-1, 101], tickvals=[0, 25, 50, 75, 100])
    figure.update_xaxes(title_text=f"% of cells, {time_label(time_h)}", row=count, col=1)
    return figure.update_yaxes(
        range=[-0.6, len(names) - 0.4],
        tickvals=[line[name] for name in names],
        ticktext=[group_label(name, str(lights.get(name, ""))) for name in names],
        showgrid=False,
    )


def differences(
    tests: pd.DataFrame,
    groups: pd.DataFrame,
    order: Sequence[str],
    fate: str,
    time_h: float,
    against: str,
    *,
    simulated: bool = False,
) -> go.Figure:
    """Estimation plot: difference of each group from one of them in points, with 95 % interval and adjusted p."""
    data = difference_data(tests, order, fate, time_h, against)
    if data.empty:
        return nothing_to_draw("There is no second group to compare with at this time point.")
    here = at_time(groups, time_h)
    lights = dict(zip(here["group"], here["light"], strict=True))
    names = list(data["group"])
    place = np.arange(len(names))[::-1]
    value, low, high = (data[name].to_numpy(float) for name in ("difference_points", "low", "high"))
    cells = dict(zip(here["group"], here["cells"], strict=True))
    tests_made = [p_value(p) if np.isfinite(p) else "no test" for p in data["p_adjusted"]]
    fewest = [min(cells.get(name, 0), cells.get(against, 0)) for name in names]
    # The sentence on top claims nothing of so few cells, and no more does the number at the edge.
    shown = [said if least >= FEWEST_CELLS else "few cells" for said, least in zip(tests_made, fewest, strict=True)]
    small = ["" if least >= FEWEST_CELLS else ": too few to rely on" for least in fewest]
    hover = [
        f"{plain(row['group'] or NO_GROUP)} minus {plain(against or NO_GROUP)}: {row['difference_points']:z.1f} points"
        f"<br>95 % interval {row['low']:z.1f} to {row['high']:z.1f}<br>{text}, adjusted for {row['comparisons']} "
        f"comparisons<br>{row['n_group']} and {row['n_other']} replicates, {cells.get(row['group'], 0):,} and "
        f"{cells.get(against, 0):,} cells{few}<br>{plain(row['method'], 90)}<br>trust light: {row['light']}"
        for row, text, few in zip(data.to_dict("records"), tests_made, small, strict=True)
    ]
    known = np.isfinite(low) & np.isfinite(high)
    figure = go.Figure(
        go.Scatter(
            x=value,
            y=place,
            mode="markers",
            marker={
                "size": 10,
                "color": [INK if ok else "white" for ok in known],
                "line": {"color": INK, "width": 1.5},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "thickness": 1.6,
                "width": 4,
                "color": INK,
                "array": np.where(known, high - value, 0),
                "arrayminus": np.where(known, value - low, 0),
            },
            text=hover,
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_vline(x=0, line={"color": AXIS, "width": 1.5})
    for text, y in zip(shown, place, strict=True):
        figure.add_annotation(
            text=text, x=1, y=y, xref="paper", xanchor="left", showarrow=False, xshift=6, font={"size": 14}
        )
    ends = np.concatenate([value, low[known], high[known]])
    # A wide interval of one pair must not press all others together; it runs out of the picture.
    left, right = (float(np.clip(end, -100, 100)) for end in (np.nanmin([*ends, -5]), np.nanmax([*ends, 5])))
    air = 0.06 * (right - left)
    margin = {"t": 8, "b": 68, "l": LEFT, "r": 92}
    legend = add_mark_legend(figure, data)
    finish(figure, height=_ROW * len(names) + 88, simulated=simulated, legend=legend, margin=margin)
    title = f"% {plain(fate, 24)}: difference in points from<br>{plain(against or NO_GROUP, 40)}"
    figure.update_xaxes(range=[left - air, right + air], title_text=title)
    return figure.update_yaxes(
        range=[-0.6, len(names) - 0.4],
        tickvals=place,
        ticktext=[group_label(name, str(lights.get(name, ""))) for name in names],
        showgrid=False,
    )


def _rows(table: pd.DataFrame, line: Mapping[str, int]) -> Places:
    return np.array([line[name] for name in table["group"]], np.float64)


def _row_shape(middle: int, percent: Places, height: Places) -> tuple[Places, Places, Places]:
    base = np.full(len(percent), middle - 0.38)
    return percent, base + 0.76 * height, base
