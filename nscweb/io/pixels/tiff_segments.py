"""Every strip and tile of a TIFF must be there in full: nothing is ever predicted on half an image.

How the strips of a TIFF may be packed, and how large an image is that hides inside a strip.

Methods such as JPEG 2000 bring a header of their own. Where it tells another size than the TIFF, decoders crop or fill
up in silence, and 70 bytes can ask for gigabytes; so the size is read here first. A method whose size is not
understood here is refused by name.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable

from nscweb.core.errors import InputRefused
from nscweb.io.pixels.jpeg_entropy import EntropyError, check_entropy, frame_size
from nscweb.io.pixels.tiff_layout import TiffPage, damaged

JPEG = 7
_JPEG_2000 = (33003, 33004, 33005, 34712)
_LERC, _PNG = 34887, 34933
# Without a size of their own: none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard (two numbers).
_PLAIN = frozenset({1, 5, 8, 32946, 32773, 34925, 34926, 50000})
_NAMES = {
    2: "fax",
    3: "fax",
    4: "fax",
    6: "old JPEG",
    22610: "JPEG XR",
    34934: "JPEG XR",
    34892: "lossy DNG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
    30817: "the grey method of .cif files",
    30818: "the mask method of .cif files",
}

Size = tuple[int, int]


def check_method(compression: int) -> None:
    """Refuse a TIFF that is packed in a way that is not read.

    Raises:
        InputRefused: naming the method.
    """
    if compression in _PLAIN or compression in _SIZES:
        return
    name = _NAMES.get(compression, f"method {compression}")
    raise InputRefused(
        f"The pixels of the TIFF are packed with {name}, which is not read.",
        "Save it without compression, or with LZW or deflate.",
        "E-IMG-COMPRESSION",
    )


def hidden_size(compression: int, packed: bytes) -> Size | None:
    """(height, width) that the header inside a strip gives; None for methods without one.

    Raises:
        ValueError: there is no such header, or it is damaged.
    """
    reader = _SIZES.get(compression)
    return None if reader is None else reader(packed)


def check_jpeg(tables: bytes, packed: bytes) -> bool:
    """Walk the codes of a strip that is a JPEG (see `jpeg_entropy`); `tables` are those that strips share.

    False for a kind that is not walked.

    Raises:
        ValueError: pixels are missing or damaged.
    """
    return check_entropy(tables.removesuffix(b"\xff\xd9") + packed[2:] if len(tables) > 4 else packed)


def _jpeg(packed: bytes) -> Size:
    size = frame_size(packed)
    if size is None:
        raise EntropyError("it has no frame header")
    return size[0], size[1]


def _jpeg_2000(packed: bytes) -> Size:
    # ISO/IEC 15444-1, A.5.1: marker SIZ directly behind the start of the code stream.
    at = packed.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 24 > len(packed):
        raise ValueError("no size")
    width, height, left, top = struct.unpack_from(">4I", packed, at + 8)
    return height - top, width - left


def _lerc(packed: bytes) -> Size:
    # Esri LERC, Lerc2::HeaderInfo: key, version, a checksum from version 3 on, rows, columns.
    if packed[:6] != b"Lerc2 " or len(packed) < 22:
        raise ValueError("no size")
    version = struct.unpack_from("<i", packed, 6)[0]
    height, width = struct.unpack_from("<2i", packed, 14 if version >= 3 else 10)
    return height, width


def _png(packed: bytes) -> Size:
    if packed[:8] != b"\x89PNG\r\n\x1a\n" or packed[12:16] != b"IHDR" or len(packed) < 24:
        raise ValueError("no size")
    width, height = struct.unpack_from(">2I", packed, 16)
    return height, width


_SIZES: dict[int, Callable[[bytes], Size]] = {
    JPEG: _jpeg,
    _LERC: _lerc,
    _PNG: _png,
    **dict.fromkeys(_JPEG_2000, _jpeg_2000),
}


_NONE = 1
_DEFLATE = (8, 32946)
_ZSTD = (34926, 50000)
# Frame header of Zstandard (RFC 8878, section 3.1.1): mark, and the bit that says that a checksum follows.
_ZSTD_MARK, _ZSTD_CHECKSUM = b"\x28\xb5\x2f\xfd", 0x04


def check_segments(page: TiffPage, data: bytes) -> str:
    """Compare number, position and size of strips or tiles with what the image needs.

    tifffile fills missing strips with zeros; a half image would come out as a whole one.

    Returns:
        What the pixels are packed with, where damage among them would not be noticed; else "".

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
    unchecked = ""
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
            packed = data[begin : begin + count]
            unchecked = _check_hidden(page, packed, {(height, columns), (rows, columns)}) or unchecked
    return unchecked


def _check_hidden(page: TiffPage, packed: bytes, sizes: set[tuple[int, int]]) -> str:
    """A strip that is an image of its own must have the size of the strip; returns as `check_segments`."""
    try:
        size = hidden_size(page.compression, packed)
        if size is not None and size not in sizes:
            raise damaged("its packed pixels are more or fewer than the image has")
        if page.compression == JPEG and not check_jpeg(page.jpeg_tables, packed):
            return "packed as progressive JPEG"
    except ValueError as error:
        raise damaged("its packed pixels cannot be unpacked") from error
    if page.compression in _ZSTD and not (packed[:4] == _ZSTD_MARK and packed[4:5] and packed[4] & _ZSTD_CHECKSUM):
        return "packed with Zstandard without a checksum"
    return ""


def _check_deflate(packed: bytes, expected: int, most: int) -> None:
    unpacker = zlib.decompressobj()
    try:
        found = len(unpacker.decompress(packed, most + 1))
    except zlib.error as error:
        raise damaged("its packed pixels cannot be unpacked") from error
    if not expected <= found <= most:
        raise damaged("its packed pixels are more or fewer than the image has")
