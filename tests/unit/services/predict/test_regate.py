"""After other gates, predicting again keeps the scores and equals a run made from nothing; every export names them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from asked import predict_study, run_zip
from predicted import fresh_app, predicted, predicted_app
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core.flags import LEFT_OUT, flag
from nscweb.core.gates import DEFAULT_GATES
from nscweb.core.plain import to_plain
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.evaluation.ratios.sample_sums import sample_sums
from nscweb.inference.classifier import Classifier
from nscweb.services.compare.dashboard import GATES_CHANGED, dashboard_data, warnings_of
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.metrics_files import metrics_dict, write_evaluation
from nscweb.services.predict import predict, run_sums
from nscweb.services.predict.predict import run_for
from nscweb.services.predict.run_cells import run_cells
from nscweb.services.predict.runs import list_runs, prediction_table, table_version
from nscweb.services.report.export import tables
from nscweb.services.study.gates import gates_changed, gates_of_run, set_gates

CHOSEN = DEFAULT_GATES.changed(area_low=150.0, focus=0.9)


@pytest.fixture
def predicted_study(tmp_path):
    """A study of one's own with a run under the default gates."""
    return predicted_app(tmp_path / "one", cells=60)


@pytest.fixture
def studied(tmp_path):
    app = fresh_app(tmp_path / "one")
    return app, simulated_study(app, cells=60)


def test_scores_are_kept_and_the_result_equals_a_fresh_run(predicted_study, tmp_path, monkeypatch):
    app, study, first = predicted_study
    set_gates(app, study.name, CHOSEN)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "__init__", lambda *_, **__: pytest.fail("the network was loaded"))
        second = predict_study(app, study.name, "random")
    assert second.run_id != first.run_id
    assert second.provenance.settings["scores_of_run"] == first.run_id

    other = fresh_app(tmp_path / "two")
    simulated_study(other, cells=60)
    set_gates(other, study.name, CHOSEN)
    fresh = predict_study(other, study.name, "random")
    pd.testing.assert_frame_equal(prediction_table(app, second), prediction_table(other, fresh))
    for name in ("fitness", "gates", "gates_digest", "scores_key", "cell_files_sha256", "unlike_together"):
        assert second.extra[name] == fresh.extra[name], name
    assert second.provenance.warnings == fresh.provenance.warnings
    assert second.provenance.cells_sha256 == fresh.provenance.cells_sha256
    small = prediction_table(app, second)["flags"].to_numpy() & flag("size").bit
    assert small.any()
    assert not (prediction_table(app, first)["flags"].to_numpy() & flag("size").bit).any()


def test_sums_are_those_of_the_gates_of_their_run(studied, monkeypatch):
    """They are written by either way to a run, are never made again, and other gates touch no finished run."""
    app, study = studied
    first = predict_study(app, study.name, "random")
    before = run_sums.run_sums(app, first)
    set_gates(app, study.name, CHOSEN)
    second = predict_study(app, study.name, "random")
    monkeypatch.setattr(run_sums, "make_sums", lambda *_: pytest.fail("sums were made again"))
    for run in (first, second):
        stored = run_sums.run_sums(app, run)
        again = sample_sums(run_cells(app, run), LEFT_OUT)
        np.testing.assert_array_equal(stored.labels, again.labels)
        np.testing.assert_array_equal(stored.outer, again.outer)
        np.testing.assert_array_equal(stored.dropped, again.dropped)
    np.testing.assert_array_equal(run_sums.run_sums(app, first).labels, before.labels)
    assert run_sums.run_sums(app, second).labels.sum() < before.labels.sum()


def test_the_same_gates_again_mean_a_real_prediction(studied, monkeypatch):
    app, study = studied
    predict_study(app, study.name, "random")
    again = predict_study(app, study.name, "random")
    assert "scores_of_run" not in again.provenance.settings
    set_gates(app, study.name, CHOSEN)
    predict_study(app, study.name, "random")
    set_gates(app, study.name, DEFAULT_GATES)
    back = predict_study(app, study.name, "random")
    assert "scores_of_run" in back.provenance.settings
    pd.testing.assert_frame_equal(prediction_table(app, back), prediction_table(app, again))


@pytest.mark.parametrize("change", ["sheet", "weights", "cells", "table"])
def test_anything_else_that_differs_means_a_real_prediction(predicted_study, change):
    app, study, first = predicted_study
    set_gates(app, study.name, CHOSEN)
    model = "random"
    if change == "sheet":
        app.catalogue.update_samples(study.study_id, [study.samples[0].with_changes(group="X")])
    elif change == "weights":
        write_random_model(app.folder.models_dir / "other", seed=9)
        model = "other"
    elif change == "cells":
        keys = app.catalogue.sample_keys(study.study_id)
        paths = [app.folder.cells_path(study.study_id, keys[item.name]) for item in study.samples[:2]]
        one, two = (path.read_bytes() for path in paths)
        assert study.samples[0].cells == study.samples[1].cells
        paths[0].write_bytes(two)
        paths[1].write_bytes(one)
    else:
        (app.folder.run_dir(first.run_id) / "predictions.parquet").unlink()
    run = predict_study(app, study.name, model)
    assert "scores_of_run" not in run.provenance.settings


def test_a_prediction_that_was_killed_is_not_resumed_under_other_gates(studied, monkeypatch):
    app, study = studied
    monkeypatch.setattr(predict, "CHUNK", 3)

    def stop(done, total, step=""):
        if done >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_study(app, study.name, "random", progress=stop, run_key="j000001")
    set_gates(app, study.name, CHOSEN)
    run = predict_study(app, study.name, "random", run_key="j000001")
    assert run.provenance.settings["parts_kept_from_before"] == 0
    assert (prediction_table(app, run)["flags"].to_numpy() & flag("size").bit).any()


def test_run_for_follows_the_gates_of_the_study(predicted_study):
    app, study, first = predicted_study
    assert run_for(app, study.name, "random").run_id == first.run_id
    set_gates(app, study.name, CHOSEN)
    second = run_for(app, study.name, "random")
    assert gates_of_run(second) == CHOSEN
    set_gates(app, study.name, DEFAULT_GATES)
    assert run_for(app, study.name, "random").run_id == first.run_id
    assert len(list_runs(app, study.name)) == 2


def test_dashboard_and_evaluation_warn_when_the_gates_changed_after_the_run(predicted_study):
    app, study, run = predicted_study
    before = table_version(app, run)
    assert GATES_CHANGED not in warnings_of(app, run)
    set_gates(app, study.name, CHOSEN)
    assert gates_changed(app, run)
    assert GATES_CHANGED in dashboard_data(app, run).warnings
    assert GATES_CHANGED in evaluate_run(app, run).warnings
    assert table_version(app, run) != before
    newer = predict_study(app, study.name, "random")
    assert GATES_CHANGED not in evaluate_run(app, newer).warnings
    assert GATES_CHANGED in warnings_of(app, run)


def test_cells_outside_the_gates_are_behind_no_number(predicted_study):
    app, study, run = predicted_study
    before = dashboard_data(app, run)
    judged = evaluate_run(app, before.run)
    set_gates(app, study.name, DEFAULT_GATES.changed(area_low=150.0))
    after = dashboard_data(app, predict_study(app, study.name, "random"))
    small = after.dropped["quality: too small or large"]
    assert small > 0
    assert after.kept < before.kept
    assert evaluate_run(app, after.run).cells < judged.cells


def test_every_export_names_the_gates(studied, tmp_path):
    app, study = studied
    set_gates(app, study.name, CHOSEN)
    run = predict_study(app, study.name, "random")
    said = "area below 150 pixels"
    files = {name: content.decode("utf-8") for name, content in tables(app, run).items()}
    assert said in files["provenance.json"]
    made = json.loads(files["provenance.json"])["gates"]
    assert made["limits"] == to_plain(CHOSEN)
    assert made["changed_after_run"] is False
    with zipfile.ZipFile(run_zip(app, run, tmp_path / "run.zip")) as archive:
        for name in ("README.txt", "provenance.json"):
            assert said in archive.read(name).decode("utf-8"), name
    result = evaluate_run(app, run)
    assert said in metrics_dict(result)["gates"]
    assert "out of focus" not in result.gates
    paths = write_evaluation(result, tmp_path / "evaluation")
    for name in ("metrics.json", "provenance.json", "figures.html"):
        assert said in paths[name].read_text("utf-8"), name


def test_the_sentence_of_an_export_follows_its_filters(predicted_study):
    app, _, run = predicted_study
    files = tables(app, run, Filters(exclude_flags=("blurred",)))
    assert "cut by the frame (more" not in files["provenance.json"].decode("utf-8")
    assert "out of focus (below" in files["provenance.json"].decode("utf-8")
    nothing = tables(app, run, Filters(exclude_flags=()))["provenance.json"].decode("utf-8")
    assert "No cell is left out for its quality." in nothing


def test_runs_keep_their_gates_in_words_and_numbers():
    run = predicted().run
    assert gates_of_run(run) == DEFAULT_GATES
    assert run.extra["gates_digest"] == DEFAULT_GATES.digest()
    assert run.extra["gates_sentence"] == DEFAULT_GATES.sentence()
