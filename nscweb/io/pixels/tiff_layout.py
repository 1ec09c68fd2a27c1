"""Where things lie in a TIFF, read by struct and bounded, before any decoder sees the file (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass

from nscweb.core.errors import InputRefused

MAX_PAGES = 4096
_MAX_TAGS = 512
_MAX_VALUES = 1 << 20
_NUMBERS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TYPES = {**_NUMBERS, 1: "B", 2: "s", 7: "s"}
_RATIONAL = 5
_WANTED = frozenset(
    {254, 256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 284, 305, 317, 322, 323, 324, 325, 339, 347}
)
# What says more about the image without being needed for its pixels: damaged, it is as good as missing.
_FURTHER = frozenset({282, 283, 296, 530, 50838, 50839, 65326})
_IMAGEJ_TEXT = 50839
Tags = dict[int, tuple[int, ...] | tuple[float, ...] | bytes]


@dataclass(frozen=True)
class TiffPage:
    """One image directory of a TIFF.

    Attributes:
        height, width: pixels.
        bits: per sample.
        samples: values per pixel.
        compression, photometric, planar, predictor, sample_format: TIFF codes.
        offsets, counts: position and bytes of every strip or tile.
        block: (rows, columns) of a strip or tile.
        tiled: True for tiles.
        description: of the image, raw bytes; never shown or stored.
        reduced: a smaller copy of another page.
        jpeg_tables: what strips packed as JPEG share.
        byte_order: "<" or ">", of numbers in the file.
        subsampling: of the colours of YCbCr, (across, down).
        resolution: pixels per unit, (x, y); the unit is 1 none, 2 inch, 3 centimetre.
        imagej_sizes, imagej_text: lengths of the pieces of text that ImageJ keeps, and the pieces.
        nis_calibration: value of the private tag 65326 of NIS-Elements.
    """

    height: int
    width: int
    bits: int
    samples: int
    compression: int
    photometric: int
    planar: int
    predictor: int
    sample_format: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    block: tuple[int, int]
    tiled: bool
    description: bytes
    software: bytes
    reduced: bool
    jpeg_tables: bytes = b""
    byte_order: str = "<"
    subsampling: tuple[int, ...] = (2, 2)
    resolution: tuple[float, ...] = ()
    resolution_unit: int = 2
    imagej_sizes: tuple[int, ...] = ()
    imagej_text: bytes = b""
    nis_calibration: float | None = None


def damaged(detail: str) -> InputRefused:
    """The refusal of a TIFF that contradicts itself."""
    return InputRefused(f"The TIFF is damaged: {detail}.", "Export or copy it again.", "E-IMG-DAMAGED")


def read_layout(data: bytes) -> list[TiffPage]:
    """All pages of a TIFF in file order; a chain that comes back to itself ends there.

    Raises:
        InputRefused: header or a directory is damaged or cut off, or there are too many pages.
    """
    if len(data) < 8 or data[:2] not in (b"II", b"MM"):
        raise damaged("its header is cut off")
    order = "<" if data[:2] == b"II" else ">"
    version = struct.unpack_from(order + "H", data, 2)[0]
    big = version == 43
    if big and len(data) < 16:
        raise damaged("its header is cut off")
    position = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    pages: list[TiffPage] = []
    seen: set[int] = set()
    while position and position not in seen:
        seen.add(position)
        if len(pages) >= MAX_PAGES:
            raise InputRefused(f"The TIFF has more than {MAX_PAGES} pages.", "Export single cells.", "E-IMG-PAGES")
        tags, position = _directory(data, order, big, position)
        pages.append(_page(tags, order))
    if not pages:
        raise damaged("it holds no image")
    return pages


def _directory(data: bytes, order: str, big: bool, position: int) -> tuple[Tags, int]:
    count_format, entry_size, link = ("Q", 20, "Q") if big else ("H", 12, "I")
    head = struct.calcsize(order + count_format)
    if position + head > len(data):
        raise damaged("it is cut off, or its beginning was changed")
    count = struct.unpack_from(order + count_format, data, position)[0]
    end = position + head + count * entry_size
    if count > _MAX_TAGS or end + struct.calcsize(order + link) > len(data):
        raise damaged("it is cut off inside its list of properties")
    tags: Tags = {}
    for at in range(position + head, end, entry_size):
        tag = struct.unpack_from(order + "H", data, at)[0]
        if tag in _WANTED:
            tags[tag] = _value(data, order, big, at)
        elif tag in _FURTHER:
            with contextlib.suppress(InputRefused):
                tags[tag] = _value(data, order, big, at)
    return tags, struct.unpack_from(order + link, data, end)[0]


def _value(data: bytes, order: str, big: bool, at: int) -> tuple[int, ...] | tuple[float, ...] | bytes:
    tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
    if kind == _RATIONAL:
        return _ratios(data, order, big, at, 2 * min(count, _MAX_VALUES))
    letter = "s" if tag == _IMAGEJ_TEXT and kind in (1, 7) else _TYPES.get(kind)
    if letter is None:
        return ()
    size = count * (1 if letter == "s" else struct.calcsize(letter))
    inline, field = (8, at + 12) if big else (4, at + 8)
    if size > inline:
        field = struct.unpack_from(order + ("Q" if big else "I"), data, field)[0]
    if field + size > len(data) or (letter != "s" and count > _MAX_VALUES):
        raise damaged("it is cut off, or its list of properties was changed")
    if letter == "s":
        return data[field : field + size]
    return struct.unpack_from(f"{order}{count}{letter}", data, field)


def _ratios(data: bytes, order: str, big: bool, at: int, count: int) -> tuple[float, ...]:
    """Numbers that are stored as numerator and denominator; one over zero is no number and left out."""
    inline, field = (8, at + 12) if big else (4, at + 8)
    if 4 * count > inline:
        field = struct.unpack_from(order + ("Q" if big else "I"), data, field)[0]
    if field + 4 * count > len(data):
        raise damaged("it is cut off, or its list of properties was changed")
    pairs = struct.unpack_from(f"{order}{count}I", data, field)
    return tuple(a / b for a, b in zip(pairs[::2], pairs[1::2], strict=True) if b)


def _page(tags: Tags, order: str) -> TiffPage:
    def number(tag: int, default: int) -> int:
        value = tags.get(tag)
        return int(value[0]) if value and not isinstance(value, bytes) else default

    def numbers(tag: int) -> tuple[int, ...]:
        value = tags.get(tag, ())
        return () if isinstance(value, bytes) else tuple(int(item) for item in value)

    def real(tag: int) -> float | None:
        value = tags.get(tag)
        return float(value[0]) if value and not isinstance(value, bytes) else None

    def text(tag: int) -> bytes:
        value = tags.get(tag, b"")
        return value if isinstance(value, bytes) else b""

    width, height = number(256, 0), number(257, 0)
    if width < 1 or height < 1:
        raise damaged("it does not say how large the image is")
    tiled = 324 in tags
    return TiffPage(
        height=height,
        width=width,
        bits=max(numbers(258) or (1,)),
        samples=number(277, 1),
        compression=number(259, 1),
        photometric=number(262, 1),
        planar=number(284, 1),
        predictor=number(317, 1),
        sample_format=number(339, 1),
        offsets=numbers(324 if tiled else 273),
        counts=numbers(325 if tiled else 279),
        block=(number(323, 0), number(322, 0)) if tiled else (min(number(278, height), height), width),
        tiled=tiled,
        description=text(270),
        software=text(305),
        reduced=bool(number(254, 0) & 1),
        jpeg_tables=text(347),
        byte_order=order,
        subsampling=numbers(530) or (2, 2),
        resolution=tuple(value for value in (real(282), real(283)) if value),
        resolution_unit=number(296, 2),
        imagej_sizes=numbers(50838),
        imagej_text=text(_IMAGEJ_TEXT),
        nis_calibration=real(65326),
    )
