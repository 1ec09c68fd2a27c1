"""The sample sheet of a study: one row per sample, edited on the page or taken from CSV and Excel files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

from nscweb.core.findings import Finding, FindingLog
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint

if TYPE_CHECKING:
    from nscweb.services.context import App

# Columns of the edited table, in order. `cells` is shown and never read back.
TABLE_COLUMNS: tuple[str, ...] = (
    "sample",
    "group",
    "time",
    "replicate",
    "donor",
    "instrument",
    "control",
    "true_class",
    "cells",
)


@dataclass(frozen=True)
class SheetUpdate:
    """What became of an edited or uploaded sheet.

    Attributes:
        study: the study as it is now.
        changed: number of samples that changed.
        findings: rows that match nothing, samples without a row, values that could not be understood.
        rejected: True when a value could not be understood and nothing was stored.
    """

    study: Study
    changed: int
    findings: list[Finding] = field(default_factory=list)
    rejected: bool = False


def sheet_table(app: App, study: str) -> pd.DataFrame:
    """The sheet for editing: columns `TABLE_COLUMNS`, time as text ("12 h", "3 d"), further columns after.

    Raises:
        StudyNotFound: no such study.
    """
    raise NotImplementedError


def update_sheet(app: App, study: str, table: pd.DataFrame) -> SheetUpdate:
    """Store an edited table (columns of `sheet_table`; those that are missing stay as they are)."""
    raise NotImplementedError


def import_sheet(app: App, study: str, data: bytes, filename: str) -> SheetUpdate:
    """Apply an uploaded CSV or XLSX sheet to a study."""
    raise NotImplementedError


def export_sheet(app: App, study: str, kind: Literal["csv", "xlsx"] = "csv") -> bytes:
    """The sheet as CSV or XLSX; `import_sheet` reads it back unchanged."""
    raise NotImplementedError


def sheet_template(kind: Literal["csv", "xlsx"] = "csv") -> bytes:
    """An empty sheet with every column and example rows."""
    raise NotImplementedError
