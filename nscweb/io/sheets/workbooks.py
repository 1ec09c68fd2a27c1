"""Workbooks as text tables, by their content whatever their name says: .xlsx, .ods, .xls.

openpyxl reads .xlsx from a clean copy; the others are read in a process of their own with limits of time and memory.
"""

from __future__ import annotations

import atexit
import json
import re

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.guarded_child import GuardedChild, tell
from nscweb.io.names.file_names import suffix_of
from nscweb.io.sheets.sheet_cells import SAVE_AGAIN, Grid, TextTable
from nscweb.io.sheets.table_finder import find_table
from nscweb.io.sheets.workbook_child import OLD_EXCEL
from nscweb.io.sheets.workbook_copy import ODS, XLSX, clean_copy, parts_of

ZIPPED = b"PK\x03\x04"
_AS_TABLE = "Open it in its program and save it as .xlsx or CSV."
_MACROS = (".xlsm", ".xlsb", ".xltm")
# Beginnings of tables that are neither a workbook that is read nor separated text.
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body|meta|style|table)\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml|\w+:?workbook)\b", re.IGNORECASE)
_LINK = re.compile(rb"\s*\{[^{}]*\"(?:doc_id|url)\"\s*:")
_READER = GuardedChild(
    "nscweb.io.sheets.workbook_child:main",
    (),
    "The workbook could not be read",
    "the reader",
    SAVE_AGAIN,
    "E-SHEET-READER",
)
atexit.register(_READER.close)


def is_workbook(data: bytes, name: str) -> bool:
    """Whether `read_workbook_table` is to read or refuse it; False for separated text."""
    if data.startswith((ZIPPED, OLD_EXCEL)) or suffix_of(name) in (*_MACROS, ".xlsx", ".ods", ".numbers"):
        return True
    return _other_kind(data, name) is not None


def read_workbook_table(data: bytes, name: str, log: FindingLog, limits: Limits) -> TextTable:
    """The worksheet that holds the table of samples, as text.

    Raises:
        InputRefused: a kind that is not read, damaged, macros, XML entities, a password.
        LimitExceeded: larger than the limits when unpacked, or a cell far outside.
    """
    other = _other_kind(data, name)
    if other is not None:
        raise other
    if data.startswith(OLD_EXCEL):
        return _read_apart(data, name, log, limits)
    parts = parts_of(data, name, limits)
    if "content.xml" in parts and "xl/workbook.xml" not in parts:
        return _read_apart(clean_copy(data, ODS, name, log, limits), name, log, limits)
    if any(part.startswith("Index/") or part == "Index.zip" for part in parts):
        raise _numbers(name)
    clean = clean_copy(data, XLSX, name, log, limits)
    from nscweb.io.sheets.excel import read_xlsx_grids

    grids, count = read_xlsx_grids(clean, name)
    return find_table(grids, name, log, sheets=count)


def _read_apart(data: bytes, name: str, log: FindingLog, limits: Limits) -> TextTable:
    said, found = _READER.ask({"name": name}, data, limits)
    tell(log, said)
    grids = [
        Grid(
            grid["title"],
            [(number, tuple(row)) for number, row in grid["rows"]],
            [(first, left, last, right) for first, left, last, right in grid["merged"]],
        )
        for grid in json.loads(found)
    ]
    return find_table(grids, name, log, sheets=said["sheets"])


def _other_kind(data: bytes, name: str) -> InputRefused | None:
    """The error for what is neither a workbook that is read nor separated text."""
    suffix, head = suffix_of(name), data[:512].removeprefix(b"\xef\xbb\xbf")
    if suffix in _MACROS:
        return InputRefused(
            f"{name} may contain macros; only .xlsx is read.", "Save it as .xlsx or CSV.", "E-SHEET-XLSM"
        )
    if suffix == ".numbers":
        return _numbers(name)
    if suffix == ".gsheet" or _LINK.match(head):
        what = "is a link to a table in the web, without the table"
        todo = "Open the table in the browser and download it as .xlsx or CSV."
        return InputRefused(f"{name} {what}.", todo, "E-SHEET-LINK")
    if _WEB_PAGE.match(head):
        return InputRefused(f"{name} is a web page, whatever its name says.", _AS_TABLE, "E-SHEET-HTML")
    if _XML.match(head):
        return InputRefused(f"{name} is an XML file, which is not read as a table.", _AS_TABLE, "E-SHEET-XML")
    return None


def _numbers(name: str) -> InputRefused:
    todo = "In Numbers choose File, Export To, Excel or CSV."
    return InputRefused(f"{name} is a table of Apple Numbers, which is not read.", todo, "E-SHEET-NUMBERS")
