"""Two drawings for paper, as plain SVG without a script: ratios with intervals, and stacked shares.

Plotly would bring a program of five megabytes into every report, which has to run before anything is seen and does
not follow the width of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import cast

import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.reports.html_report import Html
from nscweb.reports.marks import mark_colour, symbol
from nscweb.reports.style import AXIS, FONT, GRID, INK, MUTED, time_label

WIDTH = 960
_ROW, _TOP, _BOTTOM, _LABEL = 22, 34, 40, 230
_LONGEST = 26
# More rows than fit on a sheet of paper are drawn as several figures.
ROWS_OF_A_PAGE = 34


def ratio_rows(groups: pd.DataFrame) -> list[tuple[str, float]]:
    """(group, time) in the order of the figure: by group, then time."""
    seen = dict.fromkeys(
        zip(groups["group"].astype(str), groups["time_h"].astype(float).fillna(-1), strict=True)
    )
    return sorted(seen, key=lambda row: (row[0].casefold(), row[1]))


def ratio_svg(
    groups: pd.DataFrame, replicates: pd.DataFrame, classes: ClassScheme, rows: Sequence[tuple[str, float]]
) -> Html:
    """Each row a group at a time point, each panel a class: replicates as points, mean and 95 % interval.

    Args:
        groups: group, time_h, class, mean, low, high, light (shares 0..1; NaN where nothing was recovered).
        replicates: group, time_h, class, ratio.
        rows: some of `ratio_rows`.
    """
    gap = 30
    panel = (WIDTH - _LABEL - gap * len(classes)) / len(classes)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts: list[str] = []
    by_row = _by_row(groups)
    points = _by_row(replicates)
    for number, (group, hours) in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        if number and rows[number - 1][0] != group:
            parts.append(_line(0, y - _ROW / 2, WIDTH, y - _ROW / 2, GRID))
        light = str(by_row[(group, hours)]["light"].iloc[0]) if "light" in groups else ""
        shown = symbol(light)
        name = f"{_cut(group or 'no group given')}, {time_label(hours if hours >= 0 else None)}"
        parts.append(_text(0, y + 4, name, size=12))
        if shown:
            parts.append(_text(_LABEL - 22, y + 4, shown, size=13, fill=mark_colour(light)))
    for position, name in enumerate(classes.names):
        left = _LABEL + position * (panel + gap)
        parts.append(_text(left, 16, name, size=13, weight=600))
        parts += _axis(left, panel, height)
        colour = classes.colours[position]
        for number, row in enumerate(rows):
            y = _TOP + _ROW * (number + 0.5)
            parts += _mean(by_row[row], name, left, panel, y, colour, points.get(row))
    parts.append(
        _text(_LABEL + (WIDTH - _LABEL) / 2, height - 6, "share of cells, %", size=12, anchor="middle")
    )
    said = f"Share of {', '.join(classes.names)} in each group and time point, with 95 % intervals"
    return _svg(height, said, parts)


def stacked_svg(groups: pd.DataFrame, classes: ClassScheme, rows: Sequence[tuple[str, float]]) -> Html:
    """Each row a group at a time point, mean shares of all classes side by side, adding to 100 %."""
    width = WIDTH - _LABEL - 20
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts: list[str] = []
    by_row = _by_row(groups)
    parts += _axis(_LABEL, width, height)
    x = float(_LABEL)
    for position, name in enumerate(classes.names):
        parts.append(
            f'<rect x="{x:.1f}" y="6" width="12" height="12" fill="{escape(classes.colours[position])}"/>'
        )
        parts.append(_text(x + 17, 16, name, size=12))
        x += 40 + 7 * len(name)
    for number, (group, hours) in enumerate(rows):
        y = _TOP + _ROW * number + 3
        name = f"{_cut(group or 'no group given')}, {time_label(hours if hours >= 0 else None)}"
        parts.append(_text(0, y + 12, name, size=12))
        table = by_row[(group, hours)].set_index("class")["mean"]
        shares = [float(table.get(name, math.nan)) for name in classes.names]
        if not all(math.isfinite(share) for share in shares):
            parts.append(_text(_LABEL, y + 12, "cannot be recovered", size=12, fill=MUTED))
            continue
        left = float(_LABEL)
        for share, colour in zip(shares, classes.colours, strict=True):
            wide = width * max(0.0, share)
            parts.append(
                f'<rect x="{left:.2f}" y="{y:.1f}" width="{wide:.2f}" height="{_ROW - 6}" fill="{escape(colour)}"/>'
            )
            if wide > 34:
                parts.append(
                    _text(
                        left + wide / 2,
                        y + 12,
                        f"{100 * share:.0f}",
                        size=11,
                        anchor="middle",
                        fill=_ink(colour),
                    )
                )
            left += wide
    parts.append(_text(_LABEL + width / 2, height - 6, "share of cells, %", size=12, anchor="middle"))
    return _svg(height, f"Mean shares of {', '.join(classes.names)} in each group and time point", parts)


def _by_row(table: pd.DataFrame) -> dict[tuple[str, float], pd.DataFrame]:
    keys = [table["group"].astype(str), table["time_h"].astype(float).fillna(-1)]
    found: dict[tuple[str, float], pd.DataFrame] = {}
    for key, part in table.groupby(keys, sort=False):
        group, hours = cast(tuple[str, float], key)
        found[(group, float(hours))] = part
    return found


def _mean(
    table: pd.DataFrame,
    name: str,
    left: float,
    width: float,
    y: float,
    colour: str,
    points: pd.DataFrame | None,
) -> list[str]:
    row = table[table["class"] == name]
    if row.empty or not math.isfinite(float(row["mean"].iloc[0])):
        return [_text(left, y + 4, "cannot be recovered", size=11, fill=MUTED)]
    mean, low, high = (float(row[key].iloc[0]) for key in ("mean", "low", "high"))
    parts = []
    if points is not None:
        values = points.loc[points["class"] == name, "ratio"].astype(float)
        parts += [
            f'<circle cx="{left + width * value:.2f}" cy="{y + 5:.1f}" r="2.6" fill="none" stroke="{escape(colour)}"/>'
            for value in values[values.notna()]
        ]
    if math.isfinite(low) and math.isfinite(high):
        parts.append(_line(left + width * low, y, left + width * high, y, INK, 1.4))
        for end in (low, high):
            parts.append(_line(left + width * end, y - 3, left + width * end, y + 3, INK, 1.4))
    parts.append(
        f'<circle cx="{left + width * mean:.2f}" cy="{y:.1f}" r="4.2" fill="{escape(colour)}" stroke="{INK}"/>'
    )
    return parts


def _axis(left: float, width: float, height: float) -> list[str]:
    parts = []
    for tick in (0, 25, 50, 75, 100):
        x = left + width * tick / 100
        parts.append(_line(x, _TOP - 4, x, height - _BOTTOM + 3, AXIS if tick in (0, 100) else GRID, 0.8))
        parts.append(_text(x, height - _BOTTOM + 15, str(tick), size=11, anchor="middle", fill=MUTED))
    return parts


def _svg(height: float, said: str, parts: Sequence[str]) -> Html:
    return Html(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(said, quote=True)}" font-family="{escape(FONT, quote=True)}">{"".join(parts)}</svg>'
    )


def _text(
    x: float, y: float, text: str, *, size: int, anchor: str = "start", fill: str = INK, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> str:
    return f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" stroke="{colour}" stroke-width="{width:g}"/>'


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def _ink(colour: str) -> str:
    """White or dark, whichever is read more easily on a ``#rrggbb`` colour."""
    try:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    except ValueError:
        return INK
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else INK
