"""Why a model says what it says: class maps of single cells over their raw images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import ModelNotFound, WrongUse
from nscweb.core.run_record import Run
from nscweb.services.cells import CellFilter, GalleryCell, gallery_cells, matching_rows
from nscweb.services.models import model_by_name
from nscweb.services.overlays import COLOUR_STOPS, overlay, save
from nscweb.services.predict.runs import get_run, prediction_table, study_of
from nscweb.services.study.pixels import images_of

if TYPE_CHECKING:
    from nscweb.core.card import CardEntry, ModelCard
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App

__all__ = ["COLOUR_STOPS", "PREDICTED", "Explained", "explain", "representative_cells", "save_overlays"]

Method = Literal["auto", "closed-form", "grad-cam"]
PREDICTED = "predicted"


@dataclass(frozen=True)
class Explained:
    """One cell with its class map.

    Attributes:
        cell: the cell with its raw image and scores.
        explained: class that the map speaks for.
        map: (h, w) float32 in 0..1 on the raw frame, 0 outside the field that the network saw.
        overlay: (h, w, 3) uint8, the map over the raw image.
        method: ``closed-form`` or ``grad-cam``.
        pixel_size_um: micrometres per pixel of the frame, None when not known.
    """

    cell: GalleryCell
    explained: str
    map: NDArray[np.float32]
    overlay: NDArray[np.uint8]
    method: str
    pixel_size_um: float | None = None


def explain(
    app: App,
    run: Run | str,
    cell_ids: Sequence[str],
    *,
    class_name: str = PREDICTED,
    method: Method = "auto",
    alpha: float = 0.55,
    classifier: Classifier | None = None,
) -> list[Explained]:
    """Class maps of some cells of a run, in the order of `cell_ids`.

    Args:
        class_name: class to explain, or ``predicted`` for the predicted class of each cell.
        method: ``auto`` takes the closed form where the architecture allows it.
        alpha: strength of the map over the image, 0..1.
        classifier: a loaded model of this run, to save loading it again.

    Raises:
        WrongUse: the class or a cell does not exist, or the network has no class maps (E-NO-CLASS-MAPS).
        ModelNotFound: the model of the run is not installed any more.
    """
    found = get_run(app, run)
    check_has_maps(classifier.card if classifier else model_of_run(app, found).card)
    rows = _rows(app, found, cell_ids)
    explained = explained_classes(found, rows, class_name)
    used = classifier or load_classifier(app, found)
    study = study_of(app, found)
    pixel_size = study.pixel_size_um if study else None
    images = images_of(app, found, cell_ids, run_channels(found))
    maps, name = maps_on_frames(used, images, explained, method, pixel_size)
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
) -> tuple[list[NDArray[np.float32]], str]:
    """(h, w) maps on the raw frames of (C, h, w) images, one class per image; and the method used."""
    from nscweb.inference.cam import class_maps, map_on_frame

    check_has_maps(classifier.card)
    closed = method == "closed-form" or (method == "auto" and classifier.closed_form_cam)
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
            "closed-form" if closed else "grad-cam",
            pixel_size_um,
        )
        for index, found in zip(members, maps, strict=True):
            height, width = images[index].shape[1:]
            frames[index] = map_on_frame(found, classifier.card.recipe, (height, width), pixel_size_um, images[index])
    return frames, "closed-form" if closed else "grad-cam"


def check_has_maps(card: ModelCard) -> None:
    """Raise `WrongUse` for a network that keeps no places: a map of it would be an invention."""
    from nscweb.models.architectures import ARCHITECTURES

    if ARCHITECTURES[card.architecture].class_maps == "none":
        raise WrongUse(
            f"The network of {card.name} mixes all pixels in its first layer, so it cannot show which part of a cell "
            "decided; there are no class maps of it.",
            "Predict the study with a convolutional network, such as the default model, to see class maps.",
            "E-NO-CLASS-MAPS",
        )


def check_method(method: str) -> Method:
    """The method of that name; WrongUse when there is none."""
    for known in ("auto", "closed-form", "grad-cam"):
        if method == known:
            return known
    raise WrongUse(f"There is no way of drawing maps called {method!r}.", "Known are: auto, closed-form, grad-cam.")


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


def model_of_run(app: App, run: Run) -> CardEntry:
    """The model of a run by its name, else by the folder that it was in; the weights must be the same."""
    for place in (run.model, str(run.extra.get("model_folder", ""))):
        if not place:
            continue
        try:
            entry = model_by_name(app, place)
        except ModelNotFound:
            continue
        if entry.card.weights.sha256 == run.provenance.weights_sha256:
            return entry
    raise ModelNotFound(
        f"The model {run.model} {run.provenance.model_version} of this run is not installed any more, or its "
        "weights were replaced.",
        "Install it again, or predict the study with another model.",
    )


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
