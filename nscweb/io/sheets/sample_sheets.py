"""Sample sheets: one row per sample, read as text and written back, joined with the samples of a study by name."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint
from nscweb.io.sheets.delimited import TextTable, read_text_table
from nscweb.io.sheets.sheet_columns import KEYS, SHEET_COLUMNS, Column, understand_header
from nscweb.io.sheets.sheet_values import filled
from nscweb.io.sheets.workbooks import is_workbook, read_workbook_table

_NUMBER = re.compile(r"^[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?$")
_COMMA = re.compile(r"\d,\d")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class SheetRow:
    """One row, everything as text.

    Attributes:
        number: of the row in the file; the header is row 1.
        sample: the name to join by.
        values: field of `SHEET_COLUMNS` -> text, for the columns that the sheet has.
        extra: further columns (title, text) in their order.
    """

    number: int
    sample: str
    values: dict[str, str]
    extra: tuple[tuple[str, str], ...] = ()


def read_sheet(data: bytes, filename: str, log: FindingLog, limits: Limits | None = None) -> list[SheetRow]:
    """Read a sheet as text: "1E5", "001", "NA" and "SEPT2" stay what they are.

    Raises:
        InputRefused: not a table, no rows, or columns or samples that come twice.
        LimitExceeded: too many bytes, rows or columns.
    """
    limits = limits or Limits()
    limits.check("max_sheet_bytes", len(data), f"Bytes of {filename}")
    if is_workbook(data, filename):
        table, escaped = read_workbook_table(data, filename, log, limits), False
    else:
        table, escaped = read_text_table(data, filename, log), True
    limits.check("max_sheet_columns", len(table.header), f"Columns of {filename}")
    limits.check("max_sheet_rows", len(table.rows), f"Rows of {filename}")
    if not table.rows:
        raise InputRefused(f"{filename} has a header and no rows.", "Add one row per sample.", "E-SHEET-NO-ROWS")
    columns = understand_header(table.header, filename)
    _check_widths(table, filename, log)
    rows = [_row(number, values, columns, escaped) for number, values in table.rows]
    _check_keys(rows, filename, log)
    first = columns[0]
    if first.field == "sample" and first.title.casefold() != "sample" and not _says_sample(columns):
        log.add("note", "N-SHEET-KEY", f"No column is called sample; {first.title!r} was taken.", filename)
    named = [row for row in rows if row.sample]
    if not named:
        raise InputRefused(
            f"No row of {filename} names a sample.",
            f"Write the names of the samples into the column {first.title!r}.",
            "E-SHEET-NO-ROWS",
        )
    return named


def _says_sample(columns: Sequence[Column]) -> bool:
    return any(column.field == "sample" and "sample" in column.title.casefold() for column in columns)


def _check_widths(table: TextTable, name: str, log: FindingLog) -> None:
    width = len(table.header)
    too_long = [number for number, row in table.rows if any(value.strip() for value in row[width:])]
    if too_long:
        listed = ", ".join(str(number) for number in too_long[:5])
        raise InputRefused(
            f"{len(too_long)} rows of {name} have more values than the header has columns (rows {listed}).",
            "Name every column, and put values with separators in quotation marks.",
            "E-SHEET-RAGGED",
        )
    for number, row in table.rows:
        if len(row) < width:
            message = "The row has fewer values than the header has columns; the rest was taken as empty."
            log.add("warn", "W-SHEET-RAGGED", message, f"{name}, row {number}: {len(row)} of {width} columns")


def _row(number: int, values: Sequence[str], columns: Sequence[Column], escaped: bool) -> SheetRow:
    padded = [*values, *[""] * (len(columns) - len(values))]
    known: dict[str, str] = {}
    extra: list[tuple[str, str]] = []
    for column, value in zip(columns, padded, strict=False):
        text = from_cell(value.strip(" ")) if escaped else value.strip(" ")
        if column.field == "time" and column.unit and _NUMBER.match(text):
            text = f"{text} {column.unit}"
        if column.field:
            known[column.field] = text
        elif text or column.named:
            extra.append((column.title, text))
    return SheetRow(number, known.pop("sample"), known, tuple(extra))


def _check_keys(rows: Sequence[SheetRow], name: str, log: FindingLog) -> None:
    for key in KEYS:
        values = [row.sample if key == "sample" else dict(row.extra).get(key, "") for row in rows]
        twice = {value: count for value, count in Counter(values).items() if value and count > 1}
        if twice:
            told = ", ".join(f"{value!r} {count} times" for value, count in list(twice.items())[:5])
            raise InputRefused(
                f"Values of the column {key} come more than once in {name}: {told}.",
                "Keep one row for each.",
                "E-SHEET-DUPLICATE-KEY",
            )
    for row in rows:
        if not row.sample:
            log.add("warn", "W-SHEET-NO-NAME", "The row names no sample; it was left out.", f"row {row.number}")


def apply_sheet(samples: Iterable[Sample], rows: Sequence[SheetRow], log: FindingLog) -> list[Sample]:
    """Fill samples from their rows, joined by name (case may differ when that is unambiguous).

    A column that the sheet has decides, also where it is empty. Rows that match no sample and samples without a
    row are warnings, and so is a value that cannot be understood, which is left as it was.
    """
    known = list(samples)
    exact = {sample.name: position for position, sample in enumerate(known)}
    folded: dict[str, list[int]] = {}
    for position, sample in enumerate(known):
        folded.setdefault(sample.name.casefold(), []).append(position)
    taken: set[int] = set()
    for row in rows:
        near = folded.get(row.sample.casefold(), [])
        match = exact.get(row.sample, near[0] if len(near) == 1 else None)
        where = f"row {row.number}, {row.sample}"
        if match is None:
            log.add("warn", "W-SHEET-NO-SAMPLE", "This row names a sample that the study does not have.", where)
        elif match in taken:
            log.add("warn", "E-SHEET-TWICE", "This sample has two rows; the first was taken.", where)
        else:
            taken.add(match)
            known[match] = filled(known[match], row.values, row.extra, where, log)
    commas = [row.values["time"] for row in rows if _COMMA.search(row.values.get("time", ""))]
    if commas:
        message = "The comma in a time was understood as a decimal comma, as in 0,5 d = 12 h."
        log.add("note", "N-SHEET-COMMA", message, ", ".join(commas[:3]) + (", ..." if commas[3:] else ""))
    for position, sample in enumerate(known):
        if position not in taken:
            log.add("warn", "W-SHEET-NO-ROW", "This sample has no row; it stays as it was.", sample.name)
    return known


def sheet_rows(samples: Iterable[Sample]) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of a sheet as text, as `write_sheet_csv` and `write_sheet_xlsx` write it."""
    known = list(samples)
    further = list(dict.fromkeys(title for sample in known for title, _ in sample.extra))
    rows = []
    for sample in known:
        extra = dict(sample.extra)
        rows.append(
            [
                sample.name,
                sample.group,
                "" if sample.time_h is None else TimePoint(sample.time_h).label(),
                sample.replicate,
                sample.donor,
                sample.instrument,
                "yes" if sample.control else "no",
                sample.true_class,
                str(sample.cells),
                *(extra.get(title, "") for title in further),
            ]
        )
    return [*SHEET_COLUMNS, *further], rows


def write_sheet_csv(samples: Iterable[Sample]) -> bytes:
    """CSV that spreadsheets open as UTF-8; text that would start a formula is marked as text."""
    header, rows = sheet_rows(samples)
    return _csv([header, *rows])


def write_sheet_xlsx(samples: Iterable[Sample]) -> bytes:
    """XLSX in which every value is text."""
    from nscweb.io.sheets.excel import write_xlsx_table

    return write_xlsx_table(*sheet_rows(samples))


def template(kind: Literal["csv", "xlsx"] = "csv") -> bytes:
    """A sheet with every column and three rows to overwrite."""
    examples = [
        Sample("RA_1d_rep1", "RA+SHH", 24.0, "1", "mouse 1", "FlowSight"),
        Sample("NT3_12h_rep1", "NT3", 12.0, "1", "mouse 1", "FlowSight"),
        Sample(
            "astrocyte-medium_3d_rep1", "astrocyte medium", 72.0, "1", "mouse 1", control=True, true_class="astrocyte"
        ),
    ]
    return write_sheet_xlsx(examples) if kind == "xlsx" else write_sheet_csv(examples)


def to_cell(text: str) -> str:
    """Text for a CSV cell: a leading quote stops spreadsheets from running it; numbers are left alone."""
    if text.startswith("'") or (text.startswith(_FORMULA) and not _NUMBER.match(text)):
        return f"'{text}"
    return text


def from_cell(text: str) -> str:
    """Inverse of `to_cell`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(("'", *_FORMULA)) else text


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        table.writerow([to_cell(value) for value in row])
    return text.getvalue().encode("utf-8-sig", "replace")
