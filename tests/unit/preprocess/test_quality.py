"""Flags on drawn cells whose fault is known, and on real files that should have few."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from nscweb.core.flags import unpack
from nscweb.preprocess.cell_quality import FEATURE_NAMES, measure, measure_all, quality_flags


def drawn(centres=((25, 30),), *, frame=(50, 60), radius=8.0, noise=1.5, seed=0):
    """Round cells with a dark rim and granules on a background of 101 grey values."""
    y, x = np.mgrid[: frame[0], : frame[1]]
    pixels = np.full(frame, 101.0)
    rng = np.random.default_rng(seed)
    for cy, cx in centres:
        distance = np.hypot(y - cy, x - cx)
        pixels -= 30 * np.exp(-(((distance - radius) / 1.2) ** 2))
        pixels += np.where(distance < radius - 1.5, 10 * np.sin(1.7 * x) * np.cos(1.9 * y), 0)
    return np.clip(pixels + rng.normal(0, noise, frame), 0, 255).astype(np.uint8)


def flags_of(images):
    return [set(unpack(int(mask))) for mask in measure_all(images)["flags"]]


GOOD = [drawn(seed=seed) for seed in range(12)]


def test_good_cells_have_no_flag():
    assert flags_of(GOOD) == [set()] * 12


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.full((40, 60), 101, np.uint8), {"constant"}),
        (np.full((40, 60), 0.1, np.float32), {"constant"}),
        (np.zeros((40, 60), np.uint16), {"constant", "saturated"}),
        (np.full((40, 60), 255, np.uint8), {"constant", "saturated"}),
        (np.random.default_rng(1).normal(101, 2, (45, 60)).astype(np.uint8), {"empty"}),
        (np.random.default_rng(1).normal(800, 4, (90, 80)).astype(np.uint16), {"empty"}),
        (drawn([(25, 16), (25, 44)]), {"several"}),
        (drawn([(25, 21), (25, 38)]), {"several"}),
        (drawn([(25, 3)]), {"border"}),
        (cv2.GaussianBlur(drawn(), (0, 0), 2.5), {"blurred"}),
        (np.clip(drawn().astype(int) * 6 - 500, 0, 255).astype(np.uint8), {"saturated"}),
    ],
    ids=lambda value: None if isinstance(value, np.ndarray) else "-".join(sorted(value)),
)
def test_each_fault_is_found_beside_good_cells(image, expected):
    assert flags_of([*GOOD, image])[-1] == expected


def test_a_sample_out_of_focus_as_a_whole_is_found():
    blurred = [cv2.GaussianBlur(image, (0, 0), 3) for image in GOOD]
    assert all("blurred" in flags for flags in flags_of(blurred))


def test_depth_and_gain_change_no_flag_and_no_relative_feature():
    faults = [*GOOD, drawn([(25, 16), (25, 44)]), drawn([(25, 3)])]
    deep = [image.astype(np.uint16) * 9 for image in faults]
    assert flags_of(faults) == flags_of(deep)
    first, second = measure(faults[0]), measure(deep[0])
    assert second.focus == pytest.approx(first.focus, rel=1e-4)
    assert second.area_px == first.area_px
    assert second.contrast == pytest.approx(9 * first.contrast, rel=1e-4)


def test_features_mean_what_they_say():
    features = measure(drawn())
    assert features.background == pytest.approx(101, abs=1)
    assert features.noise == pytest.approx(1.5, abs=0.5)
    assert features.area_px == pytest.approx(np.pi * 9.5**2, rel=0.15)
    assert (features.height, features.width, features.n_objects) == (50, 60, 1)
    assert list(measure_all(GOOD).columns) == [*FEATURE_NAMES, "flags"]


def test_an_empty_sample_gives_an_empty_mask():
    assert quality_flags(measure_all([])).shape == (0,)


def test_the_smallest_images_are_measured():
    for shape in ((8, 8), (1, 1), (1, 9), (8, 300)):
        assert measure(np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)).height == shape[0]


def test_real_neural_stem_cells_are_kept_but_for_pairs(shared):
    files = sorted((shared / "data/zhu2021/named_bmp").glob("*.bmp"))
    images = [np.array(Image.open(file))[..., 0] for file in files]
    assert len(images) == 12
    found = flags_of(images)
    assert sum(bool(flags) for flags in found) <= 2 and set().union(*found) <= {"several"}


def test_real_imagestream_cells_have_few_flags(shared):
    files = sorted((shared / "data/ideas_ometif").glob("*_Ch1.ome.tif"))
    images = [tifffile.imread(io.BytesIO(file.read_bytes()), is_ome=False) for file in files]
    found = flags_of(images)
    assert len(found) == 24 and sum(bool(flags) for flags in found) <= 3
    assert set().union(*found) <= {"border"}  # three cells do touch their frame


def test_most_real_jurkat_cells_are_kept(shared):
    with np.load(shared / "data/jurkat_cycle/brightfield_tiles.npz", allow_pickle=False) as data:
        found = flags_of(list(data["x"][::4]))
    assert sum(bool(flags) for flags in found) < 0.08 * len(found)
