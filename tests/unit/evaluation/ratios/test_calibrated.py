"""Maximum likelihood only on honest scores: judged on known mixtures of held-out cells, mended, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_scores import drawn_cells, drawn_held_out
from numpy.typing import NDArray

from nscweb.core.rules import EM_MOST_OFF
from nscweb.evaluation.ratios.calibrated import calibration, honesty, largest_fault
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate, why_not_em
from nscweb.evaluation.scores.held_out import HeldOut


def warped(scores: NDArray[np.float32], sharpness: float, offsets: tuple[float, float, float]) -> NDArray[np.float32]:
    """Scores that are too sure or too careful, and lean towards a class."""
    powers = np.maximum(scores, 1e-7).astype(np.float64) ** sharpness * np.exp(offsets)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def flipped(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Honest where a cell is clear, and sure of the wrong class where it is not: no calibration mends that."""
    unsure = scores.max(axis=1) < 0.9
    turned = np.where(
        unsure[:, None], np.roll(np.where(scores == scores.max(axis=1)[:, None], 0.98, 0.01), 1, 1), scores
    )
    return np.asarray(turned / turned.sum(axis=1, keepdims=True), np.float32)


def tables(held: HeldOut) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every cell a bin of its own."""
    return held.scores.astype(np.float64), (held.labels == np.arange(3)[:, None]).astype(np.float64)


def study(seed: int) -> tuple[CellScores, HeldOut, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(3), 30)
    return drawn_cells(rng, share, 300), drawn_held_out(rng, 1, 400), share


def test_honest_scores_are_left_alone() -> None:
    held = drawn_held_out(np.random.default_rng(1), 1, 1000)
    found = honesty(*tables(held))
    assert found.usable
    assert found.calibration is None
    assert found.fault < EM_MOST_OFF / 2


@pytest.mark.parametrize(("sharpness", "offsets"), [(3.0, (0, 0, 0)), (0.4, (0, 0, 0)), (1.0, (1.0, 0.0, -0.5))])
def test_what_was_done_to_scores_is_found_and_undone(sharpness: float, offsets: tuple[float, float, float]) -> None:
    held = drawn_held_out(np.random.default_rng(2), 1, 2000)
    bad = replace(held, scores=warped(held.scores, sharpness, offsets))
    scores, cells = tables(bad)
    found = calibration(scores, cells)
    assert found.sharpness == pytest.approx(1 / sharpness, rel=0.12)
    undone = -np.asarray(offsets) / sharpness
    np.testing.assert_allclose(found.offsets - found.offsets.mean(), undone - undone.mean(), atol=0.12)
    np.testing.assert_allclose(found.of(scores), held.scores, atol=0.06)
    left = largest_fault(found.of(scores), cells)
    assert left < EM_MOST_OFF / 3
    assert largest_fault(scores, cells) > 3 * left


@pytest.mark.parametrize(("sharpness", "offsets"), [(5.0, (0, 0, 0)), (0.4, (0, 0, 0)), (1.0, (1.0, 0.0, -0.5))])
def test_em_is_as_good_on_dishonest_scores_once_they_are_mended(
    sharpness: float, offsets: tuple[float, float, float]
) -> None:
    cells, held, share = study(3)
    honest = estimate(cells, held, "em", rounds=100)
    bad = estimate(
        replace(cells, scores=warped(cells.scores, sharpness, offsets)),
        replace(held, scores=warped(held.scores, sharpness, offsets)),
        "em",
        rounds=100,
    )
    assert bad.method == "em" and not bad.instead
    assert "calibrated on these cells first" in bad.sentence
    assert "calibrated on these cells first" not in honest.sentence
    off = [np.abs(found.table["ratio"] - share.ravel()).mean() for found in (honest, bad)]
    assert off[1] < 1.15 * off[0]
    inside = (bad.table["low"] <= share.ravel()) & (share.ravel() <= bad.table["high"])
    assert inside.mean() > 0.9


def test_scores_that_no_calibration_mends_are_refused_to_em_and_pacc_is_said_to_be_used() -> None:
    cells, held, _ = study(4)
    bad, known = replace(cells, scores=flipped(cells.scores)), replace(held, scores=flipped(held.scores))
    found, plain = estimate(bad, known, "em", rounds=50), estimate(bad, known, "pacc", rounds=50)
    assert found.method == "pacc"
    assert (found.table["method"] == "pacc").all()
    np.testing.assert_array_equal(found.table["ratio"], plain.table["ratio"])
    assert "not honest enough" in found.instead and "PACC" in found.instead
    assert found.instead in found.sentence
    assert not plain.instead


def test_a_filter_by_time_does_not_change_the_way_of_counting() -> None:
    """At 24 h the scores are past mending; samples at 72 h alone must not be counted otherwise than beside others."""
    rng = np.random.default_rng(6)
    held = drawn_held_out(rng, 1, 400, times=(24.0, 72.0))
    early = held.times == 24.0
    known = replace(held, scores=np.where(early[:, None], flipped(held.scores), held.scores).astype(np.float32))
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 4), 200)
    mixed = replace(cells, times_h=np.array([72.0, 72.0, 24.0, 24.0]))
    both, alone = (
        estimate(mixed, known, "em", rounds=20),
        estimate(mixed.take(mixed.sample < 2), known, "em", rounds=20),
    )
    assert both.method == alone.method == "pacc"
    assert both.instead == alone.instead == why_not_em(known, np.array([72.0]))
    np.testing.assert_allclose(both.table["ratio"][:6], alone.table["ratio"])


def test_the_judgement_does_not_hang_on_the_order_of_classes_or_on_how_many_are_held_out_of_one() -> None:
    held = drawn_held_out(np.random.default_rng(5), 1, 600)
    bad = replace(held, scores=warped(held.scores, 2.0, (0.7, 0, 0)))
    scores, cells = tables(bad)
    order = [2, 0, 1]
    one, other = calibration(scores, cells), calibration(scores[:, order], cells[order])
    assert one.sharpness == pytest.approx(other.sharpness, abs=1e-6)
    np.testing.assert_allclose(one.offsets[order], other.offsets, atol=1e-6)
    few = bad.take(np.flatnonzero((bad.labels != 0) | (np.arange(len(bad)) % 3 == 0)))
    rare = calibration(*tables(few))
    assert rare.sharpness == pytest.approx(one.sharpness, rel=0.1)
    np.testing.assert_allclose(rare.offsets, one.offsets, atol=0.25)
