"""A plate map: a value for each well, pasted out of a spreadsheet, given to the samples that have these wells."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.errors import WrongUse
from nscweb.core.findings import FindingLog
from nscweb.core.look_alikes import plain_text
from nscweb.core.samples import Sample, Study
from nscweb.io.sheets.row_matching import well_of
from nscweb.io.sheets.sheet_columns import LABELS
from nscweb.io.sheets.sheet_values import bare_time, filled
from nscweb.services.study.sheet import SheetUpdate, read_sheet_file, store_samples

if TYPE_CHECKING:
    from nscweb.services.context import App

WELL, PLATE, DOSE = "well", "plate", "dose"
# What a plate map may say, in the order of the choice.
PLATE_FIELDS: dict[str, str] = {
    name: LABELS.get(name, name) for name in ("group", DOSE, "time", "replicate", "donor", "control")
}
_ROWS = "ABCDEFGHIJKLMNOP"
_MOST_COLUMNS = 24


def wells_of(study: Study) -> dict[str, Sample]:
    """Sample name -> sample, of those with a well."""
    return {sample.name: sample for sample in study.samples if _well(sample)}


def plates_of(study: Study) -> list[str]:
    """Names of the plates whose wells the samples have; [""] where no plate is named."""
    return list(dict.fromkeys(_extra(sample, PLATE) for sample in wells_of(study).values()))


def plate_table(study: Study, field: str, plate: str = "") -> pd.DataFrame:
    """What the study says now: rows A to H or P, columns 1 to 12 or 24, as text."""
    found: dict[tuple[str, int], list[str]] = {}
    for sample in wells_of(study).values():
        if _extra(sample, PLATE) == plate:
            well = _well(sample)
            found.setdefault((well[0], int(well[1:])), []).append(_shown(sample, field))
    large = any(row > "H" or column > 12 for row, column in found)
    rows, columns = (_ROWS, _MOST_COLUMNS) if large else (_ROWS[:8], 12)
    table = [
        [", ".join(dict.fromkeys(found.get((row, column), ()))) for column in range(1, columns + 1)] for row in rows
    ]
    return pd.DataFrame(table, index=list(rows), columns=[str(column) for column in range(1, columns + 1)])


def read_plate_map(text: str) -> dict[str, str]:
    """Well -> value: a plate as a grid, with or without letters and numbers at its sides, or a list "D3 value".

    Raises:
        WrongUse: neither.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    separator = next((sign for sign in ("\t", ";", ",") if any(sign in line for line in lines)), None)
    if separator:
        rows = [[plain_text(cell) for cell in row] for row in csv.reader(lines, delimiter=separator)]
    else:
        rows = [[plain_text(part) for part in line.split(maxsplit=1)] for line in lines]
    if not rows:
        raise WrongUse("The plate map is empty.", "Copy the wells of the plate in a spreadsheet and paste them here.")
    if _list_of_wells(rows):
        return {well_of(row[0]): row[1] for row in rows if len(row) > 1 and well_of(row[0])}
    return _grid(rows)


def _list_of_wells(rows: list[list[str]]) -> bool:
    named = sum(bool(row and well_of(row[0])) for row in rows)
    narrow = all(len(row) <= 2 for row in rows)
    return narrow and named >= max(1, len(rows) - 1)  # the first row may be a header


def _grid(rows: list[list[str]]) -> dict[str, str]:
    first = rows[0][1:] if not rows[0][0] or not rows[0][0].isdigit() else rows[0]
    numbers = [cell for cell in first if cell]
    columns: list[int] = []
    if numbers and [int(cell) for cell in numbers if cell.isdigit()] == list(range(1, len(numbers) + 1)):
        columns = [int(cell) for cell in numbers]
        rows = rows[1:]
    lettered = bool(rows) and all(re.fullmatch(r"[A-Pa-p]", row[0]) for row in rows if row and any(row))
    width = max((len(row) for row in rows), default=0) - lettered
    if not rows or len(rows) > len(_ROWS) or width > _MOST_COLUMNS or width < 1:
        raise WrongUse(
            "This is no plate map: a plate has at most 16 rows and 24 columns.",
            "Paste the wells as a grid, or as a list with a well and a value in each line.",
        )
    found = {}
    for number, row in enumerate(rows):
        letter = row[0].upper() if lettered and row else _ROWS[number]
        for place, value in enumerate(row[1:] if lettered else row):
            column = columns[place] if place < len(columns) else place + 1
            if value and letter:
                found[f"{letter}{column}"] = value
    return found


def read_plate_file(app: App, path: Path) -> str:
    """Text of a plate map on this computer.

    Raises:
        WrongUse, InputRefused: no such file, or no text.
    """
    from nscweb.io.sheets.delimited import decode_text

    return decode_text(read_sheet_file(app, path), path.name)[0]


def apply_plate_map(app: App, study: str, field: str, text: str, plate: str = "") -> SheetUpdate:
    """Give the samples the values of their wells; wells without a value stay as they were.

    Args:
        field: a key of `PLATE_FIELDS`, or a further column.
        plate: which plate, where the samples name several.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no plate map, no sample with a well, or a plate that the study does not have.
    """
    found = app.catalogue.study(study)
    plates = plates_of(found)
    if not plates:
        raise WrongUse(
            f"No sample of {found.name} has a well.", "Add a column well to the sample sheet first, such as D3."
        )
    if plate not in plates:
        raise WrongUse("Say which plate this is.", f"The study has: {', '.join(plates)}.")
    wells = read_plate_map(text)
    log = FindingLog()
    changed, used = [], set()
    bare: dict[str, str] = {}
    for sample in wells_of(found).values():
        well = _well(sample)
        if _extra(sample, PLATE) != plate or well not in wells:
            continue
        used.add(well)
        values = {field: wells[well]} if field in LABELS else {}
        extra = [] if field in LABELS else [(field, wells[well])]
        changed.append(filled(sample, values, extra, f"well {well}, {sample.name}", log))
        bare |= bare_time(sample.name, values)
    for well in wells:
        if well not in used:
            log.add("warn", "W-SHEET-NO-WELL", "No sample has this well; its value was left out.", well)
    return store_samples(app, found, changed, log, bare_times=bare)


def _extra(sample: Sample, title: str) -> str:
    return next((text for name, text in sample.extra if name.casefold() == title), "")


def _well(sample: Sample) -> str:
    return well_of(_extra(sample, WELL))


def _shown(sample: Sample, field: str) -> str:
    if field == "time":
        return "" if sample.time_h is None else f"{sample.time_h:g} h"
    if field == "control":
        return "yes" if sample.control else ""
    return str(getattr(sample, field)) if field in LABELS else _extra(sample, field)
