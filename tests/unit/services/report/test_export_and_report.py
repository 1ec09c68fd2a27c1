"""Files of a run: the numbers of the page, what is simulated, text that no spreadsheet runs."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from asked import predict_study, run_zip
from predicted import fresh_app, predicted
from small_studies import add_study, simulated_study

from nscweb.core.flags import LEFT_OUT
from nscweb.core.samples import Sample
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.compare.dashboard import dashboard_data
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.metrics_files import write_evaluation
from nscweb.services.report.export import cells_csv, export_run, groups_csv, samples_csv


def _read(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])


def test_export_writes_tables_their_dictionary_and_what_made_them(tmp_path):
    found = predicted()
    paths = export_run(found.app, found.run, tmp_path / "out")
    tables = {"cells.csv", "samples.csv", "groups.csv", "tests.csv"}
    assert set(paths) == {*tables, "columns.csv", "provenance.json"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(paths)
    made = json.loads(paths["provenance.json"].read_text("utf-8"))
    assert made["run"] == found.run.run_id
    assert made["weights_sha256"] == found.model.card.weights.sha256
    assert made["simulated_cells"] is True
    assert made["warnings"]
    assert made["limits"]
    assert made["filters"]["exclude_flags"] == list(LEFT_OUT)


def test_ratios_counted_from_cells_csv_equal_samples_groups_and_page():
    found = predicted()
    made = comparison(found.app, found.run)
    data = made.data
    cells = _read(cells_csv(found.app, found.run))
    assert len(cells) == found.run.cells
    counted = cells[cells["counted"] == "yes"]
    assert len(counted) == data.kept
    samples = _read(samples_csv(made)).set_index("sample")
    groups = _read(groups_csv(made))
    for name in found.run.class_names:
        share = 100 * (counted["predicted_class"] == name).groupby(counted["sample"]).mean()
        found_shares = samples[f"{name}_counted_percent"]
        np.testing.assert_allclose(found_shares, share.reindex(samples.index), atol=0.005001)
        keyed = share.rename("ratio").to_frame().join(samples[["group", "time_h"]])
        mean = keyed.groupby(["group", "time_h"])["ratio"].mean()
        rows = groups[groups["class"] == name].set_index(["group", "time_h"])
        np.testing.assert_allclose(rows["counted_percent"], mean.reindex(rows.index), atol=0.005001)
        assert (rows["replicates"] == 2).all()
    assert list(groups.columns[:13]) == [
        "group",
        "time_h",
        "time",
        "class",
        "replicates",
        "cells",
        "mean_percent",
        "sd_points",
        "sem_points",
        "low_percent",
        "high_percent",
        "counted_percent",
        "method",
    ]


def test_every_table_says_what_is_simulated_and_which_model_and_run_made_it():
    found = predicted()
    data = comparison(found.app, found.run)
    for content in (cells_csv(found.app, found.run), samples_csv(data), groups_csv(data)):
        table = _read(content)
        assert list(table.columns[-3:]) == ["model", "run", "simulated"]
        assert set(table["simulated"]) == {"yes"}
        assert set(table["model"]) == {f"{found.run.model} {found.run.provenance.model_version}"}
        assert set(table["run"]) == {found.run.run_id}


def test_text_of_users_is_neutralised_and_numbers_are_not(tmp_path):
    app = fresh_app(tmp_path)
    images = [np.random.default_rng(0).integers(0, 255, (1, 45, 60)).astype(np.uint8)] * 3
    evil = Sample("=HYPERLINK(1)", group="+1", time_h=24.0, replicate="-2", donor="@x")
    run = predict_study(app, add_study(app, "evil", [(evil, images)], simulated=False).name, "random")
    text = (cells_csv(app, run) + samples_csv(comparison(app, run, CompareRequest(Filters(exclude_flags=()))))).decode()
    for part in text.replace("\n", ",").split(","):
        assert not part.startswith(("=", "+", "@"))
    assert "'=HYPERLINK(1)" in text
    assert "'-2" in text
    assert text.count(",no\n") >= 4


def test_filters_narrow_tables_and_count_what_they_drop():
    found = predicted()
    everything = dashboard_data(found.app, found.run, Filters(exclude_flags=()))
    assert everything.kept == found.run.cells
    late = dashboard_data(found.app, found.run, Filters(times_h=(120.0,), min_confidence=0.5))
    assert set(late.samples["time_h"]) == {120.0}
    assert late.kept + sum(late.dropped.values()) == late.cells == found.run.cells
    assert late.options.times_h == (24.0, 120.0)
    nothing = dashboard_data(found.app, found.run, Filters(groups=("nobody",)))
    assert nothing.kept == 0
    assert nothing.samples.empty


def test_a_sample_that_loses_all_its_cells_stays_listed(tmp_path):
    app = fresh_app(tmp_path)
    rng = np.random.default_rng(0)
    blank = [np.full((1, 45, 60), 255, np.uint8)] * 4
    cells = [rng.integers(0, 250, (1, 45, 60)).astype(np.uint8) for _ in range(4)]
    study = add_study(app, "blank", [(Sample("blank"), blank), (Sample("good"), cells)], simulated=False)
    data = dashboard_data(app, predict_study(app, study.name, "random"), Filters(exclude_flags=("constant",)))
    rows = data.samples.set_index("sample_id")
    assert rows.loc["blank", ["cells_in", "cells"]].tolist() == [4, 0]
    assert np.isnan(rows.loc["blank", "ratio_neuron"])
    assert rows.loc["good", ["cells_in", "cells"]].tolist() == [4, 4]
    table = _read(samples_csv(comparison(app, data.run, CompareRequest(Filters(exclude_flags=("constant",))))))
    assert table.set_index("sample").loc["blank", "why_no_ratio"] == "No cell of this sample is counted."


def test_dashboard_shares_add_to_one():
    data = dashboard_data(predicted().app, predicted().run)
    names = [f"ratio_{name}" for name in data.classes.names]
    np.testing.assert_allclose(data.samples[names].sum(axis=1), 1.0)
    assert data.simulated


def test_samples_without_time_and_replicate_are_still_counted(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    plain = [s.with_changes(group="", time_h=None, replicate="") for s in study.samples]
    app.catalogue.update_samples(study.study_id, plain)
    found = comparison(
        app, predict_study(app, study.name, "random"), CompareRequest(Filters(exclude_flags=()), "naive")
    )
    assert found.data.samples["cells"].sum() == 36
    neurons = found.groups[found.groups["class"] == "neuron"]
    assert neurons["cells"].tolist() == [36]
    assert neurons["mean"].notna().all()


def test_the_zip_holds_everything_and_is_the_same_twice(tmp_path):
    found = predicted()
    path = run_zip(found.app, found.run, tmp_path / "all.zip")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert {
            "README.txt",
            "cells.csv",
            "samples.csv",
            "groups.csv",
            "provenance.json",
            "card.json",
            "quality.csv",
            "sample_sheet.csv",
        } <= names
        text = archive.read("README.txt").decode("utf-8")
    assert "SIMULATED" in text
    assert "It has learnt nothing." in text
    assert run_zip(found.app, found.run, tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_an_evaluation_is_written_with_figures_that_open_without_a_network(tmp_path):
    found = predicted()
    paths = write_evaluation(evaluate_run(found.app, found.run), tmp_path)
    assert {"metrics.json", "metrics.csv", "confusion.csv", "roc.csv", "figures.html"} <= set(paths)
    assert json.loads(paths["metrics.json"].read_text("utf-8"))["cells"] > 0
    page = paths["figures.html"].read_text("utf-8")
    assert "<script src=" not in page
    assert all(f"<h2>{name}" in page for name in ("confusion", "roc", "precision recall", "shortcuts"))
    assert found.run.provenance.warnings[0][:40] in page


@pytest.mark.parametrize("name", ["metrics.csv", "confusion.csv"])
def test_evaluation_tables_can_be_read_back(tmp_path, name):
    found = predicted()
    paths = write_evaluation(evaluate_run(found.app, found.run), tmp_path)
    assert len(_read(paths[name].read_bytes())) >= 3
