"""Excel workbooks (.xlsx) as text tables and back. Nothing in a workbook is executed, followed or expanded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from nscweb.core.findings import FindingLog
from nscweb.io.sheets.delimited import TextTable
from nscweb.io.sheets.sheet_cells import cell_text, damaged, first_sheet_note, table_of


def read_xlsx_table(clean: bytes, name: str, log: FindingLog) -> TextTable:
    """The first visible worksheet as text.

    Args:
        clean: made by `clean_copy`.

    Raises:
        InputRefused: damaged or empty.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about features that a table does not need
            book = openpyxl.load_workbook(io.BytesIO(clean), read_only=True, data_only=True, keep_links=False)
            sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
            rows = [[cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
            count, title = len(book.worksheets), sheet.title
            book.close()
    except Exception as error:
        raise damaged(name) from error
    first_sheet_note(count, title, name, log)
    return table_of(rows, name)


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
