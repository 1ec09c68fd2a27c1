"""Figures of a run against true classes: what is counted, what is left out, what is warned about."""

from __future__ import annotations

import json

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app, predicted, predicted_app
from random_models import write_random_model
from small_studies import add_study, simulated_study

from nscweb.core.errors import StudyError
from nscweb.core.flags import FLAG_NAMES
from nscweb.core.samples import Sample
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.metrics_files import metrics_dict
from nscweb.store.cell_files import CellFile


def test_confusion_accuracy_and_intervals_agree_with_the_table():
    found = predicted()
    result = evaluate_run(found.app, found.run)
    matrix = np.asarray(result.confusion)
    assert matrix.sum() == result.cells == len(result.table)
    accuracy = result.metric("accuracy")
    assert accuracy.value == pytest.approx(np.trace(matrix) / matrix.sum())
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert result.samples == 12
    for row in result.row_percent:
        assert sum(row) == pytest.approx(100)
    for index, (share, low, high) in enumerate(result.diagonal):
        assert low <= share <= high
        assert share == pytest.approx(matrix[index, index] / matrix[index].sum())


def test_flagged_cells_are_left_out_and_counted():
    found = predicted()
    result = evaluate_run(found.app, found.run, exclude_flags=FLAG_NAMES)
    assert result.left_out
    assert result.cells + sum(result.left_out.values()) == found.run.cells


def test_hard_cells_count_in_an_evaluation():
    found = predicted()
    result = evaluate_run(found.app, found.run)
    assert result.cells == found.run.cells
    assert result.left_out == {}


def test_each_time_point_has_its_own_figures():
    result = evaluate_run(predicted().app, predicted().run)
    assert [part.time_h for part in result.by_time] == [24.0, 120.0]
    assert sum(part.cells for part in result.by_time) == result.cells
    total = sum(np.asarray(part.confusion) for part in result.by_time)
    assert (total == np.asarray(result.confusion)).all()


def test_curves_and_shortcut_check_are_there():
    result = evaluate_run(predicted().app, predicted().run)
    assert set(result.roc) == set(result.pr) == set(predicted().run.class_names)
    assert {"fpr", "tpr"} <= set(result.roc["neuron"].columns)
    assert 0 <= result.average_precision["neuron"] <= 1
    assert result.shortcuts["accuracy"] < 0.6
    assert "Background level" in result.shortcuts["sentence"]


def test_metrics_json_has_every_figure_with_its_interval():
    result = evaluate_run(predicted().app, predicted().run)
    data = json.loads(json.dumps(metrics_dict(result), allow_nan=False))
    for name in ("accuracy", "macro_f1"):
        assert set(data[name]) == {"value", "low", "high"}
    assert set(data["auc"]) == {"macro", *predicted().run.class_names}
    assert set(data["per_class"]["neuron"]) == {"precision", "recall", "f1", "auc", "cells"}
    assert np.sum(data["confusion"]["counts"]) == data["cells"]
    assert data["simulated_training"]
    assert "bootstrap" in data["interval"]
    assert len(data["by_time"]) == 2


def test_cells_without_a_class_that_the_model_knows_are_listed_and_counted(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=60)
    said = {"neuron": "", "astrocyte": "microglia", "oligodendrocyte": "oligodendrocyte"}
    changed = [sample.with_changes(true_class=said[sample.true_class]) for sample in study.samples]
    app.catalogue.update_samples(study.study_id, changed)
    run = predict_study(app, study.name, "random")
    result = evaluate_run(app, run, exclude_flags=())
    assert result.cells == 20
    assert result.left_out["no true class in the sample sheet"] == 20
    assert result.left_out['true class "microglia" is not a class of the model'] == 20
    assert result.roc == {}
    assert metrics_dict(result)["auc"]["macro"] is None


def test_a_study_without_true_classes_is_refused_with_what_to_do(tmp_path):
    app, _, run = predicted_app(tmp_path, cells=36, truth=False)
    with pytest.raises(StudyError, match="true class") as caught:
        evaluate_run(app, run)
    assert "astrocyte" in caught.value.todo


def test_true_classes_entered_after_the_run_are_used(tmp_path):
    app, study, run = predicted_app(tmp_path, cells=36, truth=False)
    named = [s.with_changes(true_class=s.name.split("_")[0]) for s in study.samples]
    app.catalogue.update_samples(study.study_id, named)
    assert evaluate_run(app, run, exclude_flags=()).cells == 36


def test_evaluating_on_training_cells_is_warned_about(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=36)
    keys = app.catalogue.sample_keys(study.study_id)
    digests = []
    for name in list(keys)[:4]:
        with CellFile(app.folder.cells_path(study.study_id, keys[name])) as cells:
            digests.append(cells.sha256())
    write_random_model(tmp_path / "models" / "trained", seed=4, settings={"training_cells_sha256": digests})
    result = evaluate_run(app, predict_study(app, study.name, "trained"))
    assert any("4 of 12 samples" in sentence and "train" in sentence for sentence in result.warnings)
    clean = evaluate_run(app, predict_study(app, study.name, "random"))
    assert not any("used to train" in sentence for sentence in clean.warnings)


def test_one_sample_per_class_is_said(tmp_path):
    found = predicted()
    assert not any("Only one sample" in line for line in evaluate_run(found.app, found.run).warnings)
    app = fresh_app(tmp_path)
    samples = [
        (Sample(name, true_class=name), [np.random.default_rng(i).integers(0, 255, (1, 45, 60)).astype(np.uint8)] * 8)
        for i, name in enumerate(("astrocyte", "neuron"))
    ]
    run = predict_study(app, add_study(app, "folders", samples, simulated=False).name, "random")
    result = evaluate_run(app, run, exclude_flags=())
    assert any("Only one sample" in line for line in result.warnings)
    assert "cells" in result.metric("accuracy").interval
