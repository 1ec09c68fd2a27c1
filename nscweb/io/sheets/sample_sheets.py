"""Sample sheets: one row per sample, read as text and written back, joined with the samples of a study by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.look_alikes import plain_text
from nscweb.core.samples import Sample
from nscweb.io.sheets.delimited import read_text_table
from nscweb.io.sheets.row_matching import is_total, match_rows, ways_told, well_of
from nscweb.io.sheets.sheet_cells import TextTable, from_cell
from nscweb.io.sheets.sheet_columns import (
    KEYS,
    PLATE_TITLES,
    Column,
    UnknownColumn,
    column_of,
    known_titles,
    likely_field,
    only_numbers,
    understand_header,
)
from nscweb.io.sheets.sheet_values import bare_time, filled
from nscweb.io.sheets.workbooks import is_workbook, read_workbook_table

# So many known titles make a header.
_LEAST_TITLES = 2
_COMMA = re.compile(r"\d,\d")


@dataclass(frozen=True)
class SheetRow:
    """One row, everything as text.

    Attributes:
        number: of the row in the file; the header is row 1.
        sample: the name to join by.
        values: field of `SHEET_COLUMNS` -> text, for the columns that the sheet has.
        extra: further columns (title, text) in their order.
        unknown: titles of those that were not understood.
        taken: titles of the columns that are fields.
    """

    number: int
    sample: str
    values: dict[str, str]
    extra: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


def read_sheet(
    data: bytes,
    filename: str,
    log: FindingLog,
    limits: Limits | None = None,
    *,
    samples: Sequence[Sample] = (),
    said: Mapping[str, str] | None = None,
) -> list[SheetRow]:
    """Read a sheet as text: "1E5", "001", "NA" and "SEPT2" stay what they are.

    Args:
        samples: of the study; the column whose values are most of their names is the one that rows are matched by.
        said: title -> one of `ANSWERS`, what the user says that a column is.

    Raises:
        InputRefused: not a table, no rows, or columns or samples that come twice.
        LimitExceeded: too many bytes, rows or columns.
        WrongUse: `said` names no column, or no answer.
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
    table = _with_header(table, samples, filename, log)
    columns = understand_header(table.header, filename, said)
    _check_widths(table, filename, log)
    if "sample" not in (said or {}).values():
        columns = _with_key(columns, table, samples)
    columns = [column for column in columns if not _counts_rows(column, columns, table)]
    rows = [_row(number, values, columns, escaped) for number, values in table.rows]
    rows = _once_each([_in_plate(row) for row in rows], filename, log)
    _check_keys(rows, filename, log)
    key = next(column for column in columns if column.field == "sample")
    if column_of(key.title).field != "sample":
        log.add("note", "N-SHEET-KEY", f"Rows were matched by the column {key.title!r}.", filename)
    named = [row for row in rows if row.sample]
    if not named:
        raise InputRefused(
            f"No row of {filename} names a sample.",
            f"Write the names of the samples into the column {key.title!r}.",
            "E-SHEET-NO-ROWS",
        )
    return named


def _with_header(table: TextTable, samples: Sequence[Sample], name: str, log: FindingLog) -> TextTable:
    """A table without a header gets one: its first row names a sample and no column."""
    named = [match.sample for match in match_rows(samples, table.header) if match is not None]
    if len(set(named)) > 1 and known_titles(table.header) < _LEAST_TITLES:
        raise InputRefused(
            f"{name} has its samples in columns ({_some([title for title in table.header if title])}), and the rows "
            "below them have no titles that are known.",
            "Exchange rows and columns (in a spreadsheet: copy, paste transposed), so that each row is a sample.",
            "E-SHEET-TURNED",
        )
    if known_titles(table.header) or not named:
        return table
    log.add("warn", "W-SHEET-NO-HEADER", "The sheet has no titles; its columns were numbered. Say what they are.", name)
    titles = tuple(f"untitled {number}" for number in range(1, len(table.header) + 1))
    first = table.rows[0][0] - 1
    return TextTable(titles, ((first, table.header), *table.rows))


def _in_plate(row: SheetRow) -> SheetRow:
    """Wells come again on every plate, so a well is looked for on the plate that the row names."""
    plate = next((text for title, text in row.extra if title.casefold() in PLATE_TITLES), "")
    return replace(row, sample=f"{plate}/{row.sample}") if plate and well_of(row.sample) else row


def _once_each(rows: Sequence[SheetRow], name: str, log: FindingLog) -> list[SheetRow]:
    """Rows that say the same of one sample, as in a sheet with a row for each image, are one row."""
    kept: dict[str, SheetRow] = {}
    again = 0
    for row in rows:
        first = kept.setdefault(row.sample or f"\n{row.number}", row)
        if first is not row and first.values == row.values:
            again += 1
        elif first is not row:
            kept[f"{row.sample}\n{row.number}"] = row
    if again:
        message = "Rows that say the same of one sample were taken as one."
        log.add("note", "N-SHEET-SAME-ROWS", message, f"{name}: {again} rows")
    return list(kept.values())


def _with_key(columns: list[Column], table: TextTable, samples: Sequence[Sample]) -> list[Column]:
    """The columns with the one for the sample that fits the study best; the one that was taken first where all fit."""
    key = next(place for place, column in enumerate(columns) if column.field == "sample")
    if not samples:
        return columns
    best, most = key, _fitting(key, table, samples)
    for place, column in enumerate(columns):
        if place != key and not column.field and most < len(table.rows):
            fitting = _fitting(place, table, samples)
            if fitting > most:
                best, most = place, fitting
    if best != key:
        old = columns[key]
        columns[key] = replace(old, field="", understood=True)
        columns[best] = replace(columns[best], field="sample", named=True)
    return columns


def _fitting(place: int, table: TextTable, samples: Sequence[Sample]) -> int:
    values = [row[place] if place < len(row) else "" for _, row in table.rows]
    return len({match.sample for match in match_rows(samples, values) if match is not None})


def _counts_rows(column: Column, columns: Sequence[Column], table: TextTable) -> bool:
    """Whether a column without a title only counts the rows, as R and pandas write it."""
    if column.field or columns[0] is not column or not (only_numbers(column.title) or not column.named):
        return False
    values = [row[0].strip() for _, row in table.rows]
    return all(value.isascii() and value.isdigit() for value in values) and len(set(values)) == len(values)


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
    known: dict[str, str] = {}
    extra: list[tuple[str, str]] = []
    unknown: list[str] = []
    for column in columns:
        value = values[column.place] if column.place < len(values) else ""
        text = from_cell(value.strip(" ")) if escaped else value.strip(" ")
        if column.field:
            known[column.field] = column.with_unit(text)
        elif text or column.named:
            extra.append((column.title, text))
            unknown += [] if column.understood else [column.title]
    taken = tuple(column.title for column in columns if column.field)
    return SheetRow(number, known.pop("sample"), known, tuple(extra), tuple(unknown), taken)


def _check_keys(rows: Sequence[SheetRow], name: str, log: FindingLog) -> None:
    for key in KEYS:
        values = [row.sample if key == "sample" else _well_in_plate(row) for row in rows]
        counts = Counter(value for value in values if value and not is_total([value]))
        twice = {value: count for value, count in counts.items() if count > 1}
        if twice:
            told = ", ".join(f"{value!r} {count} times" for value, count in list(twice.items())[:5])
            raise InputRefused(
                f"Values of the column {key} come more than once in {name}: {told}.",
                "Keep one row for each.",
                "E-SHEET-DUPLICATE-KEY",
            )
    for row in rows:
        if not row.sample and is_total([*row.values.values(), *(text for _, text in row.extra)]):
            _total(row, log)
        elif not row.sample:
            log.add("warn", "W-SHEET-NO-NAME", "The row names no sample; it was left out.", f"row {row.number}")


def _total(row: SheetRow, log: FindingLog) -> None:
    log.add("note", "N-SHEET-TOTAL", "The row holds totals, no sample; it was left out.", f"row {row.number}")


def _well_in_plate(row: SheetRow) -> str:
    """The well, with the plate where the sheet has several."""
    extra = {title.casefold(): text for title, text in row.extra}
    well = extra.get("well", "")
    return f"{plate} {well}" if well and (plate := extra.get("plate", "")) else well


@dataclass(frozen=True)
class Joined:
    """Samples filled from a sheet.

    Attributes:
        samples: all of them, in their order.
        rows, matched: rows that name a sample, and those whose sample the study has.
        way: how rows were matched that do not spell the name exactly, "" when all do.
        unmatched: what the other rows name.
        unknown: columns that were not understood.
        bare_times: sample -> its number where the time has no unit.
    """

    samples: list[Sample]
    rows: int
    matched: int
    way: str = ""
    unmatched: tuple[str, ...] = ()
    unknown: tuple[UnknownColumn, ...] = ()
    bare_times: Mapping[str, str] = field(default_factory=dict)


def join_sheet(samples: Iterable[Sample], rows: Sequence[SheetRow], log: FindingLog) -> Joined:
    """Fill samples from their rows. A column that the sheet has decides, also where it is empty.

    Rows that match no sample and samples without a row are warnings, and so is a value that cannot be understood,
    which is left as it was.

    Raises:
        InputRefused: no row matches a sample.
    """
    known = list(samples)
    matches = match_rows(known, [row.sample for row in rows])
    for row, match in zip(rows, matches, strict=True):
        if match is None and is_total([row.sample]):
            _total(row, log)
    kept = [pair for pair in zip(rows, matches, strict=True) if pair[1] is not None or not is_total([pair[0].sample])]
    rows, matches = [row for row, _ in kept], [match for _, match in kept]
    if known and rows and not any(matches):
        raise _no_match(known, rows)
    taken: dict[int, Mapping[str, str]] = {}
    same = 0
    bare: dict[str, str] = {}
    for row, match in zip(rows, matches, strict=True):
        where = f"row {row.number}, {plain_text(row.sample)}"
        if match is None:
            no_such_sample(where, log)
        elif match.sample in taken and row.values == taken[match.sample]:
            same += 1
        elif match.sample in taken:
            two_rows(where, log)
        else:
            taken[match.sample] = row.values
            sample = known[match.sample]
            bare |= bare_time(sample.name, row.values)
            # A further column that is a field now is no further column any more.
            extra = tuple(pair for pair in sample.extra if pair[0] not in row.taken)
            known[match.sample] = filled(sample.with_changes(extra=extra), row.values, row.extra, where, log)
    if same:
        message = "Rows that say the same of one sample were taken as one."
        log.add("note", "N-SHEET-SAME-ROWS", message, f"{same} rows")
    commas = [row.values["time"] for row in rows if _COMMA.search(row.values.get("time", ""))]
    if commas:
        message = "The comma in a time was understood as a decimal comma, as in 0,5 d = 12 h."
        log.add("note", "N-SHEET-COMMA", message, ", ".join(commas[:3]) + (", ..." if commas[3:] else ""))
    for position, sample in enumerate(known):
        if position not in taken:
            log.add("warn", "W-SHEET-NO-ROW", "This sample has no row; it stays as it was.", sample.name)
    unmatched = tuple(row.sample for row, match in zip(rows, matches, strict=True) if match is None)
    way = ways_told(matches)
    matched = len(rows) - len(unmatched)
    if way:
        log.add("note", "N-SHEET-MATCHED", f"{matched} of {len(rows)} rows were matched, {way}.")
    return Joined(known, len(rows), matched, way, unmatched, _unknown(rows, log), bare)


def apply_sheet(samples: Iterable[Sample], rows: Sequence[SheetRow], log: FindingLog) -> list[Sample]:
    """The samples of `join_sheet`."""
    return join_sheet(samples, rows, log).samples


def _unknown(rows: Sequence[SheetRow], log: FindingLog) -> tuple[UnknownColumn, ...]:
    found = []
    taken = tuple({name for row in rows for name in row.values})
    for title in dict.fromkeys(title for row in rows for title in row.unknown):
        values = [text for row in rows for name, text in row.extra if name == title]
        examples = tuple(dict.fromkeys(plain_text(value) for value in values if value.strip()))[:3]
        likely = likely_field(title, values, taken)
        found.append(UnknownColumn(title, likely, examples))
        message = (
            f"The column {title!r} was not understood; it was kept as a further column, which changes no result. "
            "Say what it is."
        )
        log.add("warn", "W-SHEET-COLUMN", message, f"{title}: {', '.join(examples)}")
    return tuple(found)


def _no_match(samples: Sequence[Sample], rows: Sequence[SheetRow]) -> InputRefused:
    names = [row.sample for row in rows]
    if all(name.isdigit() for name in names):
        reason = "The sheet seems to number its rows instead of naming samples."
    elif all(well_of(name) for name in names) and any(well_of(sample.name.split("/")[-1]) for sample in samples):
        reason = "Several samples have the same well; add a column plate."
    elif all(well_of(name) for name in names):
        reason = "The sheet names wells, and the samples of the study are not called by wells."
    elif len(samples) == 1:
        reason = "The study has one sample only; perhaps its images were imported as one."
    else:
        reason = "The names of samples come from the folders and files of the import."
    return InputRefused(
        f"No row of the sheet matches a sample of the study, so nothing was changed. The sheet names {_some(names)}; "
        f"the study has {_some([sample.name for sample in samples])}. {reason}",
        "Download the sheet of the study and copy the names from its column sample, or say which column holds them.",
        "E-SHEET-NO-MATCH",
    )


def no_such_sample(where: str, log: FindingLog) -> None:
    """Note a row about a sample that is not there."""
    log.add("warn", "W-SHEET-NO-SAMPLE", "This row names a sample that the study does not have.", where)


def two_rows(where: str, log: FindingLog) -> None:
    """Note a second row about a sample, which is not read."""
    log.add("warn", "E-SHEET-TWICE", "This sample has two rows; the first was taken.", where)


def _some(names: Sequence[str]) -> str:
    return ", ".join(repr(plain_text(name)) for name in names[:3]) + (
        f" and {len(names) - 3} more" if names[3:] else ""
    )
