"""Padded images are known by their padding; saturated, dark and ordinary ones are not taken for padded."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from nscweb.preprocess.cell_quality import measure, measure_all
from nscweb.preprocess.padding import find_padding


def cell(seed: int = 0, shape: tuple[int, int] = (40, 60), level: float = 180.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2)
    image = np.full(shape, level) - 70 * np.exp(-(((distance - 9) / 2) ** 2)) + 20 * np.exp(-((distance / 4) ** 2))
    return image + rng.normal(0, 2, shape)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("sides", [(12, 12, 12, 12), (0, 7, 0, 0), (3, 0, 5, 0), (1, 1, 1, 1), (0, 0, 0, 9)])
def test_a_frame_is_found_and_what_lies_inside(value: int, sides: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = sides
    image = cell().astype(np.uint8)
    padded = np.pad(image, ((top, bottom), (left, right)), constant_values=value)
    found = find_padding(padded)
    assert found is not None
    assert not found.masked
    assert np.array_equal(padded[found.box], image)


@pytest.mark.parametrize("kind", ["uint16", "mean", "float", "negative"])
def test_other_depths_and_a_mean_are_found_too(kind: str) -> None:
    image = cell()
    made: dict[str, tuple[np.ndarray, Any]] = {
        "uint16": ((image * 20).astype(np.uint16), 0),
        "mean": (image.astype(np.uint8), 180),
        "float": ((image / 255).astype(np.float32), 1.0),
        "negative": ((image - 180).astype(np.float32), -200.0),
    }
    plain, value = made[kind]
    padded = np.pad(plain, 9, constant_values=value)
    found = find_padding(padded)
    assert found is not None
    assert np.array_equal(padded[found.box], plain)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("kind", ["disc", "turned", "square mask"])
def test_masks_and_turned_crops_are_found_and_cannot_be_cut_off(kind: str, value: int) -> None:
    image = cell().astype(np.uint8)
    if kind == "turned":
        turn = cv2.getRotationMatrix2D((30, 20), 20, 1.0)
        image = cv2.warpAffine(image, turn, (60, 40), flags=cv2.INTER_NEAREST, borderValue=value)
    else:
        y, x = np.mgrid[:40, :60]
        distance = np.hypot(y - 20, x - 30) if kind == "disc" else np.abs(y - 20) + np.abs(x - 30)
        image[distance > 13] = value
    found = find_padding(image)
    assert found is not None
    assert found.masked


@pytest.mark.parametrize("seed", range(40))
def test_ordinary_images_are_not_padded(seed: int) -> None:
    shape = (30 + seed, 64 - seed)
    assert find_padding(cell(seed, shape).astype(np.uint8)) is None
    assert find_padding((cell(seed, shape) * 9).astype(np.uint16)) is None
    flat = np.full(shape, 900, np.uint16)
    flat[8:20, 8:20] = 300
    assert find_padding(flat) is None


def test_saturated_and_dark_images_keep_their_own_reason() -> None:
    bright = np.clip(cell(level=285).astype(int), 0, 255).astype(np.uint8)
    dark = np.clip(cell(level=40).astype(int) - 60, 0, 255).astype(np.uint8)
    assert measure(bright).saturated_share > 0.02
    assert find_padding(bright) is None
    assert find_padding(dark) is None
    assert find_padding(np.zeros((40, 60), np.uint8)) is None


TWINS = {
    "background subtracted": lambda image: image.astype(np.float32) - 180,
    "minus one to one": lambda image: image.astype(np.float64) / 127.5 - 1,
    "standard score": lambda image: ((image - image.mean()) / image.std()).astype(np.float32),
    "int8": lambda image: (image.astype(np.int16) - 128).astype(np.int8),
    "int16": lambda image: (image.astype(np.int32) * 40 - 9000).astype(np.int16),
    "int32": lambda image: image.astype(np.int32) * 3 - 500,
}


@pytest.mark.parametrize("twin", TWINS)
def test_negative_and_centred_images_have_the_flags_of_their_twins(twin: str) -> None:
    good = [cell(seed).astype(np.uint8) for seed in range(12)]
    clipped = np.clip((good[0].astype(int) - 150) * 6, 0, 255).astype(np.uint8)
    pale = [(180 + (image.astype(int) - 180) // 8).astype(np.uint8) for image in good[:3]]
    images = [*good, clipped]
    assert max(measure(TWINS[twin](image)).saturated_share for image in pale) < 0.02
    flags = measure_all(images)["flags"].tolist()
    assert flags[:12] == [0] * 12
    assert flags[12]
    assert measure_all([TWINS[twin](image) for image in images])["flags"].tolist() == flags


def test_shares_of_a_level_that_nobody_knows_are_not_given() -> None:
    image = cell().astype(np.uint8)
    plain, negative = measure(image), measure(TWINS["background subtracted"](image))
    assert plain.gradient_rms > 0
    for name in ("gradient_rms", "gradient_x", "gradient_y", "stripes_x", "stripes_y"):
        assert np.isfinite(getattr(plain, name))
        assert np.isnan(getattr(negative, name))
    assert negative.focus == pytest.approx(plain.focus, rel=1e-3)
