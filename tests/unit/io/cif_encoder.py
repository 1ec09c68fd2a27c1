"""Writes `.cif` and `.rif` files as the instrument does, for tests: the inverse of what the package reads."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

XML = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<Acquisition>
  <Illumination><BFOnOff>{lit}</BFOnOff><BfLedIndicators_0_11>{lamps}</BfLedIndicators_0_11></Illumination>
  <Imaging><Magnification>{magnification}</Magnification><CameraBinning>1</CameraBinning>
  <FileDirectory>c:\\secret\\folder</FileDirectory>
  <ChannelInUseIndicators_0_11>{in_use}</ChannelInUseIndicators_0_11></Imaging>
</Acquisition>
"""


def encode_grey(pixels: NDArray[Any]) -> bytes:
    """(h, w) pixels as nibbles of differences."""
    values = np.diff(np.diff(pixels.astype(np.int64), axis=0, prepend=0), axis=1, prepend=0).ravel()
    return encode_differences(values)


def encode_differences(values: NDArray[np.int64]) -> bytes:
    counts = np.ones(len(values), np.int64)
    for more in range(1, 11):
        half = 1 << (3 * more - 1)
        counts += (values < -half) | (values >= half)
    starts = np.cumsum(counts) - counts
    nibbles = np.zeros(int(counts.sum() + 1) // 2 * 2, np.uint8)
    for place in range(int(counts.max())):
        here = counts > place
        follows = np.where(counts[here] > place + 1, 8, 0)
        nibbles[starts[here] + place] = ((values[here] >> (3 * place)) & 7) | follows
    return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()


def encode_bitmask(mask: NDArray[np.bool_], inside: int = 1) -> bytes:
    """(h, w) mask as pairs of value and run length - 1."""
    flat = mask.ravel()
    bounds = np.flatnonzero(np.diff(flat)) + 1
    out = bytearray()
    for begin, end in zip([0, *bounds.tolist()], [*bounds.tolist(), len(flat)], strict=True):
        value, left = (inside if flat[begin] else 0), end - begin
        while left:
            out += bytes([value, min(left, 256) - 1])
            left -= min(left, 256)
    return bytes(out)


@dataclass(frozen=True)
class Object:
    """One object: pixels (C, h, w), and masks alike or None."""

    number: int
    pixels: NDArray[Any]
    masks: NDArray[np.bool_] | None = None
    plain: bool = False


def make_objects(count: int, channels: int = 3, seed: int = 0, *, masks: bool = True, side: int = 20) -> list[Object]:
    """Noisy cells on an even background, each of another size."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        height, width = (int(rng.integers(side, side + 12)) for _ in range(2))
        level = rng.integers(30, 900, channels)[:, None, None]
        pixels = rng.normal(level, 4, (channels, height, width)).clip(0, 4095).astype(np.uint16)
        inside = np.zeros((channels, height, width), bool)
        inside[:, 5:-5, 4:-6] = True
        pixels[inside] += 100
        made.append(Object(number, pixels, inside if masks else None))
    return made


Tag = tuple[int, int, int, bytes]  # number, type, length, value


def _short(tag: int, value: int) -> Tag:
    return tag, 3, 1, struct.pack("<H", value)


def _long(tag: int, value: int) -> Tag:
    return tag, 4, 1, struct.pack("<I", value)


def _doubles(tag: int, values: Sequence[float]) -> Tag:
    return tag, 12, len(values), struct.pack(f"<{len(values)}d", *values)


def _text(tag: int, value: bytes) -> Tag:
    return tag, 2, len(value), value


def _image(one: Object, statistics: bool) -> list[Tag]:
    side_by_side = np.hstack(list(one.pixels))
    height, width = side_by_side.shape
    data = side_by_side.astype("<u2").tobytes() if one.plain else encode_grey(side_by_side)
    tags = [_long(254, 2), _long(256, width), _long(257, height), _short(258, 16)]
    tags += [_short(259, 1 if one.plain else 30817), _short(262, 1), _short(266, 0)]
    tags += [(273, 4, 1, b""), _short(277, 1), _long(278, height), _long(279, len(data))]
    tags += [_short(33002, 2), _long(33003, one.number)]
    if statistics:
        channels = len(one.pixels)
        tags += [_doubles(33052, [float(np.median(plane)) for plane in one.pixels])]
        tags += [_doubles(33053, [1.5] * channels), _doubles(33054, [float(one.number)] * channels)]
    return [(*tag[:3], data if tag[0] == 273 else tag[3]) for tag in tags]


def _mask(one: Object, numbered: bool) -> list[Tag]:
    assert one.masks is not None
    side_by_side = np.hstack(list(one.masks))
    height, width = side_by_side.shape
    data = side_by_side.astype(np.uint8).tobytes() if one.plain else encode_bitmask(side_by_side)
    tags = [_long(254, 6), _long(256, width), _long(257, height), _short(258, 8)]
    tags += [_short(259, 1 if one.plain else 30818), (273, 4, 1, data), _long(279, len(data))]
    tags += [_short(33002, 3)] + ([_long(33003, one.number)] if numbered else [])
    return tags


def write_cif(
    stream: BinaryIO,
    objects: Sequence[Object],
    *,
    claimed: int | None = None,
    in_use: Sequence[int] = (),
    lamps: Sequence[int] = (),
    magnification: str = "40",
    xml: bytes | None = None,
    statistics: bool = True,
    numbered: bool = False,
    big: bool = False,
    physical: Sequence[int] = (),
    gaps: Mapping[int, int] | None = None,
) -> list[tuple[int, int]]:
    """Write a whole file and give (begin, end) of every directory with its data, in the order of the chain.

    Args:
        in_use, lamps: channel numbers from 1, for the settings.
        xml: other settings than these.
        numbered: masks have the number of their object too.
        physical: order of the directories in the file, when it is not that of the chain.
        gaps: empty bytes before the directory at a place of the chain.
    """
    if xml is None:
        switches = {
            key: "".join(f"{int(number in chosen)} " for number in range(1, 13))
            for key, chosen in (("in_use", in_use), ("lamps", lamps))
        }
        xml = XML.format(lit=int(bool(lamps)), magnification=magnification, **switches).encode()
    header = [_long(256, 1), _long(257, 1), _short(33002, 1), _text(33005, b"A. Person\0")]
    header += [_long(33018, len(objects) if claimed is None else claimed)]
    header += [_text(33026, b"c:\\secret\\folder\0"), _text(33027, xml)]
    chain = [header]
    for one in objects:
        chain.append(_image(one, statistics))
        if one.masks is not None:
            chain.append(_mask(one, numbered))
    entry, head, link, short = (20, 8, 8, 8) if big else (12, 2, 4, 4)
    sizes = [
        head + entry * len(tags) + link + sum(len(tag[3]) for tag in tags if tag[0] == 273 or len(tag[3]) > short)
        for tags in chain
    ]
    places = [0] * len(chain)
    at = 16 if big else 8
    for number in physical or range(len(chain)):
        at += (gaps or {}).get(number, 0)
        places[number] = at
        at += sizes[number]
    if big:
        stream.write(b"II+\0\x08\0\0\0" + struct.pack("<Q", places[0]))
    else:
        stream.write(struct.pack("<4sI", b"II*\0", places[0]))
    wrap = 1 << (64 if big else 32)
    for number, tags in enumerate(chain):
        stream.seek(places[number])
        blob_at = places[number] + head + entry * len(tags) + link
        rows, blobs = b"", b""
        for tag, form, length, value in tags:
            if tag == 273 or len(value) > short:
                raw = struct.pack("<Q" if big else "<I", (blob_at + len(blobs)) % wrap)
                blobs += value
            else:
                raw = value.ljust(short, b"\0")
            rows += struct.pack("<HHQ" if big else "<HHI", tag, form, length) + raw
        following = places[number + 1] % wrap if number + 1 < len(chain) else 0
        stream.write(struct.pack("<Q" if big else "<H", len(tags)) + rows)
        stream.write(struct.pack("<Q" if big else "<I", following) + blobs)
    return [(begin, begin + size) for begin, size in zip(places, sizes, strict=True)]


def cif_bytes(objects: Sequence[Object], **options: Any) -> bytes:
    """A whole file in memory; see `write_cif`."""
    stream = io.BytesIO()
    write_cif(stream, objects, **options)
    return stream.getvalue()
