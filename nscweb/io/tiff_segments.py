"""Every strip and tile of a TIFF must be there in full: nothing is ever predicted on half an image."""

from __future__ import annotations

import math
import zlib

from nscweb.io.tiff_codecs import JPEG, check_jpeg, check_method, hidden_size
from nscweb.io.tiff_layout import TiffPage, damaged

_NONE = 1
_DEFLATE = (8, 32946)


def check_segments(page: TiffPage, data: bytes) -> None:
    """Compare number, position and size of strips or tiles with what the image needs.

    tifffile fills missing strips with zeros; a half image would come out as a whole one.

    Raises:
        InputRefused: some are missing, cut off, or unpack to less or more than they should; a method of
            packing that is not read.
    """
    check_method(page.compression)
    rows, columns = page.block
    if rows < 1 or columns < 1:
        raise damaged("it does not say how its pixels are stored")
    planes = page.samples if page.planar == 2 else 1
    across = math.ceil(page.width / columns)
    down = math.ceil(page.height / rows)
    needed = across * down * planes
    if len(page.offsets) < needed or len(page.counts) < needed:
        raise damaged("a part of the image is missing")
    bits_per_pixel = page.bits * (1 if page.planar == 2 else page.samples)
    for number in range(needed):
        begin, count = page.offsets[number], page.counts[number]
        if not begin or not count or begin + count > len(data):
            raise damaged("it ends in the middle of the image")
        last_row = (number // across) % down == down - 1
        height = rows if page.tiled or not last_row else page.height - rows * (down - 1)
        row_bytes = math.ceil(columns * bits_per_pixel / 8)
        expected = height * row_bytes
        if page.compression == _NONE and count < expected:
            raise damaged("it ends in the middle of the image")
        if page.compression in _DEFLATE:
            _check_deflate(data[begin : begin + count], expected, rows * row_bytes)
        else:
            _check_hidden(page, data[begin : begin + count], {(height, columns), (rows, columns)})


def _check_hidden(page: TiffPage, packed: bytes, sizes: set[tuple[int, int]]) -> None:
    """A strip that is an image of its own must have the size of the strip."""
    try:
        size = hidden_size(page.compression, packed)
        if size is not None and size not in sizes:
            raise damaged("its packed pixels are more or fewer than the image has")
        if page.compression == JPEG:
            check_jpeg(page.jpeg_tables, packed)
    except ValueError as error:
        raise damaged("its packed pixels cannot be unpacked") from error


def _check_deflate(packed: bytes, expected: int, most: int) -> None:
    unpacker = zlib.decompressobj()
    try:
        found = len(unpacker.decompress(packed, most + 1))
    except zlib.error as error:
        raise damaged("its packed pixels cannot be unpacked") from error
    if not expected <= found <= most:
        raise damaged("its packed pixels are more or fewer than the image has")
