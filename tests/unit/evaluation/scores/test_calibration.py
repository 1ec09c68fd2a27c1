"""Reliability and calibration error: right on scores that are honest, and on scores that are too sure."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_rates import chance_band

from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.reliability import BY_CELLS, BY_SAMPLES, reliabilities, reliability

CLASSES = ("astrocyte", "neuron", "oligodendrocyte")


def drawn(cells: int = 12_000, *, sharpen: float = 1.0, samples: int = 12, seed: int = 2) -> HeldOut:
    """Simulated cells of pure samples; scores are the true chances, to the power of `sharpen`."""
    generator = np.random.default_rng(seed)
    sample = np.sort(generator.integers(0, samples, cells))
    labels = sample % 3
    place = np.asarray([[0.0, 0.0], [1.6, 0.0], [0.0, 1.6]])
    seen = place[labels] + generator.normal(size=(cells, 2))
    logits = -0.5 * ((seen[:, None] - place[None]) ** 2).sum(axis=2) * sharpen
    logits += np.log(np.bincount(labels, minlength=3) / cells) * sharpen
    powers = np.exp(logits)
    scores = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    times = np.where(sample < samples // 2, 24.0, 72.0)
    return HeldOut(scores, labels, sample, times, CLASSES, simulated=True)


def test_honest_scores_are_called_honest():
    found = reliability(drawn())
    assert found.ece < 0.012
    assert found.low <= found.ece <= found.high
    assert found.by_chance == pytest.approx(0.009, abs=0.005)
    assert abs(found.gap) < 0.012
    assert "no fault" in found.sentence
    assert found.interval == BY_SAMPLES
    inside = (found.share_low <= found.score) & (found.score <= found.share_high)
    assert inside.sum() >= 9


def test_scores_that_are_too_sure_are_found_out():
    found = reliability(drawn(sharpen=3))
    assert found.low > 3 * found.by_chance
    assert found.gap == pytest.approx(found.ece, abs=0.01)
    assert "too sure" in found.sentence
    careful = reliability(drawn(sharpen=0.4))
    assert careful.gap < 0
    assert "more often than it says" in careful.sentence


def test_the_error_is_that_of_the_definition():
    held = drawn(3_000, sharpen=2)
    found = reliability(held)
    said = held.scores.astype(np.float64).max(axis=1)
    right = held.scores.argmax(axis=1) == held.labels
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, 10)
    plain = sum(len(p) * abs(said[p].mean() - right[p].mean()) for p in parts) / len(held)
    assert found.ece == pytest.approx(plain, abs=1e-3)
    assert found.count.sum() == 3_000
    assert found.count.min() >= 299


def test_the_interval_covers_the_error_of_many_cells(simulations):
    """Cells are independent here, so an interval over samples covers the error of a very large draw."""
    truth = reliability(drawn(300_000, sharpen=2, seed=99), rounds=20).ece
    hits, rounds = 0, simulations.of(40)
    for seed in range(rounds):
        found = reliability(drawn(6_000, sharpen=2, samples=30, seed=seed), rounds=200, seed=seed)
        hits += found.low <= truth <= found.high
    # Of 320 other rounds 93 %.
    assert hits / rounds >= chance_band(rounds, 0.93)[0]


def test_overall_classes_and_times_are_there_and_one_sample_is_told():
    found = reliabilities(drawn(), rounds=50)
    assert [item.class_name for item in found[:4]] == ["", *CLASSES]
    assert [item.time_h for item in found[4:]] == [24.0, 72.0]
    single = reliability(drawn(900, samples=3), rounds=50)
    assert single.interval == BY_CELLS
    assert single.low <= single.ece <= single.high
    assert reliabilities(drawn().take(np.zeros(12_000, bool))) == []


def test_equal_scores_share_a_bin():
    held = drawn(2_000)
    flat = HeldOut(np.full((2_000, 3), 1 / 3, np.float32), held.labels, held.samples, held.times, CLASSES)
    found = reliability(flat, rounds=20)
    assert len(found.count) == 1
    assert np.isfinite(found.ece)
