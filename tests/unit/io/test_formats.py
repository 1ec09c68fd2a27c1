"""The same cell gives the same pixels in every format; what cannot be analysed is refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode
from nscweb.io.formats import FORMATS
from nscweb.io.formats.tiff import read_simple
from nscweb.io.pixels.tiff_layout import read_layout
from nscweb.simulation.small_tiff import tiff_bytes

RNG = np.random.default_rng(1)
CELL16 = RNG.integers(100, 4000, (37, 60), dtype=np.uint16)
CELL8 = RNG.integers(0, 255, (37, 60), dtype=np.uint8)


def pixels_of(data: bytes, name: str = "cell.tif") -> tuple[np.ndarray, FindingLog]:
    log = FindingLog()
    pages = decode(data, name, Limits(), log)
    assert len(pages) == 1
    return pages.load(0), log


def tif(pixels: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def pillow(pixels: np.ndarray, kind: str, mode: str | None = None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels, mode).save(out, kind) if mode else Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 7},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma"},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", [CELL8, CELL16], ids=["8", "16"])
def test_every_tiff_layout_gives_the_same_pixels(cell: np.ndarray, options: dict[str, Any]) -> None:
    pixels, log = pixels_of(tif(cell, photometric="minisblack", **options))
    np.testing.assert_array_equal(pixels, cell)
    assert pixels.dtype == cell.dtype
    # Zstandard without a checksum: damage would not be noticed, which is told.
    assert [finding.code for finding in log] == ["W-IMG-UNCHECKED"] * (options.get("compression") == "zstd")


@pytest.mark.parametrize("dtype", [np.uint32, np.float16, np.float32, np.float64, np.int16])
def test_every_depth_is_kept(dtype: Any) -> None:
    pixels, _ = pixels_of(tif(CELL8.astype(dtype), photometric="minisblack"))
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, CELL8.astype(dtype))


def test_the_fast_path_gives_what_tifffile_gives(shared: Path) -> None:
    files = sorted((shared / "data/ideas_ometif").glob("*.tif"))
    for data in [*(file.read_bytes() for file in files), tiff_bytes(CELL16, "Ch1"), tiff_bytes(CELL8, "Ch1")]:
        fast = read_simple(data, Limits())
        assert fast is not None
        with tifffile.TiffFile(io.BytesIO(data), is_ome=False) as tiff:
            slow = tiff.pages[0].asarray()
        np.testing.assert_array_equal(fast, slow)
        assert fast.dtype == slow.dtype


def test_the_fast_path_leaves_everything_else_to_tifffile() -> None:
    for data in (
        tif(CELL16, byteorder=">"),
        tif(CELL16, compression="zlib"),
        tif(CELL16, tile=(16, 16)),
        tif(np.stack([CELL16, CELL16]), photometric="minisblack"),
        tif(CELL16, photometric="miniswhite"),
        tif(CELL16, description="ImageJ=1.53\nimages=3\n", metadata=None),
        tif(CELL8.astype(np.int8)),
    ):
        assert read_simple(data, Limits()) is None


def test_white_is_zero_is_turned_round() -> None:
    pixels, _ = pixels_of(tif(CELL8, photometric="miniswhite"))
    np.testing.assert_array_equal(pixels, 255 - CELL8)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_eight_bit_and_equal_colours_are_the_same_cell(kind: str) -> None:
    name = f"cell.{kind.lower()}"
    for image in (CELL8, np.repeat(CELL8[..., None], 3, axis=2)):
        pixels, log = pixels_of(pillow(image, kind), name)
        np.testing.assert_array_equal(pixels, CELL8)
        assert not len(log)


def test_sixteen_bit_png_stays_sixteen_bit() -> None:
    pixels, _ = pixels_of(pillow(CELL16, "PNG"), "cell.png")
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, CELL16)
    colours = imagecodecs.png_encode(np.repeat(CELL16[..., None], 3, axis=2))
    pixels, log = pixels_of(colours, "cell.png")
    np.testing.assert_array_equal(pixels, CELL16)
    assert pixels.dtype == np.uint16 and not len(log)


def test_palettes_are_expanded() -> None:
    image = Image.fromarray(CELL8 // 64)
    image.putpalette([value for level in (7, 70, 130, 220) for value in (level,) * 3] + [0] * (3 * 252))
    for kind, name in (("PNG", "c.png"), ("BMP", "c.bmp"), ("TIFF", "c.tif")):
        out = io.BytesIO()
        image.save(out, kind)
        pixels, _ = pixels_of(out.getvalue(), name)
        np.testing.assert_array_equal(pixels, np.array([7, 70, 130, 220], np.uint8)[CELL8 // 64])


def test_colours_are_told() -> None:
    image = np.stack([CELL8, CELL8 // 2, CELL8 // 3], axis=2)
    pixels, log = pixels_of(pillow(image, "PNG"), "cell.png")
    assert [finding.code for finding in log] == ["W-IMG-COLOUR"]
    np.testing.assert_allclose(pixels, image @ [0.299, 0.587, 0.114], atol=0.51)


def test_transparency_is_dropped_with_a_note() -> None:
    image = np.dstack([CELL8, CELL8, CELL8, np.full_like(CELL8, 128)])
    pixels, log = pixels_of(pillow(image, "PNG"), "cell.png")
    np.testing.assert_array_equal(pixels, CELL8)
    assert [finding.code for finding in log] == ["W-IMG-ALPHA"]


def test_content_decides_and_a_wrong_name_is_told() -> None:
    pixels, log = pixels_of(pillow(CELL8, "PNG"), "cell.tif")
    np.testing.assert_array_equal(pixels, CELL8)
    assert [finding.code for finding in log] == ["W-IMG-NAME"]


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: tif(CELL16), "c.tif"),
        (lambda: tif(CELL16, compression="zlib"), "c.tif"),
        (lambda: tif(CELL16, compression="lzw", rowsperstrip=5), "c.tif"),
        (lambda: pillow(CELL16, "PNG"), "c.png"),
        (lambda: pillow(CELL8, "JPEG"), "c.jpg"),
        (lambda: pillow(CELL8, "BMP"), "c.bmp"),
        (lambda: tiff_bytes(CELL16, "Ch1"), "c.tif"),
    ],
)
def test_half_an_image_is_never_analysed(make: Callable[[], bytes], name: str, cut: float) -> None:
    data = make()
    with pytest.raises(InputRefused):
        pixels_of(data[: int(len(data) * cut)], name)


def test_short_strips_inside_a_whole_file_are_noticed() -> None:
    for compression in ("zlib", "lzw", "packbits", "zstd"):
        whole = tif(CELL16, compression=compression)
        page = read_layout(whole)[0]
        half = tif(CELL16[:18], compression=compression)
        strip = half[read_layout(half)[0].offsets[0] :][: read_layout(half)[0].counts[0]]
        data = bytearray(whole)
        at = page.offsets[0]
        data[at : at + len(strip)] = strip
        data[at + len(strip) : at + page.counts[0]] = bytes(page.counts[0] - len(strip))
        with pytest.raises(InputRefused):
            pixels_of(bytes(data))


def test_size_is_judged_before_memory_is_taken() -> None:
    with pytest.raises(LimitExceeded, match="NSCWEB_MAX_IMAGE_SIDE"):
        pixels_of(pillow(np.zeros((9, 9000), np.uint8), "PNG"), "c.png")
    with pytest.raises(LimitExceeded, match="NSCWEB_MAX_MEMBER_BYTES"):
        decode(tif(np.zeros((3000, 3000), np.uint16)), "c.tif", Limits(max_member_bytes=10_000_000), FindingLog())


def test_every_format_recognises_its_own_and_only_its_own() -> None:
    files = {
        "TIFF": tif(CELL8),
        "PNG": pillow(CELL8, "PNG"),
        "JPEG": pillow(CELL8, "JPEG"),
        "BMP": pillow(CELL8, "BMP"),
    }
    out = io.BytesIO()
    np.savez(out, x=CELL8[None])
    files["NumPy"] = out.getvalue()
    files["RT-DC"] = b"\x89HDF\r\n\x1a\n" + bytes(504)
    # Other tables of cells have tests of their own.
    assert [entry.name for entry in FORMATS if entry.name in files] == list(files)
    for entry in (entry for entry in FORMATS if entry.name in files):
        assert [name for name, data in files.items() if entry.sniff(data[:512])] == [entry.name]
    for entry in FORMATS:
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in entry.suffixes)
        assert (entry.read is None) != (entry.open_table is None)
