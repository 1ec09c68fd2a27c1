"""The gates of a study: kept with it, and put into the flags of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.gates import DEFAULT_GATES, Gates
from nscweb.core.progress import Progress, no_progress
from nscweb.core.samples import Study
from nscweb.services.file_lock import file_lock
from nscweb.services.quality import flags_by, flags_of, measure_sample, read_quality, write_quality
from nscweb.store.columns import POPULATIONS

if TYPE_CHECKING:
    from nscweb.services.context import App

_GATES, _IN_FORCE = "gates", "gates_in_force"


def get_gates(app: App, study: str) -> Gates:
    """The gates of a study (name or id); the defaults when nobody set any.

    Raises:
        StudyNotFound: no such study.
    """
    kept = app.catalogue.study_info(app.catalogue.study(study).study_id).get(_GATES)
    return Gates.from_dict(kept) if kept else DEFAULT_GATES


def set_gates(app: App, study: str, gates: Gates, progress: Progress = no_progress) -> None:
    """Store the gates with a study and flag all its cells anew.

    Finished runs stay as they are; predicting again takes their scores over (services.regate). A kill in between
    is made good by the next prediction (`put_in_force`).

    Raises:
        StudyNotFound: no such study.
        WrongUse: a population that the study does not have.
        StudyError: the study has no cell that the populations would keep.
    """
    found = app.catalogue.study(study)
    _check_populations(app, found, gates)
    lock = app.folder.study_dir(found.study_id) / "gates.lock"
    with file_lock(lock, while_waiting=lambda: None):
        app.catalogue.change_info(found.study_id, **{_GATES: gates.as_dict()})
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
    from nscweb.services.populations import population_table

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
                flags = flags_by(table, gates, members)
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
