"""Class maps drawn over raw images, on pages and as files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from nscweb.services.cells import GalleryCell

if TYPE_CHECKING:
    from nscweb.services.explain import Explained

# Inferno (Smith and van der Walt 2015): perceptually uniform, readable with every common colour blindness.
COLOUR_STOPS: tuple[str, ...] = (
    "#000004",
    "#1b0c41",
    "#4a0c6b",
    "#781c6d",
    "#a52c60",
    "#cf4446",
    "#ed6925",
    "#fb9b06",
    "#f7d13d",
    "#fcffa4",
)
_BARS_UM = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0)
_SIDE = 240
_STRIP = 34


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.float64]:
    """(256, 3) colours in 0..255."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in COLOUR_STOPS], float)
    at = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=1)


def overlay(image: NDArray[np.uint8], class_map: NDArray[Any], alpha: float = 0.55) -> NDArray[np.uint8]:
    """Image (h, w) and map (h, w) in 0..1 to (h, w, 3); the image stays visible where the map is low."""
    level = np.clip(np.nan_to_num(np.asarray(class_map, np.float64)), 0.0, 1.0)
    colours = _palette()[np.rint(255 * level).astype(int)]
    weight = (np.clip(alpha, 0.0, 1.0) * level**0.6)[..., None]
    mixed = (1.0 - weight) * np.asarray(image, np.float64)[..., None] + weight * colours
    return np.asarray(np.rint(mixed), np.uint8)


def scale_bar(width_px: int, pixel_size_um: float | None) -> tuple[float, float] | None:
    """(length in µm, length in px) of the longest bar within 40 % of a frame; None without a pixel size."""
    if not pixel_size_um or not pixel_size_um > 0:
        return None
    for length in _BARS_UM:
        if length / pixel_size_um <= 0.4 * width_px:
            return length, length / pixel_size_um
    return None


def side_by_side(cell: Explained, note: str = "") -> Image.Image:
    """Raw image and overlay beside each other, enlarged, with a strip that says what is shown."""
    height, width = cell.cell.image.shape
    zoom = max(1, _SIDE // max(height, width))
    gap = 6
    sheet = Image.new("RGB", (2 * width * zoom + gap, height * zoom + _STRIP), "white")
    for place, pixels in enumerate((cell.cell.image, cell.overlay)):
        picture = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
        sheet.paste(
            picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (place * (width * zoom + gap), 0)
        )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    bar = scale_bar(width, cell.pixel_size_um)
    if bar is not None:
        length, pixels_long = bar
        bottom = height * zoom - 6
        right = width * zoom - 6
        draw.line((right - pixels_long * zoom, bottom, right, bottom), fill="white", width=3)
        draw.text((right, bottom - 4), f"{length:g} µm", fill="white", font=font, anchor="rs")
    said = cell.cell
    lines = [
        f"object {said.object_number} · {said.predicted} {said.confidence:.2f}",
        f"map: {cell.explained}" + (f" · {note}" if note else ""),
    ]
    for row, line in enumerate(lines):
        draw.text((2, height * zoom + 2 + 15 * row), line, fill="black", font=font)
    return sheet


def file_name(cell: GalleryCell, explained: str) -> str:
    """``neuron-0.93_object-000017_RA_1d_r1_c000002-5.png``: only characters that every file system takes."""
    sample = re.sub(r"[^A-Za-z0-9._-]+", "-", cell.sample).strip("-.")[:60] or "sample"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", cell.predicted)
    shown = "" if explained == cell.predicted else f"_map-{re.sub(r'[^A-Za-z0-9._-]+', '-', explained)}"
    key = cell.cell_id.replace(":", "-")
    return f"{name}-{cell.confidence:.2f}{shown}_object-{cell.object_number:06d}_{sample}_{key}.png"


def save(cells: Sequence[Explained], out_dir: Path, note: str = "") -> list[Path]:
    """Write one PNG per cell; the text of the file repeats what is shown."""
    out_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for cell in cells:
        info = PngImagePlugin.PngInfo()
        info.add_itxt("Description", f"{cell.cell.sample}, object {cell.cell.object_number}, {note or 'class map'}")
        path = out_dir / file_name(cell.cell, cell.explained)
        side_by_side(cell, note).save(path, "PNG", pnginfo=info)
        paths.append(path)
    return paths
