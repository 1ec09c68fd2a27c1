"""The other side of `io.sheets.workbooks`: reads .ods with a parser of XML, .xls of Excel 97 with xlrd."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import error_as_dict
from nscweb.io.decode.guarded_server import Answer, serve
from nscweb.io.sheets.sheet_cells import Grid, cell_text, damaged, numbered

OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def main() -> None:
    """Answer until nobody asks any more."""
    serve(_make)


def _make() -> Answer:
    from nscweb.io.sheets.opendocument import read_ods_grids

    def answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        name, limits = asked["name"], Limits(**asked["limits"])
        read = read_xls_grids if data.startswith(OLD_EXCEL) else read_ods_grids
        try:
            grids, count = read(data, name, limits)
        except (LimitExceeded, InputRefused) as error:
            return {"findings": [], "error": error_as_dict(error)}, b""
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - readers of damaged files fail in many ways
            return {"findings": [], "error": error_as_dict(damaged(name))}, b""
        return {"findings": [], "sheets": count}, json.dumps([asdict(grid) for grid in grids]).encode("ascii")

    return answer


def read_xls_grids(data: bytes, name: str, limits: Limits) -> tuple[list[Grid], int]:
    """(the visible sheets, number of all sheets).

    Raises:
        InputRefused: a password.
        LimitExceeded: more rows or columns than allowed.
    """
    import xlrd

    try:
        # Formats are needed for 001 and merged cells; what xlrd has to say goes nowhere.
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, logfile=io.StringIO())
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise InputRefused(
                f"{name} is locked with a password.", "Save it without one.", "E-SHEET-PASSWORD"
            ) from error
        raise
    grids = []
    for sheet in book.sheets():
        if sheet.visibility:
            continue
        limits.check("max_sheet_columns", sheet.ncols, f"Columns of {name}")
        limits.check("max_sheet_rows", sheet.nrows, f"Rows of {name}")
        rows = [[xls_text(cell, book, xlrd) for cell in sheet.row(row)] for row in range(sheet.nrows)]
        merged = [(top + 1, left, bottom, right - 1) for top, bottom, left, right in sheet.merged_cells]
        grids.append(Grid(sheet.name, numbered(rows), merged))
    return grids, book.nsheets


def xls_text(cell: Any, book: Any, xlrd: Any) -> str:
    """A cell as it is shown.

    Args:
        xlrd: the library, which is loaded when a file of this kind comes.
    """
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
    if cell.ctype == xlrd.XL_CELL_DATE:
        return cell_text(xlrd.xldate_as_datetime(cell.value, book.datemode))
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return str(bool(cell.value))
    if cell.ctype == xlrd.XL_CELL_NUMBER:
        return cell_text(cell.value, book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
    return cell_text(cell.value)
