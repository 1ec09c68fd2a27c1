"""The label audit finds labels that were turned on purpose, and keeps its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.errors import WrongUse
from nscweb.evaluation.audit.confident_learning import (
    audit_labels,
    class_thresholds,
    confident_class,
    normalised_margin,
)

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")


def turned(share: float = 0.05, each: int = 150, samples: int = 12, sharp: float = 3.0, seed: int = 0):
    """Out-of-fold scores of a good model, labels of which `share` were turned at random, and which."""
    rng = np.random.default_rng(seed)
    sample = np.repeat(np.arange(samples), each)
    true = sample % 3
    logits = rng.normal(0, 1, (len(true), 3))
    logits[np.arange(len(true)), true] += sharp
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(len(true)) < share
    labels = np.where(wrong, (true + rng.integers(1, 3, len(true))) % 3, true)
    return scores, labels, sample, wrong, true


def test_turned_labels_are_found():
    scores, labels, sample, wrong, true = turned(sharp=4.0)
    audit = audit_labels(scores, labels, sample, CLASSES, seed=0, rounds=200)
    found = audit.contradicted
    recall, precision = (found & wrong).sum() / wrong.sum(), (found & wrong).sum() / found.sum()
    assert recall > 0.7 and precision > 0.95, (recall, precision)
    first = audit.order[: int(wrong.sum())]
    assert wrong[first].mean() > 0.95
    hits = found & wrong
    assert (audit.suggested[hits] == true[hits]).mean() > 0.95


def test_the_share_of_wrong_labels_lies_in_its_interval_for_a_sharp_model():
    scores, labels, sample, wrong, _ = turned(share=0.08, sharp=7.0, each=200)
    audit = audit_labels(scores, labels, sample, CLASSES, seed=0)
    value, low, high = audit.share
    assert low <= wrong.mean() <= high and value == pytest.approx(wrong.mean(), abs=0.02)
    assert len(audit.noise) == 6
    assert (
        (audit.noise["low"] <= audit.noise["share_of_label"]) & (audit.noise["high"] >= audit.noise["share_of_label"])
    ).all()


def test_clean_labels_of_a_sharp_model_are_left_alone():
    scores, labels, sample, _, _ = turned(share=0.0, sharp=9.0)
    audit = audit_labels(scores, labels, sample, CLASSES, seed=0, rounds=100)
    assert audit.contradicted.mean() < 0.005


def test_a_cell_by_hand():
    scores = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.3, 0.7], [0.95, 0.05]])
    labels = np.array([0, 0, 1, 1, 1])
    thresholds = class_thresholds(scores, labels)
    np.testing.assert_allclose(thresholds, [0.8, 0.55])
    assert confident_class(scores, thresholds).tolist() == [0, -1, 1, 1, 0]
    np.testing.assert_allclose(normalised_margin(scores, labels), [0.9, 0.7, 0.9, 0.7, 0.05])
    audit = audit_labels(scores, labels, np.arange(5), ("x", "y"), seed=0, rounds=50)
    assert audit.joint.tolist() == [[1, 0], [1, 2]] and audit.order.tolist() == [4]


def test_a_class_that_nobody_is_labelled_as_is_never_suggested():
    scores, labels, sample, _, _ = turned()
    kept = labels != 2
    audit = audit_labels(scores[kept], labels[kept], sample[kept], CLASSES, seed=0, rounds=50)
    assert not (audit.suggested == 2).any() and np.isnan(audit.thresholds[2])


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_laws(seed, cells, size):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(size), cells)
    labels, sample = rng.integers(0, size, cells), rng.integers(0, 4, cells)
    names = tuple(f"c{i}" for i in range(size))
    audit = audit_labels(scores, labels, sample, names, seed=0, rounds=20)
    assert (audit.margin >= -1e-12).all() and (audit.margin <= 1 + 1e-12).all()
    assert audit.joint.sum() == (audit.suggested >= 0).sum()
    assert len(audit.order) == audit.contradicted.sum() == audit.joint.sum() - np.trace(audit.joint)
    assert (np.diff(audit.margin[audit.order]) >= 0).all()
    assert audit.share[1] <= audit.share[0] <= audit.share[2]
    # Which order cells come in, and what classes are called, changes nothing.
    order = rng.permutation(cells)
    again = audit_labels(scores[order], labels[order], sample[order], names, seed=0, rounds=20)
    assert (again.contradicted == audit.contradicted[order]).all()
    turned_names = rng.permutation(size)
    other = audit_labels(scores[:, turned_names], np.argsort(turned_names)[labels], sample, names, seed=0, rounds=20)
    assert (other.contradicted == audit.contradicted).all()


def test_what_cannot_be_audited_is_refused():
    with pytest.raises(WrongUse):
        audit_labels(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64), ("a", "b"), seed=0)
    with pytest.raises(WrongUse):
        audit_labels(np.full((3, 2), np.nan), np.zeros(3, np.int64), np.zeros(3, np.int64), ("a", "b"), seed=0)
