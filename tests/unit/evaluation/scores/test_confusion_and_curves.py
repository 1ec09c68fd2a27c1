"""Figures agree with scikit-learn; intervals say what they rest on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.confusion import classification_metrics, confusion
from nscweb.evaluation.scores.curves import auc, pr, roc
from nscweb.evaluation.scores.intervals import resampled_counts, wilson

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")


def scored(samples_per_class=3, cells=80, spread=0.0, seed=0):
    """Predictions of `samples_per_class` samples of each class; `spread` makes samples differ."""
    rng = np.random.default_rng(seed)
    parts = []
    for index, name in enumerate(CLASSES):
        for sample in range(samples_per_class):
            logits = rng.normal(0, 1, (cells, 3))
            logits[:, index] += 1.3 + rng.normal(0, spread)
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            part = pd.DataFrame({f"p_{label}": p[:, i] for i, label in enumerate(CLASSES)})
            part["predicted"] = np.asarray(CLASSES)[p.argmax(axis=1)]
            parts.append(part.assign(true_class=name, sample_id=f"{name}{sample}", time_h=24.0 * (1 + sample % 2)))
    return pd.concat(parts, ignore_index=True)


def by_name(found, time_h=None):
    return {(item.name, item.class_name): item for item in found if item.time_h == time_h}


def test_figures_agree_with_scikit_learn():
    table = scored()
    found = by_name(classification_metrics(table, CLASSES, seed=0))
    report = reference.classification_report(table["true_class"], table["predicted"], output_dict=True)
    assert found["accuracy", ""].value == pytest.approx(report["accuracy"])
    assert found["macro_f1", ""].value == pytest.approx(report["macro avg"]["f1-score"])
    for name in CLASSES:
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert found[ours, name].value == pytest.approx(report[name][theirs])
        positive = (table["true_class"] == name).to_numpy()
        assert found["auc", name].value == pytest.approx(reference.roc_auc_score(positive, table[f"p_{name}"]))
    matrix = confusion(table["true_class"], table["predicted"], CLASSES)
    theirs = reference.confusion_matrix(table["true_class"], table["predicted"], labels=list(CLASSES))
    assert matrix.tolist() == theirs.tolist()


def test_every_interval_contains_its_figure_and_says_how_it_was_made():
    for item in classification_metrics(scored(), CLASSES, seed=0, by_time=True):
        assert 0 <= item.low <= item.value <= item.high <= 1
        assert item.interval.startswith("bootstrap over") and item.cells > 0


def test_samples_that_differ_widen_the_interval():
    calm = by_name(classification_metrics(scored(6, 400), CLASSES, seed=0))["accuracy", ""]
    wild = by_name(classification_metrics(scored(6, 400, spread=1.0), CLASSES, seed=0))["accuracy", ""]
    assert wild.high - wild.low > 2 * (calm.high - calm.low)
    assert wild.interval == "bootstrap over 18 samples with Student's t" and wild.samples == 18


def test_one_sample_per_class_falls_back_to_cells_and_says_so():
    found = by_name(classification_metrics(scored(1), CLASSES, seed=0))
    assert found["accuracy", ""].interval == "bootstrap over cells (a class has only one sample)"
    assert found["auc", "neuron"].low < found["auc", "neuron"].value < found["auc", "neuron"].high


def test_the_same_seed_gives_the_same_intervals():
    table = scored()
    assert classification_metrics(table, CLASSES, seed=3) == classification_metrics(table, CLASSES, seed=3)
    assert classification_metrics(table, CLASSES, seed=3) != classification_metrics(table, CLASSES, seed=4)


def test_figures_by_time_are_those_of_the_cells_of_that_time():
    table = scored()
    found = classification_metrics(table, CLASSES, seed=0, by_time=True)
    day = table[table["time_h"] == 48]
    assert by_name(found, 48.0)["accuracy", ""].value == (day["true_class"] == day["predicted"]).mean()
    assert by_name(found, 24.0)["accuracy", ""].cells + len(day) == len(table)


def test_perfect_predictions_have_an_interval_below_one():
    table = scored(2, 20)
    table["predicted"] = table["true_class"]
    assert by_name(classification_metrics(table, CLASSES, seed=0))["accuracy", ""].low < 1


def test_figures_without_a_denominator_are_left_out():
    table = scored()
    table["predicted"] = "neuron"
    table = table[table["true_class"] != "oligodendrocyte"]
    found = by_name(classification_metrics(table, CLASSES, seed=0))
    assert ("precision", "astrocyte") not in found and ("recall", "oligodendrocyte") not in found
    assert found["f1", "astrocyte"].value == 0
    assert ("auc", "oligodendrocyte") not in found


def test_cells_without_a_known_class_are_left_out():
    table = scored()
    table.loc[:50, "true_class"] = "microglia"
    assert by_name(classification_metrics(table, CLASSES, seed=0))["accuracy", ""].cells == len(table) - 51
    assert classification_metrics(table.iloc[:0], CLASSES, seed=0) == []


def test_curves_agree_with_scikit_learn_and_end_in_the_corners():
    rng = np.random.default_rng(1)
    true = rng.random(5000) < 0.3
    score = np.round(rng.normal(0, 1, 5000) + true, 2)
    table = roc(true, score)
    assert (table["fpr"].iloc[0], table["tpr"].iloc[0]) == (0, 0) and (
        table["fpr"].iloc[-1],
        table["tpr"].iloc[-1],
    ) == (1, 1)
    assert len(table) <= 400 and table["fpr"].is_monotonic_increasing and table["tpr"].is_monotonic_increasing
    assert auc(true, score) == pytest.approx(reference.roc_auc_score(true, score))
    assert np.trapezoid(table["tpr"], table["fpr"]) == pytest.approx(auc(true, score), abs=1e-3)
    points, average = pr(true, score)
    assert average == pytest.approx(reference.average_precision_score(true, score))
    assert points["recall"].iloc[-1] == 1 and points["precision"].iloc[-1] == pytest.approx(true.mean(), abs=1e-3)


def test_equal_scores_are_called_together():
    table = roc([True, False, True, False], [0.5, 0.5, 0.5, 0.5])
    assert table[["fpr", "tpr"]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert auc([True, False, True, False], [0.5] * 4) == 0.5


def test_a_curve_of_one_class_is_refused_in_a_sentence():
    for true in ([True, True], [False, False]):
        with pytest.raises(WrongUse, match="cells of other classes"):
            roc(true, [0.1, 0.2])


def test_wilson_gives_the_published_example():
    assert wilson(105, 109) == pytest.approx((0.909, 0.986), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(np.array([0, 5]), np.array([10, 10]))
    assert low[0] == 0 and high[0] == pytest.approx(0.2775, abs=1e-3) and low[1] + high[1] == pytest.approx(1)


def test_resampling_keeps_the_size_of_each_stratum():
    counts = resampled_counts(np.array([0, 0, 1, 1, 1]), 50, seed=0)
    assert (counts[:, :2].sum(axis=1) == 2).all() and (counts[:, 2:].sum(axis=1) == 3).all()
