"""Why a model says what it says: class maps of single cells over their raw images.

The maps are drawn over the raw images here, for pages and files.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from nscweb.core.errors import WrongUse
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.services.cells.cells import CellFilter, GalleryCell, gallery_cells, matching_rows, page_key
from nscweb.services.kept import kept
from nscweb.services.predict.runs import get_run, model_of_run, prediction_table, study_of
from nscweb.services.study.pixels import images_of

if TYPE_CHECKING:
    from nscweb.core.card import ModelCard
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App


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


__all__ = ["COLOUR_STOPS", "PREDICTED", "Explained", "explain", "representative_cells", "save_overlays"]

Method = Literal["auto", "closed-form", "grad-cam", "integrated-gradients", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)
PREDICTED = "predicted"


@dataclass(frozen=True)
class Explained:
    """One cell with its class map.

    Attributes:
        cell: the cell with its raw image and scores.
        explained: class that the map speaks for.
        map: (h, w) float32 in 0..1 on the raw frame, 0 outside the field that the network saw.
        overlay: (h, w, 3) uint8, the map over the raw image.
        method: ``closed-form`` (Grad-CAM without gradients), ``grad-cam``, ``integrated-gradients`` or ``occlusion``.
        pixel_size_um: micrometres per pixel of the frame, None when not known.
    """

    cell: GalleryCell
    explained: str
    map: NDArray[np.float32]
    overlay: NDArray[np.uint8]
    method: str
    pixel_size_um: float | None = None


def _key(
    app: App,
    run: Run | str,
    cell_ids: Sequence[str],
    *,
    class_name: str = PREDICTED,
    method: Method = "auto",
    alpha: float = 0.55,
    classifier: Classifier | None = None,
    progress: Progress = no_progress,
) -> Hashable:
    """None with a loaded model: whoever brings one goes through many cells, each once."""
    return None if classifier else page_key(app, run, tuple(cell_ids), class_name, method, alpha)


@kept(24, _key)
def explain(
    app: App,
    run: Run | str,
    cell_ids: Sequence[str],
    *,
    class_name: str = PREDICTED,
    method: Method = "auto",
    alpha: float = 0.55,
    classifier: Classifier | None = None,
    progress: Progress = no_progress,
) -> list[Explained]:
    """Class maps of some cells of a run, in the order of `cell_ids`.

    Args:
        class_name: class to explain, or ``predicted`` for the predicted class of each cell.
        method: ``auto`` takes Grad-CAM, in closed form where the architecture allows it, and occlusion where the
            network keeps no places.
        alpha: strength of the map over the image, 0..1.
        classifier: a loaded model of this run, to save loading it again.
        progress: called while maps are drawn that ask the model many times.

    Raises:
        WrongUse: the class or a cell does not exist, or the network cannot be asked so (E-NO-CLASS-MAPS).
        ModelNotFound: the model of the run is not installed any more.
    """
    found = get_run(app, run)
    check_has_maps(classifier.card if classifier else model_of_run(app, found).card, method)
    rows = _rows(app, found, cell_ids)
    explained = explained_classes(found, rows, class_name)
    used = classifier or load_classifier(app, found)
    study = study_of(app, found)
    pixel_size = study.pixel_size_um if study else None
    images = images_of(app, found, cell_ids, run_channels(found))
    maps, name = maps_on_frames(used, images, explained, method, pixel_size, progress)
    cells = gallery_cells(app, found, rows)
    return [
        Explained(cell, wanted, on_frame, overlay(cell.image, on_frame, alpha), name, pixel_size)
        for cell, wanted, on_frame in zip(cells, explained, maps, strict=True)
    ]


def maps_on_frames(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    explained: Sequence[str],
    method: Method,
    pixel_size_um: float | None,
    progress: Progress = no_progress,
) -> tuple[list[NDArray[np.float32]], str]:
    """(h, w) maps on the raw frames of (C, h, w) images, one class per image; and the method used."""
    from nscweb.inference.cam import map_on_frame
    from nscweb.inference.class_maps import chosen_method, class_maps

    check_has_maps(classifier.card, method)
    method = chosen_method(classifier, method)
    if method == "closed-form" and not classifier.closed_form_cam:
        raise WrongUse(
            f"The architecture {classifier.card.architecture} has no closed form of its class maps.",
            "Use the method auto or grad-cam.",
        )
    frames: list[NDArray[np.float32]] = [np.zeros(image.shape[1:], np.float32) for image in images]
    for name in sorted(set(explained)):
        members = [index for index, wanted in enumerate(explained) if wanted == name]
        maps = class_maps(
            classifier,
            [images[index] for index in members],
            classifier.card.classes.index(name),
            method,
            pixel_size_um,
            progress,
        )
        for index, found in zip(members, maps, strict=True):
            height, width = images[index].shape[1:]
            frames[index] = map_on_frame(found, classifier.card.recipe, (height, width), pixel_size_um, images[index])
    return frames, method


def check_has_maps(card: ModelCard, method: Method) -> None:
    """Raise `WrongUse` for a network that keeps no places, asked for a map of its layers: it would be an invention."""
    if method in ("closed-form", "grad-cam", "integrated-gradients") and not has_places(card):
        raise WrongUse(
            f"The model {card.name} mixes all pixels in its first step, so it cannot show which part of a cell "
            "decided; there are no class maps (Grad-CAM) of it.",
            "Ask for occlusion: which part of a cell lowers the score when it is covered. Or predict the study with a "
            "convolutional network, such as the default model.",
            "E-NO-CLASS-MAPS",
        )


def has_places(card: ModelCard) -> bool:
    """Whether Grad-CAM and integrated gradients can be drawn of a model; occlusion can of each."""
    from nscweb.models.architectures import ARCHITECTURES

    return ARCHITECTURES[card.architecture].class_maps != "none"


def ways_of(card: ModelCard) -> tuple[Method, ...]:
    """How pages offer to draw maps of a model, the usual way first; all of them are tested for its card."""
    return ("grad-cam", "integrated-gradients") if has_places(card) else ("occlusion",)


def check_method(method: str) -> Method:
    """The method of that name; WrongUse when there is none."""
    for known in METHODS:
        if method == known:
            return known
    raise WrongUse(f"There is no way of drawing maps called {method!r}.", f"Known are: {', '.join(METHODS)}.")


def representative_cells(app: App, run: Run | str, count: int) -> list[str]:
    """Ids of up to `count` cells, the surest of each predicted class in turn; flagged ones only if all are"""
    found = get_run(app, run)
    table = matching_rows(app, found, CellFilter())
    clean = table[table["flags"] == 0]
    table = clean if len(clean) else table
    turn = table.groupby("predicted", observed=True).cumcount()
    return [str(name) for name in table.loc[turn.sort_values(kind="stable").index, "cell_id"].head(count)]


def load_classifier(app: App, run: Run) -> Classifier:
    """The model of a run, with exactly the weights that it was made with.

    Raises:
        ModelNotFound: it is gone, or another version is installed under its name.
    """
    from nscweb.inference.backends import open_classifier

    return open_classifier(model_of_run(app, run), threads=app.settings.threads)


def run_channels(run: Run) -> tuple[str, ...]:
    """Channels that the network of a run saw, in its order."""
    return tuple(run.extra.get("channels") or (run.provenance.channel,))


def explained_classes(run: Run, rows: pd.DataFrame, class_name: str) -> list[str]:
    """Class to explain for each row."""
    if class_name == PREDICTED:
        return [str(name) for name in rows["predicted"]]
    if class_name not in run.class_names:
        raise WrongUse(
            f"The model of this run has no class {class_name!r}.",
            f"Choose one of: {PREDICTED}, {', '.join(run.class_names)}.",
        )
    return [class_name] * len(rows)


def save_overlays(app: App, run: Run | str, cells: Sequence[Explained], out_dir: Path) -> list[Path]:
    """Write raw image and overlay side by side, one PNG per cell, named by class, score and object."""
    simulated = get_run(app, run).provenance.simulated_cells
    return save(cells, out_dir, "simulated cell" if simulated else "")


def _rows(app: App, run: Run, cell_ids: Sequence[str]) -> pd.DataFrame:
    table = prediction_table(app, run)
    places = pd.Index(table["cell_id"]).get_indexer(pd.Index(list(cell_ids)))
    if (places < 0).any():
        raise WrongUse(f"The run {run.run_id} has no cell {list(cell_ids)[int(np.argmin(places))]!r}.")
    rows: pd.DataFrame = table.iloc[places]
    return rows
