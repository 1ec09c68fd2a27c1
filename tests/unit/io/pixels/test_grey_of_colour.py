"""Images in one colour are their grey twins; traces of colour are no colours; what cannot be checked is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode

CELL = np.random.default_rng(5).integers(20, 255, (40, 60), dtype=np.uint8)


def read(data: bytes, name: str) -> tuple[np.ndarray, set[str]]:
    log = FindingLog()
    pixels = decode(data, name, Limits(), log).load(0)
    return pixels, {finding.code for finding in log}


def coloured(*channels: int) -> np.ndarray:
    image = np.zeros((40, 60, 3), np.uint8)
    image[..., list(channels)] = CELL[..., None]
    return image


def tif(pixels: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("channels", [(0,), (1,), (2,), (0, 2), (0, 1), (1, 2)])
@pytest.mark.parametrize("kind", ["tif", "png", "bmp", "palette"])
def test_an_image_in_one_colour_is_its_grey_twin(channels: tuple[int, ...], kind: str) -> None:
    image = coloured(*channels)
    if kind == "palette":
        table = np.zeros((3, 256), np.uint16)
        table[list(channels)] = np.arange(256) * 257
        data = tif(CELL, photometric="palette", colormap=table)
    else:
        data = tif(image, photometric="rgb") if kind == "tif" else pillow(Image.fromarray(image), kind)
    pixels, codes = read(data, "a.tif" if kind == "palette" else f"a.{kind}")
    assert np.array_equal(pixels, CELL)
    assert codes == {"N-IMG-ONE-COLOUR"}


def test_a_table_of_several_colours_is_told() -> None:
    table = np.stack([np.arange(256) * 257, (np.arange(256) // 2) * 257, np.arange(256)[::-1] * 257]).astype(np.uint16)
    assert read(tif(CELL, photometric="palette", colormap=table), "a.tif")[1] == {"W-IMG-COLOUR"}


def field(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(140, 6, (200, 300)).clip(0, 255).astype(np.uint8)


def test_traces_of_colour_are_no_colours() -> None:
    grey = np.stack([field()] * 3, -1)
    noisy = np.clip(grey.astype(int) + np.random.default_rng(2).integers(-2, 3, grey.shape), 0, 255).astype(np.uint8)
    marked = grey.copy()
    marked[180:184, 230:280] = (255, 255, 0)
    for image in (noisy, marked):
        for kind in ("png", "jpeg"):
            pixels, codes = read(pillow(Image.fromarray(image), kind), f"a.{kind}")
            assert codes - {"W-IMG-SCALE-BAR"} <= {"N-IMG-NEARLY-GREY"}
            assert abs(float(pixels.mean()) - float(field().mean())) < 2
    stained = grey.copy()
    stained[:, :150, 2] //= 2
    assert "W-IMG-COLOUR" in read(pillow(Image.fromarray(stained), "png"), "a.png")[1]


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("place", [(slice(180, 184), slice(230, 280)), (slice(12, 15), slice(10, 60))])
@pytest.mark.parametrize("kind", ["png", "jpeg", "tif"])
def test_a_scale_bar_is_told(value: int, place: tuple[slice, slice], kind: str) -> None:
    image = field()
    image[place] = value
    data = tif(image, compression="zlib") if kind == "tif" else pillow(Image.fromarray(image), kind, quality=95)
    assert "W-IMG-SCALE-BAR" in read(data, f"a.{kind}")[1]


def test_a_field_without_a_bar_is_not_told() -> None:
    image = field()
    image[50:80, 60:90] = 0
    image[100:, 100:103] = 255
    for one in (field(), image, np.clip(field().astype(int) + 100, 0, 255).astype(np.uint8)):
        assert "W-IMG-SCALE-BAR" not in read(pillow(Image.fromarray(one), "png"), "a.png")[1]


def test_where_damage_cannot_be_noticed_that_is_told() -> None:
    image = Image.fromarray(CELL)
    assert read(pillow(image, "jpeg", progressive=True), "a.jpg")[1] == {"W-IMG-UNCHECKED"}
    assert read(pillow(image, "jpeg"), "a.jpg")[1] == set()
    assert read(tif(CELL, compression="zstd"), "a.tif")[1] == {"W-IMG-UNCHECKED"}
    assert read(tif(CELL, compression="zlib"), "a.tif")[1] == set()
    assert imagecodecs.zstd_decode(imagecodecs.zstd_encode(b"x")) == b"x"


@pytest.mark.parametrize("name", ["dmg_jpg-prog_zeros.jpg", "dmg_tif-zstd-8-1strip_zeros.tif"])
def test_the_damaged_files_carry_the_warning(name: str, shared: Path) -> None:
    assert "W-IMG-UNCHECKED" in read((shared / "hostile" / "more" / name).read_bytes(), name)[1]


@pytest.mark.parametrize(
    ("case", "told"), [("img_rgb_green", "N-IMG-ONE-COLOUR"), ("img_palette_fire", "W-IMG-COLOUR")]
)
def test_the_cases_are_told(case: str, told: str, shared: Path) -> None:
    for path in sorted((shared / "cases" / case).rglob("*.tif")):
        assert read(path.read_bytes(), path.name)[1] == {told}
