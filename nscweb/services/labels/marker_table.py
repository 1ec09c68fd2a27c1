"""Marker channels of a study measured cell by cell, kept beside its cells, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.flags import LEFT_OUT, pack
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.marker_light import MarkerLight
from nscweb.services.kept import kept
from nscweb.services.study.gates import get_gates
from nscweb.services.study.quality import CHUNK, flags_of
from nscweb.store.cell_files import CellFile
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from nscweb.services.context import App

_MASKED_BY = "masked_by"


def marker_channels(study: Study) -> tuple[str, ...]:
    """Channels that may show a marker: all but the brightfield channel of the study."""
    return tuple(name for name in study.channels if name != study.channel)


def are_measured(app: App, study: Study) -> bool:
    """Whether `marker_table` has nothing left to measure."""
    keys = app.catalogue.sample_keys(study.study_id)
    return all(
        _stored(app.folder.markers_path(study.study_id, keys[sample.name]), study) is not None
        for sample in study.samples
        if sample.cells
    )


def measure_markers(
    app: App, study: str, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> None:
    """Measure the marker channels of every cell that is not measured yet; each sample is kept when it is done.

    The mask is that of the file where it has one for the channel, else the outline of the cell in brightfield.

    Raises:
        StudyNotFound: no such study.
        JobCancelled: somebody asked to stop.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    done = 0
    for sample in found.samples:
        path = app.folder.markers_path(found.study_id, keys[sample.name])
        if sample.cells and _stored(path, found) is None:
            rows: list[list[MarkerLight]] = []
            with CellFile(app.folder.cells_path(found.study_id, keys[sample.name])) as cells:
                for start in range(0, len(cells), CHUNK):
                    stop_if_asked(cancel)
                    progress(done + start, found.cells, f"Measuring markers of {sample.name}")
                    rows += _measured(cells, found, range(start, min(start + CHUNK, len(cells))))
            _write(path, found, rows)
        done += sample.cells
    progress(found.cells, found.cells, "Markers measured")


def _table_key(app: App, study_id: str) -> tuple[object, ...]:
    found = app.catalogue.study(study_id)
    keys = app.catalogue.sample_keys(study_id)
    stamps = tuple(
        path.stat().st_mtime_ns if (path := app.folder.markers_path(study_id, key)).exists() else 0
        for key in keys.values()
    )
    return (app.settings.data_dir, found, stamps, get_gates(app, study_id).digest())


@kept(2, _table_key)
def marker_table(app: App, study_id: str) -> pd.DataFrame:
    """The measured markers of a study, one row per cell.

    Columns: ``cell_id``, ``sample``, ``object_number``, ``kept`` (False for cells that gates leave out), and of each
    channel ``<channel>_intensity``, ``_total``, ``_background``, ``_noise``; see `MarkerLight`. Samples that are not
    measured are not in it.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study_id)
    keys = app.catalogue.sample_keys(found.study_id)
    parts = []
    for sample in found.samples:
        key = keys[sample.name]
        light = markers_of_sample(app, found, sample) if sample.cells else None
        if light is None:
            continue
        with CellFile(app.folder.cells_path(found.study_id, key)) as cells:
            numbers = np.array(cells.object_numbers)
        flags = flags_of(app, found.study_id, key, sample.cells)
        first = pd.DataFrame(
            {
                "cell_id": [f"{key}:{row}" for row in range(sample.cells)],
                "sample": sample.name,
                "object_number": numbers,
                "kept": (flags & pack(LEFT_OUT)) == 0,
            }
        )
        parts.append(pd.concat([first, light], axis=1))
    columns = ["cell_id", "sample", "object_number", "kept", *_names(found)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def markers_of_sample(app: App, study: Study, sample: Sample) -> pd.DataFrame | None:
    """The columns of light of `marker_table` for one sample, a row per cell; None where it is not measured."""
    key = app.catalogue.sample_keys(study.study_id)[sample.name]
    stored = _stored(app.folder.markers_path(study.study_id, key), study)
    return None if stored is None else stored.drop(columns=_MASKED_BY)


def markers_csv(app: App, study: str) -> bytes:
    """`marker_table` as CSV."""
    from nscweb.files.outgoing import MadeBy, outgoing
    from nscweb.files.plain_tables import csv_bytes

    found = app.catalogue.study(study)
    return csv_bytes(outgoing(marker_table(app, found.study_id), "Markers", MadeBy(simulated=found.simulated)))


def _names(study: Study) -> list[str]:
    return [f"{channel}_{name}" for channel in marker_channels(study) for name in MarkerLight._fields]


def _measured(cells: CellFile, study: Study, rows: range) -> list[list[MarkerLight]]:
    from nscweb.preprocess.marker_light import NOT_MEASURED, marker_light
    from nscweb.preprocess.outline import mask_of

    channels = marker_channels(study)
    bright = cells.take(rows, study.channel)
    outlines = cells.masks(rows, study.channel)
    planes = [cells.take(rows, name) for name in channels]
    masks = [cells.masks(rows, name) for name in channels]
    found = []
    for place in range(len(rows)):
        image = bright[place]
        own = None if image is None else mask_of(image[0], outlines[place])
        light = []
        for channel in range(len(channels)):
            pixels, mask = planes[channel][place], masks[channel][place]
            given = mask is not None and mask.any() and not mask.all()
            measured = marker_light([None if pixels is None else pixels[0]], mask if given else own)
            light.append(measured[0] if measured else NOT_MEASURED)
        found.append(light)
    return found


def _write(path: Path, study: Study, rows: list[list[MarkerLight]]) -> None:
    values = np.array([[number for light in row for number in light] for row in rows], np.float64)
    table = pd.DataFrame(values.reshape(len(rows), len(_names(study))), columns=_names(study))
    # The outline is that of this channel; choosing another one for brightfield measures anew.
    table[_MASKED_BY] = study.channel
    with atomic_write(path) as stream:
        table.to_parquet(stream, index=False)


def _stored(path: Path, study: Study) -> pd.DataFrame | None:
    if not path.exists():
        return None
    table = pd.read_parquet(path)
    fits = set(_names(study)) <= set(table) and bool((table[_MASKED_BY] == study.channel).all())
    return table if fits else None
