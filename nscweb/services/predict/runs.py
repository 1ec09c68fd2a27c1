"""Finished runs: found by id, and their prediction table joined with the sample sheet as it is now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import ModelNotFound, StoreError, StudyNotFound, WrongUse
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample, Study, sample_as_dict
from nscweb.services.kept import kept
from nscweb.services.models import model_by_name
from nscweb.services.predict.control_store import chosen_controls
from nscweb.services.study.populations import populations_digest, true_classes
from nscweb.services.study.quality import get_gates

if TYPE_CHECKING:
    from nscweb.core.card import CardEntry
    from nscweb.services.context import App

# What the sample sheet says about a cell; filled in again from the sheet whenever a table is read.
_SHEET_COLUMNS = ("group", "time_h", "replicate", "true_class")
# Versions that were asked for already within `one_look`.
_look: ContextVar[dict[tuple[str, str], str] | None] = ContextVar("look", default=None)


def get_run(app: App, run: Run | str) -> Run:
    """The run of that id; a `Run` is handed back as it is. StoreError when there is none."""
    return run if isinstance(run, Run) else app.catalogue.run(run)


def list_runs(app: App, study: str | None = None) -> list[Run]:
    """Finished runs, newest first; of one study (name or id) or of all."""
    if study is not None:
        return list(app.catalogue.runs(app.catalogue.study(study).study_id))
    runs = [run for found in app.catalogue.studies() for run in app.catalogue.runs(found.study_id)]
    return sorted(runs, key=lambda run: run.run_id, reverse=True)


def latest_run(app: App, study: str) -> Run | None:
    """The newest finished run of a study (name or id), or None."""
    runs = list_runs(app, study)
    return runs[0] if runs else None


def run_of(app: App, study: str, run: str = "") -> Run:
    """The run of that id, or the newest of a study (name or id).

    Raises:
        StoreError: there is no such run.
        WrongUse: the study has no prediction yet, or the run is one of another study.
    """
    known = app.catalogue.study(study)
    found = get_run(app, run) if run else latest_run(app, known.study_id)
    if found is None:
        raise WrongUse(f"The study {study!r} has no prediction yet.", "Run nscweb predict on it first.")
    if found.study_id != known.study_id:
        raise WrongUse(f"The run {run} is not one of the study {known.name}.", "Leave the run out for the newest.")
    return found


def study_of(app: App, run: Run) -> Study | None:
    """The study of a run, or None when it was deleted."""
    try:
        return app.catalogue.study(run.study_id)
    except StudyNotFound:
        return None


def class_scheme(run: Run) -> ClassScheme:
    """Classes of a run with the colours that the card gave them."""
    kept = run.extra.get("classes", {})
    if tuple(kept.get("names", ())) != run.class_names:
        return ClassScheme(run.class_names)
    return ClassScheme(run.class_names, tuple(kept.get("colours", ())), str(kept.get("kind", "fate")))


@kept(32)
def sheet_digest(samples: tuple[Sample, ...]) -> str:
    """Short digest of what a sample sheet says; changes when somebody edits it."""
    text = json.dumps([sample_as_dict(sample) for sample in samples], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def table_version(app: App, run: Run | str) -> str:
    """Key for caches: changes when the run, or the sample sheet, gates or controls of its study do."""
    found = get_run(app, run)
    seen = _look.get()
    place = (str(app.settings.data_dir), found.run_id)
    if seen is None:
        return _version(app, found)
    if place not in seen:
        seen[place] = _version(app, found)
    return seen[place]


@contextmanager
def one_look() -> Iterator[None]:
    """Within it `table_version` asks the catalogue once: all parts of one answer rest on the same sheet, quickly."""
    token = _look.set({} if _look.get() is None else _look.get())
    try:
        yield
    finally:
        _look.reset(token)


def _version(app: App, found: Run) -> str:
    study = study_of(app, found)
    if study is None:
        return f"{found.run_id}-deleted"
    said = f"{sheet_digest(study.samples)}{populations_digest(app, study.study_id)}"
    controls = chosen_controls(app, study.study_id)
    also = f"-{hashlib.sha256(repr(controls).encode('utf-8')).hexdigest()[:8]}" if controls else ""
    return f"{found.run_id}-{said}-{get_gates(app, study.study_id).digest()}{also}"


def sheet_changed(app: App, run: Run) -> bool:
    """True when the sample sheet was edited after the run."""
    study = study_of(app, run)
    kept = run.extra.get("sheet_digest")
    return study is not None and kept is not None and kept != sheet_digest(study.samples)


def missing_table(run: Run) -> StoreError:
    """The error for a run whose prediction table is not there."""
    return StoreError(f"The prediction table of run {run.run_id} is missing.", "Predict the study again.")


def prediction_table(app: App, run: Run | str) -> pd.DataFrame:
    """The prediction table of a run (columns of core.predictions), one row per cell.

    Group, time, replicate and true class are those of the sample sheet as it is now, so that correcting the
    sheet corrects every number; scores are what the run wrote. Where populations stand for true classes, they
    say the class of each cell (services.study.populations). Text columns that repeat are categorical.

    Raises:
        StoreError: the file is missing or damaged.
    """
    found = get_run(app, run)
    path = app.folder.run_dir(found.run_id) / "predictions.parquet"
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise missing_table(found) from error
    table = _read(path, stamp)
    study = study_of(app, found)
    if study is None:
        return table
    return _with_populations(app, study, _with_sheet(table, study.samples))


@kept(2)
def _read(path: Path, stamp: int) -> pd.DataFrame:
    """Two tables stay in memory, because every click on a dashboard asks for the same one."""
    from nscweb.store.prediction_files import read_predictions

    table = read_predictions(path)
    for column in ("sample_id", "group", "replicate", "predicted", "true_class"):
        table[column] = table[column].astype("category")
    return table


def _with_sheet(table: pd.DataFrame, samples: tuple[Sample, ...]) -> pd.DataFrame:
    by_name = {sample.name: sample for sample in samples}
    names = list(table["sample_id"].cat.categories)
    if any(name not in by_name for name in names):
        return table
    codes = table["sample_id"].cat.codes.to_numpy()
    joined = table.copy(deep=False)
    for column in _SHEET_COLUMNS:
        values = pd.Series([getattr(by_name[name], column) for name in names])
        if column == "time_h":
            joined[column] = pd.to_numeric(values, errors="coerce").to_numpy(float)[codes]
        else:
            short = pd.Categorical(values.astype(str))
            joined[column] = short[codes]
    return joined


def _with_populations(app: App, study: Study, table: pd.DataFrame) -> pd.DataFrame:
    if not populations_digest(app, study.study_id):
        return table
    keys = app.catalogue.sample_keys(study.study_id)
    truth = np.full(len(table), "", object)
    ids = table["cell_id"].astype(str)
    names = table["sample_id"].astype(str).to_numpy()
    for sample in study.samples:
        rows = np.flatnonzero(names == sample.name)
        classes = true_classes(app, study.study_id, keys[sample.name], sample.cells) if len(rows) else None
        if classes is not None:
            numbers = ids.iloc[rows].str.rpartition(":")[2].astype(int).to_numpy()
            truth[rows] = classes[numbers]
    joined = table.copy(deep=False)
    joined["true_class"] = pd.Categorical(truth)
    return joined


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
