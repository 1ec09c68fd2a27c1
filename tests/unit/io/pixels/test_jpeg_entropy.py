"""A JPEG whose packed pixels are damaged is refused, although decoders make a whole image of it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode
from nscweb.io.pixels.jpeg_entropy import EntropyError, check_entropy

RNG = np.random.default_rng(0)
_Y, _X = np.mgrid[:64, :60]
CELL = 120 + 60 * np.exp(-((_Y - 32) ** 2 + (_X - 30) ** 2) / 100) + RNG.normal(0, 4, (64, 60))
GREY = CELL.clip(0, 255).astype(np.uint8)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])


def jpeg(pixels: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize("quality", [1, 30, 75, 95, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_whole_files_of_every_layout_pass(quality: int, subsampling: str) -> None:
    noise = RNG.integers(0, 256, (40, 51, 3), np.uint8)
    for pixels in (COLOUR, COLOUR[:9, :17], noise):
        for options in ({}, {"optimize": True}, {"restart_marker_blocks": 3}, {"progressive": True}):
            check_entropy(jpeg(pixels, quality=quality, subsampling=subsampling, **options))
    for pixels in (GREY, GREY[:8, :8], np.zeros((8, 300), np.uint8), noise[..., 0]):
        for options in ({}, {"optimize": True}, {"restart_marker_blocks": 1}):
            check_entropy(jpeg(pixels, quality=quality, **options))


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", ["zeros", "noise", "gone"])
def test_a_damaged_part_is_noticed_nearly_always(pixels: NDArray[Any], kind: str) -> None:
    whole = jpeg(pixels, quality=85)
    begin = whole.index(b"\xff\xda") + 14
    noticed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        length = int(rng.integers(30, 200))
        at = int(rng.integers(begin, len(whole) - 2 - length))
        middle = {"zeros": bytes(length), "noise": rng.bytes(length), "gone": b""}[kind]
        try:
            decode(whole[:at] + middle + whole[at + length :], "c.jpg", Limits(), FindingLog())
        except InputRefused as error:
            assert error.code == "E-IMG-DAMAGED"
            noticed += 1
    assert noticed >= 55


@pytest.mark.parametrize("restarts", [0, 2])
def test_half_an_image_with_a_proper_end_is_refused(restarts: int) -> None:
    whole = jpeg(GREY, quality=85, restart_marker_blocks=restarts)
    begin = whole.index(b"\xff\xda") + 10
    half = whole[: (begin + len(whole)) // 2] + b"\xff\xd9"
    Image.open(io.BytesIO(half)).load()  # the usual decoder sees a whole image
    with pytest.raises(InputRefused, match="missing"):
        decode(half, "c.jpg", Limits(), FindingLog())


def test_pixels_of_another_size_than_the_header_says_are_refused() -> None:
    for rows in (40, 56, 72):
        data = bytearray(jpeg(GREY))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 2] = rows.to_bytes(2, "big")
        with pytest.raises(EntropyError):
            check_entropy(bytes(data))
