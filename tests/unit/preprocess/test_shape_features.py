"""Sizes and shapes of drawn objects whose truth is known, and light of frames with a known fault."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from nscweb.core.flags import unpack
from nscweb.core.gates import DEFAULT_GATES
from nscweb.preprocess.cell_quality import FEATURE_NAMES, complete, measure, measure_all, measure_many
from nscweb.preprocess.gating import quality_flags
from nscweb.preprocess.shape import in_micrometres


def ellipse(major, minor, *, angle=0.0, frame=(81, 91), centre=None):
    """Mask of an ellipse with these full axes in pixels, turned by `angle` degrees."""
    y, x = np.mgrid[: frame[0], : frame[1]].astype(float)
    cy, cx = centre or (frame[0] / 2 + 0.2, frame[1] / 2 - 0.3)
    turn = np.deg2rad(angle)
    along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    return (along / (major / 2)) ** 2 + (across / (minor / 2)) ** 2 <= 1


def image_of(mask, *, level=101.0, step=-40.0, noise=1.5, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(level + step * mask + rng.normal(0, noise, mask.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("diameter", [10, 16, 24, 40])
def test_a_disc_is_round_and_has_its_area_and_perimeter(diameter):
    mask = ellipse(diameter, diameter)
    found = measure(image_of(mask), mask)
    assert found.area_px == mask.sum()
    assert found.perimeter_px == pytest.approx(np.pi * diameter, rel=0.05)
    assert found.circularity == pytest.approx(1.0, abs=0.06)
    assert found.aspect_ratio == pytest.approx(1.0, abs=0.04)
    assert found.eccentricity < 0.3
    assert found.major_axis_px == pytest.approx(diameter, rel=0.05)


@pytest.mark.parametrize("angle", [0, 30, 45, 77, 90])
@pytest.mark.parametrize(("major", "minor"), [(40, 20), (30, 24), (44, 12)])
def test_an_ellipse_has_its_axes_at_any_angle(major, minor, angle):
    mask = ellipse(major, minor, angle=angle)
    found = measure(image_of(mask), mask)
    assert found.aspect_ratio == pytest.approx(minor / major, abs=0.03)
    assert found.major_axis_px == pytest.approx(major, rel=0.04)
    assert found.minor_axis_px == pytest.approx(minor, rel=0.06)
    assert found.eccentricity == pytest.approx(np.sqrt(1 - (minor / major) ** 2), abs=0.05)
    assert found.area_px == mask.sum()
    h = ((major - minor) / (major + minor)) ** 2
    circumference = np.pi * (major + minor) / 2 * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    assert found.perimeter_px == pytest.approx(circumference, rel=0.06)


def test_the_found_object_is_near_the_drawn_one():
    mask = ellipse(36, 18, angle=25)
    found = measure(image_of(mask))
    assert found.area_px == pytest.approx(mask.sum(), rel=0.2)
    assert found.aspect_ratio == pytest.approx(0.5, abs=0.06)


def test_a_mask_from_the_file_takes_the_place_of_the_found_object():
    mask = ellipse(20, 20)
    image = image_of(ellipse(40, 30))
    assert measure(image, mask).area_px == mask.sum()
    assert measure(image, mask).border_contact == 0
    two = mask | ellipse(16, 16, centre=(10, 12))
    assert measure(image, two).n_objects == 2
    cut = np.zeros_like(mask)
    cut[20:50, :30] = True
    assert measure(image, cut).border_contact == pytest.approx(30 / (2 * 81 + 2 * 91 - 4))


def test_a_mask_that_says_nothing_is_not_used():
    image = image_of(ellipse(30, 30))
    for empty in (np.zeros(image.shape, bool), np.ones(image.shape, bool)):
        assert measure(image, empty) == measure(image)


def test_a_ring_is_filled():
    mask = ellipse(30, 30) & ~ellipse(18, 18)
    assert measure(image_of(mask), mask).area_px == ellipse(30, 30).sum()


def test_one_by_one_and_all_together_give_the_same():
    images = [image_of(ellipse(20 + n, 16), noise=1 + n / 10, seed=n) for n in range(9)]
    images += [np.full((9, 30), 7, np.uint16), image_of(ellipse(12, 12, frame=(31, 40)))]
    masks = [None, ellipse(20, 10), *[None] * 9]
    together = measure_many(images, masks)
    for row, image, mask in zip(together, images, masks, strict=True):
        assert row == pytest.approx(measure(image, mask))
    assert measure_many([]) == []


def test_depth_changes_no_shape_and_no_relative_number():
    image = image_of(ellipse(34, 20, angle=10))
    deep = image.astype(np.uint16) * 16
    real = image.astype(np.float64) / 255
    first = measure(image)._asdict()
    for other, gain in ((deep, 16), (real, 1 / 255)):
        second = measure(other)._asdict()
        for name in ("area_px", "perimeter_px", "aspect_ratio", "circularity", "eccentricity", "gradient_rms"):
            assert second[name] == pytest.approx(first[name], rel=1e-4), name
        for name in ("gradient_x", "gradient_y", "stripes_x", "stripes_y"):
            assert second[name] == pytest.approx(first[name], abs=1e-6), name
        for name in ("object_intensity", "contrast", "background", "noise"):
            assert second[name] == pytest.approx(gain * first[name], rel=1e-4), name


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.uint32])
@pytest.mark.parametrize("value", [0, 101])
@pytest.mark.parametrize("shape", [(40, 60), (8, 8), (1, 1), (1, 9)])
def test_a_constant_image_has_numbers_without_division_by_zero(kind, value, shape):
    found = measure(np.full(shape, value, kind))
    assert all(np.isfinite(found))
    assert (found.area_px, found.aspect_ratio, found.gradient_rms, found.stripes_x) == (0, 0, 0, 0)
    with_mask = np.zeros(shape, bool)
    with_mask[: shape[0] // 2, : shape[1] // 2] = True
    assert all(np.isfinite(measure(np.full(shape, value, kind), with_mask)))


def test_thin_masks_have_finite_shapes():
    for mask in (np.zeros((40, 40), bool), np.zeros((40, 40), bool)):
        mask[20, 5:35] = True
        found = measure(image_of(ellipse(20, 20, frame=(40, 40))), mask)
        assert all(np.isfinite(found))
        assert found.area_px == 30
        assert found.aspect_ratio < 0.1


def test_object_intensity_has_the_sign_of_the_cell():
    mask = ellipse(24, 24)
    assert measure(image_of(mask, step=-40, noise=0.5), mask).object_intensity == pytest.approx(-40, abs=1)
    assert measure(image_of(mask, step=40, noise=0.5), mask).object_intensity == pytest.approx(40, abs=1)


def test_gradient_rms_falls_with_blur_and_not_with_noise():
    mask = ellipse(24, 24)
    y, x = np.mgrid[:81, :91]
    clean = 101 + np.where(mask, 15 * np.sin(1.7 * x) * np.cos(1.9 * y), 0)
    rng = np.random.default_rng(0)

    def of(image, noise):
        return measure((image + rng.normal(0, noise, image.shape)).astype(np.float32), mask).gradient_rms

    sharp = of(clean, 1.0)
    assert of(cv2.GaussianBlur(clean, (0, 0), 2), 1.0) < 0.5 * sharp
    assert of(clean, 3.0) == pytest.approx(sharp, rel=0.1)


def test_slopes_and_stripes_of_the_background_are_measured():
    rng = np.random.default_rng(3)
    _, x = np.mgrid[:50, :60]

    def median(pattern):
        images = [
            image_of(ellipse(16, 16, frame=(50, 60)), level=100 + pattern(rng), noise=2, seed=n) for n in range(60)
        ]
        return measure_all(images).median()

    even = median(lambda _: 0 * x)
    for name in ("gradient_x", "gradient_y", "stripes_x", "stripes_y"):
        assert even[name] == pytest.approx(0, abs=0.004)
    slope = median(lambda _: 6 * x / 59)
    assert slope["gradient_x"] == pytest.approx(0.06, abs=0.01)
    assert slope["gradient_y"] == pytest.approx(0, abs=0.004)
    upright = median(lambda draw: np.broadcast_to(draw.normal(0, 2, (1, 60)), (50, 60)))
    assert upright["stripes_x"] == pytest.approx(0.02, abs=0.006)
    assert upright["stripes_y"] == pytest.approx(0, abs=0.006)


def test_micrometres_only_where_the_size_of_a_pixel_is_known():
    table = measure_all([image_of(ellipse(24, 24))])
    assert list(in_micrometres(table, None).columns) == list(table.columns)
    found = in_micrometres(table, 0.5)
    assert found["area_um2"][0] == pytest.approx(table["area_px"][0] / 4)
    assert found["perimeter_um"][0] == pytest.approx(table["perimeter_px"][0] / 2)


def test_tables_of_older_versions_are_read_with_gaps_that_flag_nothing():
    table = measure_all([image_of(ellipse(24, 24), seed=seed) for seed in range(9)])
    old = complete(table[list(FEATURE_NAMES[:11])])
    assert list(old.columns) == list(FEATURE_NAMES)
    assert old["aspect_ratio"].isna().all()
    gates = DEFAULT_GATES.changed(aspect_low=0.99)
    assert not quality_flags(old, gates).any()
    assert quality_flags(table, gates).any()


@pytest.mark.parametrize(
    ("limits", "flags"),
    [
        ({"area_low": 500}, {"size"}),
        ({"area_high": 300}, {"size"}),
        ({"area_low": 300, "area_high": 600}, set()),
        ({"aspect_low": 0.999}, {"shape"}),
        ({"aspect_high": 0.5}, {"shape"}),
        ({"populations": ("live",)}, {"population"}),
        ({"area_low": 5000, "off": ("size",)}, set()),
    ],
)
def test_further_gates_set_their_flags(limits, flags):
    table = measure_all([image_of(ellipse(24, 22), seed=seed) for seed in range(9)])
    found = quality_flags(table, DEFAULT_GATES.changed(**limits))
    assert set(unpack(int(found[0]))) == flags


def test_members_of_a_population_are_kept():
    table = pd.DataFrame(measure_all([image_of(ellipse(24, 22), seed=seed) for seed in range(3)]))
    gates = DEFAULT_GATES.changed(populations=("live",))
    found = quality_flags(table, gates, np.array([True, False, True]))
    assert [unpack(int(mask)) for mask in found] == [(), ("population",), ()]
