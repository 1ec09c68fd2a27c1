"""Figures of a card equal those of scikit-learn, and their intervals cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from nscweb.evaluation.scores.confusion import held_out_confusion, held_out_metrics
from nscweb.evaluation.scores.curves import auc, pr_curve, roc_curve
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.right_answers import RightAnswers

CLASSES = ("a", "b", "c")


def scored(samples: int = 24, cells: int = 40, seed: int = 0, spread: float = 0.6) -> HeldOut:
    """Cells of samples that differ from one another, three classes, two time points."""
    generator = np.random.default_rng(seed)
    sample_of = np.repeat(np.arange(samples), cells)
    labels = generator.integers(0, 3, samples * cells)
    logits = generator.normal(size=(samples * cells, 3)) + generator.normal(0, spread, (samples, 3))[sample_of]
    logits[np.arange(len(labels)), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    times = np.where(sample_of % 2, 24.0, 72.0)
    return HeldOut(probabilities.astype(np.float32), labels, sample_of, times, CLASSES)


def test_figures_equal_those_of_scikit_learn():
    given = scored()
    found = {(m.name, m.class_name): m for m in held_out_metrics(given) if m.time_h is None}
    predicted = given.scores.argmax(axis=1)
    assert found["accuracy", ""].value == pytest.approx(accuracy_score(given.labels, predicted), abs=1e-5)
    assert found["macro_f1", ""].value == pytest.approx(f1_score(given.labels, predicted, average="macro"), abs=1e-5)
    for function, name in ((precision_score, "precision"), (recall_score, "recall"), (f1_score, "f1")):
        for value, label in zip(function(given.labels, predicted, average=None), CLASSES, strict=True):
            assert found[name, label].value == pytest.approx(value, abs=1e-5)
    for index, label in enumerate(CLASSES):
        expected = roc_auc_score(given.labels == index, given.scores[:, index])
        assert found["auc", label].value == pytest.approx(expected, abs=1e-5)


def test_ties_count_half_in_the_auc():
    scores = np.array([0.1, 0.5, 0.5, 0.5, 0.9])
    positive = np.array([False, True, False, True, True])
    assert auc(positive, scores) == pytest.approx(roc_auc_score(positive, scores))


def test_every_figure_lies_in_its_interval_and_time_points_are_apart():
    metrics = held_out_metrics(scored())
    assert all(0 <= m.low <= m.value <= m.high <= 1 for m in metrics)
    assert {m.time_h for m in metrics} == {None, 24.0, 72.0}
    assert {m.interval for m in metrics} == {
        "bootstrap over 24 samples with Student's t",
        "bootstrap over 12 samples with Student's t",
    }
    assert held_out_metrics(scored()) == metrics


def test_intervals_follow_the_samples_and_not_the_cells():
    """Ten times the cells of the same 12 samples hardly narrow the interval."""

    def width(cells: int) -> float:
        found = held_out_metrics(scored(12, cells, seed=1, spread=1.2))
        return next(m.high - m.low for m in found if m.name == "accuracy" and m.time_h is None)

    assert width(400) > 0.6 * width(40)


def test_intervals_over_samples_cover_the_truth_most_of_the_time():
    truth = np.mean([confusion_rate(scored(200, 20, seed=900 + i)) for i in range(3)])
    hits = 0
    for seed in range(40):
        found = held_out_metrics(scored(20, 20, seed=seed), by_time=False)
        accuracy = next(m for m in found if m.name == "accuracy" and m.time_h is None)
        hits += accuracy.low <= truth <= accuracy.high
    assert hits >= 33


def confusion_rate(given: HeldOut) -> float:
    matrix = held_out_confusion(given)
    return float(np.trace(matrix) / matrix.sum())


def test_one_sample_says_how_its_intervals_were_made():
    one = scored(1, 200)
    metrics = held_out_metrics(one)
    assert {m.interval for m in metrics} == {"bootstrap over cells (a class has only one sample)"}
    assert all(m.low <= m.value <= m.high for m in metrics)


def pure(samples: int = 9, cells: int = 60) -> HeldOut:
    """Samples of one class each, as where the label is the medium."""
    given = scored(samples, cells)
    labels = given.samples % 3
    rows = np.arange(len(labels))[:, None]
    turned = given.scores[rows, (np.arange(3) + given.labels[:, None] - labels[:, None]) % 3]
    return HeldOut(turned, labels, given.samples, np.full(len(labels), 24.0), CLASSES)


def test_no_class_is_lost_by_chance_where_each_sample_holds_one_class():
    metrics = held_out_metrics(pure())
    f1 = next(m for m in metrics if m.name == "macro_f1")
    accuracy = next(m for m in metrics if m.name == "accuracy")
    assert "over 9 samples" in f1.interval
    assert f1.high - f1.low < 1.5 * (accuracy.high - accuracy.low) + 0.02


def test_a_class_with_one_sample_is_said_in_the_interval():
    metrics = held_out_metrics(pure(4))
    assert all("a class has only one sample" in m.interval for m in metrics)
    assert all(m.low < m.value < m.high for m in metrics if m.name == "recall")


def test_a_class_that_is_missing_has_no_figure_instead_of_a_wrong_one():
    given = scored()
    few = given.take(given.labels < 2)
    names = {(m.name, m.class_name) for m in held_out_metrics(few)}
    assert ("recall", "c") not in names
    assert ("auc", "c") not in names
    assert ("accuracy", "") in names


def test_curves_rise_and_enclose_the_auc():
    given = scored()
    scores, positive = given.scores[:, 0], given.labels == 0
    places = np.linspace(0, 1, 101)
    roc, (pr, _) = roc_curve(positive, scores), pr_curve(positive, scores)
    heights = roc.at(places)
    assert list(heights) == sorted(heights)
    assert np.trapezoid(heights, places) == pytest.approx(auc(positive, scores), abs=0.01)
    assert np.mean(positive) <= pr.at(places)[-1] < np.mean(positive) + 0.05


def test_right_answers_are_those_of_the_figures():
    given = scored()
    hits = given.scores.argmax(axis=1) == given.labels
    found = {(m.name, m.class_name): m for m in held_out_metrics(given, by_time=False)}
    answers = RightAnswers.of(given.labels, given.samples, CLASSES, seed=0)
    right = answers.accuracy(hits)
    accuracy = found["accuracy", ""]
    assert (right.value, right.low, right.high) == pytest.approx(
        (accuracy.value, accuracy.low, accuracy.high), abs=1e-5
    )
    recalls = [found["recall", name].value for name in CLASSES]
    assert answers.balanced(hits).value == pytest.approx(np.mean(recalls), abs=1e-5)
