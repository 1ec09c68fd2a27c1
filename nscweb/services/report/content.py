"""Everything that a report says, gathered once, so that page, workbook, zip and HTML cannot differ."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb import __version__
from nscweb.core.card import CardEntry, ModelCard
from nscweb.core.errors import NscwebError
from nscweb.core.plain import to_plain
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.files.outgoing import outgoing
from nscweb.services.compare import honest_scores
from nscweb.services.compare.compare import compare_groups
from nscweb.services.compare.comparison import answer_of
from nscweb.services.compare.group_lights import with_light
from nscweb.services.compare.ratios import known_version
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import TestSettings, default_control
from nscweb.services.labels.labels import labels_mark
from nscweb.services.labels.marker_report import MEDIUM, NOTHING, PREDICTION, marker_tables
from nscweb.services.predict.controls import control_names
from nscweb.services.predict.runs import study_of, table_version
from nscweb.services.report.comparison_tables import add_statistics, settings_of
from nscweb.services.report.export import made_by
from nscweb.services.report.figure_data import FIGURES, figure_tables
from nscweb.services.report.origin import entered_counts, notices, provenance_dict
from nscweb.services.report.parts import COMPARED, PARTS, Gathered
from nscweb.services.report.sample_tables import fit_frame, groups_frame, replicates_frame, samples_frame, tests_frame
from nscweb.services.report.scope import ReportRequest, counted_samples, filtered_away
from nscweb.services.study.gates import funnel, gates_of_run

if TYPE_CHECKING:
    from nscweb.evaluation.scores.reliability import Reliability
    from nscweb.services.context import App

__all__ = ["COMPARED", "ReportData", "figure_tables", "file_place", "report_data"]
# The sheet can be imported again, so it gets no columns; its SHA-256 stands in provenance.json, as those of all do.
NOT_STATED = ("Sample sheet",)
# Tables that say nothing of the samples of the run: of the model, or of the files.
_NO_LIGHT = ("Findings", "Known mixtures", "Markers and medium", "Reliability", "Sample sheet", "published_counts")

# Fields of the request that the provenance has in its parts "filters" and "counting", or that change no number.
_SAID_ELSEWHERE = ("filters", "method", "control", "adjust", "variance", "form", "cells")


@dataclass(frozen=True, eq=False)
class ReportData:
    """A report as data.

    Attributes:
        found: counts, corrected ratios, groups, tests, lights.
        study: None when it was deleted.
        card: of the model; None when the model is gone.
        tables: name -> table, see `parts.PARTS`; those that could be made, as the program computes with them.
        figures: name of `figure_data.FIGURES` -> data behind a figure.
        notices: what stands before every number.
        provenance: see `services.report.origin.provenance_dict`.
        fate, time_h: what the answer is about; NaN for cells without a time.
        missing: name of a table -> why it could not be made; empty where `parts` were not asked for.
        said: how groups were tested and scores checked, in sentences.
        reliability: of the scores on cells of known class; empty where there are none.
        sheet_control: the group that the sample sheet marks as control; "" where it marks none.
    """

    found: Comparison
    study: Study | None
    card: ModelCard | None
    tables: dict[str, pd.DataFrame]
    figures: dict[str, pd.DataFrame]
    notices: tuple[str, ...]
    provenance: dict[str, Any]
    fate: str
    time_h: float
    missing: dict[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    sheet_control: str = ""

    @property
    def run(self) -> Run:
        return self.found.run

    def leaving(self) -> dict[str, pd.DataFrame]:
        """Name -> table as files and sheets have it, then sheet -> data of a figure; see `files.outgoing`."""
        made = made_by(self.run)
        there = {part.name: self.tables[part.name] for part in PARTS if part.name in self.tables}
        there |= {FIGURES[name][0]: table for name, table in self.figures.items()}
        return {name: outgoing(table, name, None if name in NOT_STATED else made) for name, table in there.items()}

    @property
    def title(self) -> str:
        """Of the report, for people."""
        # A study that was renamed is called by the name that people know it by now.
        name = self.study.name if self.study else self.run.provenance.study
        return f"Predicted {self.found.classes.kind} ratios of {name}"


def report_data(
    app: App, run: Run | str, request: ReportRequest, *, parts: bool = False, progress: Progress = no_progress
) -> ReportData:
    """Gather a report.

    Args:
        parts: also what takes seconds: tests over everything, time course, doses, scores, mixtures.

    Raises:
        StoreError: there is no such run or its table is damaged.
        WrongUse: an unknown method, way to adjust, spread, class or control.
    """
    from nscweb.services.predict.runs import model_of_run

    compared = compare_groups(app, run, request)
    found, chosen, hours = compared.found, compared.fate, compared.time_h
    study = study_of(app, found.run)
    entry: CardEntry | None = None
    with contextlib.suppress(NscwebError):  # the model may be gone; provenance still says which one it was
        entry = model_of_run(app, found.run)
    kept = Gathered()
    kept.tables |= {
        "Samples": samples_frame(found),
        "Groups": groups_frame(found),
        "Tests": tests_frame(found),
        "Replicates": replicates_frame(found),
        "Fit": _fit(found),
        **_of_the_study(app, found, study),
        **(marker_tables(app, found.run, set(counted_samples(found))) if study is not None else {}),
    }
    drawn = figure_tables(app, found, chosen, hours)
    said: tuple[str, ...] = ()
    about = to_plain(replace(request, fate=chosen, time_h=_or_none(hours)))
    asked = {name: value for name, value in about.items() if name not in _SAID_ELSEWHERE}
    if parts:
        kept.missing |= {name: NOTHING for name in (MEDIUM, PREDICTION) if name not in kept.tables}
        order = answer_of(found, chosen, hours).order
        asked_of = settings_of(found, request.margin, request.difference)
        said = _add_parts(app, found, entry, kept, drawn, asked_of, order, progress)
    return ReportData(
        found=found,
        study=study,
        card=None if entry is None else entry.card,
        tables=_marked(kept.tables, found),
        figures=_marked(drawn, found),
        notices=notices(found),
        provenance={**provenance_dict(app, found), "asked": asked},
        fate=chosen,
        time_h=hours,
        missing=kept.missing,
        said=said,
        reliability=_reliability(app, found.run),
        sheet_control=default_control(app, run) or "",
    )


def _add_parts(
    app: App,
    found: Comparison,
    entry: CardEntry | None,
    kept: Gathered,
    drawn: dict[str, pd.DataFrame],
    settings: TestSettings,
    order: Sequence[str],
    progress: Progress,
) -> tuple[str, ...]:
    from nscweb.figures.differences import differences_data
    from nscweb.services.compare.statistics import for_file
    from nscweb.services.report.comparison_tables import add_scores

    how, tests = add_statistics(app, found, kept, settings, progress, order)
    if len(tests):
        drawn["all_differences"] = for_file(
            differences_data(tests), str(kept.tables["All comparisons"]["family"].iloc[0])
        )
    return (*how, *add_scores(app, found, entry, kept, progress))


def _marked(tables: dict[str, pd.DataFrame], found: Comparison) -> dict[str, pd.DataFrame]:
    return {
        name: table if name in _NO_LIGHT or table.empty else with_light(table, found) for name, table in tables.items()
    }


def _fit(found: Comparison) -> pd.DataFrame:
    """Lines of the samples that the report is about: nobody is warned of one that a filter took away."""
    table = fit_frame(found.run)
    return table[table["sample"].isin(counted_samples(found))].reset_index(drop=True)


def _reliability(app: App, run: Run) -> tuple[Reliability, ...]:
    with contextlib.suppress(NscwebError):  # the held-out cells may be gone or damaged; Methods then says so
        return tuple(honest_scores.reliability_of_run(app, run))
    return ()


def _or_none(hours: float) -> float | None:
    return None if math.isnan(hours) else hours


def _of_the_study(app: App, found: Comparison, study: Study | None) -> dict[str, pd.DataFrame]:
    from nscweb.services.study import study as studies

    if study is None:
        return {}
    gates = gates_of_run(found.run)
    left = funnel(app, study.study_id, gates)
    text = studies.skipped_csv(app, study.study_id)
    sheet = studies.export_sheet(app, study.study_id)
    return {
        # As the run left cells out, whatever was set for the study since.
        "Funnel": left[~left["sample"].isin(filtered_away(found))].reset_index(drop=True),
        "Findings": _text_table(text),
        "Sample sheet": _text_table(sheet),
    }


def _text_table(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def file_place(app: App, run: Run, request: ReportRequest) -> Path:
    """Where a page keeps a report file that takes long to make.

    Its name begins with the form; another request, sheet, gates, controls, counts, held-out cells or run give another
    name.
    """
    known = f"{control_names(app, run)} {entered_counts(app, run)} {known_version(app, run)}"
    known += f" {labels_mark(app, run.study_id)}"
    text = f"{table_version(app, run)} {request} {known} {__version__}"
    return app.folder.run_dir(run.run_id) / f"{request.form}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
