"""Sums per sample of a run under its own gates and the default exclusions: made once, at the end of the prediction.

They lie beside the prediction table and carry what they were made of. Where they are missing (runs of 0.4.0), damaged,
or made of another table or under other gates, they are made again from the cells and written. What the sample sheet
says of a sample is filled in when they are read, so an edited sheet changes nothing in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.errors import StoreError
from nscweb.core.flags import LEFT_OUT, in_order
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample
from nscweb.evaluation.ratios.cell_filters import FilterCounts, Filters
from nscweb.services.kept import kept
from nscweb.services.predict.controls import no_results
from nscweb.services.predict.run_cells import cells_key, run_cells
from nscweb.services.predict.runs import class_scheme, get_run, missing_table, study_of

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.sample_sums import SampleSums
    from nscweb.services.context import App

SUMS = "sample_sums.npz"


def make_sums(app: App, run: Run) -> SampleSums:
    """Sums of a finished prediction table with their bins, written beside it where the disk lets us.

    Raises:
        StoreError: the table is missing or damaged.
    """
    from nscweb.evaluation.ratios.cell_scores import cell_scores
    from nscweb.evaluation.ratios.sample_sums import sample_sums
    from nscweb.store.prediction_files import read_predictions
    from nscweb.store.sum_files import write_sums

    names = class_scheme(run).names
    folder = app.folder.run_dir(run.run_id)
    of_cells = ["sample_id", "group", "time_h", "replicate", "predicted", "flags", "true_class"]
    made_of = _made_of(app, run)
    table = read_predictions(folder / "predictions.parquet", [*of_cells, *(f"p_{name}" for name in names)])
    made = sample_sums(cell_scores(table, names), LEFT_OUT, bins=True)
    # A full or protected disk costs no result: they can be made again at any time.
    with suppress(OSError, StoreError):
        write_sums(folder / SUMS, made, made_of)
    return made


def _made_of(app: App, run: Run) -> dict[str, str]:
    """What sums of a run are made of: table, gates behind its flags, flags whose cells are left out.

    Raises:
        StoreError: the table is missing.
    """
    from nscweb.store.sum_files import table_end

    try:
        end = table_end(app.folder.run_dir(run.run_id) / "predictions.parquet")
    except OSError as error:
        raise missing_table(run) from error
    excluded = hashlib.sha256(" ".join(LEFT_OUT).encode("utf-8")).hexdigest()[:16]
    return {"table": end, "gates": str(run.extra.get("gates_digest", "")), "excluded": excluded}


def _stored(app: App, run: Run, *, bins: bool) -> SampleSums:
    from nscweb.store.sum_files import read_sums

    made_of = _made_of(app, run)
    try:
        found, made_then = read_sums(app.folder.run_dir(run.run_id) / SUMS, bins=bins)
    except StoreError:
        return make_sums(app, run)
    fits = made_then == made_of and found.classes == class_scheme(run).names and found.excluded == LEFT_OUT
    return found if fits else make_sums(app, run)


@kept(8, lambda app, run, bins=False: (cells_key(app, run), bins))
def run_sums(app: App, run: Run | str, bins: bool = False) -> SampleSums:
    """Sums of the samples of a run as its sample sheet is now, in the order of `run_cells`; read-only.

    Args:
        bins: with the bins for maximum likelihood.

    Raises:
        StoreError: there is no such run or its table is missing or damaged.
    """
    found = get_run(app, run)
    sums = _stored(app, found, bins=bins)
    study = study_of(app, found)
    return _in_order(sums if study is None else _with_sheet(sums, study.samples))


def _with_sheet(sums: SampleSums, samples: Sequence[Sample]) -> SampleSums:
    by_name = {sample.name: sample for sample in samples}
    if any(name not in by_name for name in sums.sample_ids):
        return sums
    rows = [by_name[name] for name in sums.sample_ids]
    hours = [np.nan if sample.time_h is None else float(sample.time_h) for sample in rows]
    return replace(
        sums,
        groups=tuple(sample.group for sample in rows),
        replicates=tuple(sample.replicate for sample in rows),
        times_h=np.array(hours, np.float64),
    )


def _in_order(sums: SampleSums) -> SampleSums:
    from nscweb.evaluation.ratios.cell_scores import SAMPLE_ORDER

    own = (sums.groups, sums.times_h, sums.replicates, sums.sample_ids)
    table = pd.DataFrame(dict(zip(SAMPLE_ORDER, own, strict=True)))
    return sums.take(table.sort_values(list(SAMPLE_ORDER), kind="stable").index.to_numpy(np.int64))


@kept(8, lambda app, run, filters, bins=False: (cells_key(app, run), filters, bins))
def counted_sums(app: App, run: Run | str, filters: Filters, bins: bool = False) -> tuple[SampleSums, FilterCounts]:
    """Sums over the cells that count under filters, of the samples that pass; and why other cells do not count.

    Groups, times and replicates choose samples, so with the default exclusions no cell is read. Another choice of
    flags, and a least confidence, ask every cell.

    Raises:
        StoreError: there is no such run or its table is missing or damaged.
    """
    from nscweb.evaluation.ratios.sample_sums import counted_samples, sample_sums

    least = filters.min_confidence
    if in_order(filters.exclude_flags) == LEFT_OUT and least <= 0:
        sums = run_sums(app, run, bins)
    else:
        sums = sample_sums(run_cells(app, run), filters.exclude_flags, least, bins=bins)
    chosen = (filters.groups, filters.times_h, filters.replicates)
    return counted_samples(sums, *chosen, min_confidence=least, controls=no_results(app, run))
