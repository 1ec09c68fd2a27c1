"""Outlines of the cells of a study on their way out: label images, ImageJ ROI or GeoJSON, with predicted classes.

Cells of a field of view lie in their field; cells that came in as single images lie in their own frame.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.progress import Progress, no_progress
from nscweb.core.samples import Study
from nscweb.files.outgoing import MadeBy, outgoing
from nscweb.files.outlines_out import NamedOutline, geojson_bytes, label_tiff_bytes, roi_zip_bytes
from nscweb.files.plain_tables import csv_bytes
from nscweb.files.zips import entry
from nscweb.io.outlines.polygons import outline_of_mask
from nscweb.services.predict.runs import class_scheme, get_run, prediction_table
from nscweb.services.study.field_reader import FIELD_SIZE
from nscweb.services.study.pixels import split_id
from nscweb.services.study.study import get_study
from nscweb.store.cell_files import CellFile
from nscweb.store.files import atomic_write
from nscweb.store.further_columns import read_columns

if TYPE_CHECKING:
    from nscweb.services.context import App

OutlineForm = Literal["labels", "rois", "geojson"]
FORMS: tuple[OutlineForm, ...] = get_args(OutlineForm)
ENDINGS: Mapping[OutlineForm, str] = {"labels": ".tif", "rois": ".zip", "geojson": ".geojson"}
TABLE = "classes.csv"
_NAME_LENGTH = 80
# Cells whose outlines are in memory at a time.
_AT_ONCE = 512


@dataclass(frozen=True)
class PlacedMask:
    """The mask of one cell, and where it lies.

    Attributes:
        row: of the cell in its sample. object_number: as everywhere else.
        mask: (h, w), True inside the cell.
        left, top: place of the mask in its field; 0 for a cell in its own frame.
        frame: (height, width) of that field or frame.
    """

    row: int
    object_number: int
    mask: NDArray[np.bool_]
    left: int
    top: int
    frame: tuple[int, int]


def write_outlines(
    app: App, study: str, out: Path, form: str, run: str | None = None, *, progress: Progress = no_progress
) -> list[str]:
    """Write the outlines of a study into a folder, and a table of their classes; names of the files.

    Args:
        form: one of `FORMS`.
        run: id of the prediction whose classes the cells get; None leaves them without.

    Raises:
        StudyNotFound, StudyError: no such study, or no cell of it has an outline.
        WrongUse: an unknown form, or a run of another study.
    """
    written = []
    for name, data in outline_files(app, study, form, run, progress=progress):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            stream.write(data)
        written.append(name)
    return written


def outlines_zip(app: App, study: str, form: str, run: str | None = None) -> bytes:
    """The same files in one zip."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in outline_files(app, study, form, run):
            archive.writestr(entry(name), data)
    return held.getvalue()


def outline_files(
    app: App, study: str, form: str, run: str | None = None, *, progress: Progress = no_progress
) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every file, the table of classes last; see `write_outlines`."""
    chosen = next((known for known in FORMS if known == form), None)
    if chosen is None:
        raise WrongUse(f"Outlines are written as {', '.join(FORMS)}, not {form!r}.")
    found = get_study(app, study)
    classes, colours = classes_of_run(app, found, run)
    table: list[dict[str, Any]] = []
    taken: set[str] = set()
    keys = app.catalogue.sample_keys(found.study_id)
    for done, sample in enumerate(found.samples):
        progress(done, len(found.samples), f"Outlines of {sample.name}")
        folder = _free(sample.name.replace("/", "_"), taken)
        inside: set[str] = set()
        for field, masks in fields_of(app, found, keys[sample.name]):
            name = f"{folder}/{_free(Path(field).stem if field else 'cells', inside)}{ENDINGS[chosen]}"
            named = [classes.get((keys[sample.name], mask.row), "") for mask in masks]
            yield name, _file(chosen, masks, named, colours, in_field=bool(field))
            table += [
                {
                    "file": name,
                    "field_file": field,
                    "label_number": number,
                    "label_page": 1 if field else number,
                    "sample": sample.name,
                    "object_number": mask.object_number,
                    "predicted_class": named[number - 1],
                }
                for number, mask in enumerate(masks, start=1)
            ]
    if not table:
        raise StudyError(f"No cell of {found.name} has an outline.", "", "E-NO-OUTLINES")
    made = MadeBy("" if run is None else get_run(app, run).model, run or "", found.simulated)
    yield TABLE, csv_bytes(outgoing(pd.DataFrame(table), made=made))


def fields_of(app: App, study: Study, key: str) -> Iterator[tuple[str, list[PlacedMask]]]:
    """Field -> its cells, in order; all cells of a sample that came in as single images are one entry called ""."""
    path = app.folder.cells_path(study.study_id, key)
    if not path.exists():
        return
    with CellFile(path) as cells:
        columns = read_columns(app.folder.columns_path(study.study_id, key), len(cells))
        if not {"field", "x", "y"} <= set(columns):
            masks = [mask for rows in _parts(len(cells)) for mask in _own_frames(cells, rows, study.channel)]
            if masks:
                yield "", masks
            return
        for field, part in columns.groupby("field", sort=False):
            rows = part.index.tolist()
            masks = []
            for row, mask in zip(rows, cells.masks(rows, study.channel), strict=True):
                if mask is None or not mask.any():
                    continue
                ys, xs = np.nonzero(mask)
                left, top = round(part.at[row, "x"] - xs.mean()), round(part.at[row, "y"] - ys.mean())
                frame = _frame(part, row)
                masks.append(PlacedMask(row, int(cells.object_numbers[row]), mask, left, top, frame))
            if masks:
                yield str(field), _in_one_frame(masks)


def _frame(part: pd.DataFrame, row: int) -> tuple[int, int]:
    """(height, width) of the field; (0, 0) in studies that were imported before it was kept."""
    if not set(FIELD_SIZE) <= set(part):
        return 0, 0
    height, width = part.loc[row, list(FIELD_SIZE)].to_numpy(np.float64)
    return int(height), int(width)


def _in_one_frame(masks: list[PlacedMask]) -> list[PlacedMask]:
    """As large as the field, or as is needed where its size was not kept."""
    height = max(max(mask.top + mask.mask.shape[0], mask.frame[0]) for mask in masks)
    width = max(max(mask.left + mask.mask.shape[1], mask.frame[1]) for mask in masks)
    return [PlacedMask(mask.row, mask.object_number, mask.mask, mask.left, mask.top, (height, width)) for mask in masks]


def _own_frames(cells: CellFile, rows: list[int], channel: str) -> Iterator[PlacedMask]:
    """Masks of the file, else the largest object that the program sees."""
    from nscweb.preprocess.outline import mask_of

    pixels = cells.take(rows, [channel])
    for row, image, given in zip(rows, pixels, cells.masks(rows, channel), strict=True):
        if image is None:
            continue
        mask = mask_of(image[0], given)
        if mask is not None and mask.any():
            yield PlacedMask(row, int(cells.object_numbers[row]), mask, 0, 0, (mask.shape[0], mask.shape[1]))


def _parts(count: int) -> Iterator[list[int]]:
    for start in range(0, count, _AT_ONCE):
        yield list(range(start, min(count, start + _AT_ONCE)))


def _file(
    form: OutlineForm,
    masks: list[PlacedMask],
    classes: list[str],
    colours: Mapping[str, tuple[int, int, int]],
    *,
    in_field: bool,
) -> bytes:
    if form == "labels":
        planes: list[NDArray[np.int32]] = []
        for number, mask in enumerate(masks, start=1):
            if not planes or not in_field:
                planes.append(np.zeros(mask.frame, np.int32))
            height, width = mask.mask.shape
            planes[-1][mask.top : mask.top + height, mask.left : mask.left + width][mask.mask] = number
        return label_tiff_bytes(planes)
    outlines = [
        NamedOutline(outline_of_mask(mask.mask, mask.left, mask.top), f"object {mask.object_number}", name)
        for mask, name in zip(masks, classes, strict=True)
    ]
    return roi_zip_bytes(outlines) if form == "rois" else geojson_bytes(outlines, colours)


def classes_of_run(
    app: App, study: Study, run: str | None
) -> tuple[dict[tuple[str, int], str], dict[str, tuple[int, int, int]]]:
    """((key of a sample, row) -> class, class -> colour); none without a run."""
    if run is None:
        return {}, {}
    found = get_run(app, run)
    if found.study_id != study.study_id:
        raise WrongUse(f"The run {run} is of another study than {study.name}.", "Choose a run of this study.")
    table = prediction_table(app, found)
    predicted = zip(table["cell_id"].astype(str), table["predicted"].astype(str), strict=True)
    scheme = class_scheme(found)
    colours = {name: _rgb(colour) for name, colour in zip(scheme.names, scheme.colours, strict=True)}
    return {split_id(cell): name for cell, name in predicted}, colours


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _free(name: str, taken: set[str]) -> str:
    """A name for a file or folder that no other has, whatever the sample is called."""
    base = re.sub(r"[^\w.+-]+", "_", name).strip("._")[:_NAME_LENGTH] or "sample"
    free, copy = base, 2
    while free.casefold() in taken:
        free, copy = f"{base}_{copy}", copy + 1
    taken.add(free.casefold())
    return free
