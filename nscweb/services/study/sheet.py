"""The sample sheet of a study: one row per sample, edited on the page or taken from CSV and Excel files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from nscweb.core.errors import InputRefused, StoreError, WrongUse
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.look_alikes import alike_sets
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.io.sheets.sheet_columns import (
    ANSWERS,
    LABELS,
    NOT_READ,
    SHEET_COLUMNS,
    TEXT_FIELDS,
    UnknownColumn,
    said_to_be,
)
from nscweb.io.sheets.sheet_values import bare_time, filled
from nscweb.store.files import atomic_write
from nscweb.words.numbers import count

__all__ = [
    "ANSWERS",
    "LABELS",
    "SheetUpdate",
    "alike_values",
    "apply_sheet_file",
    "export_sheet",
    "import_sheet",
    "make_alike_one",
    "name_columns",
    "one_change",
    "read_sheet_file",
    "set_times",
    "sheet_table",
    "sheet_template",
    "store_samples",
    "undo_sheet",
    "update_sheet",
    "write_sheet_file",
]

if TYPE_CHECKING:
    from nscweb.services.context import App

# Where the catalogue keeps the samples that the last change of a sheet changed, as they were.
LAST_CHANGE = "sheet_before"


@dataclass(frozen=True)
class SheetUpdate:
    """What became of an edited or uploaded sheet.

    Attributes:
        study: the study as it is now.
        changed: number of samples of which something changed that is understood.
        findings: rows that match nothing, samples without a row, values that could not be understood.
        rejected: True when no value of the sheet could be used.
        fields: which fields and further columns changed.
        rows, matched: rows that name a sample, and those whose sample the study has.
        way: how rows were matched that do not spell the name exactly.
        unknown: columns that were not understood.
        bare_times: sample -> its number where the time has no unit; `set_times` takes them.
        before: the samples that changed, as they were; `undo_sheet` takes them.
        undone: the samples were put back as they were.
    """

    study: Study
    changed: int
    findings: list[Finding] = field(default_factory=list)
    rejected: bool = False
    fields: tuple[str, ...] = ()
    rows: int = 0
    matched: int = 0
    way: str = ""
    unknown: tuple[UnknownColumn, ...] = ()
    bare_times: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Sample, ...] = ()
    undone: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether nothing that is analysed changed, because something was not understood."""
        analysed = any(field in LABELS.values() for field in self.fields)
        return self.rejected or (bool(self.unknown or self.bare_times) and not analysed)

    @property
    def sentence(self) -> str:
        """What happened, with the rows that were matched; "saved" is said only of what changed."""
        titles = ", ".join(repr(column.title) for column in self.unknown)
        if self.undone:
            fields = f" ({', '.join(self.fields)})" if self.fields else ""
            return f"Undone: {count(self.changed, 'sample')} as before{fields}."
        if self.changed and self.unanswered:
            said = f"Nothing that is analysed changed yet, only {', '.join(self.fields)}."
        elif self.changed:
            said = f"Saved: {self.changed} of {len(self.study.samples)} samples changed ({', '.join(self.fields)})."
        elif self.unknown:
            said = f"Nothing that is analysed changed: {titles} not understood; say below what that is."
        elif self.rejected:
            said = "Nothing changed: no value that is new could be understood."
        else:
            said = "Nothing changed: the study says the same already."
        if self.rows:
            said += f" {self.matched} of {self.rows} rows matched a sample{f', {self.way}' if self.way else ''}."
        if self.rows > self.matched:
            verb = "names" if self.rows - self.matched == 1 else "name"
            said += f" {count(self.rows - self.matched, 'row')} {verb} no sample of the study and"
            said += f" {'was' if verb == 'names' else 'were'} left out."
        if self.unknown and self.changed:
            said += f" Not understood: {titles}."
        return said


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
    from nscweb.io.sheets.sample_sheets import no_such_sample, two_rows

    found = app.catalogue.study(study)
    log = FindingLog()
    known = {sample.name: sample for sample in found.samples}
    seen: dict[str, Sample] = {}
    bare: dict[str, str] = {}
    for number, row in enumerate(table.to_dict("records"), start=1):
        name = _text(row["sample"])
        where = f"row {number}, {name or 'without a sample'}"
        if name not in known:
            no_such_sample(where, log)
        elif name in seen:
            two_rows(where, log)
        else:
            texts = {str(key): _text(value) for key, value in row.items() if key not in NOT_READ}
            values = {title: text for title, text in texts.items() if title in SHEET_COLUMNS}
            extra = [(title, text) for title, text in texts.items() if title not in SHEET_COLUMNS]
            seen[name] = filled(known[name], values, extra, where, log)
            bare |= bare_time(name, values)
    for name in known:
        if name not in seen:
            log.add("warn", "W-SHEET-NO-ROW", "This sample has no row; it stays as it was.", name)
    return store_samples(app, found, list(seen.values()), log, bare_times=bare)


def import_sheet(
    app: App, study: str, data: bytes, filename: str, said: Mapping[str, str] | None = None
) -> SheetUpdate:
    """Apply an uploaded sheet (CSV, XLSX, ODS or XLS) to a study.

    Args:
        said: title -> one of `ANSWERS`, what the user says that a column is.

    Raises:
        StudyNotFound: no such study.
        InputRefused: the file is not a table that can be read without guessing, or no row matches a sample.
        WrongUse: `said` names no column of the file, or no answer.
    """
    from nscweb.io.sheets.sample_sheets import join_sheet, read_sheet

    found = app.catalogue.study(study)
    log = FindingLog()
    rows = read_sheet(data, filename, log, app.settings.limits, samples=found.samples, said=said)
    joined = join_sheet(found.samples, rows, log)
    update = store_samples(app, found, joined.samples, log, unknown=joined.unknown, bare_times=joined.bare_times)
    return replace(update, rows=joined.rows, matched=joined.matched, way=joined.way)


def name_columns(app: App, study: str, answers: Mapping[str, str]) -> SheetUpdate:
    """Take further columns of a study for what the user says that they are.

    Args:
        answers: title of a further column -> one of `ANSWERS`.

    Raises:
        StudyNotFound: no such study.
        WrongUse: there is no such column, or no such answer.
    """
    found = app.catalogue.study(study)
    titles = list(dict.fromkeys(title for sample in found.samples for title, _ in sample.extra))
    columns = {}
    for title, answer in answers.items():
        if title not in titles:
            has = f"It has: {', '.join(titles)}." if titles else "It has none; give the sheet with --apply."
            raise WrongUse(f"The study has no further column {title!r}.", has)
        column = said_to_be(title, answer)
        if column.field == "sample":
            raise WrongUse("Rows were matched already.", "Give the sheet again, and say it with it.")
        if column.field:
            columns[title] = column
    log = FindingLog()
    changed = []
    bare: dict[str, str] = {}
    for sample in found.samples:
        extra = dict(sample.extra)
        values = {
            column.field: column.with_unit(extra.pop(title)) for title, column in columns.items() if title in extra
        }
        bare |= bare_time(sample.name, values)
        changed.append(filled(sample.with_changes(extra=tuple(extra.items())), values, (), sample.name, log))
    return store_samples(app, found, changed, log, bare_times=bare)


def set_times(app: App, study: str, times: Mapping[str, str], unit: Literal["h", "d"]) -> SheetUpdate:
    """Give numbers without a unit theirs.

    Args:
        times: sample -> number, `SheetUpdate.bare_times`.
    """
    found = app.catalogue.study(study)
    log = FindingLog()
    changed = [
        filled(sample, {"time": f"{times[sample.name]} {unit}"}, (), sample.name, log)
        for sample in found.samples
        if sample.name in times
    ]
    return store_samples(app, found, changed, log)


def alike_values(study: Study) -> list[tuple[str, str, tuple[str, ...]]]:
    """(field, the most frequent value, others that look like it): they count as different, though nobody sees why."""
    return [
        (name, kept, others)
        for name in TEXT_FIELDS
        for kept, others in alike_sets(filter(None, (getattr(sample, name) for sample in study.samples)))
    ]


def make_alike_one(app: App, study: str) -> SheetUpdate:
    """Make one value of those that look alike, the most frequent one."""
    found = app.catalogue.study(study)
    samples = list(found.samples)
    for name, kept, others in alike_values(found):
        samples = [
            sample.with_changes(**{name: kept}) if getattr(sample, name) in others else sample for sample in samples
        ]
    return store_samples(app, found, samples, FindingLog())


def undo_sheet(app: App, study: str, before: Sequence[Sample] | None = None) -> SheetUpdate:
    """Put samples back as they were; the same again takes that back.

    Args:
        before: `SheetUpdate.before`; None takes what the last change of the sheet kept.

    Raises:
        StudyNotFound: no such study.
        WrongUse: the sheet of the study was not changed.
    """
    found = app.catalogue.study(study)
    if before is None:
        kept = app.catalogue.study_info(found.study_id).get(LAST_CHANGE)
        if not kept:
            raise WrongUse(f"The sample sheet of {found.name} was not changed since the import.")
        before = from_plain(tuple[Sample, ...], kept, "the last change of the sheet", StoreError)
    names = {sample.name for sample in found.samples}
    update = store_samples(app, found, [sample for sample in before if sample.name in names], FindingLog())
    return replace(update, findings=[], undone=True)


def one_change(app: App, updates: Sequence[SheetUpdate]) -> None:
    """Let several updates of a study count as one, so that one undo takes them all back."""
    before = {sample.name: sample for update in reversed(updates) for sample in update.before}
    if before:
        app.catalogue.change_info(updates[0].study.study_id, **{LAST_CHANGE: to_plain(tuple(before.values()))})


def apply_sheet_file(app: App, study: str, path: Path, said: Mapping[str, str] | None = None) -> SheetUpdate:
    """`import_sheet` from a file on this computer.

    Raises:
        WrongUse: no such file.
        InputRefused, StudyNotFound: as there.
    """
    return import_sheet(app, study, read_sheet_file(app, path), path.name, said)


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


def store_samples(
    app: App,
    found: Study,
    samples: Sequence[Sample],
    log: FindingLog,
    *,
    unknown: Sequence[UnknownColumn] = (),
    bare_times: Mapping[str, str] | None = None,
) -> SheetUpdate:
    """Write samples into the catalogue and say what became of them.

    Args:
        found: the study before.
        samples: some or all of its samples, filled.
        log: what was noticed; what is odd about the sheet as a whole is added.
        unknown, bare_times: of the update.
    """
    before = {sample.name: sample for sample in found.samples}
    changed = [sample for sample in samples if sample != before[sample.name]]
    ignored = {column.title for column in unknown}
    fields: dict[str, None] = {}
    understood = 0
    for sample in changed:
        new = _differences(before[sample.name], sample, ignored)
        fields |= dict.fromkeys(new)
        understood += bool(new)
    if changed:
        app.catalogue.update_samples(found.study_id, changed)
        kept = to_plain(tuple(before[sample.name] for sample in changed))
        app.catalogue.change_info(found.study_id, **{LAST_CHANGE: kept})
    study = app.catalogue.study(found.study_id)
    if changed or unknown:
        _look_over(study, log)
    rejected = not understood and any(finding.code.startswith("E-SHEET") for finding in log)
    return SheetUpdate(
        study,
        understood,
        list(log),
        rejected,
        tuple(fields),
        unknown=tuple(unknown),
        bare_times=bare_times or {},
        before=tuple(before[sample.name] for sample in changed),
    )


def _differences(before: Sample, after: Sample, ignored: set[str]) -> list[str]:
    attributes = {label: "time_h" if name == "time" else name for name, label in LABELS.items()}
    fields = [label for label, name in attributes.items() if getattr(before, name) != getattr(after, name)]
    old, new = dict(before.extra), dict(after.extra)
    return fields + [title for title in new if title not in ignored and new[title] != old.get(title, "")]


def _look_over(study: Study, log: FindingLog) -> None:
    """Say what is odd about the sheet as a whole."""
    for name, kept, others in alike_values(study):
        told = ", ".join(repr(other) for other in others)
        message = f"The {LABELS[name]}s {kept!r} and {told} look alike and count as different ones; make them one?"
        log.add("warn", "W-SHEET-ALIKE", message, ", ".join((kept, *others)))
    times = sorted({sample.time_h for sample in study.samples if sample.time_h is not None})
    controlled = {sample.time_h for sample in study.samples if sample.control}
    without = [TimePoint(hours).label() for hours in times if hours not in controlled]
    if controlled and without:
        message = "Samples are marked as control at some times only; at these times none is."
        log.add("warn", "W-SHEET-CONTROL-TIME", message, ", ".join(without))


def _text(value: object) -> str:
    """A cell of the editor as text: empty ones arrive as None or NaN, ticks as True and False."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip(" ")
