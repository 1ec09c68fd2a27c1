"""The temperature is the one at which the log loss is least, and a training keeps scores that users' cells get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rounding import score_rounding
from scipy.optimize import minimize_scalar
from tiny_cells import QUICK, toy_data

from nscweb.inference.classifier import Classifier
from nscweb.inference.export_files import read_example
from nscweb.inference.held_out_file import read_held_out
from nscweb.models.loading import load_model, replay_example
from nscweb.training.card_writer import CardText
from nscweb.training.checks.held_out_scores import spread_over_samples
from nscweb.training.make_model import train
from nscweb.training.temperature import fit_temperature

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z")


def too_sure(factor: float, cells: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `factor` times as large as they should be, and classes drawn by the honest ones."""
    generator = np.random.default_rng(1)
    honest = generator.normal(0, 1.5, (cells, 3))
    powers = np.exp(honest)
    rising = np.cumsum(powers / powers.sum(axis=1, keepdims=True), axis=1)
    labels = (generator.random(cells)[:, None] > rising).sum(axis=1).clip(max=2)
    return (honest * factor).astype(np.float32), labels


@pytest.mark.parametrize("factor", [0.6, 1.0, 2.5])
def test_the_factor_is_found_and_is_where_the_log_loss_is_least(factor):
    logits, labels = too_sure(factor)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(factor, rel=0.04)

    def loss(temperature: float) -> float:
        scaled = logits.astype(np.float64) / temperature
        own = scaled[np.arange(len(labels)), labels]
        return float((np.log(np.exp(scaled).sum(axis=1)) - own).mean())

    best = minimize_scalar(loss, bounds=(0.2, 10), method="bounded", options={"xatol": 1e-6}).x
    assert found == pytest.approx(best, abs=1e-3)


def test_where_nothing_can_be_learnt_scores_stay_as_they_are():
    logits, labels = too_sure(2.0)
    assert fit_temperature(logits[:50], labels[:50]) == 1.0
    assert fit_temperature(logits, np.zeros_like(labels)) == 1.0
    perfect = np.eye(3, dtype=np.float32)[labels] * 4
    assert fit_temperature(perfect, labels) == 1.0
    assert fit_temperature(logits[:0], labels[:0]) == 1.0
    assert fit_temperature(np.full_like(logits, np.nan), labels) == 1.0


def test_large_samples_give_equally_many_cells_and_small_ones_all():
    sample_of = np.repeat([3, 1, 2, 0], [5000, 100, 900, 4000])
    rows = spread_over_samples(sample_of, 4000)
    counts = np.bincount(sample_of[rows])
    assert counts[1] == 100
    assert counts[2] == 900
    assert counts[0] == counts[3] == 1500
    assert len(np.unique(rows)) == len(rows)
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(spread_over_samples(sample_of, 10_000), np.arange(10_000))
    assert len(spread_over_samples(np.arange(50), 10)) == 50


def test_a_training_keeps_the_scores_of_its_held_out_cells(tmp_path):
    entry = train(replace(QUICK, epochs=2), toy_data(80), tmp_path / "toys", TEXT, checks=False)
    card = entry.card
    held = read_held_out(entry)
    assert held is not None
    assert len(held) == sum(map(sum, card.performance.confusion)) == card.held_out["cells"]
    assert card.held_out["samples"] == held.samples.max() + 1 == len(np.unique(held.samples))
    size = len(card.classes)
    flat = held.labels * size + held.scores.argmax(axis=1)
    confusion = np.bincount(flat, minlength=size * size).reshape(size, size)
    assert np.abs(confusion - np.asarray(card.performance.confusion)).sum() <= 2
    assert card.temperature != 1.0
    assert replay_example(entry).largest_difference < score_rounding(load_model(entry))
    with np.load(entry.folder / card.weights.example) as arrays:
        expected = arrays["probabilities"]
    said = Classifier(entry, device="cpu", threads=1).predict_prepared(read_example(entry))
    assert np.abs(said - expected).max() < score_rounding(load_model(entry))
    plain = replace(entry, card=replace(card, calibration={}))
    assert replay_example(plain).largest_difference > 1e-3
