"""The sample sheet of a study: one row per sample, edited on the page or taken from CSV and Excel files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from nscweb.core.errors import InputRefused, StoreError, WrongUse
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.io.sheets.sheet_columns import NOT_READ, SHEET_COLUMNS
from nscweb.io.sheets.sheet_values import filled
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class SheetUpdate:
    """What became of an edited or uploaded sheet.

    Attributes:
        study: the study as it is now.
        changed: number of samples that changed.
        findings: rows that match nothing, samples without a row, values that could not be understood.
        rejected: True when no value of the sheet could be used.
    """

    study: Study
    changed: int
    findings: list[Finding] = field(default_factory=list)
    rejected: bool = False


def sheet_table(app: App, study: str) -> pd.DataFrame:
    """The sheet for editing: columns `SHEET_COLUMNS`, time as text ("12 h", "3 d"), further columns after.

    Raises:
        StudyNotFound: no such study.
    """
    samples = app.catalogue.study(study).samples
    further = list(dict.fromkeys(name for sample in samples for name, _ in sample.extra))
    rows = []
    for sample in samples:
        row: dict[str, Any] = {name: getattr(sample, name) for name in SHEET_COLUMNS if hasattr(sample, name)}
        time = "" if sample.time_h is None else TimePoint(sample.time_h).label()
        extra = dict(sample.extra)
        rows.append({**row, "sample": sample.name, "time": time, **{name: extra.get(name, "") for name in further}})
    return pd.DataFrame(rows, columns=[*SHEET_COLUMNS, *(name for name in further if name not in SHEET_COLUMNS)])


def update_sheet(app: App, study: str, table: pd.DataFrame) -> SheetUpdate:
    """Store an edited table (columns of `sheet_table`; those that are missing stay as they are).

    A value that cannot be understood is told with its row and left as it was; the rest is stored.

    Raises:
        StudyNotFound: no such study.
        WrongUse: the table has no column ``sample``.
    """
    if "sample" not in table.columns:
        raise WrongUse("The table has no column called sample.", "Start from the downloaded sheet.")
    found = app.catalogue.study(study)
    log = FindingLog()
    known = {sample.name: sample for sample in found.samples}
    seen: dict[str, Sample] = {}
    for number, row in enumerate(table.to_dict("records"), start=1):
        name = _text(row["sample"])
        where = f"row {number}, {name or 'without a sample'}"
        if name not in known:
            log.add("warn", "W-SHEET-NO-SAMPLE", "This row names a sample that the study does not have.", where)
        elif name in seen:
            log.add("warn", "E-SHEET-TWICE", "This sample has two rows; the first was taken.", where)
        else:
            texts = {str(key): _text(value) for key, value in row.items() if key not in NOT_READ}
            values = {title: text for title, text in texts.items() if title in SHEET_COLUMNS}
            extra = [(title, text) for title, text in texts.items() if title not in SHEET_COLUMNS]
            seen[name] = filled(known[name], values, extra, where, log)
    for name in known:
        if name not in seen:
            log.add("warn", "W-SHEET-NO-ROW", "This sample has no row; it stays as it was.", name)
    return _store(app, found, list(seen.values()), log)


def import_sheet(app: App, study: str, data: bytes, filename: str) -> SheetUpdate:
    """Apply an uploaded sheet (CSV, XLSX, ODS or XLS) to a study; rows are matched by the column ``sample``.

    Raises:
        StudyNotFound: no such study.
        InputRefused: the file is not a table that can be read without guessing.
    """
    from nscweb.io.sheets.sample_sheets import apply_sheet, read_sheet

    found = app.catalogue.study(study)
    log = FindingLog()
    rows = read_sheet(data, filename, log, app.settings.limits, samples=found.samples)
    return _store(app, found, list(apply_sheet(found.samples, rows, log)), log)


def apply_sheet_file(app: App, study: str, path: Path) -> SheetUpdate:
    """`import_sheet` from a file on this computer.

    Raises:
        WrongUse: no such file.
        InputRefused, StudyNotFound: as there.
    """
    return import_sheet(app, study, read_sheet_file(app, path), path.name)


def read_sheet_file(app: App, path: Path) -> bytes:
    """Bytes of a sheet on this computer; refused when it is far too big for one."""
    try:
        size = path.stat().st_size
        app.settings.limits.check("max_sheet_bytes", size, f"The sample sheet {path.name}")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WrongUse(f"There is no file {path}.", "Check the spelling.", "E-PATH-MISSING") from error
    except OSError as error:
        raise InputRefused(f"{path.name} cannot be read ({error.strerror or error}).") from error


def export_sheet(app: App, study: str, kind: Literal["csv", "xlsx"] = "csv") -> bytes:
    """The sheet as CSV or XLSX; `import_sheet` reads it back unchanged.

    Raises:
        StudyNotFound: no such study.
    """
    from nscweb.io.sheets import sheet_writing

    samples = app.catalogue.study(study).samples
    return sheet_writing.write_sheet_xlsx(samples) if kind == "xlsx" else sheet_writing.write_sheet_csv(samples)


def write_sheet_file(app: App, study: str, out: Path) -> Path:
    """The sheet as a file, CSV or XLSX by its ending.

    Raises:
        StudyNotFound: no such study.
        WrongUse: another ending.
        StoreError: the file cannot be written.
    """
    kind = out.suffix.lower()
    if kind not in (".csv", ".xlsx"):
        raise WrongUse(f"A sample sheet is a .csv or .xlsx file, not {out.name!r}.")
    data = export_sheet(app, study, "xlsx" if kind == ".xlsx" else "csv")
    try:
        with atomic_write(out) as stream:
            stream.write(data)
    except OSError as error:
        raise StoreError(f"{out} cannot be written ({error.strerror or error}).") from error
    return out


def sheet_template(kind: Literal["csv", "xlsx"] = "csv") -> bytes:
    """An empty sheet with every column and example rows."""
    from nscweb.io.sheets.sheet_writing import template

    return template(kind)


def _store(app: App, found: Study, samples: Sequence[Sample], log: FindingLog) -> SheetUpdate:
    before = {sample.name: sample for sample in found.samples}
    changed = [sample for sample in samples if sample != before.get(sample.name)]
    if not changed and any(finding.code.startswith("E-SHEET") for finding in log):
        return SheetUpdate(found, 0, list(log), rejected=True)
    if changed:
        app.catalogue.update_samples(found.study_id, changed)
    return SheetUpdate(app.catalogue.study(found.study_id), len(changed), list(log))


def _text(value: object) -> str:
    """A cell of the editor as text: empty ones arrive as None or NaN, ticks as True and False."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
