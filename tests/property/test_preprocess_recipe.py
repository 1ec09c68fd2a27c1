"""What illumination, gain, depth and frame size must not change."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nscweb.core.recipe import InputRecipe
from nscweb.preprocess.prepare import apply_recipe, finish_field, prepare_field

DEFAULT = InputRecipe(field_px=(40, 40), resize=(24, 24))
PUBLISHED = InputRecipe(background="none", contrast="none", resize=(45, 30), interpolation="linear", divide_by=255)


@st.composite
def cells(draw: st.DrawFn) -> np.ndarray:
    """A noisy frame with a dark and a bright blob, 8-bit values well inside 0..255."""
    height, width = draw(st.integers(20, 60)), draw(st.integers(20, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-(((y - height / 2) ** 2 + (x - width / 2) ** 2) / draw(st.floats(8, 60))))
    halo = np.exp(-(((y - height / 2 - 4) ** 2 + (x - width / 2) ** 2) / 12))
    pixels = 100 + rng.normal(0, 2, (height, width)) + 50 * halo - draw(st.floats(20, 60)) * blob
    return np.rint(pixels).clip(0, 255).astype(np.uint8)[None]


@given(cells(), st.integers(1, 200), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_gain_and_offset_of_the_camera_do_not_change_the_input(image, gain, offset):
    other = image.astype(np.uint16) * gain + offset
    np.testing.assert_allclose(apply_recipe(DEFAULT, [other]), apply_recipe(DEFAULT, [image]), atol=2e-5)


@given(cells(), st.sampled_from([np.int16, np.int32, np.uint32, np.int64, np.float32, np.float64, ">u2", ">f4"]))
@settings(max_examples=40, deadline=None)
def test_number_type_does_not_change_the_input(image, dtype):
    other = image.astype(dtype)
    np.testing.assert_allclose(apply_recipe(DEFAULT, [other]), apply_recipe(DEFAULT, [image]), atol=1e-6)
    np.testing.assert_allclose(apply_recipe(PUBLISHED, [other]), apply_recipe(PUBLISHED, [image]), atol=1e-6)


@given(cells())
@settings(max_examples=40, deadline=None)
def test_8_bit_16_bit_and_12_in_16_give_the_same_published_input(image):
    """Tolerance: one step of 8 bit, 1/255, because the 12-bit copy is rounded."""
    image[0, 0, 0] = 255
    deep = image.astype(np.uint16) * 257
    twelve = np.rint(image.astype(float) * 4095 / 255).astype(np.uint16)
    expected = apply_recipe(PUBLISHED, [image])
    np.testing.assert_allclose(apply_recipe(PUBLISHED, [deep]), expected, atol=1e-6)
    np.testing.assert_allclose(apply_recipe(PUBLISHED, [twelve]), expected, atol=1 / 255)


@given(cells(), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=40, deadline=None)
def test_a_frame_padded_with_background_gives_the_same_field(image, rows, columns):
    grey = image.astype(np.float32)
    level = float(np.median(np.concatenate([grey[0, 0], grey[0, -1], grey[0, 1:-1, 0], grey[0, 1:-1, -1]])))
    padded = np.pad(grey, ((0, 0), (rows, rows), (columns, columns)), constant_values=level)
    np.testing.assert_allclose(apply_recipe(DEFAULT, [padded]), apply_recipe(DEFAULT, [grey]), atol=1e-5)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
        st.tuples(st.integers(1, 2), st.integers(8, 70), st.integers(8, 70)),
        elements=st.integers(0, 255),
    )
)
@settings(max_examples=80, deadline=None)
def test_any_image_gives_finite_numbers_of_the_right_shape(image):
    channels = tuple(f"Ch{i}" for i in range(image.shape[0]))
    for recipe in (
        InputRecipe(channels=channels, field_px=(40, 40), resize=(24, 24)),
        InputRecipe(channels=channels, resize=(30, 24)),
    ):
        result = apply_recipe(recipe, [image, image])
        assert result.shape == (2, len(channels), *recipe.resize) and result.dtype == np.float32
        assert np.isfinite(result).all()
        np.testing.assert_array_equal(result[0], result[1])


@given(st.lists(cells(), min_size=1, max_size=6), st.integers(0, 8))
@settings(max_examples=30, deadline=None)
def test_apply_is_finish_of_prepare_with_any_margin_and_in_any_batch(images, margin):
    for recipe in (DEFAULT, PUBLISHED):
        whole = apply_recipe(recipe, images)
        fields = prepare_field(recipe, images, margin)
        np.testing.assert_array_equal(finish_field(recipe, fields), whole)
        single = np.concatenate([apply_recipe(recipe, [image]) for image in images])
        np.testing.assert_array_equal(single, whole)
