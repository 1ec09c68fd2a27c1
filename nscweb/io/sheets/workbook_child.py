"""The other side of `io.sheets.workbooks`: reads the workbooks that it is sent with python-calamine."""

from __future__ import annotations

import io
import json
from typing import Any

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import error_as_dict
from nscweb.io.decode.guarded_server import Answer, serve
from nscweb.io.sheets.sheet_cells import cell_text, damaged


def main() -> None:
    """Answer until nobody asks any more."""
    serve(_make)


def _make() -> Answer:
    import python_calamine as calamine

    def answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        name = asked["name"]
        try:
            with calamine.load_workbook(io.BytesIO(data)) as book:
                known = [about for about in book.sheets_metadata if about.typ is calamine.SheetTypeEnum.WorkSheet]
                title = next(about.name for about in known if about.visible is calamine.SheetVisibleEnum.Visible)
                sheet = book.get_sheet_by_name(title)
                limits = Limits(**asked["limits"])
                last_row, last_column = sheet.end or (-1, -1)
                limits.check("max_sheet_columns", last_column + 1, f"Columns of {name}")
                limits.check("max_sheet_rows", last_row + 1, f"Rows of {name}")
                rows = [[cell_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
                merged = bool(sheet.merged_cell_ranges)
        except LimitExceeded as error:
            return {"findings": [], "error": error_as_dict(error)}, b""
        except calamine.PasswordError:
            locked = InputRefused(f"{name} is locked with a password.", "Save it without one.", "E-SHEET-PASSWORD")
            return {"findings": [], "error": error_as_dict(locked)}, b""
        except (calamine.CalamineError, StopIteration):
            return {"findings": [], "error": error_as_dict(damaged(name))}, b""
        reply = {"findings": [], "title": title, "sheets": len(known), "merged": merged}
        return reply, json.dumps(rows).encode("ascii")

    return answer
