"""Strips that are images of their own must be as large as the TIFF says; methods that are not read are named."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
import tifffile

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode
from nscweb.io.pixels.tiff_segments import hidden_size

_Y, _X = np.mgrid[:40, :56]
CELL = (120 + 60 * np.exp(-((_Y - 20) ** 2 + (_X - 28) ** 2) / 90)).astype(np.uint8)
METHODS: dict[str, tuple[int, Callable[[np.ndarray], bytes]]] = {
    "JPEG": (7, lambda pixels: imagecodecs.jpeg8_encode(pixels, level=95)),
    "JPEG 2000": (34712, lambda pixels: imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="J2K")),
    "LERC": (34887, imagecodecs.lerc_encode),
    "PNG": (34933, imagecodecs.png_encode),
}


def one_strip(strip: bytes, compression: int, shape: tuple[int, int]) -> bytes:
    """A TIFF of 8 bit that says `shape` and holds these packed bytes."""
    height, width = shape
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, compression),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(strip)),
    ]
    strip += b"\0" * (len(strip) % 2)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + struct.pack("<H", len(tags))
    return head + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)


def pixels_of(data: bytes) -> np.ndarray:
    return decode(data, "c.tif", Limits(), FindingLog()).load(0)


@pytest.mark.parametrize("name", METHODS)
def test_the_size_inside_a_strip_is_read_and_compared(name: str) -> None:
    code, encode = METHODS[name]
    packed = encode(CELL)
    assert hidden_size(code, packed) == CELL.shape
    found = pixels_of(one_strip(packed, code, CELL.shape))
    np.testing.assert_allclose(found.astype(int), CELL, atol=12 if name == "JPEG" else 0)
    for other in ((20, 56), (80, 56), (40, 57), (40, 20), (24, 24)):
        with pytest.raises(InputRefused) as caught:
            pixels_of(one_strip(packed, code, other))
        assert caught.value.code == "E-IMG-DAMAGED"
    with pytest.raises(InputRefused):
        pixels_of(one_strip(packed[: len(packed) // 2], code, CELL.shape))


@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 16}, {"tile": (16, 32)}], ids=str)
@pytest.mark.parametrize("method", ["jpeg", "jpeg2000", "lerc", "png"])
def test_strips_and_tiles_with_sizes_of_their_own_are_read(method: str, options: dict[str, int]) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, CELL, photometric="minisblack", compression=method, **options)
    np.testing.assert_allclose(pixels_of(out.getvalue()).astype(int), CELL, atol=12 if method == "jpeg" else 0)


@pytest.mark.parametrize(("code", "name"), [(50002, "JPEG XL"), (50001, "WebP"), (4, "fax"), (4711, "method 4711")])
def test_a_method_that_is_not_read_is_named_with_the_way_out(code: int, name: str) -> None:
    with pytest.raises(InputRefused, match=name) as caught:
        pixels_of(one_strip(b"x" * 99, code, CELL.shape))
    assert caught.value.code == "E-IMG-COMPRESSION" and "LZW" in caught.value.todo


def test_damaged_codes_of_a_jpeg_in_a_tiff_are_noticed() -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, CELL, photometric="minisblack", compression="jpeg", rowsperstrip=16)
    whole = bytearray(out.getvalue())
    with tifffile.TiffFile(io.BytesIO(bytes(whole))) as tif:
        page = tif.pages[0]
        begin, count = page.dataoffsets[1], page.databytecounts[1]
    whole[begin + count // 2 : begin + count - 2] = bytes(count - 2 - count // 2)
    with pytest.raises(InputRefused):
        pixels_of(bytes(whole))
