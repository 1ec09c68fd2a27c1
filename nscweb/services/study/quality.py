"""Quality of imported cells: features measured at import, counted per sample.

The gates of a study are kept with it and put into the flags of its cells here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nscweb.core.errors import StoreError, StudyError, WrongUse
from nscweb.core.gates import DEFAULT_GATES, Gates
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.progress import Progress, no_progress
from nscweb.core.samples import Study
from nscweb.preprocess.whole_fields import LEAST_SIDE, looks_like_field
from nscweb.services.file_lock import file_lock
from nscweb.services.study.drawn.drawn_gates import check_regions, drawn_out, tag_regions
from nscweb.store.cell_files import CellFile
from nscweb.store.files import atomic_write
from nscweb.store.further_columns import POPULATIONS

if TYPE_CHECKING:
    from nscweb.services.context import App


_GATES, _IN_FORCE = "gates", "gates_in_force"
CHUNK = 512
# Samples, and large images, that are looked at to tell whether they are fields of view.
_LOOKED_AT = 6


def get_gates(app: App, study: str) -> Gates:
    """The gates of a study (name or id); the defaults when nobody set any.

    Raises:
        StudyNotFound: no such study.
    """
    kept = app.catalogue.study_info(app.catalogue.study(study).study_id).get(_GATES)
    return from_plain(Gates, kept, "The gates of the study", StoreError) if kept else DEFAULT_GATES


def set_gates(app: App, study: str, gates: Gates, progress: Progress = no_progress) -> None:
    """Store the gates with a study and flag all its cells anew.

    Finished runs stay as they are; predicting again takes their scores over (services.predict.regate). A kill in
    between is made good by the next prediction (`put_in_force`).

    Raises:
        StudyNotFound: no such study.
        WrongUse: a population that the study does not have.
        StudyError: the study has no cell that the populations would keep.
    """
    found = app.catalogue.study(study)
    _check_populations(app, found, gates)
    before = get_gates(app, found.study_id).regions
    check_regions(app, found, gates, before)
    lock = app.folder.study_dir(found.study_id) / "gates.lock"
    with file_lock(lock, while_waiting=lambda: None):
        # Not in force until all cells are flagged and named: a kill in between is noticed by `put_in_force`.
        app.catalogue.change_info(found.study_id, **{_GATES: to_plain(gates), _IN_FORCE: ""})
        tag_regions(app, found, gates.regions, before)
        _flag_anew(app, found, gates, progress)


def put_in_force(app: App, study: Study, progress: Progress = no_progress) -> Gates:
    """The gates of a study, after its flags were brought up to them if that was interrupted."""
    gates = get_gates(app, study.study_id)
    info = app.catalogue.study_info(study.study_id)
    if _GATES in info and info.get(_IN_FORCE) != gates.digest():
        set_gates(app, study.study_id, gates, progress)
    return gates


def members_of(app: App, study_id: str, key: str, cells: int, gates: Gates) -> NDArray[np.bool_] | None:
    """(cells,) whether a cell is in one of the populations of the gates; None when they ask for none."""
    if not gates.on("population"):
        return None
    member = np.zeros(cells, bool)
    path = app.folder.columns_path(study_id, key)
    if path.exists():
        tags = pq.read_table(path, columns=[POPULATIONS])[POPULATIONS].combine_chunks()
        rows = pc.list_parent_indices(tags).to_numpy(zero_copy_only=False)
        hit = np.isin(pc.list_flatten(tags).to_numpy(zero_copy_only=False).astype(object), gates.populations)
        member[rows[hit]] = True
    return member


def populations_of(app: App, study: str) -> dict[str, int]:
    """Hand-made populations of a study -> cells in them, by name."""
    from nscweb.services.study.populations import population_table

    table = population_table(app, study)
    counts = table.groupby("population", sort=True)["cells"].sum()
    return {str(name): int(cells) for name, cells in counts.items()}


def default_flags_of(app: App, study_id: str, key: str, cells: int) -> NDArray[np.int64]:
    """Flag masks of a sample by the default gates, whatever those of the study are."""
    path = app.folder.quality_path(study_id, key)
    if get_gates(app, study_id).digest() == DEFAULT_GATES.digest() or not path.exists():
        return flags_of(app, study_id, key, cells)
    return flags_by(read_quality(path), DEFAULT_GATES)


def _flag_anew(app: App, study: Study, gates: Gates, progress: Progress) -> None:
    keys = app.catalogue.sample_keys(study.study_id)
    done = 0
    for sample in study.samples:
        key, path = keys[sample.name], app.folder.quality_path(study.study_id, keys[sample.name])
        progress(done, study.cells, f"Flagging {sample.name}")
        if sample.cells and path.exists():
            table = read_quality(path)
            if _not_measured(table, gates):
                measure_sample(app, study, key, study.channel, progress, (done, sample.name))
            else:
                members = members_of(app, study.study_id, key, len(table), gates)
                flags = flags_by(table, gates, members, drawn_out(app, study.study_id, key, len(table), gates))
                if not np.array_equal(flags, table["flags"].to_numpy()):
                    table["flags"] = flags
                    write_quality(path, table)
        done += sample.cells
    app.catalogue.change_info(study.study_id, **{_IN_FORCE: gates.digest()})
    progress(study.cells, study.cells, "Flagging done")


def _not_measured(table: pd.DataFrame, gates: Gates) -> bool:
    """True for tables of an older version that lack what a gate looks at."""
    there = np.isfinite(table["width"].to_numpy(np.float64))
    missing = bool(table.loc[there, "aspect_ratio"].isna().all()) and bool(there.any())
    return gates.on("shape") and missing


def _check_populations(app: App, study: Study, gates: Gates) -> None:
    if not gates.on("population"):
        return
    known = populations_of(app, study.study_id)
    for name in gates.populations:
        if name not in known:
            have = f"It has: {', '.join(known)}." if known else "No file of it brought populations."
            raise WrongUse(f"The study {study.name} has no population {name!r}.", have)
    if not sum(known[name] for name in gates.populations):
        raise StudyError(f"No cell of {study.name} is in {', '.join(gates.populations)}.", "Choose another population.")


def quality_table(app: App, study: str, sample: str) -> pd.DataFrame:
    """Features and flags of every cell of a sample, rows as in its cell file (see preprocess.cell_quality).

    Raises:
        StudyNotFound: no such study.
        KeyError: no such sample.
    """
    found = app.catalogue.study(study)
    key = app.catalogue.sample_keys(found.study_id)[sample]
    return read_quality(app.folder.quality_path(found.study_id, key))


def read_quality(path: Path) -> pd.DataFrame:
    """A quality table with all columns; numbers that an older version did not measure are NaN."""
    from nscweb.preprocess.cell_quality import complete

    return complete(pd.read_parquet(path))


def share_of_several(app: App, study_id: str, keys: Mapping[str, str], channel: str) -> float:
    """Share of images, 0 to 1, that hold several objects, so that they are likely whole fields of view.

    Args:
        keys: sample -> key of its files; a few samples are looked at.
    """
    some = [key for key in keys.values() if key and app.folder.quality_path(study_id, key).exists()][:_LOOKED_AT]
    tables = [read_quality(app.folder.quality_path(study_id, key)) for key in some]
    images = sum(map(len, tables))
    share = sum(int((table["n_objects"] > 1).sum()) for table in tables) / images if images else 0.0
    # Large frames are searched too, a few of them: where light is uneven, nothing stands out from the border.
    large = [
        (key, int(row))
        for key, table in zip(some, tables, strict=True)
        for row in np.flatnonzero(table[["height", "width"]].min(axis=1) >= LEAST_SIDE)[:_LOOKED_AT]
    ]
    chosen = large[:: max(1, len(large) // _LOOKED_AT)][:_LOOKED_AT]
    fields = 0
    for key, row in chosen:
        with CellFile(app.folder.cells_path(study_id, key)) as cells:
            (image,) = cells.images(channel, row, row + 1)
        fields += image is not None and looks_like_field(image[0])
    return max(share, fields / len(chosen) if chosen else 0.0)


def flags_of(app: App, study_id: str, key: str, cells: int) -> NDArray[np.int64]:
    """Flag masks of a sample in the order of its cells; zeros where there is no quality table."""
    path = app.folder.quality_path(study_id, key)
    if not path.exists():
        return np.zeros(cells, np.int64)
    return pd.read_parquet(path, columns=["flags"])["flags"].to_numpy(np.int64)


def measure_again(app: App, study: Study, channel: str, progress: Progress = no_progress) -> None:
    """Measure quality on a channel anew, sample by sample, and flag by the gates of the study."""
    keys = app.catalogue.sample_keys(study.study_id)
    done = 0
    for sample in study.samples:
        if sample.cells:
            measure_sample(app, study, keys[sample.name], channel, progress, (done, sample.name))
        done += sample.cells


def measure_sample(app: App, study: Study, key: str, channel: str, progress: Progress, place: tuple[int, str]) -> None:
    """Measure the cells of one sample anew; `place` is what progress says: cells done before, and its name."""

    gates = get_gates(app, study.study_id)
    quality = Quality()
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        for start in range(0, len(cells), CHUNK):
            stop = min(start + CHUNK, len(cells))
            images = cells.images(channel, start, stop)
            quality.add(
                [None if image is None else image[0] for image in images],
                cells.masks(range(start, stop), channel) if cells.has_masks else None,
            )
            progress(place[0] + start, study.cells, f"Measuring {place[1]}")
        members = members_of(app, study.study_id, key, len(cells), gates)
    path = app.folder.quality_path(study.study_id, key)
    table = judged(quality.features(), gates, members)
    write_quality(path, table)
    if gates.on("drawn"):
        # Drawn gates look at the numbers that were just written.
        table["flags"] = flags_by(table, gates, members, drawn_out(app, study.study_id, key, len(table), gates))
        write_quality(path, table)


class Quality:
    """Features of the cells of one sample, in order; cells without a brightfield image have no numbers."""

    def __init__(self) -> None:
        self._rows: list[Any] = []

    def add(
        self, planes: Sequence[NDArray[Any] | None], masks: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> None:
        """Measure the next images (h, w), inside the masks of the file where there are some."""
        from nscweb.preprocess.cell_quality import measure_many

        there = [place for place, plane in enumerate(planes) if plane is not None]
        own = [masks[place] for place in there] if masks is not None else None
        measured = measure_many([plane for plane in planes if plane is not None], own)
        rows: list[Any] = [None] * len(planes)
        for place, row in zip(there, measured, strict=True):
            rows[place] = row
        self._rows += rows

    def features(self) -> NDArray[np.float64]:
        """(N, F) numbers measured so far, in the order of `FEATURE_NAMES`; NaN where there was no image."""
        from nscweb.preprocess.cell_quality import FEATURE_NAMES

        empty = (np.nan,) * len(FEATURE_NAMES)
        rows = [empty if row is None else tuple(row) for row in self._rows]
        return np.array(rows, np.float64).reshape(len(rows), len(FEATURE_NAMES))

    def table(self) -> pd.DataFrame:
        """Columns `FEATURE_NAMES` and ``flags`` by the default gates, one row per cell."""
        return judged(self.features())


def judged(
    features: NDArray[np.float64], gates: Gates = DEFAULT_GATES, members: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Columns `FEATURE_NAMES` and ``flags`` from the features (N, F) of one whole sample.

    Flags are judged here and not cell by cell, because "out of focus" only makes sense beside the other cells.

    Args:
        gates: limits of the study.
        members: (N,) whether a cell is in one of the populations of the gates.
    """
    from nscweb.preprocess.cell_quality import FEATURE_NAMES, QualityFeatures

    table = pd.DataFrame(features, columns=list(FEATURE_NAMES))
    # The width of a frame is never missing where there was an image.
    if bool(np.isfinite(table["width"].to_numpy()).all()):
        whole = [name for name, kind in QualityFeatures.__annotations__.items() if kind == "int"]
        table = table.astype(dict.fromkeys(whole, np.int64))
    table["flags"] = flags_by(table, gates, members)
    return table


def flags_by(
    table: pd.DataFrame,
    gates: Gates,
    members: NDArray[np.bool_] | None = None,
    left_out: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """(N,) flag masks of a quality table by these gates; cells without a brightfield image have none.

    Args:
        members: (N,) as of `members_of`. left_out: (N,) as of `drawn.drawn_gates.drawn_out`.
    """
    from nscweb.preprocess.gating import quality_flags

    there = np.isfinite(table["width"].to_numpy(np.float64))
    flags = np.zeros(len(table), np.int64)
    if there.any():
        own = members[there] if members is not None else None
        drawn = left_out[there] if left_out is not None else None
        flags[there] = quality_flags(table[there], gates, own, drawn)
    return flags


def write_quality(path: Path, table: pd.DataFrame) -> None:
    """Write a quality table as Parquet; the file appears when it is complete."""
    with atomic_write(path) as stream:
        table.to_parquet(stream, index=False)
