"""Cells as pictures: a grid that fits the width of the window, raw image beside the map, scale bar when known.

Pictures travel inside the page as PNG data, so no request leaves it; everything a user typed is escaped.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from nscweb.services.cells.fields_seen import FieldSeen
from nscweb.ui.text import html, percent, plain

# Lengths that a scale bar may have; the longest that takes at most a third of the frame is drawn.
_BARS_UM = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True)
class Tile:
    """One cell in a grid.

    Attributes:
        pictures: (h, w) or (h, w, 3) uint8 arrays shown side by side, with what each one is.
        title: bold line, for example the predicted class.
        colour: of the dot before the title, "" for none.
        lines: smaller lines below.
        scores: class -> probability, drawn as bars when given.
        colours: class -> colour of its bar.
        link: address within the app, with what it shows; None for none.
    """

    pictures: Sequence[tuple[str, NDArray[np.uint8]]]
    title: str = ""
    colour: str = ""
    lines: Sequence[str] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    link: tuple[str, str] | None = None


def grid(tiles: Sequence[Tile], *, width: int = 132, pixel_size_um: float | None = None) -> None:
    """Draw tiles as a grid; `width` is the least width of a tile in px.

    All pictures of a grid have one magnification, so that cells can be compared by eye; only a frame more than
    twice the usual size is shrunk to fit.
    """
    shapes = [pixels.shape[:2] for tile in tiles for _, pixels in tile.pictures]
    if not shapes:
        return
    box = _box(np.asarray(shapes, float))
    body = "".join(_tile(tile, box, pixel_size_um) for tile in tiles)
    st.html(f'<div class="nsc-grid" style="--tile:{int(width)}px">{body}</div>')


def whole_field(seen: FieldSeen) -> None:
    """A whole field of view with the outlines of its cells."""
    st.html(
        f'<img alt="{html(seen.sentence, 300)}" src="{png_uri(seen.picture)}" '
        'style="width:100%;max-width:1000px;border-radius:6px;display:block">'
    )
    st.caption(plain(seen.sentence))


def ramp(low: str, high: str, stops: Sequence[str]) -> None:
    """A colour bar with its two ends named."""
    colours = ",".join(html(stop) for stop in stops)
    st.html(
        f'<div class="nsc-ramp"><span>{html(low)}</span><i '
        f'style="background:linear-gradient(90deg,{colours})"></i>'
        f"<span>{html(high)}</span></div>"
    )


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """A ``data:`` address of a grey or RGB picture."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def scale_bar(frame_width: int, pixel_size_um: float) -> tuple[float, float]:
    """(length in µm, share of the frame's width) of the bar that suits a frame; the shortest one when none fits."""
    frame_um = frame_width * pixel_size_um
    fitting = [length for length in _BARS_UM if length <= frame_um / 3]
    length = fitting[-1] if fitting else _BARS_UM[0]
    return length, min(length / frame_um, 1.0)


def _box(shapes: NDArray[np.float64]) -> tuple[float, float]:
    """(rows, columns) of the field that every picture of a grid is drawn in."""
    largest, usual = shapes.max(axis=0), np.median(shapes, axis=0)
    rows, columns = np.minimum(largest, 2 * usual)
    return float(rows), float(columns)


def _tile(tile: Tile, box: tuple[float, float], pixel_size_um: float | None) -> str:
    frames = "".join(_frame(name, pixels, box, pixel_size_um) for name, pixels in tile.pictures)
    dot = f'<span class="nsc-dot" style="background:{html(tile.colour)}"></span>' if tile.colour else ""
    title = f"<b>{dot}{html(tile.title)}</b><br>" if tile.title else ""
    lines = "<br>".join(f'<span class="o">{html(line)}</span>' for line in tile.lines)
    if tile.link is not None:
        address, words = tile.link
        # A page of its own, so that filters of this one stay.
        lines += f'<br><a href="{html(address, 300)}" target="_blank" rel="noopener">{html(words)}</a>'
    bars = "".join(
        f'<span>{html(name)}</span><span class="b"><i style="width:{100 * share:.1f}%;'
        f'background:{html(tile.colours.get(name, "#0072B2"))}"></i></span><span '
        f'class="n">{percent(share, 0)}</span>'
        for name, share in tile.scores.items()
    )
    bars = f'<div class="nsc-bars">{bars}</div>' if bars else ""
    return (
        f'<figure class="nsc-cell"><div class="pair">{frames}</div>'
        f"<figcaption>{title}{lines}{bars}</figcaption></figure>"
    )


def _frame(name: str, pixels: NDArray[np.uint8], box: tuple[float, float], pixel_size_um: float | None) -> str:
    rows, columns = int(pixels.shape[0]), int(pixels.shape[1])
    share_of_box = min(1.0, box[1] / columns, box[0] / rows) * columns / box[1]
    bar = ""
    if pixel_size_um:
        length, share = scale_bar(columns, pixel_size_um)
        bar = f'<span class="nsc-scale" style="width:{100 * share:.1f}%">{length:g} µm<i></i></span>'
    return (
        f'<div class="frame" style="aspect-ratio:{box[1]:g}/{box[0]:g}">'
        f'<div class="picture" style="width:{100 * share_of_box:.1f}%">'
        f'<img alt="{html(name)}" title="{html(name)}" src="{png_uri(pixels)}">{bar}</div></div>'
    )
