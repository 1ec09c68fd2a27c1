"""Arrays kept in memory give the counts of the table, and notice what changes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from drawn_runs import drawn_run, grid

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters, filter_predictions
from nscweb.services.compare.dashboard import dashboard_data
from nscweb.services.context import App, open_app
from nscweb.services.predict.controls import filtered_cells
from nscweb.services.predict.run_cells import run_cells
from nscweb.services.predict.runs import prediction_table
from nscweb.settings import Settings


@pytest.fixture
def made(tmp_path: Path) -> tuple[App, Run]:
    app = open_app(Settings.from_environment({}, tmp_path))
    return app, drawn_run(app, "Drawn", grid(3, (24, 72), 2), cells=60)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(groups=("NT3", "NT4")),
        Filters(times_h=(72.0,), replicates=("2",), exclude_flags=()),
        Filters(min_confidence=0.6),
        Filters(groups=("nobody",)),
    ],
)
def test_arrays_count_what_the_table_counts(made: tuple[App, Run], filters: Filters) -> None:
    app, run = made
    table = prediction_table(app, run)
    kept, counts = filter_predictions(table, **asdict(filters))
    keep, same = filtered_cells(app, run, filters)
    assert same == counts and int(keep.sum()) == len(kept)
    data = dashboard_data(app, run, filters)
    counted = data.samples[data.samples["cells"] > 0].set_index("sample_id")
    assert counted["cells"].to_dict() == kept["sample_id"].astype(str).value_counts().to_dict()
    for name in run.class_names:
        labels = (kept["predicted"] == name).groupby(kept["sample_id"].astype(str)).agg(["sum", "mean"])
        assert counted[f"n_{name}"].to_dict() == labels["sum"].to_dict()
        assert counted[f"ratio_{name}"].to_dict() == pytest.approx(labels["mean"].to_dict())
    assert data.dropped == counts.dropped


def test_cells_are_read_once_and_again_when_the_sheet_changes(made: tuple[App, Run]) -> None:
    app, run = made
    first = run_cells(app, run)
    assert run_cells(app, run) is first and not first.scores.flags.writeable
    samples = app.catalogue.study(run.study_id).samples
    app.catalogue.update_samples(run.study_id, [replace(samples[0], group="other"), *samples[1:]])
    assert "other" in run_cells(app, run).groups


def test_confidence_is_the_highest_score(made: tuple[App, Run]) -> None:
    app, run = made
    cells = run_cells(app, run)
    table = prediction_table(app, run)
    np.testing.assert_array_equal(np.sort(cells.scores.max(axis=1)), np.sort(table["confidence"].to_numpy()))
