"""Excel workbooks as text tables and back. Nothing in a workbook is executed, followed or expanded.

Every part is unpacked by our own reader under the limits and looked through before openpyxl sees a clean copy
without macros, links to other files and drawings.
"""

from __future__ import annotations

import datetime
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.archive import Archive
from nscweb.io.sheets.delimited import TextTable

_KEPT = re.compile(
    r"^(\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|"
    r"xl/(sharedStrings|styles)\.xml|xl/theme/[\w.]+\.xml|xl/worksheets/[\w.]+\.xml)$",
    re.IGNORECASE,
)
_WORKSHEET = re.compile(r"^xl/worksheets/[\w.]+\.xml$", re.IGNORECASE)
_CELL = re.compile(rb"<(?:\w+:)?(?:c|row)\b[^>]*?\br=\"([A-Z]{0,6})(\d{1,12})\"")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def read_xlsx_table(data: bytes, name: str, log: FindingLog, limits: Limits) -> TextTable:
    """The first visible worksheet as text.

    Raises:
        InputRefused: damaged, an old ``.xls``, macros, XML entities.
        LimitExceeded: larger than the limits when unpacked, or a cell far outside.
    """
    if data.startswith(_OLD_EXCEL):
        raise InputRefused(f"{name} is an old .xls file.", "Save it as .xlsx or CSV.", "E-SHEET-XLS")
    if name.lower().endswith((".xlsm", ".xlsb", ".xltm")):
        raise InputRefused(
            f"{name} may contain macros; only .xlsx is read.", "Save it as .xlsx or CSV.", "E-SHEET-XLSM"
        )
    clean = _clean_copy(data, name, log, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about features that a table does not need
            book = openpyxl.load_workbook(clean, read_only=True, data_only=True, keep_links=False)
            sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
            rows = [
                (number, tuple(_text(value) for value in row))
                for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)
            ]
            count, title = len(book.worksheets), sheet.title
            book.close()
    except (MemoryError, RecursionError) as error:
        raise _damaged(name) from error
    except Exception as error:
        raise _damaged(name) from error
    if count > 1:
        log.add("note", "N-SHEET-FIRST", f"The workbook has {count} sheets; {title!r} was read.", name)
    filled = [(number, _trimmed(row)) for number, row in rows if any(row)]
    if not filled:
        raise InputRefused(f"{name} is empty.", "Start from the template.", "E-SHEET-EMPTY")
    width = len(filled[0][1])
    padded = [(number, row + ("",) * (width - len(row))) for number, row in filled]
    return TextTable(padded[0][1], tuple(padded[1:]))


def _damaged(name: str) -> InputRefused:
    return InputRefused(f"The workbook {name} is damaged.", "Save it again, or as CSV.", "E-SHEET-DAMAGED")


def _clean_copy(data: bytes, name: str, log: FindingLog, limits: Limits) -> io.BytesIO:
    within = Limits(
        max_members=2000,
        max_archive_bytes=limits.max_sheet_bytes,
        max_member_bytes=limits.max_sheet_bytes,
        max_total_bytes=limits.max_sheet_bytes,
    )
    clean = io.BytesIO()
    total = formulas = merged = hidden = 0
    try:
        with Archive(data, within, name) as archive, zipfile.ZipFile(clean, "w") as copy:
            for index in range(len(archive)):
                part = archive.member_name(index)
                if part.lower().endswith("vbaproject.bin"):
                    raise InputRefused(f"{name} contains macros.", "Save it as .xlsx.", "E-SHEET-XLSM")
                if not _KEPT.match(part):
                    continue
                size = int(archive.directory.sizes[index])
                limits.check("max_sheet_bytes", size, f"Unpacked bytes of {part} in {name}")
                rejected = archive.rejection(index, part)
                if rejected is not None:
                    kind = LimitExceeded if rejected.code.startswith("E-LIMIT") else InputRefused
                    raise kind(f"{name}: {rejected.message}", "Save it again, or as CSV.", rejected.code)
                content = archive.read(index)
                total += len(content)
                limits.check("max_sheet_bytes", total, f"Unpacked bytes of {name}")
                if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                    raise InputRefused(
                        f"{name} defines XML entities, which no spreadsheet program writes.",
                        "Save it again, or as CSV.",
                        "E-SHEET-ENTITY",
                    )
                if _WORKSHEET.match(part):
                    _check_extent(content, name, limits)
                    formulas += len(re.findall(rb"<(?:\w+:)?f[ >/]", content))
                    merged += content.count(b"mergeCell ")
                    hidden += content.count(b'hidden="1"') + content.count(b'hidden="true"')
                copy.writestr(part, content)
    except LimitExceeded:
        raise
    except InputRefused as error:
        if error.code.startswith("E-SHEET"):
            raise
        raise _damaged(name) from error
    if formulas:
        message = "The sheet has formulas; the values that the spreadsheet program last saw were read."
        log.add("warn", "W-SHEET-FORMULA", message, f"{name}: {formulas} cells")
    if merged:
        message = "The sheet has merged cells; only the first of each holds a value."
        log.add("warn", "W-SHEET-MERGED", message, name)
    if hidden:
        log.add("warn", "W-SHEET-HIDDEN", "The sheet has hidden rows or columns; they were read too.", name)
    return clean


def _check_extent(content: bytes, name: str, limits: Limits) -> None:
    columns = rows = 0
    for letters, digits in _CELL.findall(content):
        column = 0
        for letter in letters:
            column = column * 26 + letter - 64
        columns, rows = max(columns, column), max(rows, int(digits))
    limits.check("max_sheet_columns", columns, f"Columns of {name}")
    limits.check("max_sheet_rows", rows, f"Rows of {name}")


def _trimmed(row: tuple[str, ...]) -> tuple[str, ...]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def write_xlsx_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A workbook of one sheet in which every value is text, never a formula."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Samples")
    for row in (header, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("?", value) or None)
            if value:
                cell.data_type = "s"
                cell.number_format = "@"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
