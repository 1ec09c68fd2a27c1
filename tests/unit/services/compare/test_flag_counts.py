"""A quality flag is counted in two ways, and each of them is the same number on every page and in every file."""

from __future__ import annotations

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.flags import FLAG_NAMES, flag
from nscweb.core.gates import DEFAULT_GATES
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.figures.flag_counts import KEPT, quality_funnel_data
from nscweb.services.compare.dashboard import dashboard_data
from nscweb.services.context import App
from nscweb.services.study import gates
from nscweb.services.study.quality import quality_table


@pytest.fixture
def opened(tmp_path) -> App:
    """A study of which many cells carry several flags."""
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=120)
    areas = [quality_table(app, study.name, sample.name)["area_px"] for sample in study.samples]
    limit = float(np.median(np.concatenate(areas)))
    gates.set_gates(app, study.name, DEFAULT_GATES.changed(focus=0.95, aspect_high=1.1, area_low=limit))
    return app


def test_study_and_predict_count_the_same_cells(opened: App) -> None:
    study = opened.catalogue.studies()[0]
    table = gates.funnel(opened, study.name)
    names = [item.name for item in gates.flag_columns()]
    first, carry = table[names].sum(), table[[f"{name}_alone" for name in names]].sum()
    assert carry.sum() > first.sum() > 0, "no cell of this study carries two flags"
    assert table["imported"].sum() == table["kept"].sum() + first.sum() == study.cells
    # The tiles and bars of Quality.
    drawn = quality_funnel_data(table).set_index("what")
    for name in names:
        if flag(name).label in drawn.index:
            assert drawn.loc[flag(name).label, "cells"] == first[name]
            assert drawn.loc[flag(name).label, "carry"] == carry[f"{name}_alone"]
    assert drawn["cells"].iloc[1:].sum() == study.cells and drawn.loc[KEPT, "cells"] == table["kept"].sum()
    # What Predict leaves out, in whatever order somebody named the flags, and what its filters offer.
    run = predict_study(opened, study.name, "random")
    for order in (Filters().exclude_flags, Filters().exclude_flags[::-1]):
        data = dashboard_data(opened, run, Filters(exclude_flags=order))
        assert data.kept + sum(data.dropped.values()) == data.cells == study.cells
        for name in names:
            assert data.dropped.get(f"quality: {flag(name).label}", 0) == first[name]
    assert data.options.flag_counts == {name: carry[f"{name}_alone"] for name in FLAG_NAMES}
    assert np.count_nonzero(first) > 2
