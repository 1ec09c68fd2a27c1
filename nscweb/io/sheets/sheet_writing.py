"""The sample sheet of a study as a file: CSV and XLSX that come back unchanged, and an empty one to fill in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal

from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint
from nscweb.io.sheets.sheet_cells import to_cell
from nscweb.io.sheets.sheet_columns import SHEET_COLUMNS


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


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        table.writerow([to_cell(value) for value in row])
    return text.getvalue().encode("utf-8-sig", "replace")
