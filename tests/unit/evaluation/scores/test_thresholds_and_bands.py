"""Thresholds for sorting and bands around curves: against counts by hand, and laws of the figures."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_rates import chance_band

from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.curve_bands import MACRO, bands_table, curve_bands
from nscweb.evaluation.scores.known_cells import Judged
from nscweb.evaluation.scores.thresholds import sorting_curve, sorting_sentence

CLASSES = ("astrocyte", "neuron")


def cells(samples: int = 12, each: int = 50, seed: int = 0, spread: float = 0.0) -> Judged:
    """Two classes in pure samples; `spread` makes samples differ."""
    rng = np.random.default_rng(seed)
    sample = np.repeat(np.arange(samples), each)
    true = sample % 2
    shift = rng.normal(0, spread, samples)[sample] if spread else 0.0
    logit = np.where(true == 1, 1.2, -1.2) + rng.normal(0, 1.0, len(true)) + shift
    score = 1 / (1 + np.exp(-logit))
    scores = np.stack([1 - score, score], axis=1)
    return Judged(scores, true, scores.argmax(axis=1), sample, CLASSES)


def test_a_threshold_counts_what_a_loop_counts():
    found = cells()
    curve = sorting_curve(found, "neuron", seed=0, rounds=200)
    for threshold in (0.0, 0.25, 0.8, 0.97):
        row = curve.at(threshold)
        taken = np.round(found.scores[:, 1], 6) >= threshold - 1e-12
        right = taken & (found.true == 1)
        assert row["sorted"] == taken.sum() and row["right"] == right.sum()
        assert row["precision"] == pytest.approx(right.sum() / taken.sum())
        assert row["recall"] == pytest.approx(right.sum() / (found.true == 1).sum())
        assert row["yield"] == pytest.approx(taken.mean())
        assert row["enrichment"] == pytest.approx(row["precision"] / 0.5)
        for name in ("precision", "recall", "yield", "enrichment"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_at_zero_everything_is_sorted_and_above_all_scores_nothing():
    curve = sorting_curve(cells(), "neuron", seed=0, rounds=100)
    all_cells = curve.at(0.0)
    assert all_cells["yield"] == all_cells["recall"] == 1
    assert all_cells["enrichment"] == pytest.approx(1)
    none = curve.at(1.0)
    assert none["sorted"] == 0 and np.isnan(none["precision"])
    assert "no cell is sorted" in sorting_sentence(none, curve)


def test_precision_at_another_share_is_that_of_a_sample_mixed_so():
    found = cells(samples=40, each=200)
    curve = sorting_curve(found, "neuron", seed=0, prevalence=0.1, rounds=100)
    rng = np.random.default_rng(5)
    neurons, others = np.flatnonzero(found.true == 1), np.flatnonzero(found.true == 0)
    mixed = np.concatenate([rng.choice(neurons, 5_000), rng.choice(others, 45_000)])
    taken = found.scores[mixed, 1] >= 0.8
    row = curve.at(0.8)
    assert row["precision"] == pytest.approx((found.true[mixed][taken] == 1).mean(), abs=0.02)
    assert row["yield"] == pytest.approx(taken.mean(), abs=0.01)
    assert row["enrichment"] == pytest.approx(row["precision"] / 0.1)
    assert "as you expect" in sorting_sentence(row, curve)


def test_intervals_over_samples_that_differ_are_wider_than_over_cells():
    same, other = (sorting_curve(cells(spread=s, each=300), "neuron", seed=0).at(0.8) for s in (0.0, 1.5))
    assert other["recall_high"] - other["recall_low"] > 2 * (same["recall_high"] - same["recall_low"])


def test_one_sample_per_class_is_drawn_by_cells_and_said():
    curve = sorting_curve(cells(samples=2), "neuron", seed=0, rounds=100)
    assert "only one sample" in curve.label
    assert curve.at(0.5)["precision_low"] < curve.at(0.5)["precision_high"]


def test_few_samples_are_said_to_be_few():
    few, many = (sorting_curve(cells(samples=n), "neuron", seed=0, rounds=20).label for n in (6, 20))
    assert few.endswith(", only 3 of a class")
    assert many == "bootstrap over 20 samples with Student's t"


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 7.0])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(WrongUse, match="between 0 and 100 %"):
        sorting_curve(cells(), "neuron", seed=0, prevalence=share)


def test_a_class_that_is_not_there_is_refused():
    only = cells().take(cells().true == 0)
    with pytest.raises(WrongUse, match="needs cells"):
        sorting_curve(only, "neuron", seed=0)
    with pytest.raises(WrongUse, match="no class"):
        sorting_curve(only, "glia", seed=0)


def test_bands_hold_the_curve_and_shrink_with_more_samples():
    few, many = (curve_bands(cells(samples=n, spread=0.8), seed=0, rounds=200) for n in (10, 100))
    for bands in (few, many):
        for band, y in ((bands.roc_band, "tpr"), (bands.pr_band, "precision")):
            assert set(band) == {*CLASSES, MACRO}
            for table in band.values():
                assert (table["low"] <= table[y]).all() and (table[y] <= table["high"]).all()
                assert table[["low", "high"]].stack().between(0, 1).all()
    wide = [float((b.roc_band["neuron"]["high"] - b.roc_band["neuron"]["low"]).mean()) for b in (few, many)]
    assert wide[1] < 0.5 * wide[0]
    assert few.average_precision["neuron"][1] < few.average_precision["neuron"][0]
    assert set(bands_table(few)["curve"]) == {"roc", "precision_recall"}


def test_bands_cover_the_curve_of_the_population(simulations):
    truth = cells(samples=400, each=50, seed=99, spread=0.8)
    wanted = curve_bands(truth, seed=0, rounds=50).roc_band["neuron"]["tpr"].to_numpy()[10]
    inside, rounds = 0, simulations.of(30)
    for seed in range(rounds):
        band = curve_bands(cells(samples=24, seed=seed, spread=0.8), seed=seed, rounds=100).roc_band["neuron"]
        inside += bool(band["low"][10] <= wanted <= band["high"][10])
    # Of 240 other rounds 94 %.
    assert inside / rounds >= chance_band(rounds, 0.93)[0]


def test_one_class_has_no_curve():
    assert curve_bands(cells().take(cells().true == 0), seed=0, rounds=20).roc == {}
    assert bands_table(curve_bands(cells().take(cells().true > 5), seed=0)).empty
