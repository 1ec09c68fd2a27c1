"""The dashboard of a run: filtered counts by sample, and what to say beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.core.flags import FLAGS
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample
from nscweb.evaluation.ratios.cell_filters import FilterOptions, Filters
from nscweb.evaluation.ratios.cell_scores import SAMPLE_ORDER
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.run_sums import counted_sums, run_sums
from nscweb.services.predict.runs import class_scheme, get_run, sheet_changed, study_of
from nscweb.services.study.gates import gates_changed

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.sample_sums import SampleSums
    from nscweb.services.context import App

GATES_CHANGED = (
    "The quality gates of the study were changed after this run; the cells counted here are those of the old "
    "gates. Predict again: only the flags are made new, it takes seconds."
)


@dataclass(frozen=True)
class DashboardData:
    """Everything a dashboard shows; a pure function of run, sample sheet and filters.

    Attributes:
        run: the run.
        classes: ordered classes with colours.
        filters: the filters used.
        options: what could be filtered by.
        cells: cells in the run.
        kept: cells behind the table below.
        dropped: reason in plain words -> cells left out for it (a cell counts for its first reason).
        samples: one row per sample: sample_id, group, time_h, replicate, cells_in (predicted), cells (behind
            the ratios; 0 for a sample that lost all its cells), then n_<class> and ratio_<class>.
        warnings: sentences that belong beside every number.
        simulated: the cells of the study are simulated.
        sheet: samples as the sheet has them now; empty when the study was deleted.
        controls: samples that the ratios are calibrated on; in `samples` with 0 cells, and in nothing else.
    """

    run: Run
    classes: ClassScheme
    filters: Filters
    options: FilterOptions
    cells: int
    kept: int
    dropped: dict[str, int]
    samples: pd.DataFrame
    warnings: tuple[str, ...]
    simulated: bool
    sheet: tuple[Sample, ...] = ()
    controls: tuple[str, ...] = ()


def dashboard_data(app: App, run: Run | str, filters: Filters | None = None) -> DashboardData:
    """Counts of a run under `filters`.

    Raises:
        StoreError: there is no such run or its table is damaged.
    """
    from nscweb.evaluation.ratios.counted import counted_ratios
    from nscweb.services.predict.controls import control_names

    found = get_run(app, run)
    chosen = filters or Filters()
    classes = class_scheme(found)
    sums, counts = counted_sums(app, found, chosen)
    study = study_of(app, found)
    wide = _wide_samples(run_sums(app, found), counted_ratios(sums), classes, chosen)
    return DashboardData(
        run=found,
        classes=classes,
        filters=chosen,
        options=options_of(app, found),
        cells=counts.cells,
        kept=counts.kept,
        dropped=dict(counts.dropped),
        samples=wide,
        warnings=warnings_of(app, found, set(wide["sample_id"])),
        simulated=found.provenance.simulated_cells,
        sheet=study.samples if study else (),
        controls=control_names(app, found),
    )


def warnings_of(app: App, run: Run | str, names: Collection[str] | None = None) -> tuple[str, ...]:
    """Sentences that belong beside every number of a run, those of the run first.

    Args:
        names: samples that are shown; sentences about samples speak of these. None means all.
    """
    from nscweb.services.compare.doses import mixed_doses
    from nscweb.services.predict.controls import left_out_sentences
    from nscweb.services.predict.light_samples import run_warnings

    found = get_run(app, run)
    sentences = run_warnings(found, names)
    if sheet_changed(app, found):
        sentences.append(
            "The sample sheet was edited after this run; groups, times and replicates are those of the sheet "
            "as it is now, scores are those of the run."
        )
    if gates_changed(app, found):
        sentences.append(GATES_CHANGED)
    sentences += [said for said in (*left_out_sentences(app, found), mixed_doses(app, found)) if said]
    return tuple(sentences)


@kept(16, cells_key)
def options_of(app: App, run: Run | str) -> FilterOptions:
    """What a run can be filtered by."""
    sums = run_sums(app, run)
    times = np.unique(sums.times_h[np.isfinite(sums.times_h)])
    flagged = sums.flagged.sum(axis=0).tolist()
    return FilterOptions(
        groups=tuple(sorted(set(sums.groups))),
        times_h=tuple(float(hours) for hours in times),
        replicates=tuple(sorted(set(sums.replicates))),
        flag_counts={item.name: number for item, number in zip(FLAGS, flagged, strict=True)},
    )


def _wide_samples(sums: SampleSums, ratios: pd.DataFrame, classes: ClassScheme, chosen: Filters) -> pd.DataFrame:
    """Every sample that the filters on group, time and replicate let through, also when no cell of it is left."""
    asked = [
        row
        for row, (group, hours, replicate) in enumerate(zip(sums.groups, sums.times_h, sums.replicates, strict=True))
        if (not chosen.groups or group in chosen.groups)
        and (not chosen.times_h or hours in chosen.times_h)
        and (not chosen.replicates or replicate in chosen.replicates)
    ]
    wide = pd.DataFrame(
        {
            "sample_id": pd.Series([sums.sample_ids[row] for row in asked], dtype=object),
            "group": pd.Series([sums.groups[row] for row in asked], dtype=object),
            "time_h": sums.times_h[asked],
            "replicate": pd.Series([sums.replicates[row] for row in asked], dtype=object),
            "cells_in": sums.cells[asked],
        }
    )
    counted = ratios.drop_duplicates("sample_id").set_index("sample_id")["cells"]
    wide["cells"] = counted.reindex(wide["sample_id"]).fillna(0).astype(int).to_numpy()
    for name in classes.names:
        rows = ratios[ratios["class"] == name].set_index("sample_id").reindex(wide["sample_id"])
        wide[f"n_{name}"] = rows["count"].fillna(0).astype(int).to_numpy()
        wide[f"ratio_{name}"] = rows["ratio"].astype(float).to_numpy()
    return wide.sort_values(list(SAMPLE_ORDER), kind="stable", ignore_index=True)
