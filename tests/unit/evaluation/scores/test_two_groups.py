"""Thresholds between two groups: against scikit-image, against known mixtures, and where there are no two groups."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from nscweb.evaluation.scores.two_groups import otsu_threshold, two_normals


def drawn(share: float, apart: float, cells: int = 4000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    upper = rng.random(cells) < share
    return rng.standard_normal(cells) + apart * upper


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_otsu_is_that_of_scikit_image(share):
    values = drawn(share, 6.0)
    width = np.ptp(values) / 256
    assert otsu_threshold(values) == pytest.approx(float(threshold_otsu(values)), abs=2 * width) or (
        abs(np.mean(values > otsu_threshold(values)) - np.mean(values > threshold_otsu(values))) < 0.005
    )


@pytest.mark.parametrize(("share", "apart"), [(0.5, 6.0), (0.1, 6.0), (0.3, 4.0)])
def test_a_mixture_is_found_again_and_its_threshold_lies_where_both_are_alike(share, apart):
    found = two_normals(drawn(share, apart))
    assert found is not None
    assert found.weights[1] == pytest.approx(share, abs=0.02)
    assert found.means[1] - found.means[0] == pytest.approx(apart, abs=0.15)
    expected = apart / 2 + np.log((1 - share) / share) / apart
    assert found.threshold == pytest.approx(expected, abs=0.15)
    assert found.separation == pytest.approx(apart, abs=0.3) and found.clean


def test_one_group_is_not_cleanly_apart_and_few_values_give_nothing():
    for seed in range(20):
        found = two_normals(np.random.default_rng(seed).standard_normal(100 + 50 * seed))
        assert found is None or not found.clean
    assert two_normals(np.array([1.0, 2.0, np.nan])) is None
    assert two_normals(np.ones(50)) is None
    assert np.isnan(otsu_threshold(np.ones(5)))
