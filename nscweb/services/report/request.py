"""What a report is asked to say, and in which form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nscweb.core.rules import DIFFERENCE, MARGIN
from nscweb.services.compare.request import CompareRequest

ReportForm = Literal["html", "xlsx", "fcs", "fcs-one", "pop", "cells", "zip"]
FORMS: tuple[str, ...] = get_args(ReportForm)


@dataclass(frozen=True)
class ReportRequest(CompareRequest):
    """A report: what page and command line fill in, what `write_report` and `report_data` take.

    Attributes:
        form: one of `FORMS`: ``html``, ``xlsx``, ``fcs`` (a zip with a file per sample), ``fcs-one`` (one file),
            ``pop`` (a zip), ``cells`` (CSV) or ``zip`` (everything).
        margin: 0..1, largest difference that would not matter, of the tests of equivalence.
        difference: 0..1, what should be found, of the replicates needed.
        cells: the workbook gets one row per cell.
    """

    form: str = "html"
    margin: float = MARGIN
    difference: float = DIFFERENCE
    cells: bool = True
