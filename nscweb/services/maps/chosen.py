"""Cells that somebody chose on the map or the scatter: shown, kept as a population, taken away as files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import unpack
from nscweb.files.zips import entry
from nscweb.services.cells.cells import GalleryCell, gallery_cells
from nscweb.services.labels.labels import add_labels
from nscweb.services.maps.map import StudyMap
from nscweb.services.maps.points import Points
from nscweb.services.predict.runs import prediction_table
from nscweb.services.report.export import run_csv, study_csv
from nscweb.services.report.fcs_files import file_name
from nscweb.services.report.pop_files import pop_text
from nscweb.services.study.pixels import display
from nscweb.services.study.populations import keep_population
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

Places = NDArray[np.int64]


def shown_cells(app: App, points: Points, chosen: Sequence[int]) -> list[GalleryCell]:
    """Cells at these positions with their pictures, in that order; without scores where there is no run.

    Raises:
        StoreError: a cell file is damaged.
    """
    where = np.asarray(chosen, np.int64)
    if points.run is not None and len(where) and bool((points.table_row[where] >= 0).all()):
        return gallery_cells(app, points.run, prediction_table(app, points.run).iloc[points.table_row[where]])
    found = points.map
    cells: list[GalleryCell] = []
    for place in where.tolist():
        sample = found.study.samples[int(found.sample[place])]
        row = int(found.row[place])
        key = found.keys[int(found.sample[place])]
        with CellFile(app.folder.cells_path(found.study.study_id, key)) as file:
            image = file.take([row], found.study.channel)[0]
            source = str(file.sources(row, row + 1)[0])
        picture = np.zeros((8, 8), np.uint8) if image is None else display(np.array(image[0]))
        cells.append(
            GalleryCell(
                cell_id=f"{key}:{row}",
                sample=sample.name,
                object_number=int(points.object_number[place]),
                image=picture,
                scores={},
                predicted="",
                confidence=float("nan"),
                true_class=sample.true_class,
                flags=unpack(int(points.flags[place])),
                source=source,
            )
        )
    return cells


def keep_chosen(app: App, points: Points, chosen: Places, name: str, how: str) -> int:
    """Keep chosen cells as a population of the study; returns how many.

    Args:
        how: what they were chosen on, in words.

    Raises:
        WrongUse: no cell, or the name is empty or taken.
    """
    found = points.map
    cells = {
        found.study.samples[place].name: found.row[chosen[found.sample[chosen] == place]].tolist()
        for place in np.unique(found.sample[chosen]).tolist()
    }
    return keep_population(app, found.study.study_id, name, cells, how)


def label_chosen(app: App, points: Points, chosen: Places, class_name: str, who: str, how: str) -> str:
    """Label chosen cells; returns what was done, in words. `services.labels.labels.undo_labels` takes it back.

    Args:
        class_name: "" takes the labels of this labeller away.
        how: what they were chosen on, in words.

    Raises:
        WrongUse: no cell, or no name of the labeller.
    """
    found = points.map
    return add_labels(app, found.study.study_id, found.ids(chosen), class_name, "map", who, note=how).sentence


def chosen_table(points: Points, chosen: Places) -> pd.DataFrame:
    """One row per chosen cell: what it is, where it lies on the map, and what was predicted of it."""
    found = points.map
    samples = found.study.samples
    owner = [samples[place] for place in found.sample[chosen].tolist()]
    table = pd.DataFrame(
        {
            "cell_id": found.ids(chosen),
            "sample": [item.name for item in owner],
            "object_number": points.object_number[chosen],
            "group": [item.group for item in owner],
            "time_h": [np.nan if item.time_h is None else float(item.time_h) for item in owner],
            "replicate": [item.replicate for item in owner],
        }
    )
    places = found.places if found.places is not None else found.widest
    table["map_x"], table["map_y"] = places[chosen, 0].astype(np.float64), places[chosen, 1].astype(np.float64)
    words = {int(mask): " ".join(unpack(int(mask))) for mask in np.unique(points.flags[chosen])}
    table["flags"] = [words[int(mask)] for mask in points.flags[chosen]]
    return table


def chosen_csv(app: App, points: Points, chosen: Places) -> bytes:
    """`chosen_table` as a file, with the scores of the run where there is one."""
    table = chosen_table(points, chosen)
    if points.run is None:
        return study_csv(table, "Cells", points.map.study)
    rows = points.table_row[chosen]
    predictions = prediction_table(app, points.run)
    for column in (*(f"p_{name}" for name in points.run.class_names), "confidence"):
        values = np.full(len(rows), np.nan)
        values[rows >= 0] = predictions[column].to_numpy(np.float64)[rows[rows >= 0]]
        table[column] = values
    names = np.full(len(rows), "", object)
    names[rows >= 0] = predictions["predicted"].astype(str).to_numpy(object)[rows[rows >= 0]]
    table["predicted"] = names
    return run_csv(table, "Cells", points.run)


def chosen_populations(points: Points, chosen: Places, name: str) -> bytes:
    """A zip with one ``.pop`` file of IDEAS per sample that holds chosen cells.

    Args:
        name: of the population, part of the file names.
    """
    found = points.map
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, place in enumerate(np.unique(found.sample[chosen]).tolist(), start=1):
            sample = found.study.samples[place].name
            numbers = points.object_number[chosen[found.sample[chosen] == place]]
            path = f"{file_name(number, sample)}/{file_name(1, name or 'chosen')}.pop"
            archive.writestr(entry(path), pop_text(numbers.tolist()))
    return buffer.getvalue()


def places_csv(app: App, found: StudyMap) -> bytes:
    """Every cell of a study with its place on the map."""
    from nscweb.services.maps.points import points_of

    return chosen_csv(app, points_of(app, found, None), np.arange(len(found.row)))
