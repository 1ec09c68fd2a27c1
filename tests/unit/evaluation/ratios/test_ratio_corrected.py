"""Corrected ratios of samples: coverage of the intervals, tiny samples, what cannot be recovered, what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_scores import NAMES, drawn_cells, drawn_held_out, drawn_scores

from nscweb.core.errors import WrongUse
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.estimates import ESTIMATE_COLUMNS
from nscweb.evaluation.ratios.held_out_rounds import slope_of
from nscweb.evaluation.ratios.quantification import one_hot
from nscweb.evaluation.scores.held_out import HeldOut


def test_intervals_cover_and_errors_shrink() -> None:
    """Six worlds of 60 mixtures at recalls like those of day 1; the full study is benchmarks/ratios.py."""
    inside, counted, corrected = [], [], []
    for world in range(6):
        rng = np.random.default_rng([1, world])
        known = drawn_held_out(rng, samples=3, cells=600)
        share = rng.dirichlet(np.ones(3), 60)
        table = estimate(drawn_cells(rng, share, 1000), known, seed=world).table
        inside.append((table["low"] <= share.ravel()) & (share.ravel() <= table["high"]))
        counted.append(np.abs(table["naive"] - share.ravel()).mean())
        corrected.append(np.abs(table["ratio"] - share.ravel()).mean())
    assert 0.93 <= np.mean(inside) <= 0.985
    assert np.mean(counted) > 3 * np.mean(corrected)


@pytest.mark.parametrize("method", ["acc", "pacc", "em"])
def test_intervals_cover_when_samples_differ(method: str) -> None:
    inside, narrow = [], []
    for world in range(2 if method == "em" else 5):
        rng = np.random.default_rng([2, world])
        known = drawn_held_out(rng, samples=4, cells=400, light=0.3)
        share = rng.dirichlet(np.ones(3), 40)
        cells = drawn_cells(rng, share, 500, light=0.3)
        table = estimate(cells, known, method, seed=world).table
        inside.append((table["low"] <= share.ravel()) & (share.ravel() <= table["high"]))
        # The same held-out cells as if each were a sample of its own: differences between samples disappear.
        alone = replace(known, samples=np.arange(len(known)) % 2)
        blind = estimate(cells, alone, method, seed=world).table
        narrow.append((blind["low"] <= share.ravel()) & (share.ravel() <= blind["high"]))
    assert np.mean(inside) >= 0.89
    assert np.mean(narrow) < np.mean(inside) - 0.1


@pytest.mark.parametrize("apart", [0.7, 1.5, 3.0])
def test_the_slope_is_how_far_a_light_moves_the_mean_score(apart: float) -> None:
    """Where classes lie far apart most cells are sure, and a light moves them less than one cell in the middle."""
    labels = np.zeros(20_000, np.int64)
    scores = drawn_scores(np.random.default_rng(20), labels, (apart,) * 3).astype(float)
    slope = slope_of(scores.mean(axis=0), np.cov(scores.T, bias=True))
    for light in np.eye(3) * 1e-4:
        moved = scores * np.exp(light)
        moved = (moved / moved.sum(axis=1, keepdims=True)).mean(axis=0) - scores.mean(axis=0)
        np.testing.assert_allclose(slope @ light, moved, atol=1e-8)
    certain = one_hot(scores.argmax(axis=1), 3)
    mean = certain.mean(axis=0)
    expected = np.diag(mean) - np.outer(mean, mean)
    np.testing.assert_allclose(slope_of(mean, np.cov(certain.T, bias=True)), expected, atol=1e-6)


def test_the_table_and_the_rounds() -> None:
    rng = np.random.default_rng(3)
    known = drawn_held_out(rng)
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 4), 300)
    found = estimate(cells, known, rounds=50)
    assert tuple(found.table.columns) == ESTIMATE_COLUMNS
    assert found.shared.shape == (50, 4, 3)
    assert found.shared.dtype == np.float32
    np.testing.assert_allclose(found.shared.sum(axis=2), 1, atol=1e-4)
    by_sample = found.table.groupby("sample_id")["ratio"].sum()
    np.testing.assert_allclose(by_sample, 1, atol=1e-9)
    assert (found.table["low"] <= found.table["ratio"]).all()
    assert (found.table["ratio"] <= found.table["high"]).all()
    again = estimate(cells, known, rounds=50)
    assert again.table.equals(found.table)
    assert "PACC" in found.sentence


def test_mixtures_of_pure_samples_average_their_differences_out() -> None:
    rng = np.random.default_rng(4)
    known = drawn_held_out(rng, samples=4, light=0.4)
    cells = drawn_cells(rng, np.full((3, 3), 1 / 3), 500)
    together = estimate(cells, known).table
    apart = estimate(cells, known, together=False).table
    assert (apart["high"] - apart["low"]).mean() < 0.8 * (together["high"] - together["low"]).mean()


@pytest.mark.parametrize("cells", [1, 5])
@pytest.mark.parametrize("method", ["acc", "pacc", "em"])
def test_a_tiny_sample_says_that_it_knows_little(cells: int, method: str) -> None:
    rng = np.random.default_rng(5)
    table = estimate(drawn_cells(rng, np.eye(3)[[0]], cells), drawn_held_out(rng), method).table
    assert np.isfinite(table[["ratio", "low", "high"]].to_numpy()).all()
    assert (table["high"] - table["low"]).max() > 0.4
    assert table["ratio"].sum() == pytest.approx(1)


def test_a_flat_model_is_told_instead_of_a_ratio() -> None:
    rng = np.random.default_rng(6)
    known = drawn_held_out(rng, apart=(0.02, 2.5, 0.02))
    cells = drawn_cells(rng, np.array([[0.5, 0.2, 0.3]]), 400, apart=(0.02, 2.5, 0.02))
    for method in ("acc", "pacc", "em"):
        found = estimate(cells, known, method)
        assert not found.table["recovered"].any()
        assert found.table[["ratio", "low", "high"]].isna().all(axis=None)
        assert np.isnan(found.shared).all()
        assert "tells astrocyte and neuron apart at 24 h" in found.table["why"][0]
        assert found.table["naive"].notna().all()


def test_other_times_use_all_held_out_cells_and_are_less_sure() -> None:
    rng = np.random.default_rng(7)
    known = drawn_held_out(rng, times=(12.0, 24.0, 72.0))
    share = np.tile([0.5, 0.3, 0.2], (3, 1))
    cells = replace(drawn_cells(rng, share, 800), times_h=np.array([24.0, 36.0, np.nan]))
    found = estimate(cells, known)
    width = (found.table["high"] - found.table["low"]).to_numpy().reshape(3, 3).mean(axis=1)
    assert width[1] > 1.3 * width[0]
    assert width[2] > 1.3 * width[0]
    assert "36 h" in found.sentence
    assert "unknown time" in found.sentence
    without = replace(known, times=np.full(len(known), np.nan))
    assert estimate(cells, without).table["recovered"].all()


def test_nothing_known_counts_labels_and_says_so() -> None:
    rng = np.random.default_rng(8)
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 2), 200)
    none = estimate(cells, None)
    assert none.method == "naive"
    assert none.shared.shape == (0, 2, 3)
    np.testing.assert_allclose(none.table["ratio"], none.table["naive"])
    assert "without held-out cells" in none.sentence
    known = drawn_held_out(rng)
    lacking = estimate(cells, known.take(known.labels != 2))
    assert lacking.method == "naive"
    assert "too few of some" in lacking.sentence
    asked = estimate(cells, known, "naive")
    assert "not corrected" in asked.sentence
    with pytest.raises(WrongUse):
        estimate(cells, known, "magic")


def test_a_confusion_matrix_alone_gives_adjusted_counts() -> None:
    rng = np.random.default_rng(9)
    known = drawn_held_out(rng, samples=1)
    matrix = replace(known, scores=one_hot(known.scores.argmax(axis=1), 3))
    cells = drawn_cells(rng, np.array([[0.2, 0.2, 0.6]]), 2000)
    found = estimate(cells, matrix, "pacc")
    assert found.method == "acc"
    np.testing.assert_allclose(found.table["ratio"], estimate(cells, known, "acc").table["ratio"])
    assert "Only the confusion matrix" in found.sentence
    assert "one sample only" in found.sentence


def test_classes_in_another_order() -> None:
    rng = np.random.default_rng(10)
    known = drawn_held_out(rng)
    turn = [2, 0, 1]
    labels = np.argsort(turn)[known.labels]
    other = replace(known, scores=known.scores[:, turn], labels=labels, classes=tuple(NAMES[i] for i in turn))
    cells = drawn_cells(rng, np.array([[0.2, 0.2, 0.6]]), 300)
    assert estimate(cells, other).table.equals(estimate(cells, known).table)


def test_samples_without_cells_and_scores_that_are_not_numbers() -> None:
    rng = np.random.default_rng(11)
    known = drawn_held_out(rng)
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 3), 100)
    kept = estimate(cells.take(cells.sample != 1), known)
    assert kept.table["sample_id"].unique().tolist() == ["s000", "s002"]
    broken = cells.scores.copy()
    broken[:10] = np.nan
    found = estimate(replace(cells, scores=broken), known)
    assert found.table["cells"].tolist()[0] == 90
    assert np.isfinite(found.table["ratio"]).all()


def test_two_and_five_classes() -> None:
    for size in (2, 5):
        rng = np.random.default_rng(size)
        names = tuple("abcde"[:size])

        def scored(labels: np.ndarray, rng: np.random.Generator = rng, size: int = size) -> np.ndarray:
            points = rng.normal(size=(len(labels), size)) + 2 * np.eye(size)[labels]
            odds = np.exp(2 * points)
            return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

        labels = np.repeat(np.arange(size), 900)
        known = HeldOut(scored(labels), labels, np.arange(len(labels)) // 300, np.full(len(labels), 24.0), names)
        true = rng.dirichlet(np.ones(size))
        own = rng.choice(size, 3000, p=true)
        scores = scored(own)
        zero = np.zeros(3000, np.int64)
        cells = CellScores(
            scores, scores.argmax(axis=1), zero, zero, own, ("s",), ("g",), ("1",), np.array([24.0]), names
        )
        for method in ("acc", "pacc", "em"):
            table = estimate(cells, known, method).table
            np.testing.assert_allclose(table["ratio"], true, atol=0.04)
