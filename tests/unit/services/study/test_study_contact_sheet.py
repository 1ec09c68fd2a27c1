"""Pictures for people: 8, 12 and 16 bit are visible and compare between cells."""

from __future__ import annotations

import numpy as np
import pytest
from small_studies import simulated_study

from nscweb.core.errors import StudyError, WrongUse
from nscweb.services.context import App
from nscweb.services.study.contact_sheet import chosen_rows, contact_sheet, depth, to_grey


def cell(dtype: type, background: float, amplitude: float, seed: int = 0) -> np.ndarray:
    """A disc on a noisy background."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-20:20, -30:30]
    disc = (x * x + y * y < 80).astype(float)
    return (background + amplitude * disc + rng.normal(0, amplitude / 50, disc.shape)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "background", "amplitude", "bits"),
    [(np.uint8, 101, 60, 8), (np.uint16, 791, 400, 12), (np.uint16, 20_000, 30_000, 16)],
)
def test_every_depth_becomes_visible(dtype: type, background: float, amplitude: float, bits: int) -> None:
    planes = [cell(dtype, background, amplitude, seed) for seed in range(4)]
    images, scale = to_grey(planes)
    assert scale.bits == bits and str(bits) in scale.sentence
    assert all(image.dtype == np.uint8 and image.shape == (40, 60) for image in images)
    assert min(int(image.max()) - int(image.min()) for image in images) > 200


def test_percentile_scaling_keeps_brightness_comparable_between_cells() -> None:
    dim, bright = cell(np.uint16, 800, 100), cell(np.uint16, 800, 800)
    (dim_grey, bright_grey), _ = to_grey([dim, bright], "percentile")
    assert dim_grey.max() < 0.4 * bright_grey.max()
    assert abs(float(np.median(dim_grey)) - float(np.median(bright_grey))) < 3
    (dim_own, bright_own), scale = to_grey([dim, bright], "per cell")
    assert dim_own.max() == bright_own.max() == 255
    assert "does not compare" in scale.sentence


def test_full_range_uses_the_depth_that_the_camera_has() -> None:
    plane = np.full((10, 10), 2048, np.uint16)
    (image,), scale = to_grey([plane], "full range")
    assert (scale.low, scale.high) == (0.0, 4095.0)
    assert int(image[0, 0]) == 128


def test_a_constant_image_and_floats_do_not_break_the_picture() -> None:
    (flat,), _ = to_grey([np.full((9, 9), 7, np.uint8)])
    assert np.all(flat == 128)
    images, scale = to_grey([np.linspace(-3, 3, 100, dtype=np.float32).reshape(10, 10)], "full range")
    assert scale.bits == 0 and images[0].max() == 255
    assert to_grey([])[0] == []


def test_depth_is_read_from_the_values_not_from_the_file_type() -> None:
    assert depth([np.array([[1023]], np.uint16)]) == 10
    assert depth([np.array([[70_000]], np.uint32)]) == 32


def test_a_random_draw_is_repeated_by_its_seed() -> None:
    assert chosen_rows(10, 3, None) == [0, 1, 2]
    assert chosen_rows(1000, 20, 5) == chosen_rows(1000, 20, 5) != chosen_rows(1000, 20, 6)
    assert chosen_rows(2, 20, 5) == [0, 1]


def test_a_contact_sheet_shows_cells_of_the_sample_with_their_numbers(opened: App) -> None:
    study = simulated_study(opened, cells=60)
    sample = study.samples[3]
    shown = contact_sheet(opened, study.name, sample.name, 4)
    assert len(shown.images) == len(shown.object_numbers) == len(shown.flags) == 4
    assert shown.object_numbers == [1, 2, 3, 4] and shown.cells == sample.cells
    assert shown.channel == "Ch1"


def test_a_wrong_sample_channel_or_scaling_is_told(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    with pytest.raises(StudyError, match="no sample"):
        contact_sheet(opened, study.name, "nobody")
    with pytest.raises(StudyError, match="no channel"):
        contact_sheet(opened, study.name, study.samples[0].name, channel="Ch9")
    with pytest.raises(WrongUse, match="scaling"):
        contact_sheet(opened, study.name, study.samples[0].name, 4, "rainbow")  # type: ignore[arg-type]
