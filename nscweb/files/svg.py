"""Two drawings for paper, as plain SVG without a script: ratios with intervals, and stacked shares.

Plotly would bring a program of five megabytes into every report, which has to run before anything is seen and does
not follow the width of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd
from markupsafe import Markup, escape

from nscweb.core.classes import ClassScheme
from nscweb.figures.look import AXIS, FONT, GRID, INK, MUTED, WHITE, contrast, rgb_of, time_label
from nscweb.words.marks import mark_colour, symbol

_TOP, _BOTTOM = 30, 36
_LONGEST = 26
# More rows than fit on half a sheet of paper are drawn as several figures.
ROWS_OF_A_PAGE = 30


@dataclass(frozen=True)
class _Paper:
    """Sizes of a drawing: for a sheet of paper or a screen, or for a telephone.

    Attributes:
        width, label: of everything, and of the names on the left.
        row: height of a row.
        stacked: panels of the classes below one another instead of beside.
    """

    width: int
    label: int
    row: int
    stacked: bool


_BROAD, _NARROW = _Paper(960, 230, 18, False), _Paper(380, 168, 20, True)


def ratio_rows(groups: pd.DataFrame, order: Sequence[str] = ()) -> list[tuple[str, float]]:
    """(group, time) in the order of the figure: groups as in `order`, the others by name, then by time."""
    seen = dict.fromkeys(zip(groups["group"].astype(str), groups["time_h"].astype(float).fillna(-1), strict=True))
    place = {name: number for number, name in enumerate(order)}
    return sorted(seen, key=lambda row: (place.get(row[0], len(place)), row[0].casefold(), row[1]))


def ratio_svg(
    groups: pd.DataFrame,
    replicates: pd.DataFrame,
    classes: ClassScheme,
    rows: Sequence[tuple[str, float]],
    *,
    narrow: bool = False,
) -> Markup:
    """Each row a group at a time point, each panel a class: replicates as points, mean and 95 % interval.

    Args:
        groups: group, time_h, class, mean, low, high, light (shares 0..1; NaN where nothing was recovered).
        replicates: group, time_h, class, ratio.
        rows: some of `ratio_rows`.
        narrow: for a telephone: panels below one another.
    """
    paper, gap = (_NARROW, 14) if narrow else (_BROAD, 30)
    across = 1 if narrow else len(classes)
    panel = (paper.width - paper.label - gap * across) / across
    height = _TOP + paper.row * len(rows) + _BOTTOM
    parts: list[str] = []
    by_row, points = _by_row(groups), _by_row(replicates)
    for position, name in enumerate(classes.names):
        left = paper.label + (0 if narrow else position * (panel + gap))
        below = height * position if narrow else 0.0
        if narrow or not position:
            parts += _names(rows, by_row, paper, below)
        parts.append(_text(left, below + 16, name, size=13, weight=600))
        parts += _axis(left, panel, below, height)
        colour = classes.colours[position]
        for number, row in enumerate(rows):
            y = below + _TOP + paper.row * (number + 0.5)
            parts += _mean(by_row[row], name, left, panel, y, colour, points.get(row))
        if narrow or not position:
            middle = paper.label + (paper.width - paper.label) / 2
            parts.append(_text(middle, below + height - 4, "share of cells, %", size=12, anchor="middle"))
    said = f"Share of {', '.join(classes.names)} in each group and time point, with 95 % intervals"
    return _svg(paper.width, height * (len(classes) if narrow else 1), f"{said}; the table has the numbers", parts)


def stacked_svg(
    groups: pd.DataFrame, classes: ClassScheme, rows: Sequence[tuple[str, float]], *, narrow: bool = False
) -> Markup:
    """Each row a group at a time point, mean shares of all classes side by side, adding to 100 %."""
    paper = _NARROW if narrow else _BROAD
    width = paper.width - paper.label - 20
    above = 18 * (len(classes) - 1) if narrow else 0
    height = above + _TOP + paper.row * len(rows) + _BOTTOM
    by_row = _by_row(groups)
    parts = _axis(paper.label, width, above, height - above)
    x, line = float(paper.label), 0
    for position, name in enumerate(classes.names):
        parts.append(
            f'<rect x="{x:.1f}" y="{6 + line}" width="12" height="12" fill="{escape(classes.colours[position])}"/>'
        )
        parts.append(_text(x + 17, 16 + line, name, size=12))
        x, line = (x, line + 18) if narrow else (x + 40 + 7 * len(name), 0)
    for number, (group, hours) in enumerate(rows):
        y = above + _TOP + paper.row * number + 3
        parts.append(_text(0, y + 10, _row_name(group, hours, narrow), size=12))
        table = by_row[(group, hours)].set_index("class")["mean"]
        shares = [float(table.get(name, math.nan)) for name in classes.names]
        if not all(math.isfinite(share) for share in shares):
            parts.append(_text(paper.label, y + 10, "cannot be recovered", size=12, fill=MUTED))
            continue
        left = float(paper.label)
        for share, colour in zip(shares, classes.colours, strict=True):
            wide = width * max(0.0, share)
            parts.append(
                f'<rect x="{left:.2f}" y="{y:.1f}" width="{wide:.2f}" height="{paper.row - 4}" '
                f'fill="{escape(colour)}"/>'
            )
            if wide > 22:
                middle, said = left + wide / 2, f"{100 * share:.0f}"
                parts.append(_text(middle, y + 11, said, size=11, anchor="middle", fill=_ink(colour)))
            left += wide
    parts.append(_text(paper.label + width / 2, height - 4, "share of cells, %", size=12, anchor="middle"))
    said = f"Mean shares of {', '.join(classes.names)} in each group and time point; the table has the numbers"
    return _svg(paper.width, height, said, parts)


def _names(
    rows: Sequence[tuple[str, float]], by_row: dict[tuple[str, float], pd.DataFrame], paper: _Paper, below: float
) -> list[str]:
    """Names of the rows with the marks of doubtful ones, and a line between groups."""
    parts = []
    for number, (group, hours) in enumerate(rows):
        y = below + _TOP + paper.row * (number + 0.5)
        if number and rows[number - 1][0] != group:
            parts.append(_line(0, y - paper.row / 2, paper.width, y - paper.row / 2, GRID))
        light = str(by_row[(group, hours)]["light"].iloc[0]) if "light" in by_row[(group, hours)] else ""
        parts.append(_text(0, y + 4, _row_name(group, hours, paper.stacked), size=12))
        if shown := symbol(light):
            parts.append(_text(paper.label - 18, y + 4, shown, size=13, fill=mark_colour(light)))
    return parts


def _row_name(group: str, hours: float, narrow: bool) -> str:
    most = 17 if narrow else _LONGEST
    return f"{_cut(group or 'no group given', most)}, {time_label(hours if hours >= 0 else None)}"


def _by_row(table: pd.DataFrame) -> dict[tuple[str, float], pd.DataFrame]:
    keys = [table["group"].astype(str), table["time_h"].astype(float).fillna(-1)]
    found: dict[tuple[str, float], pd.DataFrame] = {}
    for key, part in table.groupby(keys, sort=False):
        group, hours = cast(tuple[str, float], key)
        found[(group, float(hours))] = part
    return found


def _mean(
    table: pd.DataFrame, name: str, left: float, width: float, y: float, colour: str, points: pd.DataFrame | None
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


def _axis(left: float, width: float, below: float, height: float) -> list[str]:
    parts = []
    top, bottom = below + _TOP - 4, below + height - _BOTTOM
    for tick in (0, 25, 50, 75, 100):
        x = left + width * tick / 100
        parts.append(_line(x, top, x, bottom + 3, AXIS if tick in (0, 100) else GRID, 0.8))
        parts.append(_text(x, bottom + 15, str(tick), size=11, anchor="middle", fill=MUTED))
    return parts


def _svg(width: int, height: float, said: str, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" role="img" '
        f'aria-label="{escape(said)}" font-family="{escape(FONT)}">{"".join(parts)}</svg>'
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


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _ink(colour: str) -> str:
    """White or dark, whichever stands out more from a ``#rrggbb`` colour; dark on any other kind of colour."""
    try:
        behind = rgb_of(colour)
    except ValueError:
        return INK
    return max((INK, WHITE), key=lambda ink: contrast(rgb_of(ink), behind))
