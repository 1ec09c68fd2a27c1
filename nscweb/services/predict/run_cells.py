"""The cells of a run as plain arrays, kept in memory, so that a click on a filter counts and never reads."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from nscweb.core.run_record import Run
from nscweb.services.kept import kept
from nscweb.services.predict.runs import class_scheme, get_run, prediction_table, table_version

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.cell_scores import CellScores
    from nscweb.services.context import App

# A run of 500,000 cells and three classes takes 20 MB; whoever compares two runs keeps both.
_KEPT_RUNS = 3


def cells_key(app: App, run: Run | str) -> str:
    """Changes with everything that `run_cells` depends on: for keys of what is made from it."""
    found = get_run(app, run)
    path = app.folder.run_dir(found.run_id) / "predictions.parquet"
    stamp = path.stat().st_mtime_ns if path.exists() else "missing"
    return f"{app.settings.data_dir}|{table_version(app, found)}|{stamp}"


def run_key(app: App, run: Run | str, *asked: Hashable, **named: Hashable) -> Hashable:
    """Key of what is made from the cells of a run and further arguments, as `services.kept` wants it."""
    return (cells_key(app, run), asked, tuple(sorted(named.items())))


@kept(_KEPT_RUNS, cells_key)
def run_cells(app: App, run: Run | str) -> CellScores:
    """Scores, labels, flags and sample sheet of a run as arrays, sorted by sample; read-only.

    Read again when the run, the sample sheet or the gates of its study change.

    Raises:
        StoreError: there is no such run or its table is damaged.
    """
    from nscweb.evaluation.ratios.cell_scores import cell_scores

    found = get_run(app, run)
    made = cell_scores(prediction_table(app, found), class_scheme(found).names)
    for values in (made.scores, made.predicted, made.sample, made.flags, made.true):
        values.setflags(write=False)
    return made
