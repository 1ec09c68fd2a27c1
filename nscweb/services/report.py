"""The report of a run: one zip with all tables, the card, the findings and a page in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.runs import Run

if TYPE_CHECKING:
    from nscweb.services.context import App


def run_zip(app: App, run: Run | str, out: Path | None = None) -> Path:
    """Write everything of a run into one zip and return its path.

    cells.csv, samples.csv, groups.csv, provenance.json, card.json, findings.csv, sample_sheet.csv, quality.csv
    and README.txt with the limits.

    Args:
        out: path of the zip; None puts it into the folder of the run.
    """
    from nscweb.services.report_files import write_zip

    return write_zip(app, run, out)
