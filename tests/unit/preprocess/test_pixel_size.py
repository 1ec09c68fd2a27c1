"""Images are brought to the pixel size of the training images, and maps come back from it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from nscweb.core.errors import CardInvalid, WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.inference.cam import map_on_frame
from nscweb.preprocess.pixel_steps import resampled
from nscweb.preprocess.prepare import apply_recipe, at_pixel_size, pixel_factor

RECIPE = InputRecipe(field_px=(48, 48), pixel_size_um=1.0)


def disc(radius: float, size: int, dtype: type = np.uint8) -> np.ndarray:
    down, along = np.mgrid[:size, :size] - (size - 1) / 2
    edge = np.clip(radius - np.hypot(down, along) + 0.5, 0, 1)
    return (100 + 60 * edge).astype(dtype)[None]


@pytest.mark.parametrize("pixel", [0.5, 0.33, 1.6])
def test_a_cell_at_another_pixel_size_gives_the_same_input(pixel):
    known = apply_recipe(RECIPE, [disc(10, 61)], pixel_size_um=1.0)
    other = apply_recipe(RECIPE, [disc(10 / pixel, round(61 / pixel))], pixel_size_um=pixel)
    as_it_comes = apply_recipe(replace(RECIPE, pixel_size_um=None), [disc(10 / pixel, round(61 / pixel))])
    assert np.abs(known - other).mean() < 0.25 * np.abs(known - as_it_comes).mean()


@pytest.mark.parametrize(
    ("recipe", "pixel", "expected"),
    [
        (RECIPE, 0.5, 0.5),
        (RECIPE, 1.015, 1.0),
        (RECIPE, 1.03, 1.03),
        (RECIPE, None, 1.0),
        (replace(RECIPE, pixel_size_um=None), 0.5, 1.0),
        (InputRecipe(field_um=(48.0, 48.0)), 0.5, 1.0),
        (InputRecipe(pixel_size_um=1.0), 0.5, 1.0),
        (InputRecipe(pixel_size_um=1.0, crop_to_object=4), 0.5, 0.5),
    ],
)
def test_when_images_are_resampled_and_when_not(recipe, pixel, expected):
    assert pixel_factor(recipe, pixel) == pytest.approx(expected)
    images = [disc(10, 40)]
    assert (at_pixel_size(recipe, images, pixel) is images) == (expected == 1.0)


@pytest.mark.parametrize("pixel", [0.01, 40.0, 999.0])
def test_a_pixel_size_that_cannot_be_true_is_refused(pixel):
    with pytest.raises(WrongUse, match="too far apart"):
        apply_recipe(RECIPE, [disc(8, 40)], pixel_size_um=pixel)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
@pytest.mark.parametrize("factor", [0.4, 2.0, 0.001])
def test_type_and_range_stay(dtype, factor):
    image = disc(8, 40, dtype)
    made = resampled(image, factor)
    assert made.dtype == image.dtype
    assert made.shape[1:] == (max(1, round(40 * factor)),) * 2
    assert image.min() <= made.min() <= made.max() <= image.max()


def test_a_map_lies_on_the_frame_where_the_network_saw_it():
    frame = (96, 96)
    seen = np.zeros((48, 48), np.float32)
    cv2.circle(seen, (30, 24), 4, 1.0, -1)
    back = map_on_frame(seen, RECIPE, frame, 0.5)
    assert back.shape == frame
    down, along = np.unravel_index(back.argmax(), frame)
    assert (down, along) == (pytest.approx(48, abs=6), pytest.approx(60, abs=6))


def test_a_recipe_keeps_it_and_an_older_one_has_none():
    assert InputRecipe.from_dict(RECIPE.as_dict()) == RECIPE
    assert "pixel_size_um" not in InputRecipe(field_px=(48, 48)).as_dict()
    with pytest.raises(CardInvalid, match="pixel size"):
        InputRecipe(pixel_size_um=0.0)
