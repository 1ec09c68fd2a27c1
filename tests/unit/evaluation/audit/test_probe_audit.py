"""Labels turned on purpose in a simulated set, found by scores of samples that no fit saw."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.card import read_card
from nscweb.core.errors import InputRefused, JobCancelled
from nscweb.evaluation.audit.confident_learning import audit_labels
from nscweb.evaluation.audit.logistic_probe import MOST_FITTED, deal_folds, out_of_fold
from nscweb.simulation.labelled_cells import iter_labelled_cells

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")


def audited(features, labels, samples, seed=0):
    fold, by = deal_folds(labels, samples, seed=seed)
    scores = out_of_fold(features, labels, fold, int(labels.max()) + 1, seed=seed)
    return audit_labels(scores, labels, samples, CLASSES, seed=seed, rounds=200), by


def test_five_per_cent_of_turned_labels_in_a_simulated_set_are_found(project):
    """Stated: two thirds of the turned labels or more are found, and 85 % of what is contradicted is turned."""
    from nscweb.inference.classifier import Classifier

    cells = list(iter_labelled_cells(11, 450, times_h=(120.0,), replicates=5))
    true = np.array([cell.fate for cell in cells])
    _, samples = np.unique([cell.sample for cell in cells], return_inverse=True)
    classifier = Classifier(read_card(project / "weights" / "nsc-simulated-compact"), threads=1)
    features = classifier.embed([cell.pixels for cell in cells])
    rng = np.random.default_rng(1)
    wrong = rng.random(len(true)) < 0.05
    labels = np.where(wrong, (true + rng.integers(1, 3, len(true))) % 3, true)
    audit, by = audited(features, labels, samples)
    found = audit.contradicted
    recall = (found & wrong).sum() / wrong.sum()
    precision = (found & wrong).sum() / found.sum()
    assert by == "sample"
    assert recall >= 0.66 and precision >= 0.85, (recall, precision)
    assert wrong[audit.order[:10]].mean() >= 0.9


def test_no_sample_is_in_two_folds_and_every_fit_sees_every_label():
    rng = np.random.default_rng(0)
    samples = np.repeat(np.arange(9), 20)
    labels = samples % 3
    fold, by = deal_folds(labels, samples, seed=4)
    assert by == "sample"
    assert all(len(np.unique(fold[samples == sample])) == 1 for sample in range(9))
    for left_out in np.unique(fold):
        assert set(labels[fold != left_out]) == {0, 1, 2}
    order = rng.permutation(len(labels))
    again, _ = deal_folds(labels[order], samples[order], seed=4)
    assert (again == fold[order]).all()


def test_a_label_of_one_sample_is_dealt_by_cell():
    samples = np.repeat(np.arange(3), 20)
    fold, by = deal_folds(samples.copy(), samples, seed=0)
    assert by == "cell" and len(np.unique(fold)) == 5
    for left_out in range(5):
        assert set(samples[fold != left_out]) == {0, 1, 2}


def test_too_little_is_refused():
    with pytest.raises(InputRefused, match="two classes"):
        deal_folds(np.zeros(10, np.int64), np.arange(10), seed=0)
    with pytest.raises(InputRefused, match="two cells"):
        deal_folds(np.array([0, 0, 1]), np.arange(3), seed=0)


def test_many_cells_and_wide_features_stay_quick_and_right():
    rng = np.random.default_rng(2)
    count = MOST_FITTED + 3_000
    labels = rng.integers(0, 2, count)
    features = rng.normal(0, 1, (count, 300)).astype(np.float32)
    features[:, :3] += 2.5 * labels[:, None]
    fold = np.arange(count) % 2
    # Half of the cells are fitted; a fit that needs no draw and one that does must both be right.
    scores = out_of_fold(features, labels, np.where(fold == 0, 0, 1), 2, seed=0)
    assert (scores.argmax(axis=1) == labels).mean() > 0.95
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_a_cancelled_audit_stops():
    samples = np.repeat(np.arange(6), 5)
    fold, _ = deal_folds(samples % 2, samples, seed=0)
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    with pytest.raises(JobCancelled):
        out_of_fold(features, samples % 2, fold, 2, seed=0, cancel=lambda: True)
