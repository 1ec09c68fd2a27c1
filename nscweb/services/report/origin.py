"""What made the numbers of a report, for people and for `nscweb rerun`: inputs, settings, hashes, versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import NscwebError
from nscweb.core.plain import to_plain
from nscweb.core.run_record import SETTING, Run
from nscweb.core.samples import sample_as_dict
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.dashboard import warnings_of
from nscweb.services.compare.result import Comparison
from nscweb.services.predict.lights import all_judgements
from nscweb.services.predict.runs import sheet_changed, study_of
from nscweb.services.study.gates import gates_changed, gates_of_run

if TYPE_CHECKING:
    from nscweb.services.context import App

FORMAT = "nscweb report 2"
# Of version 0.4.0: names of columns and fractions as inside the program.
FORMAT_040 = "nscweb report 1"
NOTICE = "Research use only. Predicted by a computer, not measured by a marker."
SIMULATED = "THE CELLS OF THIS STUDY ARE SIMULATED. They say nothing about real cultures."
SIMULATED_TRAINING = "The model was trained on simulated cells only; its accuracy for real cells is not known."


def notices(found: Comparison) -> tuple[str, ...]:
    """What must be read before any number, on every page of paper."""
    made = found.run.provenance
    said = [SIMULATED] if made.simulated_cells else []
    if made.simulated_training:
        said.append(SIMULATED_TRAINING)
    return (*said, NOTICE)


def provenance_dict(app: App, found: Comparison) -> dict[str, Any]:
    """Everything that made the numbers, ready for JSON."""
    return {
        **run_provenance(app, found.run, found.filters),
        "counting": {
            "asked": found.method,
            "method": found.estimates.method,
            "sentence": found.estimates.sentence,
            "control": found.control,
            "calibrated_on": list(found.data.controls),
            "adjust": found.adjust,
            "variance": found.variance,
        },
        "sheet": [sample_as_dict(sample) for sample in found.data.sheet],
    }


def run_provenance(app: App, run: Run, filters: Filters) -> dict[str, Any]:
    """What made the cells of a run, ready for JSON: model, hashes, versions, gates, filters; not how it was counted."""
    gates = gates_of_run(run)
    return {
        "format": FORMAT,
        "run": run.run_id,
        **to_plain(run.provenance),
        "created_utc": run.created_utc,
        "cells": run.cells,
        "not_predicted": run.extra.get("not_predicted", 0),
        "classes": list(run.class_names),
        "warnings": list(warnings_of(app, run)),
        "limits": list(run.extra.get("limits", ())),
        "fitness": all_judgements(run),
        SETTING: run.extra.get(SETTING, ""),
        "brightfield": run.extra.get("channel", ""),
        "pixel_size_um": run.extra.get("pixel_size_um"),
        "filters": to_plain(filters),
        "filters_in_words": filters_words(filters),
        "entered_counts": entered_counts(app, run),
        "gates": {
            "limits": to_plain(gates),
            "digest": gates.digest(),
            "sentence": gates.sentence(filters.exclude_flags),
            "changed_after_run": gates_changed(app, run),
        },
        "sample_sheet_edited_after_run": sheet_changed(app, run),
        "notice": NOTICE,
    }


def entered_counts(app: App, run: Run) -> list[dict[str, Any]]:
    """Counts by hand that predicted ratios are compared with, as the study has them now."""
    from nscweb.services.compare.staining_counts import counts_of

    study = study_of(app, run)
    try:
        return [asdict(item) for item in counts_of(app, study.study_id)] if study else []
    except NscwebError:
        return []  # the table says that they cannot be read


def filters_words(filters: Filters) -> str:
    """What a table was narrowed to, in words; quality gates have a sentence of their own."""
    said = []
    if filters.groups:
        said.append(f"groups {', '.join(name or '(no group given)' for name in filters.groups)}")
    if filters.times_h:
        said.append(f"times {', '.join(TimePoint(hours).label() for hours in filters.times_h)}")
    if filters.replicates:
        said.append(f"replicates {', '.join(name or '(not given)' for name in filters.replicates)}")
    if filters.min_confidence > 0:
        said.append(f"cells with a confidence of at least {filters.min_confidence:g} (counted labels only)")
    return f"only {'; '.join(said)}" if said else "none: all groups, times and replicates"
