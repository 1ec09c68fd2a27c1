"""Whole fields of view are told from single cells, however they are lit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from simulated_field import simulated_field

from nscweb.preprocess.whole_fields import looks_like_field

FIELDS = (
    "cellprofiler_plate/AS_09125_050116030001_D03f00d0.tif",
    "cellprofiler_plate/Channel 1-01-A-01-00.tif",
    "cellprofiler_plate/DMSO_B5_t24.JPG",
    "neurosphere/warmup.jpg",
    "t98g_fields/20180101ef002xy01t01.tif",
)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_microscopes_are_noticed(name: str, shared: Path) -> None:
    path = shared / "data/fields" / name
    pixels = tifffile.imread(path) if path.suffix == ".tif" else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert looks_like_field(pixels)


@pytest.mark.parametrize("uneven", [0.0, 0.1, 0.4, 0.8])
def test_uneven_light_hides_no_field(uneven: float) -> None:
    assert looks_like_field(simulated_field(cells=30, seed=3, uneven=uneven).pixels)
    assert looks_like_field(simulated_field((256, 256), cells=8, seed=3, uneven=uneven).pixels)


@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_large_picture_of_one_cell_is_no_field(times: int, shared: Path) -> None:
    for path in sorted((shared / "data/ideas_ometif").glob("*_Ch1.ome.tif")):
        pixels = tifffile.imread(path).squeeze().astype(np.float32)
        large = cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
        # A camera's grain is a pixel wide at any magnification.
        large += np.random.default_rng(times).normal(0, 6, large.shape)
        assert not looks_like_field(np.clip(large, 0, None).astype(np.uint16)), path.name


def test_noise_and_slopes_are_no_fields() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(1000, 20, (400, 400))
    assert not looks_like_field(noise.astype(np.uint16))
    assert not looks_like_field((noise + 5 * np.arange(400)).astype(np.uint16))
    assert not looks_like_field(np.full((300, 300), 7, np.uint8))
