"""Plain features are fitted in a training of their own, and every network is told how they do on the same cells."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from tiny_cells import QUICK, toy_cells, toy_data

from nscweb.core.errors import WrongUse
from nscweb.evaluation.audit.plain_classifier import FeatureOptions, fit_classifier
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.backends import open_classifier
from nscweb.inference.class_maps import chosen_method, class_maps
from nscweb.inference.classifier import Classifier
from nscweb.inference.onnx_export import export_onnx
from nscweb.models.loading import replay_example
from nscweb.training.card_writer import CardText
from nscweb.training.checks.features_baseline import beside_features
from nscweb.training.feature_fit import fit_features
from nscweb.training.make_model import train

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z")


@pytest.fixture(scope="module")
def data():
    return toy_data(20)


@pytest.fixture(scope="module")
def entry(data, tmp_path_factory):
    config = replace(QUICK, architecture="features", options={})
    return train(config, data, tmp_path_factory.mktemp("models") / "plain", TEXT, checks=False)


def test_a_training_writes_a_model_that_opens_and_replays(entry):
    assert entry.card.architecture == "features"
    assert replay_example(entry).largest_difference < 1e-5
    assert entry.card.performance.metric("accuracy").value > 0.8
    assert len(entry.card.performance.curves["history"]) == 1


def test_it_predicts_the_same_by_onnx(entry, data):
    record = export_onnx(entry)
    assert record["check"]["passed"]
    from nscweb.inference.onnx_backend import OnnxClassifier

    by_onnx = OnnxClassifier(entry, record, threads=1)
    inputs = data.inputs(np.arange(40))
    by_torch = Classifier(entry, device="cpu", threads=1)
    assert np.abs(by_onnx.predict_prepared(inputs) - by_torch.predict_prepared(inputs)).max() < 1e-4


def test_occlusion_shows_the_cell_and_not_its_surroundings(entry, data):
    classifier = open_classifier(entry, device="cpu", threads=1)
    assert chosen_method(classifier, "auto") == "occlusion"
    images = [cell.pixels for cell in islice(toy_cells(1), 3)]
    maps = class_maps(classifier, images)
    assert maps.shape == (len(images), *entry.card.recipe.resize)
    assert maps.min() >= 0
    assert 0.5 < maps.max() <= 1


def test_the_fit_looks_at_its_own_rows_alone(data):
    rows = np.arange(0, len(data), 2)
    first = fit_features(data, rows, seed=3)
    other = replace(data, labels=np.where(np.isin(np.arange(len(data)), rows), data.labels, 0))
    second = fit_features(other, rows, seed=3)
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    assert first.options == second.options


@pytest.mark.parametrize("kind", ["svm", "regression"])
def test_support_vectors_in_the_network_answer_as_scikit_learn_does(kind):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(150, 6))
    labels = (features[:, 0] > 0).astype(np.int64) + 2 * (features[:, 1] > 0.5)
    groups = np.arange(150)
    found = fit_classifier(features, labels, groups, 5, options=FeatureOptions(kind), seed=0)
    values = features
    if found.kernel is not None:
        apart = ((features[:, None] - found.kernel.vectors[None]) ** 2).sum(axis=2)
        values = np.exp(-found.kernel.gamma * apart) @ found.kernel.weights + found.kernel.offsets
    logits = values @ found.weight.T + found.offset
    # The regression is held back by its strength on so few cells.
    assert (logits.argmax(axis=1) == labels).mean() > (0.85 if kind == "svm" else 0.7)
    # No cell of the fifth class was there.
    assert not (logits.argmax(axis=1) == 4).any()
    assert found.words.startswith("support vector machine" if kind == "svm" else "logistic regression")


def test_two_classes_and_rare_ones_are_no_trouble():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 4))
    labels = (features[:, 0] > 0).astype(np.int64)
    labels[:2] = 2
    for chosen in (labels, np.minimum(labels, 1)):
        for options in (FeatureOptions("svm", 1.0), FeatureOptions("auto", 0.5)):
            found = fit_classifier(features, chosen, np.arange(60), 3, options=options, seed=0)
            assert np.isfinite(found.weight).all()


def test_one_class_is_refused_in_a_sentence(data):
    with pytest.raises(WrongUse, match="at least two classes"):
        fit_features(data, np.flatnonzero(data.labels == 0))
    with pytest.raises(WrongUse, match="no classifier of features"):
        FeatureOptions("forest")


@pytest.mark.parametrize(
    ("right", "verdict"), [((0.9, 0.6), "better"), ((0.6, 0.9), "worse"), ((0.8, 0.8), "no better")]
)
def test_the_sentence_says_who_is_better(right, verdict):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 400)

    def scores(share: float) -> np.ndarray:
        named = np.where(rng.random(400) < share, labels, 1 - labels)
        return np.eye(2, dtype=np.float32)[named]

    of_sample = np.arange(400) % 8
    held_out = HeldOut(scores(right[0]), labels, of_sample, np.full(400, np.nan), ("a", "b"))
    found = beside_features(held_out, scores(right[1]), "support vector machine (C 1)", seed=0)
    assert found["verdict"] == verdict
    assert f": {verdict} than plain features" in found["sentence"]
    assert found["sentence"].startswith("Plain features with a support vector machine reach ")


def test_the_card_of_a_network_has_the_comparison(data, tmp_path):
    card = train(replace(QUICK, epochs=1), data, tmp_path / "toys", TEXT).card
    found = card.audit["baseline"]
    assert found["cells"] == sum(sum(row) for row in card.performance.confusion)
    assert found["figures"]["accuracy"]["network"] == pytest.approx(card.performance.metric("accuracy").value, abs=1e-4)
