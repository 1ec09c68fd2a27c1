"""Samples that lie apart: found when planted, rare by chance, never because their group differs."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_rates import chance_band

from nscweb.evaluation.audit.apart import APART, centroids, deviations

GROUPS, REPLICATES = 8, 4
KINDS = [group for group in range(GROUPS) for _ in range(REPLICATES)]
CELLS = np.full(len(KINDS), 100)


def centres(seed: int) -> np.ndarray:
    """Replicates spread by 1, groups by 5."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (len(KINDS), 6)) + rng.normal(0, 5, (GROUPS, 6))[KINDS]


def test_few_studies_of_like_samples_have_one_that_lies_apart(simulations):
    trials = simulations.of(400)
    hits = [bool(np.nanmax(deviations(centres(seed), CELLS, KINDS)) > APART) for seed in range(trials)]
    assert np.mean(hits) <= chance_band(trials, 0.0, 0.12)[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_far_from_its_replicates_stands_out_and_spoils_no_other(seed):
    found = centres(seed)
    found[0] += 12.0
    far = deviations(found, CELLS, KINDS)
    assert far.argmax() == 0
    assert far[0] > APART
    assert (far[1:REPLICATES] < far[0] / 3).all()


def test_samples_without_a_fellow_or_with_few_cells_are_not_judged():
    found = centres(1)
    alone = [*KINDS[:-1], 99]
    counts = CELLS.copy()
    counts[0] = 5
    far = deviations(found, counts, alone)
    assert np.isnan(far[[0, -1]]).all()
    assert np.isfinite(far[1:-1]).all()
    each_alone = deviations(found, CELLS, list(range(len(KINDS))))
    assert np.isfinite(each_alone).all()
    assert np.isnan(deviations(found[:4], CELLS[:4], KINDS[:4])).all()


def test_centroids_leave_out_cells_without_numbers():
    vectors = np.array([[0.0, 2.0], [2.0, 4.0], [np.nan, 1.0], [9.0, 9.0]])
    middle, counts = centroids(vectors, np.array([0, 0, 0, -1]), 2)
    assert middle[0].tolist() == [1.0, 3.0]
    assert counts.tolist() == [2, 0]
