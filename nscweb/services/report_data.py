"""Everything that a report says, gathered once, so that page, workbook, zip and HTML cannot differ."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb import __version__
from nscweb.core.card import ModelCard
from nscweb.core.errors import NscwebError
from nscweb.core.runs import Run
from nscweb.core.samples import Study
from nscweb.services.comparison import (
    DEFAULT_METHOD,
    Comparison,
    answer_of,
    comparison,
    default_fate,
    times_of,
)
from nscweb.services.dashboard import Filters
from nscweb.services.export_provenance import notices, provenance_dict
from nscweb.services.export_tables import (
    fit_frame,
    groups_frame,
    replicates_frame,
    samples_frame,
    tests_frame,
)
from nscweb.services.gates import funnel, gates_of_run
from nscweb.services.runs import get_run, study_of, table_version
from nscweb.services.statistics import default_control

if TYPE_CHECKING:
    from nscweb.services.context import App

# The tables that `nscweb rerun` makes again and compares.
COMPARED: tuple[str, ...] = ("Samples", "Groups", "Tests")


@dataclass(frozen=True, eq=False)
class ReportData:
    """A report as data.

    Attributes:
        found: counts, corrected ratios, groups, tests, lights.
        study: None when it was deleted.
        card: of the model; None when the model is gone.
        tables: name -> table: Samples, Groups, Tests, Replicates, Fit, Funnel, Findings, Sample sheet.
        figures: file name -> data behind a figure.
        notices: what stands before every number.
        provenance: see `export_provenance.provenance_dict`.
    """

    found: Comparison
    study: Study | None
    card: ModelCard | None
    tables: dict[str, pd.DataFrame]
    figures: dict[str, pd.DataFrame]
    notices: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def run(self) -> Run:
        return self.found.run

    @property
    def title(self) -> str:
        """Of the report, for people."""
        return f"Predicted {self.found.classes.kind} ratios of {self.run.provenance.study}"


def report_data(
    app: App,
    run: Run | str,
    filters: Filters | None = None,
    method: str = DEFAULT_METHOD,
    control: str | None = None,
    adjust: str = "holm",
) -> ReportData:
    """Gather a report; arguments as in `comparison`.

    Args:
        control: None takes the group that the sample sheet marks as control, as the pages do.

    Raises:
        StoreError: there is no such run or its table is damaged.
    """
    from nscweb.services.explain import model_of_run

    against = (default_control(app, run) or "") if control is None else control
    found = comparison(app, get_run(app, run), filters, method, against, adjust)
    study = study_of(app, found.run)
    try:
        card = model_of_run(app, found.run).card
    except NscwebError:
        card = None  # the model is gone; provenance still says which one it was
    tables = {
        "Samples": samples_frame(found),
        "Groups": groups_frame(found),
        "Tests": tests_frame(found),
        "Replicates": replicates_frame(found),
        "Fit": fit_frame(found.run),
        **_of_the_study(app, found.run, study),
    }
    return ReportData(
        found, study, card, tables, figure_tables(found), notices(found), provenance_dict(app, found)
    )


def _of_the_study(app: App, run: Run, study: Study | None) -> dict[str, pd.DataFrame]:
    from nscweb.services import study as studies

    if study is None:
        return {}
    gates = gates_of_run(run)
    text = studies.skipped_csv(app, study.study_id)
    sheet = studies.export_sheet(app, study.study_id)
    return {
        # As the run left cells out, whatever was set for the study since.
        "Funnel": funnel(app, study.study_id, gates).assign(gates=gates.sentence()),
        "Findings": _text_table(text),
        "Sample sheet": _text_table(sheet),
    }


def _text_table(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def file_place(app: App, run: Run, form: str, said: str) -> Path:
    """Where a page keeps a report file that takes long to make.

    Args:
        form: of the file; its name begins with it.
        said: the choices it was made with; together with sheet, gates and run they give another name.
    """
    text = f"{table_version(app, run)} {said} {__version__}"
    return app.folder.run_dir(run.run_id) / f"{form}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def figure_tables(found: Comparison) -> dict[str, pd.DataFrame]:
    """File name -> what a figure of Predict and Compare draws, for all classes and time points."""
    from nscweb.reports.figures_compare_data import difference_data, group_data, means_and_points, point_data

    if found.groups.empty:
        return {}
    fate = default_fate(found.classes)
    answer = answer_of(found, fate)
    means = group_data(found.groups, answer.order, found.classes.names)
    points = point_data(found.replicate_rows, answer.order, found.classes.names)
    against = found.control or answer.leader
    differences = [
        difference_data(found.tests, answer.order, name, hours, against)
        for name in found.classes.names
        for hours in times_of(found)
    ]
    drawn = {"means_over_time": means, "replicates_and_means": means_and_points(means, points)}
    full = [part for part in differences if len(part)]
    if full:
        drawn["differences"] = pd.concat(full, ignore_index=True)
    return drawn
