"""The table of features: a row per cell, micrometres only where the size of a pixel is known, files' columns beside."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.services.report.features import feature_table, features_csv
from nscweb.store.further_columns import FurtherColumns, write_columns


@pytest.fixture
def made(tmp_path):
    app = fresh_app(tmp_path)
    return app, simulated_study(app, cells=36)


def test_one_row_per_cell_and_no_micrometres_without_a_pixel_size(made):
    app, study = made
    app.catalogue.update_study(study.study_id, pixel_size_um=None)
    table = feature_table(app, study.name)
    assert len(table) == study.cells
    assert {"sample", "object_number", "area_px", "aspect_ratio", "focus", "flags"} <= set(table.columns)
    assert not [name for name in table.columns if name.endswith(("_um", "_um2"))]


def test_micrometres_come_with_the_pixel_size(made):
    app, study = made
    app.catalogue.update_study(study.study_id, pixel_size_um=0.5)
    table = feature_table(app, study.name, study.samples[0].name)
    assert len(table) == study.samples[0].cells
    assert table["area_um2"].to_numpy() == pytest.approx(table["area_px"].to_numpy() * 0.25)


def test_columns_and_populations_of_files_stand_beside(made):
    app, study = made
    sample = study.samples[0]
    further = FurtherColumns()
    for row in range(sample.cells):
        further.add(["live", "=cmd"] if row == 0 else [], {"Gradient RMS": row / 2})
    key = app.catalogue.sample_keys(study.study_id)[sample.name]
    write_columns(app.folder.columns_path(study.study_id, key), further)
    table = pd.read_csv(io.BytesIO(features_csv(app, study.name)))
    rows = table[table["sample"] == sample.name]
    assert list(rows["file: Gradient RMS"]) == [row / 2 for row in range(sample.cells)]
    assert rows["populations"].iloc[0] == "live; =cmd"
    assert set(table["simulated"]) == {"yes"} and table["run"].isna().all()
