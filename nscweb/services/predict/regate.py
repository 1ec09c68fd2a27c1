"""A run whose gates alone differ: scores are taken over from a finished run, flags are made new."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.card import ModelCard
from nscweb.core.errors import StoreError
from nscweb.core.gates import Gates
from nscweb.core.plain import to_plain
from nscweb.core.progress import Progress
from nscweb.core.run_record import SETTING, Run
from nscweb.core.samples import Study
from nscweb.services.predict.light_rules import card_of_rules
from nscweb.services.predict.run_sums import make_sums
from nscweb.services.study.quality import flags_of
from nscweb.services.study.understood.same_setting import setting_of

if TYPE_CHECKING:
    from nscweb.services.context import App


def regate(app: App, study: Study, card: ModelCard, gates: Gates, scores_key: str, progress: Progress) -> Run | None:
    """A new run with the scores of an older one and the flags of today; None when there is no such run.

    The older run must rest on the same cells (by digest), sample sheet, model, card and program versions, and on other
    gates: whoever predicts twice with the same gates wants it done anew.
    """
    from nscweb.store.prediction_files import read_predictions, write_predictions
    from nscweb.store.provenance import package_versions, write_provenance

    began, started_utc = time.monotonic(), app.clock()
    rules = card_of_rules(card)
    wanted = (scores_key, card.name, card.version, card.classes.names, package_versions(), rules)
    known = [run for run in app.catalogue.runs(study.study_id) if _made_of(run) == wanted]
    if not known or known[0].extra.get("gates_digest") == gates.digest():
        return None
    progress(0, study.cells, "Looking for scores that can be kept")
    found = _with_these_cells(app, study, known)
    if found is None:
        return None
    try:
        table = read_predictions(app.folder.run_dir(found.run_id) / "predictions.parquet")
    except StoreError:
        return None  # somebody removed its table; predicting anew needs it no more
    progress(study.cells // 2, study.cells, "Flagging")
    table["flags"] = _flags(app, study, table["cell_id"])
    provenance = replace(
        found.provenance,
        study=study.name,
        started_utc=started_utc,
        seconds=round(time.monotonic() - began, 3),
        settings={**found.provenance.settings, "scores_of_run": found.run_id},
    )
    run_id = app.catalogue.start_run(study.study_id, found.model, started_utc)
    folder = app.folder.run_dir(run_id)
    write_predictions(folder / "predictions.parquet", table)
    write_provenance(folder / "provenance.json", provenance)
    setting = setting_of(study, app.catalogue.study_info(study.study_id), card)
    extra = {**found.extra, SETTING: setting, **gates_as_extra(gates)}
    run = Run(run_id, study.study_id, found.model, app.clock(), len(table), found.class_names, provenance, extra)
    make_sums(app, run)
    app.catalogue.add_run(run)
    progress(study.cells, study.cells, "Scores kept, flags made new")
    return run


def gates_as_extra(gates: Gates) -> dict[str, object]:
    """What a run keeps about the gates that its flags were made with."""
    return {"gates": to_plain(gates), "gates_digest": gates.digest(), "gates_sentence": gates.sentence()}


def _made_of(run: Run) -> tuple[object, ...]:
    made, extra = run.provenance, run.extra
    return (
        extra.get("scores_key"),
        run.model,
        made.model_version,
        run.class_names,
        made.versions,
        extra.get("fitness_rules"),
    )


def _with_these_cells(app: App, study: Study, runs: list[Run]) -> Run | None:
    """The newest of some runs that rests on the cells as they are in the files now."""
    from nscweb.store.cell_files import CellFile

    keys = app.catalogue.sample_keys(study.study_id)
    digests = []
    for sample in study.samples:
        if sample.cells:
            with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
                digests.append(cells.sha256())
    together = hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
    return next((run for run in runs if run.provenance.cells_sha256 == together), None)


def _flags(app: App, study: Study, cell_ids: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) flags of today for ids ``<sample key>:<row>``."""
    parts = cell_ids.str.split(":", n=1, expand=True)
    keys, rows = parts[0].to_numpy(), parts[1].to_numpy(np.int64)
    known = app.catalogue.sample_keys(study.study_id)
    flags = np.zeros(len(cell_ids), np.int64)
    for sample in study.samples:
        here = keys == known[sample.name]
        if here.any():
            flags[here] = flags_of(app, study.study_id, known[sample.name], sample.cells)[rows[here]]
    return flags
