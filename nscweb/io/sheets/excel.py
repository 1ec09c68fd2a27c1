"""Excel workbooks (.xlsx) as text and back. Nothing in a workbook is executed, followed or expanded."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from nscweb.io.sheets.sheet_cells import Grid, Merged, cell_text, damaged, numbered
from nscweb.io.sheets.table_finder import merged_range

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref=\"([A-Z0-9:]{2,24})\"")


def read_xlsx_grids(clean: bytes, name: str) -> tuple[list[Grid], int]:
    """(the visible worksheets as text, number of all worksheets).

    Args:
        clean: made by `clean_copy`.

    Raises:
        InputRefused: damaged.
    """
    grids = []
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(clean)) as parts:
            warnings.simplefilter("ignore")  # openpyxl warns about features that a table does not need
            book = openpyxl.load_workbook(io.BytesIO(clean), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                if sheet.sheet_state != "visible":
                    continue
                sheet.reset_dimensions()  # some programs write a wrong size, and rows would be cut
                rows = [[cell_text(cell.value, _format(cell)) for cell in row] for row in sheet.iter_rows()]
                # openpyxl reads merged ranges only when it reads everything into memory.
                part = vars(sheet)["_worksheet_path"].lstrip("/")
                grids.append(Grid(sheet.title, numbered(rows), _merged(parts.read(part))))
            count = len(book.worksheets)
            book.close()
    except Exception as error:
        raise damaged(name) from error
    if not grids:
        raise damaged(name)
    return grids, count


def _format(cell: object) -> str:
    return str(getattr(cell, "number_format", ""))


def _merged(content: bytes) -> list[Merged]:
    found = (merged_range(reference.decode("ascii")) for reference in _MERGED.findall(content))
    return [place for place in found if place is not None]


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
