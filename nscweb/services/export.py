"""Tables of a run as files: cells, samples, groups and provenance, with the numbers that the page shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.runs import Run
from nscweb.services.dashboard import DashboardData, Filters, dashboard_data

if TYPE_CHECKING:
    from nscweb.services.context import App


def export_run(app: App, run: Run | str, out_dir: Path, filters: Filters | None = None) -> dict[str, Path]:
    """Write ``cells.csv``, ``samples.csv``, ``groups.csv`` and ``provenance.json`` into `out_dir`.

    Returns:
        file name -> path.
    """
    raise NotImplementedError


def cells_csv(app: App, run: Run | str, filters: Filters | None = None) -> bytes:
    """One line per cell: object number, source, scores, class, flags, and whether it is in the statistics."""
    raise NotImplementedError


def samples_csv(data: DashboardData) -> bytes:
    """One line per sample."""
    raise NotImplementedError


def groups_csv(data: DashboardData) -> bytes:
    """One line per group, time point and class: mean, SD, SEM and 95 % interval over replicates."""
    raise NotImplementedError


def figure_csv(frame: pd.DataFrame) -> bytes:
    """The data behind a figure; text is neutralised so that a spreadsheet runs no formula."""
    raise NotImplementedError
