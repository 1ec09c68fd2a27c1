"""Do the packed pixels of a JPEG hold all its blocks, no fewer and no more? JPEG has no checksum to tell.

Decoders fill what is missing with grey and go on, so a damaged file comes out as a whole image. Here the codes are
walked without making pixels (ITU-T T.81, sections B.2, F.2.2): every code must exist, and the blocks must end where
the data end. Damage that keeps the lengths of all codes stays unseen. Progressive files are not walked, which is told.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

# A code of 16 bits and its value of at most 16 bits are looked up in windows of this many bits.
_WINDOW = 16
_BASELINE = (0xC0, 0xC1)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# Walking takes about half a second per million bytes, and a cell has a few thousand.
MOST_BYTES = 2_000_000
_MARKER = re.compile(rb"\xff+([^\x00\xff])")


class EntropyError(ValueError):
    """The packed pixels are not what the headers promise; the text says what is wrong."""


@dataclass(frozen=True)
class _Component:
    number: int
    across: int
    down: int


@dataclass
class _Walk:
    """What the headers so far say. `tables`: (class, number) -> look-up; class 0 is DC, 1 is AC."""

    width: int = 0
    height: int = 0
    components: tuple[_Component, ...] = ()
    interval: int = 0
    tables: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)


def frame_size(data: bytes) -> tuple[int, int, int] | None:
    """(height, width, components) from the frame header (ITU-T T.81, section B.2.2); None without one."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        length = struct.unpack_from(">H", data, position + 2)[0]
        if marker in _FRAMES and position + 10 <= len(data):
            height, width, components = struct.unpack_from(">HHB", data, position + 5)
            return height, width, components
        if marker in (0xD9, 0xDA):
            break
        position += 2 + length
    return None


def check_entropy(data: bytes) -> bool:
    """Walk all scans of a sequential Huffman-coded JPEG; any other kind passes without a look, and False is given.

    Raises:
        EntropyError: data of pixels are missing, damaged or too many.
    """
    walk = _Walk()
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            break
        marker, position = found.group(1)[0], found.end()
        if marker in _STANDALONE:
            continue
        if marker == 0xD9:
            break
        if position + 2 > len(data):
            raise EntropyError("it is cut off")
        length = struct.unpack_from(">H", data, position)[0]
        body = data[position + 2 : position + length]
        if len(body) != length - 2:
            raise EntropyError("it is cut off")
        position += length
        if marker in _BASELINE:
            _read_frame(walk, body)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return False
        elif marker == 0xC4:
            _read_tables(walk, body)
        elif marker == 0xDD and len(body) >= 2:
            walk.interval = struct.unpack_from(">H", body)[0]
        elif marker == 0xDA:
            position = _walk_scan(walk, body, data, position)
    if walk.components and {part.number for part in walk.components} - walk.seen:
        raise EntropyError("a part of the image is missing")
    return True


def _read_frame(walk: _Walk, body: bytes) -> None:
    if len(body) < 6 or len(body) < 6 + 3 * body[5] or not body[5]:
        raise EntropyError("its frame header is cut off")
    walk.height, walk.width = struct.unpack_from(">HH", body, 1)
    parts = []
    for at in range(6, 6 + 3 * body[5], 3):
        parts.append(_Component(body[at], body[at + 1] >> 4, body[at + 1] & 15))
    if any(not 1 <= factor <= 4 for part in parts for factor in (part.across, part.down)):
        raise EntropyError("its frame header is damaged")
    walk.components = tuple(parts)


def _read_tables(walk: _Walk, body: bytes) -> None:
    while len(body) >= 17:
        count = sum(body[1:17])
        values = body[17 : 17 + count]
        if len(values) != count or count > 256:
            raise EntropyError("a table of codes is damaged")
        key = (body[0] >> 4, body[0] & 15)
        walk.tables[key] = _table(bytes(body[1:17]), bytes(values), key[0] == 0)
        body = body[17 + count :]


@lru_cache(maxsize=16)
def _table(lengths: bytes, values: bytes, dc: bool) -> list[int]:
    """For every window of 16 bits: bits that code and value take, plus 64 times the coefficients passed.

    0 where no code begins so; the end of a block passes 64 coefficients (section F.2.2.2).
    """
    found = np.zeros(1 << _WINDOW, np.int64)
    code = at = 0
    for length in range(1, 17):
        for _ in range(lengths[length - 1]):
            value = values[at]
            run, size = (0, value) if dc else (value >> 4, value & 15)
            passed = 0 if dc else 64 if not size and run < 15 else run + 1
            begin = code << (_WINDOW - length)
            end = (code + 1) << (_WINDOW - length)
            if end > len(found) or (dc and size > 16):
                raise EntropyError("a table of codes is damaged")
            found[begin:end] = length + size + 64 * passed
            code, at = code + 1, at + 1
        code <<= 1
    return list(found.tolist())


def _walk_scan(walk: _Walk, body: bytes, data: bytes, position: int) -> int:
    """Walk the data behind a scan header; the position behind them."""
    if not walk.components or not body or len(body) < 1 + 2 * body[0]:
        raise EntropyError("a scan header is damaged")
    known = {part.number: part for part in walk.components}
    chosen = []
    for at in range(1, 1 + 2 * body[0], 2):
        part = known.get(body[at])
        dc, ac = walk.tables.get((0, body[at + 1] >> 4)), walk.tables.get((1, body[at + 1] & 15))
        if part is None or dc is None or ac is None:
            raise EntropyError("a scan header is damaged")
        walk.seen.add(part.number)
        chosen.append((part, dc, ac))
    end, pieces = _pieces(data, position)
    if end - position > MOST_BYTES:
        return end
    units, order = _units(walk, chosen)
    interval = walk.interval or units
    if len(pieces) != math.ceil(units / interval):
        raise EntropyError("parts between its restart markers are missing")
    for number, piece in enumerate(pieces):
        _walk_piece(piece, min(interval, units - number * interval), order)
    return end


def _pieces(data: bytes, position: int) -> tuple[int, list[bytes]]:
    """(position behind the entropy-coded data, the data between restart markers without stuffed zeros)."""
    pieces, begin = [], position
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise EntropyError("it is cut off")
        position = found.end()
        if not 0xD0 <= found.group(1)[0] <= 0xD7:
            pieces.append(data[begin : found.start()].replace(b"\xff\x00", b"\xff"))
            return found.start(), pieces
        pieces.append(data[begin : found.start()].replace(b"\xff\x00", b"\xff"))
        begin = position


def _units(
    walk: _Walk, chosen: list[tuple[_Component, list[int], list[int]]]
) -> tuple[int, list[tuple[list[int], list[int]]]]:
    """(number of coded units of a scan, tables of the blocks of one unit in their order); section A.2."""
    widest = max(part.across for part in walk.components)
    tallest = max(part.down for part in walk.components)
    if len(chosen) == 1:
        part, dc, ac = chosen[0]
        columns = math.ceil(math.ceil(walk.width * part.across / widest) / 8)
        rows = math.ceil(math.ceil(walk.height * part.down / tallest) / 8)
        return columns * rows, [(dc, ac)]
    units = math.ceil(walk.width / (8 * widest)) * math.ceil(walk.height / (8 * tallest))
    return units, [(dc, ac) for part, dc, ac in chosen for _ in range(part.across * part.down)]


def _walk_piece(piece: bytes, units: int, order: list[tuple[list[int], list[int]]]) -> None:
    total = 8 * len(piece)
    # Windows of 24 bits at every byte; the end is filled with ones, as encoders fill their last byte.
    padded = np.frombuffer(piece + b"\xff" * 4, np.uint8).astype(np.int64)
    windows = ((padded[:-2] << 16) | (padded[1:-1] << 8) | padded[2:]).tolist()
    position = 0
    for _ in range(units):
        for dc, ac in order:
            if position >= total:
                raise EntropyError("pixels are missing")
            found = dc[(windows[position >> 3] >> (8 - (position & 7))) & 0xFFFF]
            position += found
            index = 1
            while index < 64 and found:
                if position >= total:
                    raise EntropyError("pixels are missing")
                found = ac[(windows[position >> 3] >> (8 - (position & 7))) & 0xFFFF]
                position += found & 63
                index += found >> 6
            if not found or (index > 64 and found >> 6 != 64):
                raise EntropyError("its packed pixels are damaged")
    if position > total:
        raise EntropyError("pixels are missing")
    # Less than a byte is left, which encoders fill with ones; a few write zeros.
    left = total - position
    if left >= 8 or (left and piece[-1] & ((1 << left) - 1) not in (0, (1 << left) - 1)):
        raise EntropyError("it has more pixels than its header says")
