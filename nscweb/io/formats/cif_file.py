"""Directories of a `.cif` or `.rif`, read one by one and bounded.

A TIFF, little endian: a header, then an image and mostly a mask directory per object, each with the position of the
next (FACTS section 2). Positions have 32 bits, so in files over 4 GB they are modulo 2^32.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

from nscweb.core.errors import InputRefused

KIND_TAG, NUMBER_TAG = 33002, 33003
WRAP = 1 << 32
_MOST_ENTRIES = 400
_FIRST_READ = 512
_WINDOW = 1 << 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_FORMATS = {1: "B", 3: "H", 4: "I", 11: "f", 12: "d", 13: "I", 16: "Q"}


class Step(NamedTuple):
    """A directory as the walk sees it: what it is, its object (-1 for none), the next one, where it ends."""

    at: int
    kind: int
    number: int
    link: int
    end: int


class Entry(NamedTuple):
    """One tag of a directory; `raw` holds the value itself when it is short, or else its position."""

    type: int
    length: int
    raw: bytes


class CifFile:
    """Bounded reading of directories; not mapped, because a file that shrinks while mapped ends the process.

    Raises:
        InputRefused: not such a file.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb", buffering=0)
        self.size = path.stat().st_size
        self._window, self._window_at = b"", 0
        try:
            self._read_head(path.name)
        except BaseException:
            self.close()
            raise

    def _read_head(self, name: str) -> None:
        head = self.read(0, 16)
        if not head:
            raise InputRefused(f"{name} is an empty file.", "Export or copy it again.", "E-IMG-EMPTY")
        self.big = head.startswith(b"II+\0\x08\0\0\0") and len(head) == 16
        if not self.big and not (head.startswith(b"II*\0") and len(head) >= 8):
            raise not_cif(name)
        self.first = int(struct.unpack_from("<Q", head, 8)[0] if self.big else struct.unpack_from("<I", head, 4)[0])
        self.head_size, self.entry_size = (8, 20) if self.big else (2, 12)
        self._count, self._link = ("<Q", "<Q") if self.big else ("<H", "<I")
        self._row = struct.Struct("<HHQ8s" if self.big else "<HHI4s")
        self.is_kind = struct.pack("<HHQ" if self.big else "<HHI", KIND_TAG, 3, 1)

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at`; fewer at the end of the file, none outside it."""
        if at < 0 or at >= self.size or count <= 0:
            return b""
        self._stream.seek(at)
        return self._stream.read(min(count, self.size - at)) or b""

    def read_near(self, at: int, count: int) -> bytes:
        """As `read`, out of a window of the file: neighbours come with one access to the disk."""
        begin = at - self._window_at
        if not 0 <= begin <= len(self._window) - count:
            if count > _WINDOW // 2:
                return self.read(at, count)
            self._window, self._window_at, begin = self.read(at, _WINDOW), at, 0
        return self._window[begin : begin + count]

    def step(self, at: int) -> Step | None:
        """The directory at a position, None when none of this kind of file is there."""
        raw = self.read(at, _FIRST_READ)
        if len(raw) < self.head_size + self.entry_size:
            return None
        count = struct.unpack_from(self._count, raw)[0]
        end = self.head_size + self.entry_size * count
        if not 0 < count <= _MOST_ENTRIES:
            return None
        if end + 8 > len(raw):
            raw = self.read(at, end + 8)
        place = raw.find(self.is_kind, self.head_size, end)
        while place >= 0 and (place - self.head_size) % self.entry_size:
            place = raw.find(self.is_kind, place + 1, end)
        width = struct.calcsize(self._link)
        if place < 0 or end + width > len(raw):
            return None
        value = 12 if self.big else 8
        kind, number = struct.unpack_from("<H", raw, place + value)[0], -1
        following = place + self.entry_size
        if following < end:
            tag, form, values, data = self._row.unpack_from(raw, following)
            if tag == NUMBER_TAG and values == 1 and form in (3, 4):
                number = struct.unpack_from("<H" if form == 3 else "<I", data)[0]
        return Step(at, kind, number, struct.unpack_from(self._link, raw, end)[0], at + end + width)

    def follow(self, at: int, link: int) -> Step | None:
        """The directory that a link leads to; in files over 4 GB the nearest that fits, forwards first."""
        if self.big or self.size <= WRAP:
            return self.step(link)
        forwards = link + at - at % WRAP + (WRAP if link <= at % WRAP else 0)
        places = [*range(forwards, self.size, WRAP), *range(min(forwards, self.size + WRAP) - WRAP, -1, -WRAP)]
        return next((step for step in map(self.step, places) if step is not None), None)

    def entries(self, at: int) -> dict[int, Entry] | None:
        """All tags of the directory at a position."""
        raw = self.read_near(at, self.head_size)
        if len(raw) < self.head_size:
            return None
        count = struct.unpack(self._count, raw)[0]
        raw = self.read_near(at + self.head_size, self.entry_size * count) if 0 < count <= _MOST_ENTRIES else b""
        if not raw or len(raw) < self.entry_size * count:
            return None
        return {tag: Entry(form, values, data) for tag, form, values, data in self._row.iter_unpack(raw)}

    def near(self, at: int, position: int) -> int:
        """A position of 32 bits in a directory at `at`: of those it may stand for, the nearest."""
        if self.big or self.size <= WRAP:
            return position
        return position + max(0, round((at - position) / WRAP)) * WRAP

    def values(self, at: int, entry: Entry | None, most: int) -> tuple[Any, ...]:
        """Numbers of a tag in the directory at `at`; none when it is missing, damaged, or longer than `most`."""
        if entry is None or entry.type not in _FORMATS or not 0 < entry.length <= most:
            return ()
        data = self.data(at, entry, most * 8)
        size = entry.length * _SIZES[entry.type]
        return struct.unpack(f"<{entry.length}{_FORMATS[entry.type]}", data) if len(data) == size else ()

    def data(self, at: int, entry: Entry, most: int) -> bytes:
        """Bytes of a tag in the directory at `at`; empty when they are longer than `most`."""
        size = entry.length * _SIZES.get(entry.type, most + 1)
        if size > most:
            return b""
        if size <= len(entry.raw):
            return entry.raw[:size]
        position = struct.unpack("<Q" if self.big else "<I", entry.raw)[0]
        return self.read_near(self.near(at, position), size)

    def close(self) -> None:
        self._stream.close()


def not_cif(name: str) -> InputRefused:
    return InputRefused(
        f"{name} is not a file of an imaging flow cytometer, whatever its name says.",
        "Import the .cif or .rif that the instrument's software wrote.",
        "E-CIF-NOT-CIF",
    )
