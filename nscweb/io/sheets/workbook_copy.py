"""A clean copy of a zipped workbook, made before any library sees it: without macros, links to other files, drawings.

Every part is unpacked by our own reader under the limits and looked through.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.archive import Archive
from nscweb.io.sheets.sheet_cells import SAVE_AGAIN, damaged

_CELL = re.compile(rb"<(?:\w+:)?(?:c|row)\b[^>]*?\br=\"([A-Z]{0,6})(\d{1,12})\"")

# "Strict Open XML Spreadsheet" differs from the usual kind in the names of its XML; no library of ours knows those.
_STRICT = (
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
)


@dataclass(frozen=True)
class ZippedKind:
    """Where a kind of workbook keeps what, and how it marks what a table cannot say.

    Attributes:
        kept: names of the parts that the copy holds.
        sheets: names of the parts that hold cells.
        formula, hidden: marks of such cells, rows and columns.
    """

    kept: re.Pattern[str]
    sheets: re.Pattern[str]
    formula: re.Pattern[bytes]
    hidden: re.Pattern[bytes]


XLSX = ZippedKind(
    kept=re.compile(
        r"^(\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|"
        r"xl/(sharedStrings|styles)\.xml|xl/theme/[\w.]+\.xml|xl/worksheets/[\w.]+\.xml)$",
        re.IGNORECASE,
    ),
    sheets=re.compile(r"^xl/worksheets/[\w.]+\.xml$", re.IGNORECASE),
    formula=re.compile(rb"<(?:\w+:)?f[ >/]"),
    hidden=re.compile(rb"hidden=\"(?:1|true)\""),
)
ODS = ZippedKind(
    kept=re.compile(r"^(mimetype|content\.xml|META-INF/manifest\.xml)$"),
    sheets=re.compile(r"^content\.xml$"),
    formula=re.compile(rb"\btable:formula=\""),
    hidden=re.compile(rb"\btable:visibility=\"(?:collapse|filter)\""),
)


def parts_of(data: bytes, name: str, limits: Limits) -> list[str]:
    """Names of the parts of a zipped workbook.

    Raises:
        InputRefused: no zip, or a damaged one.
        LimitExceeded: more or larger parts than the limits allow.
    """
    try:
        with Archive(data, _within(limits), name) as archive:
            return [archive.member_name(index) for index in range(len(archive))]
    except LimitExceeded:
        raise
    except InputRefused as error:
        raise damaged(name) from error


def clean_copy(data: bytes, kind: ZippedKind, name: str, log: FindingLog, limits: Limits) -> bytes:
    """The copy; what a table cannot say goes into `log`.

    Raises:
        InputRefused: damaged, macros, XML entities.
        LimitExceeded: larger than the limits when unpacked, or a cell far outside.
    """
    clean = io.BytesIO()
    total = 0
    found: dict[str, int] = dict.fromkeys(("formula", "hidden"), 0)
    try:
        with Archive(data, _within(limits), name) as archive, zipfile.ZipFile(clean, "w") as copy:
            for index in range(len(archive)):
                part = archive.member_name(index)
                if part.lower().endswith("vbaproject.bin"):
                    raise InputRefused(f"{name} contains macros.", "Save it as .xlsx.", "E-SHEET-XLSM")
                if not kind.kept.match(part):
                    continue
                content = _content(archive, index, part, name, limits)
                total += len(content)
                limits.check("max_sheet_bytes", total, f"Unpacked bytes of {name}")
                if kind.sheets.match(part):
                    _check_extent(content, name, limits)
                    for mark in found:
                        found[mark] += len(getattr(kind, mark).findall(content))
                for strict, usual in _STRICT:
                    content = content.replace(strict, usual)
                copy.writestr(part, content)
    except LimitExceeded:
        raise
    except InputRefused as error:
        if error.code.startswith("E-SHEET"):
            raise
        raise damaged(name) from error
    if found["formula"]:
        message = "The sheet has formulas; the values that the spreadsheet program last saw were read."
        log.add("warn", "W-SHEET-FORMULA", message, f"{name}: {found['formula']} cells")
    if found["hidden"]:
        log.add("warn", "W-SHEET-HIDDEN", "The sheet has hidden rows or columns; they were read too.", name)
    return clean.getvalue()


def _within(limits: Limits) -> Limits:
    return Limits(
        max_members=2000,
        max_archive_bytes=limits.max_sheet_bytes,
        max_member_bytes=limits.max_sheet_bytes,
        max_total_bytes=limits.max_sheet_bytes,
    )


def _content(archive: Archive, index: int, part: str, name: str, limits: Limits) -> bytes:
    limits.check("max_sheet_bytes", int(archive.directory.sizes[index]), f"Unpacked bytes of {part} in {name}")
    rejected = archive.rejection(index, part)
    if rejected is not None:
        kind = LimitExceeded if rejected.code.startswith("E-LIMIT") else InputRefused
        raise kind(f"{name}: {rejected.message}", SAVE_AGAIN, rejected.code)
    content = archive.read(index)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputRefused(
            f"{name} defines XML entities, which no spreadsheet program writes.", SAVE_AGAIN, "E-SHEET-ENTITY"
        )
    return content


def _check_extent(content: bytes, name: str, limits: Limits) -> None:
    columns = rows = 0
    for letters, digits in _CELL.findall(content):
        column = 0
        for letter in letters:
            column = column * 26 + letter - 64
        columns, rows = max(columns, column), max(rows, int(digits))
    limits.check("max_sheet_columns", columns, f"Columns of {name}")
    limits.check("max_sheet_rows", rows, f"Rows of {name}")
