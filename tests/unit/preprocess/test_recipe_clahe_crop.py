"""Crop to the object and local contrast: two steps that a recipe may ask for, off unless it does."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from nscweb.core.errors import CardInvalid
from nscweb.core.recipe import InputRecipe
from nscweb.preprocess.pixel_steps import crop_box, equalise
from nscweb.preprocess.prepare import apply_recipe, finish_field, prepare_field, seen_box

FIELD = {"field_px": (48, 48), "resize": (48, 48)}
CROP = InputRecipe(crop_to_object=4, **FIELD)
CLAHE = InputRecipe(clahe=(2.0, 2), **FIELD)
ZAMANI = InputRecipe(
    crop_to_object=6, clahe=(2.0, 8), background="none", contrast="none", resize=(64, 64), divide_by=255
)


def cell(y: float, x: float, shape: tuple[int, int] = (80, 90), seed: int = 1) -> np.ndarray:
    """(1, h, w) uint16: a dark rim and a bright middle on a background of 700 with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    away = np.hypot(rows - y, columns - x)
    body = -160 * np.exp(-((away - 9) ** 2) / 6) + 90 * np.exp(-(away**2) / 20)
    return np.rint(700 + body + rng.normal(0, 4, shape)).astype(np.uint16)[None]


def test_steps_that_are_off_change_no_card(project: Path) -> None:
    names = {"channels", "background", "field_px", "field_um", "contrast", "resize", "interpolation"}
    assert set(InputRecipe().as_dict()) == names | {"divide_by", "clip"}
    for path in (project / "weights").glob("*/card.json"):
        written = json.loads(path.read_text("utf-8"))["recipe"]
        recipe = InputRecipe.from_dict(written)
        assert recipe.crop_to_object is None and recipe.clahe is None
        assert recipe.as_dict() == written


def test_the_box_of_the_object_is_found_with_its_margin() -> None:
    image = cell(30, 40)
    top, left, height, width = seen_box(InputRecipe(crop_to_object=0), image)
    assert abs(top + height / 2 - 30.5) <= 2 and abs(left + width / 2 - 40.5) <= 2
    assert 18 <= height <= 30 and 18 <= width <= 30
    wider = seen_box(InputRecipe(crop_to_object=5), image)
    assert wider == (top - 5, left - 5, height + 10, width + 10)
    assert seen_box(InputRecipe(), image) == (0, 0, 80, 90)


def test_cropping_puts_the_object_into_the_middle_wherever_it_was() -> None:
    here, there = cell(40, 45), np.roll(cell(40, 45), (-17, 12), axis=(1, 2))
    first, second = apply_recipe(CROP, [here, there])
    np.testing.assert_allclose(first, second, atol=0.02)
    rows, columns = np.mgrid[:48, :48]
    weight = np.abs(first[0]) * (np.abs(first[0]) > 1)
    assert abs((weight * rows).sum() / weight.sum() - 23.5) < 1.5
    assert abs((weight * columns).sum() / weight.sum() - 23.5) < 1.5
    plain = apply_recipe(InputRecipe(**FIELD), [here, there])
    assert np.abs(plain[0] - plain[1]).max() > 1


def test_an_object_at_the_border_is_centred_too_and_the_rest_is_background() -> None:
    image = cell(6, 45)
    top, *_ = seen_box(CROP, image)
    assert top < 0
    field = prepare_field(CROP, [image])[0, 0]
    assert np.abs(field[:8]).max() < 4 * 4 * 3
    assert np.abs(field[20:28, 10:38]).max() > 80


def test_what_the_crop_leaves_out_does_not_matter() -> None:
    image = cell(40, 45)
    dirty = image.copy()
    top, left, height, width = seen_box(CROP, image)
    dirty[0, 76:79, 4:7] = 900
    assert seen_box(CROP, dirty) == (top, left, height, width)
    np.testing.assert_array_equal(apply_recipe(CROP, [dirty]), apply_recipe(CROP, [image]))


def test_a_frame_without_an_object_is_kept() -> None:
    for image in (np.full((1, 30, 40), 500, np.uint16), np.zeros((1, 30, 40), np.float32)):
        assert seen_box(CROP, image) == (0, 0, 30, 40)
        assert not apply_recipe(CROP, [image]).any()
        assert not apply_recipe(InputRecipe(clahe=(2.0, 8), **FIELD), [image]).any()


@pytest.mark.parametrize("recipe", [CROP, CLAHE, ZAMANI])
def test_gain_offset_and_depth_of_the_camera_do_not_matter(recipe: InputRecipe) -> None:
    image = cell(33, 50)
    expected = apply_recipe(recipe, [image])
    for other in (image * np.uint16(16), image.astype(np.int32) - 600, image.astype(np.float64) / 4095 * 3):
        np.testing.assert_allclose(apply_recipe(recipe, [other]), expected, atol=0.05)


def test_clahe_is_that_of_opencv_on_8_bit() -> None:
    plane = cell(40, 45)[0]
    unit = (plane - float(plane.min())) / (float(plane.max()) - float(plane.min()))
    expected = cv2.createCLAHE(3.0, (4, 4)).apply(np.rint(255 * unit).astype(np.uint8))
    np.testing.assert_array_equal(equalise(plane[None], 3.0, 4)[0], expected)


def test_clahe_lifts_what_is_faint() -> None:
    rows, columns = np.mgrid[:128, :128]
    # Faint stripes on a strong slope: locally the stripes are most of what there is.
    slope, stripes = 30.0 * rows, 60 * np.sign(np.sin(columns * np.pi / 4))
    with_stripes, without = (
        equalise((slope + extra)[None].astype(np.uint16), 4.0, 8)[0].astype(float) for extra in (stripes + 100, 100)
    )
    before = 120 / float((slope + stripes).max() - (slope + stripes).min())
    after = np.abs(with_stripes[:, 1:4].mean(axis=1) - with_stripes[:, 5:8].mean(axis=1)).mean() / 255
    assert after > 1.5 * before
    assert np.ptp(without, axis=1).max() <= 40


def test_tiny_frames_survive_many_tiles() -> None:
    for shape in ((1, 1), (3, 5), (8, 8), (9, 200)):
        image = np.arange(np.prod(shape), dtype=np.uint16).reshape(1, *shape)
        result = apply_recipe(InputRecipe(crop_to_object=2, clahe=(2.0, 8), **FIELD), [image])
        assert result.shape == (1, 1, 48, 48) and np.isfinite(result).all()


def test_paper_order_is_crop_then_contrast_then_size() -> None:
    image = cell(30, 40)
    part = crop_box(image, seen_box(ZAMANI, image), np.array([700.0]))
    by_hand = cv2.resize(equalise(part, 2.0, 8)[0].astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(apply_recipe(ZAMANI, [image])[0, 0], by_hand / 255, atol=0.02)


@pytest.mark.parametrize("recipe", [CROP, CLAHE, ZAMANI])
def test_training_sees_what_inference_sees(recipe: InputRecipe) -> None:
    images = [cell(30, 40), cell(45, 20, seed=2)]
    fields = prepare_field(recipe, images, 6)
    np.testing.assert_array_equal(finish_field(recipe, fields), apply_recipe(recipe, images))


def test_several_channels_are_cropped_alike() -> None:
    image = cell(30, 60)
    marker = np.zeros_like(image)
    marker[0, 30, 60] = 1000
    recipe = InputRecipe(channels=("Ch2", "brightfield"), crop_to_object=4, contrast="none", **FIELD)
    field = prepare_field(recipe, [np.concatenate([marker, image])])[0]
    y, x = np.unravel_index(int(field[0].argmax()), field[0].shape)
    assert field[0].max() == 1000 and abs(y - 23.5) < 2.5 and abs(x - 23.5) < 2.5


def test_a_class_map_returns_to_where_the_object_was() -> None:
    from nscweb.inference.cam import map_on_frame

    image = cell(20, 60)
    placed = map_on_frame(np.ones((48, 48), np.float32), CROP, (80, 90), None, image)
    top, left, height, width = seen_box(CROP, image)
    expected = np.zeros((80, 90), np.float32)
    expected[max(0, top) : top + height, max(0, left) : left + width] = 1
    np.testing.assert_array_equal(placed, expected)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"crop_to_object": -1}, "margin"),
        ({"crop_to_object": 2000}, "margin"),
        ({"clahe": (0.0, 8)}, "CLAHE"),
        ({"clahe": (2.0, 0)}, "CLAHE"),
        ({"clahe": (float("inf"), 8)}, "CLAHE"),
    ],
)
def test_steps_that_make_no_sense_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(CardInvalid, match=said):
        InputRecipe(**wrong)  # type: ignore[arg-type]


def test_both_steps_survive_json() -> None:
    for recipe in (CROP, CLAHE, ZAMANI):
        assert InputRecipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
    with pytest.raises(CardInvalid):
        InputRecipe.from_dict({**CROP.as_dict(), "clahe": 3})
