"""Curves and numbers of maps, on a template whose evidence is known: four pixels in a corner decide."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.evaluation.audit.map_curves import SHARES, areas, centre_first, contrast_first, curves, ranks_of
from nscweb.evaluation.audit.map_figures import in_both, inside_share, likeness, shifted, with_interval

CELLS, SIDE = 5, 16
INPUTS = np.ones((CELLS, 1, SIDE, SIDE), np.float32)
EMPTY = np.zeros((CELLS, 1))
CORNER = np.zeros((CELLS, SIDE, SIDE))
CORNER[:, :2, :2] = 1.0


def corner_score(inputs):
    """Class 1 has the mean of the corner for a score; class 0 has the rest."""
    share = inputs[:, 0, :2, :2].mean(axis=(1, 2))
    return np.stack([1 - share, share], axis=1)


def areas_of(marks, seed=0):
    ranks = ranks_of(marks, np.random.default_rng(seed))
    return areas(curves(corner_score, INPUTS, np.ones(CELLS, np.int64), ranks, EMPTY))


def test_a_map_of_the_evidence_has_the_areas_that_follow_from_its_size():
    # The corner is 4 of 256 pixels, which is the first share at which the score is asked.
    assert SHARES[1] == pytest.approx(4 / 256)
    deletion, insertion = areas_of(CORNER)
    np.testing.assert_allclose(deletion, SHARES[1] / 2)
    np.testing.assert_allclose(insertion, 1 - SHARES[1] / 2)
    # Marked last, the corner goes in the last step, and all before it does nothing.
    deletion, insertion = areas_of(-CORNER)
    np.testing.assert_allclose(deletion, (1 + SHARES[-2]) / 2)
    np.testing.assert_allclose(insertion, (1 - SHARES[-2]) / 2)


def test_the_middle_first_loses_where_a_corner_decides_and_random_order_lies_between():
    # The four pixels of the corner lie farthest from the middle, with those of the other corners.
    middle = areas_of(centre_first(CELLS, (SIDE, SIDE)))
    assert (middle[0] > 0.9).all() and (middle[1] < 0.1).all()
    drawn = areas_of(np.random.default_rng(1).random((CELLS, SIDE, SIDE)))
    assert (drawn[0] > SHARES[1]).all() and (drawn[0] < middle[0]).all()
    # A map that marks nothing is a random order as well.
    assert 0.3 < areas_of(np.zeros((CELLS, SIDE, SIDE)))[0].mean() < 0.7


def test_every_pixel_has_its_own_rank_and_equal_marks_are_shuffled():
    marks = np.zeros((2, 3, 4))
    marks[:, 1, 2] = 5
    ranks = ranks_of(marks, np.random.default_rng(0))
    assert (ranks[:, 1, 2] == 0).all()
    for one in ranks:
        np.testing.assert_allclose(np.sort(one.ravel()), np.arange(12) / 12)
    assert (ranks[0] != ranks[1]).any()


def test_the_rivals_mark_the_middle_and_what_is_unlike_the_background():
    middle = centre_first(1, (5, 7))[0]
    assert np.unravel_index(middle.argmax(), middle.shape) == (2, 3)
    inputs = np.full((1, 2, 4, 4), 3.0, np.float32)
    inputs[0, 0, 1, 1], inputs[0, 1, 1, 1] = 1.0, 4.0
    found = contrast_first(inputs, np.full((1, 2), 3.0))[0]
    assert found[1, 1] == 3.0 and found.sum() == 3.0


def test_the_share_inside_is_one_in_the_cell_and_the_share_of_the_area_for_an_even_map():
    mask = np.zeros((3, 4, 4), bool)
    mask[:2, :2, :2] = True
    maps = np.stack([mask[0].astype(float), np.ones((4, 4)), np.ones((4, 4))])
    np.testing.assert_allclose(inside_share(maps, mask), [1.0, 0.25, np.nan])
    assert np.isnan(inside_share(np.zeros((1, 4, 4)), mask[:1])[0])


def test_likeness_is_a_rank_correlation_and_nothing_for_an_empty_map():
    maps = np.random.default_rng(0).random((2, 6, 6))
    np.testing.assert_allclose(likeness(maps, np.exp(3 * maps)), 1)
    np.testing.assert_allclose(likeness(maps, -maps), -1)
    np.testing.assert_array_equal(likeness(maps, np.zeros_like(maps)), 0)


@pytest.mark.parametrize("by", [(1, 0), (0, -1), (2, 0), (0, -2), (-1, 2)])
def test_a_map_that_moves_with_the_cell_is_steady_and_one_that_stays_is_not(by):
    inputs = np.random.default_rng(2).normal(size=(3, 2, 9, 11)).astype(np.float32)
    moved = shifted(inputs, by, np.full((3, 2), 7.0))
    assert (moved == 7.0).sum() == moved.size - 3 * 2 * (9 - abs(by[0])) * (11 - abs(by[1]))
    np.testing.assert_allclose(likeness(*in_both(inputs[:, 0], moved[:, 0], by)), 1)
    fixed = np.random.default_rng(3).random((3, 9, 11))
    assert (np.abs(likeness(*in_both(fixed, fixed, by))) < 0.6).all()


def test_an_interval_over_cells_holds_its_mean_and_leaves_out_what_is_not_known():
    found = with_interval(np.array([0.1, 0.2, np.nan, 0.3]), 0)
    assert found["value"] == pytest.approx(0.2)
    assert 0.1 <= found["low"] < 0.2 < found["high"] <= 0.3
    assert with_interval(np.array([np.nan]), 0) == {}
