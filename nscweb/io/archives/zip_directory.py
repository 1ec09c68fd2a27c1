"""The list of files at the end of a zip: found, bounded and parsed before anything is unpacked.

Layout after PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16. Entries become NumPy columns, so that a million
files cost megabytes and not a gigabyte of Python objects.

Files that are called .zip and are none, or not any more, are refused with what they are and what to do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO, RawIOBase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits
from nscweb.io.archives.zip_names import NameReading, guess_reading, unicode_name
from nscweb.io.names.other_files import known_by_content

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_LENGTHS = struct.Struct("<3H")
_ENTRY = 46
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF
# A file name longer than this in the average member means that the directory is not what it says.
_BYTES_PER_ENTRY = 1024
# How far before the end of the file the end record is looked for: behind it lies what a transfer or a program added.
_MOST_BEHIND = 64 << 20
_TURN = 1 << 32
_UTF8 = 0x800
ENTRY_TYPE = np.dtype(
    [
        ("signature", "<u4"),
        ("made_by", "<u2"),
        ("needs", "<u2"),
        ("flags", "<u2"),
        ("method", "<u2"),
        ("time", "<u2"),
        ("date", "<u2"),
        ("crc", "<u4"),
        ("packed", "<u4"),
        ("size", "<u4"),
        ("name_length", "<u2"),
        ("extra_length", "<u2"),
        ("comment_length", "<u2"),
        ("disk", "<u2"),
        ("internal", "<u2"),
        ("external", "<u4"),
        ("offset", "<u4"),
    ]
)


def read_up_to(stream: RawIOBase | BytesIO, length: int) -> bytes:
    """Up to `length` bytes; an unbuffered file may give less than it has in one go."""
    parts: list[bytes] = []
    while length > 0 and (part := stream.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def no_directory(stream: RawIOBase | BytesIO, tail: bytes, name: str) -> InputRefused:
    """The refusal of a file without a usable end record.

    Args:
        tail: its last bytes.
    """
    stream.seek(0)
    head = read_up_to(stream, 512)
    if not head:
        return InputRefused(f"{name} is an empty file.", "Export or copy it again.", "E-ZIP-EMPTY-FILE")
    kind = None if head.startswith(b"PK") else known_by_content(head)
    if kind is not None:
        return InputRefused(f"{name} is {kind.what}.", kind.todo, kind.code)
    if b"PK\x05\x06" in tail:
        return InputRefused(f"The list of files in {name} is damaged.", "Pack the images again.", "E-ZIP-DAMAGED")
    if head.startswith(b"PK\x03\x04"):
        return InputRefused(
            f"{name} is incomplete: its end is missing, so the upload or copy stopped early.",
            "Copy or upload it again.",
            "E-ZIP-TRUNCATED",
        )
    return InputRefused(
        f"{name} is not a zip archive, whatever its name says.",
        "Upload a .zip of images, or the images themselves.",
        "E-ZIP-NOT-ZIP",
    )


@dataclass(frozen=True)
class ZipDirectory:
    """Everything the list of files says.

    Attributes:
        flags, methods, crcs, external, name_lengths: (N,) fields of the entries.
        starts: (N,) where each name begins in `raw`.
        sizes, packed, offsets: (N,) int64, with ZIP64 fields resolved; offsets are positions in the file.
        broken: entries that contradict themselves or point outside the file; they cannot be read.
        raw: the bytes of the directory.
        begin: position of the directory in the file.
        claimed: number of entries that the end record claims.
        comment: of the archive.
        behind: bytes of the file behind the archive.
        reading: how names without a mark are read.
        unicode_names: entry -> its name in UTF-8, where an extra field says it.
        backslashed: entries whose names as stored have the byte of a backslash.
    """

    flags: NDArray[np.uint16]
    methods: NDArray[np.uint16]
    crcs: NDArray[np.uint32]
    external: NDArray[np.uint32]
    name_lengths: NDArray[np.uint16]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    packed: NDArray[np.int64]
    offsets: NDArray[np.int64]
    broken: frozenset[int]
    raw: bytes
    begin: int
    claimed: int
    comment: bytes
    behind: int = 0
    reading: NameReading = field(default_factory=NameReading)
    unicode_names: Mapping[int, str] = field(default_factory=dict)
    backslashed: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.starts)

    def name_bytes(self, index: int) -> bytes:
        """The name of an entry as it is stored."""
        begin: int = self.starts.item(index)
        return self.raw[begin : begin + self.name_lengths.item(index)]

    def name(self, index: int) -> str:
        """The name of an entry for people, with "/" between folders; never used as a path.

        PowerShell 5 and .NET before 4.6.1 put a backslash there. Whether the name is a decent one is judged of what
        comes out here.
        """
        raw = self.name_bytes(index)
        if raw.isascii():
            name = raw.decode("ascii")
        elif self.flags.item(index) & _UTF8:
            name = raw.decode("utf-8", "replace")
        else:
            name = self.unicode_names.get(index) or self.reading.read(raw)
        return name.replace("\\", "/")

    def part(self, chosen: NDArray[np.int64]) -> ZipDirectory:
        """Some entries in the order given, numbered anew: small enough to be handed to another process."""
        raw = b"".join(self.name_bytes(index) for index in chosen.tolist())
        lengths = self.name_lengths[chosen]
        starts = np.cumsum(lengths, dtype=np.int64) - lengths
        broken = [number for number, index in enumerate(chosen.tolist()) if index in self.broken]
        return ZipDirectory(
            self.flags[chosen],
            self.methods[chosen],
            self.crcs[chosen],
            self.external[chosen],
            lengths,
            starts,
            self.sizes[chosen],
            self.packed[chosen],
            self.offsets[chosen],
            frozenset(broken),
            raw,
            self.begin,
            len(chosen),
            self.comment,
            reading=self.reading,
            unicode_names={
                number: self.unicode_names[index]
                for number, index in enumerate(chosen.tolist())
                if index in self.unicode_names
            }
            if self.unicode_names
            else {},
        )

    def names(self) -> Iterator[tuple[int, bytes]]:
        """(index, name as stored) of every entry, in their order."""
        raw = self.raw
        bounds = zip(self.starts.tolist(), (self.starts + self.name_lengths).tolist(), strict=True)
        return ((index, raw[begin:end]) for index, (begin, end) in enumerate(bounds))


def read_directory(stream: RawIOBase | BytesIO, length: int, name: str, limits: Limits) -> ZipDirectory:
    """Find the end record, check it against the limits, and parse the directory.

    Raises:
        InputRefused: not a zip, incomplete, damaged, or one part of several.
        LimitExceeded: more members than allowed.
    """
    tail_length = min(length, _END.size + _MAX16 + _LOCATOR64.size)
    stream.seek(length - tail_length)
    tail = read_up_to(stream, tail_length)
    found = _last_end(stream, tail, length, name, limits, near=True)
    if found is None and length > tail_length and _begins_at(stream, 0, b""):
        stream.seek(max(0, length - _MOST_BEHIND))
        found = _last_end(stream, read_up_to(stream, _MOST_BEHIND), length, name, limits, near=False)
    if found is None:
        raise no_directory(stream, tail, name)
    return found


def _last_end(
    stream: RawIOBase | BytesIO, tail: bytes, length: int, name: str, limits: Limits, *, near: bool
) -> ZipDirectory | None:
    """The directory of the last end record in the tail of a file that is one.

    Args:
        near: whether anything may lie before the archive. Far from the end it may not, because a zip inside a zip
            that was cut off would be taken for the whole.
    """
    position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        if position + _END.size <= len(tail):
            found = _try_end(stream, tail, position, length - len(tail), name, limits, near)
            if found is not None:
                return found
        position = tail.rfind(b"PK\x05\x06", 0, position)
    return None


def _try_end(
    stream: RawIOBase | BytesIO, tail: bytes, position: int, tail_at: int, name: str, limits: Limits, shifted: bool
) -> ZipDirectory | None:
    """The directory that this end record points to, None when it points nowhere sensible."""
    _, disk, cd_disk, on_disk, count, size, offset, comment_length = _END.unpack_from(tail, position)
    end_at = tail_at + position
    directory_end = end_at
    locator = position - _LOCATOR64.size
    turns = True
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        _, _, end64_at, disks = _LOCATOR64.unpack_from(tail, locator)
        if disks > 1:
            raise _several_parts(name)
        stream.seek(min(end64_at, end_at))
        record = read_up_to(stream, _END64.size)
        if len(record) == _END64.size and record[:4] == b"PK\x06\x06":
            *_, on_disk, count, size, offset = _END64.unpack(record)
            disk = cd_disk = 0
            directory_end = end64_at
            turns = False
    begin = directory_end - size
    if not shifted and (begin < 0 or (begin - offset) % _TURN):
        return None
    if disk or cd_disk or on_disk != count:
        raise _several_parts(name)
    limits.check("max_members", count, f"Files in {name}")
    if begin < 0:
        return None
    if size > limits.max_members * _BYTES_PER_ENTRY:
        limits.check("max_members", size // _ENTRY, f"Files in {name}")
    stream.seek(begin)
    raw = read_up_to(stream, size)
    if count and raw[:4] != b"PK\x01\x02":
        return None
    comment = tail[position + _END.size : position + _END.size + comment_length]
    behind = max(0, len(tail) - position - _END.size - comment_length)
    # Bytes in front of the archive (a self-extracting program) shift every stored offset.
    shift = begin - offset
    # Without 64-bit fields nothing can point beyond 4 GiB; some programs (the Finder of macOS) let the numbers turn
    # over instead.
    turned = turns and shift >= _TURN
    found = _parse(raw, begin, shift % _TURN if turned else shift, count, comment, name, limits)
    if turned:
        found = _unturned(stream, found)
    return replace(found, behind=behind)


def _unturned(stream: RawIOBase | BytesIO, directory: ZipDirectory) -> ZipDirectory:
    """Offsets that lost multiples of 4 GiB, found again by the local headers, which repeat the names."""
    offsets, broken, turn = directory.offsets.copy(), set(directory.broken), 0
    last = -1
    for index, offset in enumerate(directory.offsets.tolist()):
        name = directory.name_bytes(index)
        if offset + turn < last:  # files lie in the order of the list, so a fall is a turn
            turn += _TURN
        most = (directory.begin - offset) // _TURN
        for place in (turn // _TURN, *range(most + 1)):
            at = offset + place * _TURN
            if _begins_at(stream, at, name):
                offsets[index] = last = at
                turn = place * _TURN
                break
        if offsets[index] > directory.begin - directory.packed[index]:
            broken.add(index)
    return replace(directory, offsets=offsets, broken=frozenset(broken))


def _begins_at(stream: RawIOBase | BytesIO, position: int, name: bytes) -> bool:
    stream.seek(position)
    head = read_up_to(stream, 30 + len(name))
    return head.startswith(b"PK\x03\x04") and head[30:] == name


def _several_parts(name: str) -> InputRefused:
    return InputRefused(
        f"{name} is one part of an archive that was split into several files.",
        "Join the parts, or pack the images as one .zip.",
        "E-ZIP-MULTIPART",
    )


def _parse(raw: bytes, begin: int, shift: int, claimed: int, comment: bytes, name: str, limits: Limits) -> ZipDirectory:
    starts: list[int] = []
    position, last = 0, len(raw) - _ENTRY
    unpack = _LENGTHS.unpack_from
    while position <= last and raw[position : position + 4] == b"PK\x01\x02":
        starts.append(position)
        a, b, c = unpack(raw, position + 28)
        position += _ENTRY + a + b + c
    limits.check("max_members", len(starts), f"Files in {name}")
    where = np.array(starts, np.int64)
    entries = _gather(raw, where)
    sizes, packed = entries["size"].astype(np.int64), entries["packed"].astype(np.int64)
    offsets = entries["offset"].astype(np.int64)
    large = np.flatnonzero((sizes == _MAX32) | (packed == _MAX32) | (offsets == _MAX32))
    broken = set()
    for index in np.flatnonzero(entries["extra_length"]).tolist():
        start = starts[index] + _ENTRY + int(entries["name_length"][index])
        if not _extra_is_sound(raw, start, int(entries["extra_length"][index])):
            broken.add(index)
    for index in large.tolist():
        start = starts[index] + _ENTRY + int(entries["name_length"][index])
        extra = raw[start : start + int(entries["extra_length"][index])]
        if not _resolve_zip64(extra, index, sizes, packed, offsets):
            broken.add(index)
    offsets += shift
    # Packed bytes lie between the start of the file and the directory; anything else is a damaged entry.
    outside = (offsets < 0) | (packed < 0) | (packed > begin) | (offsets > begin - packed)
    broken.update(np.flatnonzero(outside).tolist())
    reading, unicode_names, backslashed = _names(raw, entries, where)
    return ZipDirectory(
        flags=entries["flags"].copy(),
        methods=entries["method"].copy(),
        crcs=entries["crc"].copy(),
        external=entries["external"].copy(),
        name_lengths=entries["name_length"].copy(),
        starts=where + _ENTRY,
        sizes=sizes,
        packed=packed,
        offsets=offsets,
        broken=frozenset(broken),
        raw=raw,
        begin=begin,
        claimed=claimed,
        comment=comment,
        reading=reading,
        unicode_names=unicode_names,
        backslashed=backslashed,
    )


def _names(
    raw: bytes, entries: NDArray[Any], where: NDArray[np.int64]
) -> tuple[NameReading, dict[int, str], tuple[int, ...]]:
    """(how unmarked names are read, names that an extra field gives in UTF-8, names with a backslash)."""
    if not len(where):
        return NameReading(), {}, ()
    begins, lengths = where + _ENTRY, entries["name_length"].astype(np.int64)
    # The highest bit of all bytes of a name at once; a name that is cut off ends with the directory.
    data = np.frombuffer(raw + b"\0", np.uint8)
    bounds = np.minimum(np.stack([begins, begins + lengths], 1), len(raw)).ravel()
    high = np.bitwise_or.reduceat(data, bounds)[::2] >= 0x80
    unmarked = np.flatnonzero(high & (lengths > 0) & ((entries["flags"] & _UTF8) == 0))
    told: dict[int, str] = {}
    names: list[bytes] = []
    for index in unmarked.tolist():
        begin = int(begins[index])
        end = begin + int(lengths[index])
        name = raw[begin:end]
        found = unicode_name(raw[end : end + int(entries["extra_length"][index])], name)
        if found is None:
            names.append(name)
        else:
            told[index] = found
    found_at = np.flatnonzero(data == ord("\\"))
    owner = np.searchsorted(begins, found_at, "right") - 1
    inside = (owner >= 0) & (found_at < begins[owner] + lengths[owner])
    return guess_reading(names), told, tuple(np.unique(owner[inside]).tolist())


def _gather(raw: bytes, where: NDArray[np.int64]) -> NDArray[Any]:
    if not len(where):
        return np.zeros(0, ENTRY_TYPE)
    data = np.frombuffer(raw, np.uint8)
    rows = np.empty((len(where), _ENTRY), np.uint8)
    for begin in range(0, len(where), 65536):  # in parts, because the index is eight times the data
        part = where[begin : begin + 65536]
        rows[begin : begin + 65536] = data[part[:, None] + np.arange(_ENTRY)]
    return rows.reshape(-1).view(ENTRY_TYPE)


def _extra_is_sound(raw: bytes, start: int, length: int) -> bool:
    """True when the fields of an entry fill its extra data; a few bytes of padding are common and harmless."""
    position, end = start, start + length
    if end > len(raw):
        return False
    while position + 4 <= end:
        position += 4 + raw[position + 2] + 256 * raw[position + 3]
    return position <= end


def _resolve_zip64(
    extra: bytes, index: int, sizes: NDArray[np.int64], packed: NDArray[np.int64], offsets: NDArray[np.int64]
) -> bool:
    """Fill in 64-bit values from the extra field; False when it does not hold them."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == 1 and len(body) == length:
            values = [value for (value,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
            for column in (sizes, packed, offsets):
                if column[index] == _MAX32:
                    if not values or values[0] >= 1 << 62:
                        return False
                    column[index] = values.pop(0)
            return True
        position += 4 + length
    return False
