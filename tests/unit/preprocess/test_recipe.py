"""Steps and recipe on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.preprocess.pixel_steps import border_background, border_levels, divide_by_deviation, full_scale, pad_or_crop
from nscweb.preprocess.prepare import apply_recipe, field_size, prepare_field


def test_background_is_the_median_of_the_border_even_when_a_cell_touches_it():
    pixels = np.full((20, 30), 101, np.uint8)
    pixels[5:15, 0:12] = 30
    assert border_background(pixels) == (101.0, 0.0)


def test_border_levels_agree_with_the_single_image_for_frames_of_different_size():
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 4096, (2, h, w)).astype(np.uint16) for h, w in [(8, 9), (37, 60), (57, 60)]]
    levels = border_levels(images)
    for row, image in zip(levels, images, strict=True):
        assert row.tolist() == [border_background(plane)[0] for plane in image]


def test_pad_or_crop_keeps_the_centre_and_never_stretches():
    pixels = np.arange(36).reshape(6, 6)
    assert pad_or_crop(pixels, (2, 2), 0).tolist() == [[14, 15], [20, 21]]
    padded = pad_or_crop(pixels, (8, 10), -1)
    assert (padded[1:7, 2:8] == pixels).all() and (padded == -1).sum() == 44


def test_a_constant_image_gives_zeros():
    for value in (0, 7, 255):
        result = apply_recipe(InputRecipe(field_px=(48, 48)), [np.full((1, 30, 40), value, np.uint8)])
        assert not result.any()


def test_sixteen_bit_is_never_saturated():
    image = np.full((1, 20, 20), 1000, np.uint16)
    image[0, 8:12, 8:12] = 65535
    field = prepare_field(InputRecipe(field_px=(20, 20)), [image])
    assert field.max() == 64535 and field.min() == 0


def test_the_field_has_unit_deviation_and_background_zero():
    rng = np.random.default_rng(2)
    image = rng.normal(500, 20, (1, 60, 60))
    image[0, 20:40, 20:40] -= 200
    result = apply_recipe(InputRecipe(field_px=(48, 48)), [image])
    assert result.std() == pytest.approx(1, abs=1e-4)
    assert abs(np.median(result[0, 0, 0])) < 0.2


def test_very_large_floats_do_not_overflow():
    fields = np.array([[[[0, 1e30], [0, 2e30]]]], np.float32)
    assert np.isfinite(divide_by_deviation(fields)).all()


def test_a_whole_frame_recipe_stretches_frames_of_different_size_to_one_input():
    recipe = InputRecipe(background="none", contrast="none", resize=(45, 30), divide_by=255)
    images = [np.full((1, 37, 60), 51, np.uint8), np.full((1, 57, 60), 102, np.uint8)]
    result = apply_recipe(recipe, images)
    assert result.shape == (2, 1, 45, 30)
    assert np.allclose(result[0], 0.2) and np.allclose(result[1], 0.4)


def test_depth_is_found_from_type_and_values():
    assert full_scale(np.array([3], np.uint8)) == 255
    assert full_scale(np.array([255], np.uint16)) == 255
    assert full_scale(np.array([256, 4095], np.uint16)) == 4095
    assert full_scale(np.array([4096], np.uint16)) == 65535
    assert full_scale(np.array([0.5], np.float32)) == 1
    assert full_scale(np.array([True])) == 1


def test_a_field_in_micrometres_needs_the_pixel_size():
    recipe = InputRecipe(field_um=(20.0, 30.0))
    assert field_size(recipe, 0.5) == (40, 60)
    with pytest.raises(WrongUse, match="pixel size"):
        apply_recipe(recipe, [np.zeros((1, 20, 20))])
    assert apply_recipe(recipe, [np.zeros((1, 20, 20))], pixel_size_um=0.5).shape == (1, 1, 48, 48)


def test_the_wrong_number_of_channels_is_refused_in_a_sentence():
    with pytest.raises(WrongUse, match="takes 1 channel, the image has the shape"):
        apply_recipe(InputRecipe(), [np.zeros((2, 20, 20))])


def test_no_images_give_an_empty_batch():
    assert apply_recipe(InputRecipe(field_px=(40, 40)), []).shape == (0, 1, 48, 48)


def test_channels_are_normalised_each_on_its_own():
    rng = np.random.default_rng(3)
    plane = rng.normal(100, 5, (40, 40))
    result = apply_recipe(InputRecipe(channels=("Ch1", "Ch2"), field_px=(40, 40)), [np.stack([plane, 300 * plane + 7])])
    np.testing.assert_allclose(result[0, 0], result[0, 1], atol=1e-5)
