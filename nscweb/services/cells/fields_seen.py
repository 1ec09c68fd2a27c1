"""Whole fields of view after their import: the field as a picture, with the outlines of its cells in their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StudyError
from nscweb.core.samples import Study
from nscweb.io.outlines.polygons import outline_of_mask
from nscweb.services.cells.outlines import PlacedMask, classes_of_run, fields_of
from nscweb.services.study.field_reader import PICTURE_SIDE, picture_name
from nscweb.services.study.pixels import display, split_id
from nscweb.services.study.study import get_study
from nscweb.store.cell_files import CellFile
from nscweb.store.further_columns import read_columns

if TYPE_CHECKING:
    from nscweb.services.context import App

_OUTLINE = (230, 159, 0)
_CHOSEN = (213, 94, 0)
_EMPTY = 140  # near the grey that pictures of cells have as background


@dataclass(frozen=True)
class FieldSeen:
    """One field with its cells.

    Attributes:
        picture: (h, w, 3) uint8.
        field: its file. sample: it belongs to.
        cells: outlines drawn.
        from_cells: the field itself was not kept, so its cells were put together.
        sentence: all that in words.
    """

    picture: NDArray[np.uint8]
    field: str
    sample: str
    cells: int
    from_cells: bool
    sentence: str


def has_fields(app: App, study: str) -> bool:
    """True when the cells of a study were cut out of whole fields of view."""
    return bool(app.catalogue.study_info(get_study(app, study).study_id).get("fields"))


def field_names(app: App, study: str, sample: str) -> list[str]:
    """Files of the fields of a sample in their order; none for cells that came in as single images."""
    found, key = _sample(app, study, sample)
    columns = read_columns(app.folder.columns_path(found.study_id, key), 0)
    return [] if "field" not in columns else list(dict.fromkeys(columns["field"].astype(str)))


def field_of_cell(app: App, study: str, cell_id: str) -> FieldSeen:
    """The field that a cell lies in, and the cell marked there.

    Args:
        cell_id: ``<sample key>:<row>``.

    Raises:
        WrongUse: this is no id of a cell.
        StudyError: the study has no such cell, or it was not cut out of a field.
    """
    key, row = split_id(cell_id)
    found = get_study(app, study)
    names = {place: name for name, place in app.catalogue.sample_keys(found.study_id).items()}
    columns = read_columns(app.folder.columns_path(found.study_id, key), 0) if key in names else None
    if columns is None or "field" not in columns or row >= len(columns):
        raise StudyError(f"There is no field of view that the cell {cell_id} lies in.", "", "E-NO-FIELD")
    return field_seen(app, study, names[key], str(columns["field"].iloc[row]), chosen=row)


def field_seen(
    app: App, study: str, sample: str, field: str, *, run: str | None = None, chosen: int | None = None
) -> FieldSeen:
    """A field with the outlines of its cells.

    Args:
        run: id of a prediction: outlines get the colours of the classes.
        chosen: row of a cell in its sample, which is marked.

    Raises:
        StudyError: no such sample, or no such field in it.
    """
    found, key = _sample(app, study, sample)
    masks = next((masks for name, masks in fields_of(app, found, key) if name == field), None)
    if masks is None or not field:
        raise StudyError(f"The sample {sample} has no field of view {field!r}.", "", "E-NO-FIELD")
    scale = min(1.0, PICTURE_SIDE / max(masks[0].frame))
    kept = _kept_picture(app, found, key, field)
    grey = _from_cells(app, found, key, masks, scale) if kept is None else kept
    size = (max(1, round(masks[0].frame[1] * scale)), max(1, round(masks[0].frame[0] * scale)))
    if grey.shape[::-1] != size:
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    classes, colours = classes_of_run(app, found, run)
    for mask in masks:
        rings = [np.rint(ring * scale).astype(np.int32) for ring in outline_of_mask(mask.mask, mask.left, mask.top)]
        colour = colours.get(classes.get((key, mask.row), ""), _OUTLINE)
        cv2.polylines(picture, rings, True, _CHOSEN if mask.row == chosen else colour, 4 if mask.row == chosen else 1)
    said = f"{len(masks):,} {'cell' if len(masks) == 1 else 'cells'} of the field {field}."
    if chosen is not None:
        number = next((mask.object_number for mask in masks if mask.row == chosen), 0)
        said += f" Object {number} is marked."
    if kept is None:
        said += " The field itself was not kept; its cells are shown in their places."
    return FieldSeen(picture, field, sample, len(masks), kept is None, said)


def _sample(app: App, study: str, sample: str) -> tuple[Study, str]:
    found = get_study(app, study)
    keys = app.catalogue.sample_keys(found.study_id)
    if sample not in keys:
        raise StudyError(f"The study {found.name} has no sample {sample!r}.", "", "E-SAMPLE-NOT-FOUND")
    return found, keys[sample]


def _kept_picture(app: App, study: Study, key: str, field: str) -> NDArray[np.uint8] | None:
    columns = read_columns(app.folder.columns_path(study.study_id, key), 0)
    mine = columns[columns["field"] == field]
    name = picture_name(field, len(mine), float(mine["x"].iloc[0]), float(mine["y"].iloc[0]))
    path = app.folder.fields_dir(study.study_id) / name
    if not path.is_file():
        return None
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture, np.uint8)


def _from_cells(app: App, study: Study, key: str, masks: list[PlacedMask], scale: float) -> NDArray[np.uint8]:
    height, width = masks[0].frame
    grey = np.full((height, width), _EMPTY, np.uint8)
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        for mask, pixels in zip(masks, cells.take([mask.row for mask in masks], study.channel), strict=True):
            if pixels is not None:
                rows, columns = mask.mask.shape
                grey[mask.top : mask.top + rows, mask.left : mask.left + columns] = display(pixels[0])
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
