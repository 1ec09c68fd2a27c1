"""A report as one workbook: what must be read first, then samples, groups, tests, lights, findings and cells."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from nscweb.core.progress import Progress, no_progress
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.files.outgoing import columns_table
from nscweb.services.compare.facts import cells_left_out
from nscweb.services.compare.result import Comparison
from nscweb.services.report.column_notes import UNITS, family_notes, sheet_notes
from nscweb.services.report.content import ReportData
from nscweb.services.report.export import cells_frame
from nscweb.services.report.figure_data import FIGURES
from nscweb.services.report.methods import methods_parts
from nscweb.services.report.origin import filters_words
from nscweb.services.report.parts import BY_NAME
from nscweb.services.report.scope import counted_words

if TYPE_CHECKING:
    from nscweb.services.context import App

COLUMNS = "Columns"
_CELLS = "one line per cell: object number, scores, class, set of classes, light, quality flags, counted or not"
_SETTINGS = {
    "batch": "cells at once",
    "precision": "numbers as",
    "backend": "computed by",
    "mode": "speed mode",
    "chunk": "cells per part",
    "parts_kept_from_before": "parts kept from an interrupted run",
}
_NOT_HERE = ("where", "The cells are not in this workbook; they are in cells.csv of the ZIP file.")


def write_xlsx(
    app: App, data: ReportData, out: BinaryIO, *, cells: bool = True, progress: Progress = no_progress
) -> dict[str, int]:
    """Write the workbook of a report; returns tables that were too long for a sheet -> their rows.

    Args:
        cells: also one row per cell, where a sheet can hold them; None of the other sheets needs them.
    """
    from nscweb.files.workbook import About, write_workbook

    tables = data.leaving()
    if cells:
        progress(0, data.run.cells, "Gathering the cells")
        tables["Cells"] = cells_frame(app, data.run, data.found.filters)
    # What explains the others comes first, after About.
    sheets = {COLUMNS: columns_table({name: list(table.columns) for name, table in tables.items()}), **tables}
    families = family_notes(data)
    about = About(
        title=data.title,
        notices=data.notices,
        facts=about_facts(data) if cells else {**about_facts(data), "Cells": [_NOT_HERE]},
        columns={name: said for name, table in sheets.items() if (said := sheet_notes(name, table, families))},
        sheets={name: f"{_holds(name)}. {families.get(name, '')}".strip() for name in sheets},
    )
    machine = json.dumps(data.provenance, ensure_ascii=False)
    return write_workbook(out, about, sheets, machine=machine, progress=progress)


def _holds(name: str) -> str:
    if name == COLUMNS:
        return "what every column of these sheets means, with its unit"
    if name in BY_NAME:
        return BY_NAME[name].holds
    return next((f"data of {holds}" for sheet, holds in FIGURES.values() if sheet == name), _CELLS)


def choices(found: Comparison, fate: str, time_h: float) -> list[tuple[str, str]]:
    """What applies to all numbers of a report: filters, way of counting, control, and what the answer is about."""
    when = "cells without a time" if math.isnan(time_h) else TimePoint(time_h).label()
    return [
        ("filters", filters_words(found.filters)),
        ("method", f"{found.estimates.method}: {found.estimates.sentence}"),
        ("the answer is about", f"{fate} at {when}; tables hold every class and time point"),
        ("compared with", found.control or "every pair of groups"),
        ("p values adjusted by", ADJUSTMENTS[found.adjust]),
        ("intervals and tests by", found.errors.how),
    ]


def settings_words(settings: Mapping[str, Any]) -> str:
    """How a run was computed, for people; provenance.json keeps the short names."""
    return "; ".join(f"{_SETTINGS.get(name, name)} {value}" for name, value in settings.items())


def about_facts(data: ReportData) -> dict[str, list[tuple[str, str]]]:
    """heading -> (name, value) lines: what made the numbers, for people."""
    made, found, said = data.run.provenance, data.found, data.provenance
    methods, references = methods_parts(data)
    gates = said["gates"]
    lines = {
        "Answer": [(f"{number}", sentence) for number, sentence in enumerate(found.sentences, start=1)],
        "Read this before the numbers": [("", sentence) for sentence in found.data.warnings],
        "Study": [
            ("study", f"{made.study} ({made.study_id})"),
            ("cells are", "SIMULATED" if made.simulated_cells else "measured"),
            ("cells predicted", f"{found.data.cells:,}"),
            ("cells counted", counted_words(found)),
            *((f"left out: {reason}", f"{count:,}") for reason, count in cells_left_out(found).items()),
            ("channel", made.channel),
            ("pixel size", "not known" if not said["pixel_size_um"] else f"{said['pixel_size_um']:g} µm"),
            ("SHA-256 of the cells", made.cells_sha256),
        ],
        "Model": [
            ("model", f"{made.model} {made.model_version}"),
            ("trained on", "simulated cells" if made.simulated_training else "measured cells"),
            ("classes", ", ".join(data.run.class_names)),
            ("SHA-256 of the weights", made.weights_sha256),
            *(("limit", sentence) for sentence in said["limits"]),
        ],
        "How it was counted": [
            *choices(found, data.fate, data.time_h),
            ("quality gates", gates["sentence"]),
            ("gates digest", gates["digest"]),
            *(("", sentence) for sentence in data.said),
        ],
        "Units": [("", sentence) for sentence in UNITS],
        "Not here, and why": list(data.missing.items()),
        "Methods, ready for a paper": [*((part.title, part.text) for part in methods), *_numbered(references)],
        "Run": [
            ("run", data.run.run_id),
            ("made", data.run.created_utc),
            ("settings", settings_words(made.settings)),
            ("versions", "; ".join(f"{key} {value}" for key, value in made.versions.items())),
            ("make it again", "nscweb rerun and the name of this file"),
        ],
    }
    return {heading: rows for heading, rows in lines.items() if rows}


def _numbered(references: list[str]) -> list[tuple[str, str]]:
    return [(f"[{number}]", text) for number, text in enumerate(references, start=1)]
