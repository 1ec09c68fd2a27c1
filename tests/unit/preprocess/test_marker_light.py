"""Light of a marker: inside the mask, above the background round it, whatever the frame holds besides."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.preprocess.marker_light import marker_light


def test_known_light_is_measured_and_the_background_taken_off():
    mask = np.zeros((30, 30), bool)
    mask[10:20, 10:20] = True
    rng = np.random.default_rng(0)
    plane = 50 + rng.normal(0, 2, (30, 30)) + 120 * mask
    (found,) = marker_light([plane], mask)
    assert found.intensity == pytest.approx(120, abs=1)
    assert found.total == pytest.approx(12_000, abs=100)
    assert found.background == pytest.approx(50, abs=0.5) and found.noise == pytest.approx(2, abs=0.3)


def test_a_halo_round_the_cell_is_no_background_and_negative_light_stays():
    mask = np.zeros((40, 40), bool)
    mask[15:25, 15:25] = True
    halo = np.full((40, 40), 10.0)
    halo[12:28, 12:28] = 60.0
    halo[mask] = 100.0
    (found,) = marker_light([halo], mask)
    assert found.background == 10.0 and found.intensity == 90.0
    (dark,) = marker_light([np.where(mask, 4.0, 10.0)], mask)
    assert dark.intensity == -6.0


def test_without_mask_or_image_there_is_no_number():
    mask = np.ones((10, 10), bool)
    assert np.isnan(marker_light([np.zeros((10, 10))], None)[0].intensity)
    assert np.isnan(marker_light([None], mask)[0].intensity)
    assert np.isnan(marker_light([np.zeros((9, 10))], mask)[0].intensity)
    # A mask over the whole frame leaves no background.
    assert np.isnan(marker_light([np.zeros((10, 10))], mask)[0].intensity)
