"""Padding is no darkness around a stained cell; a stained cell is told by what a camera saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.names.brightfield import looks_stained
from nscweb.io.survey.survey import survey

Pixels = NDArray[Any]
RNG = np.random.default_rng(4)


def lit(side: int = 40) -> Pixels:
    """A cell in brightfield: dark and bright rims on an even background."""
    image = np.full((side, side), 100.0)
    cv2.circle(image, (side // 2, side // 2), side // 5, 70, 2)
    cv2.circle(image, (side // 2, side // 2), side // 7, 140, 2)
    return np.clip(image + RNG.normal(0, 1.5, image.shape), 1, 254).astype(np.uint8)


def stained(side: int = 40, blur: float = 2.0) -> Pixels:
    """A stained cell: bright on a dark background."""
    image = np.full((side, side), 4.0)
    cv2.circle(image, (side // 2, side // 2), side // 5, 220, -1)
    image = cv2.GaussianBlur(image, (0, 0), blur)
    return np.clip(image + RNG.normal(0, 1, image.shape), 0, 255).astype(np.uint8)


def framed(value: float, noise: float = 0.0) -> Callable[[Pixels], Pixels]:
    def pad(image: Pixels) -> Pixels:
        around = np.clip(value + RNG.normal(0, noise, (64, 84)), 0, 255).astype(np.uint8)
        around[12:52, 22:62] = image
        return around

    return pad


def masked(image: Pixels) -> Pixels:
    y, x = np.mgrid[: len(image), : image.shape[1]]
    return np.where(np.hypot(y - 20, x - 20) < 15, image, 0).astype(image.dtype)


def clipped(image: Pixels) -> Pixels:
    """The background is taken off, so that it is 0."""
    return np.where(image > 12, image, 0).astype(image.dtype)


PADDINGS = {
    "zero": framed(0),
    "white": framed(255),
    "noise value": framed(6),
    "noise": framed(5, 1.5),
    "masked": masked,
}


@pytest.mark.parametrize("how", PADDINGS)
def test_padding_does_not_make_brightfield_look_stained(how: str) -> None:
    assert not looks_stained("Ch1", [PADDINGS[how](lit()) for _ in range(4)])


@pytest.mark.parametrize("how", [*PADDINGS, "bare", "clipped"])
def test_a_stained_cell_is_told_with_and_without_padding(how: str) -> None:
    change = {**PADDINGS, "bare": lambda image: image, "clipped": clipped}[how]
    for blur in (0.7, 2.0, 4.0):
        assert looks_stained("Ch1", [change(stained(blur=blur)) for _ in range(4)]), blur


@pytest.mark.parametrize("case", ["img_zero_padded", "img_white_padded", "img_masked_zero"])
def test_padded_cases_are_brightfield(case: str, shared: Path) -> None:
    with survey([shared / "cases" / case], Limits(), FindingLog()) as found:
        assert not found.stained
