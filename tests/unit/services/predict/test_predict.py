"""Predicting a study: one row per cell, complete provenance, resumable, refused where it must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from asked import predict_study
from predicted import fresh_app, predicted, predicted_app
from random_models import write_random_model
from small_studies import add_study, simulated_study

from nscweb.core.errors import JobCancelled, ModelError, ModelNotFound, StudyNotFound, WeightsInvalid
from nscweb.core.predictions import prediction_columns
from nscweb.core.recipe import InputRecipe
from nscweb.core.samples import Sample
from nscweb.services.predict import predict
from nscweb.services.predict.light_samples import run_warnings
from nscweb.services.predict.predict import run_for
from nscweb.services.predict.runs import latest_run, list_runs, prediction_table, table_version


def test_the_table_has_one_row_per_cell_and_the_columns_of_the_contract():
    found = predicted()
    table = prediction_table(found.app, found.run)
    assert list(table.columns) == prediction_columns(found.run.class_names)
    assert len(table) == found.study.cells == found.run.cells == 240
    assert table["cell_id"].is_unique
    scores = table[[f"p_{name}" for name in found.run.class_names]].to_numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)
    assert (table["confidence"].to_numpy() == scores.max(axis=1)).all()
    best = np.asarray(found.run.class_names)[scores.argmax(axis=1)]
    assert (table["predicted"].astype(str).to_numpy() == best).all()


def test_provenance_names_cells_model_weights_versions_and_says_simulated():
    made = predicted().run.provenance
    assert (made.model, made.model_version) == ("random", "0.0.1")
    assert made.weights_sha256 == predicted().model.card.weights.sha256
    assert len(made.cells_sha256) == 64
    assert {"nscweb", "torch", "numpy"} <= set(made.versions)
    assert {"device", "batch", "threads"} <= set(made.settings)
    assert made.simulated_cells
    assert made.simulated_training
    text = " ".join(made.warnings)
    assert "simulated" in text
    # The study knows its pixel size, the random model does not know that of its training images.
    assert any("pixel size" in sentence for sentence in run_warnings(predicted().run))
    assert "trained on simulated cells" in text


def test_a_killed_run_goes_on_and_its_result_equals_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK", 7)
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=60)
    seen: list[int] = []

    def stop_after_half(done, total, step=""):
        seen.append(done)
        if done >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_study(app, study.study_id, "random", progress=stop_after_half, run_key="j000001")
    assert list_runs(app, study.name) == []
    resumed = predict_study(app, study.name, "random", run_key="j000001")
    assert resumed.provenance.settings["parts_kept_from_before"] > 0
    unbroken = predict_study(app, study.name, "random", run_key="j000002")
    assert unbroken.provenance.settings["parts_kept_from_before"] == 0
    pd.testing.assert_frame_equal(prediction_table(app, resumed), prediction_table(app, unbroken))
    assert not list((tmp_path / "runs").glob("unfinished-*"))


def test_cancel_stops_and_the_same_call_finishes(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    with pytest.raises(JobCancelled):
        predict_study(app, study.name, "random", cancel=lambda: True)
    assert predict_study(app, study.name, "random").cells == 36


def test_progress_counts_every_cell(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    calls: list[tuple[int, int]] = []
    predict_study(app, study.name, "random", progress=lambda done, total, step="": calls.append((done, total)))
    assert calls[-1] == (36, 36)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_weights_changed_on_disk_are_refused_before_the_run(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    weights = tmp_path / "models" / "random" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(WeightsInvalid) as caught:
        predict_study(app, study.name, "random")
    assert caught.value.code == "E-WEIGHTS-HASH"
    assert list_runs(app) == []


def test_unknown_study_and_unknown_model_are_named():
    found = predicted()
    with pytest.raises(StudyNotFound, match="nowhere"):
        predict_study(found.app, "nowhere", "random")
    with pytest.raises(ModelNotFound, match="nothing"):
        predict_study(found.app, found.study.name, "nothing")


def test_a_model_that_needs_a_channel_the_study_lacks_is_refused(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    recipe = InputRecipe(channels=("brightfield", "Ch11"), field_px=(40, 40), resize=(32, 32))
    write_random_model(tmp_path / "models" / "markers", recipe=recipe)
    with pytest.raises(ModelError, match="Ch11"):
        predict_study(app, study.name, "markers")


def test_the_model_may_be_given_by_the_path_of_its_folder(tmp_path):
    app = fresh_app(tmp_path / "data")
    entry = write_random_model(tmp_path / "elsewhere" / "mine", seed=3)
    study = simulated_study(app, cells=36)
    assert predict_study(app, study.name, str(entry.folder)).model == "mine"


def test_editing_the_sheet_changes_groups_without_a_new_run(tmp_path):
    app, study, run = predicted_app(tmp_path, cells=36)
    before = table_version(app, run)
    changed = [sample.with_changes(group="X", time_h=None, true_class="") for sample in study.samples]
    app.catalogue.update_samples(study.study_id, changed)
    table = prediction_table(app, run)
    assert set(table["group"]) == {"X"}
    assert table["time_h"].isna().all()
    assert table_version(app, run) != before


def test_latest_run_and_run_for_find_the_same_weights_again(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    assert latest_run(app, study.name) is None
    first = run_for(app, study.name, "random")
    assert run_for(app, study.name, "random").run_id == first.run_id
    write_random_model(tmp_path / "models" / "other", seed=9)
    other = run_for(app, study.name, "other")
    assert other.run_id != first.run_id
    assert latest_run(app, study.name) == other
    assert [run.run_id for run in list_runs(app)] == [other.run_id, first.run_id]


def test_cells_of_any_depth_and_frame_are_predicted_together(tmp_path):
    app = fresh_app(tmp_path)
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, top, (1, height, 60)).astype(kind)
        for height, top, kind in ((37, 255, np.uint8), (57, 4095, np.uint16), (120, 4095, np.uint16))
    ]
    study = add_study(app, "mixed", [(Sample("one"), images)], simulated=False)
    run = predict_study(app, study.name, "random")
    assert run.cells == 3
    assert not run.provenance.simulated_cells
