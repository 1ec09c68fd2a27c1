"""Own reader of zips: checks every member before it is unpacked, and never unpacks more than was declared.

Members are read as bytes under their position in the directory; nothing is ever written by a member's name.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import Finding, Level
from nscweb.core.limits import Limits
from nscweb.io.archives.zip_checks import DEFLATED, Rejected, check_overlap, odd_members, reject
from nscweb.io.archives.zip_directory import ZipDirectory, read_directory
from nscweb.io.names.file_names import unsafe_name

inflate: Any
try:
    inflate = importlib.import_module("isal.isal_zlib")
except ImportError:  # no wheel for this platform: the standard library is slower and gives the same bytes
    inflate = zlib

_DAMAGED: tuple[type[Exception], ...] = (zlib.error, inflate.error)
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_LENGTHS = struct.Struct("<2H").unpack_from
_PART = 1 << 20


def _unpack_part(unpacker: Any, packed: bytes) -> tuple[bytes, bytes]:
    """(unpacked bytes, at most a part; packed bytes that are left)."""
    if unpacker is None:
        return packed, b""
    try:
        data = unpacker.decompress(packed, _PART)
    except _DAMAGED as error:
        raise InputRefused("The packed data of the file are damaged.", "", "E-ZIP-DEFLATE") from error
    return data, unpacker.unconsumed_tail


def checksum_of(path: Path) -> int:
    """CRC-32 of a file on disk, read in parts; a file that is not there raises OSError."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_PART):
            value = inflate.crc32(block, value)
    return int(value)


class Archive:
    """An open zip, on disk or in memory. Use it as a context manager.

    Attributes:
        name: for messages.
        directory: what its list of files says.

    Raises:
        InputRefused: not a readable zip, or its members share bytes.
        LimitExceeded: archive, member count or declared total over a limit.
    """

    def __init__(self, source: Path | bytes, limits: Limits, name: str = "") -> None:
        self._limits = limits
        self._stream: RawIOBase | BytesIO
        if isinstance(source, bytes):
            self.name = name
            self._stream = BytesIO(source)
        else:
            self.name = name or source.name
            self._stream = source.open("rb", buffering=0)
        try:
            length = self._stream.seek(0, 2)
            limits.check("max_archive_bytes", length, f"Bytes of {self.name}")
            self.directory = read_directory(self._stream, length, self.name, limits)
            check_overlap(self.directory, self.name)
        except BaseException:
            self._stream.close()
            raise
        self._links = self._link_names()
        self._odd = odd_members(self.directory, limits)

    @classmethod
    def reopened(cls, path: Path, directory: ZipDirectory, limits: Limits) -> Self:
        """A zip whose list of files, or the part of it that is needed, is known already.

        Raises:
            OSError: the file cannot be opened.
        """
        self = cls.__new__(cls)
        self._limits, self.name, self.directory = limits, path.name, directory
        self._stream = path.open("rb", buffering=0)
        self._links = frozenset()
        self._odd = odd_members(directory, limits)
        return self

    def __len__(self) -> int:
        return len(self.directory)

    @property
    def comment(self) -> bytes:
        return self.directory.comment

    def member_name(self, index: int) -> str:
        """The name for people and for reading hints out of it; never used as a path."""
        return self.directory.name(index)

    def names(self) -> Iterator[tuple[int, str]]:
        """(number, name) of every member, in the order of the directory."""
        odd = frozenset(self.directory.backslashed)
        for index, raw in self.directory.names():
            yield index, raw.decode("ascii") if raw.isascii() and index not in odd else self.member_name(index)

    def notes(self) -> list[Finding]:
        """What is to be told about the zip as a whole."""
        directory, found = self.directory, []
        reading = directory.reading
        if reading.example:
            message = (
                f"The zip does not say in which letters its names are written; they were read as {reading.letters}, "
                f"for example {reading.example}. If they look wrong, unpack the zip on the computer that made it and "
                "import the folder, or pack it there with 7-Zip."
            )
            level, code = ("note", "N-ZIP-LETTERS") if reading.standard else ("warn", "W-ZIP-LETTERS")
            found.append(Finding(cast("Level", level), code, message, self.name))
        told = ((self.member_name(index), directory.name_bytes(index)) for index in directory.backslashed)
        count = sum(name.count("/") > raw.count(b"/") and unsafe_name(name) is None for name, raw in told)
        if count:
            message = (
                "The zip was made by a program that writes a backslash between folders (PowerShell 5 does); they were "
                "read as folders."
            )
            found.append(Finding("note", "N-ZIP-BACKSLASH", message, f"{self.name}: {count:,} files"))
        if directory.behind:
            message = (
                f"There are {directory.behind:,} bytes behind the end of the zip; they were not read. If files are "
                "missing, two files were joined by mistake: copy the zip again."
            )
            found.append(Finding("note", "N-ZIP-BEHIND", message, self.name))
        return found

    def is_plain(self, index: int) -> bool:
        """True when nothing but its name could speak against a member; the quick form of `rejection`."""
        return not self._odd[index] and not self._links

    def _link_names(self) -> frozenset[str]:
        modes = (self.directory.external >> 16) & 0xF000
        return frozenset(self.member_name(int(index)) for index in np.flatnonzero(modes == 0xA000))

    def rejection(self, index: int, name: str) -> Rejected | None:
        """Why a member must not be read, judged from the directory alone; None when it may be."""
        unsafe = unsafe_name(name)
        if unsafe:
            return Rejected(*unsafe)
        if self._links and self._behind_link(name):
            return Rejected("E-ZIP-LINK", "The file lies behind a symbolic link.")
        return reject(self.directory, index, self._limits) if self._odd[index] else None

    def _behind_link(self, name: str) -> bool:
        parts = name.split("/")
        return any("/".join(parts[:depth]) in self._links for depth in range(1, len(parts)))

    def check_total(self, indices: list[int]) -> None:
        """Refuse the archive when its images together are over the limit."""
        total = int(self.directory.sizes[indices].sum()) if indices else 0
        self._limits.check("max_total_bytes", total, f"Unpacked bytes of {self.name}")

    def packed_bytes(self, index: int) -> bytes:
        """The bytes of a member as stored, after checking its local header.

        Raises:
            InputRefused: local header missing, cut, or with another name than the directory.
        """
        directory = self.directory
        packed: int = directory.packed.item(index)
        name = directory.name_bytes(index)
        # One read takes header, name, extra field and data: extra fields are rarely longer than 64 bytes.
        self._stream.seek(directory.offsets.item(index))
        block = self._read(_LOCAL.size + len(name) + 64 + packed)
        if len(block) < _LOCAL.size or not block.startswith(b"PK\x03\x04"):
            raise InputRefused("The zip is damaged where this file begins.", "", "E-ZIP-HEADER")
        name_length, extra_length = _LOCAL_LENGTHS(block, 26)
        begin = _LOCAL.size + name_length
        if block[_LOCAL.size : begin] != name:
            raise InputRefused(
                "The zip calls the file by two different names, so it was changed after packing.",
                "",
                "E-ZIP-HEADER-MISMATCH",
            )
        begin += extra_length
        if begin + packed > len(block):
            block += self._read(begin + packed - len(block))
        data = block[begin : begin + packed]
        if len(data) != packed:
            raise InputRefused("The file is cut off inside the zip.", "", "E-ZIP-MEMBER-CUT")
        return data

    def read(self, index: int) -> bytes:
        """Unpack one member, no further than its declared size, and compare its checksum.

        Raises:
            InputRefused: damaged, longer or shorter than declared, checksum wrong.
        """
        data = self.packed_bytes(index)
        size: int = self.directory.sizes.item(index)
        if self.directory.methods.item(index) == DEFLATED:
            try:
                data = inflate.decompressobj(-15).decompress(data, size + 1)
            except _DAMAGED as error:
                raise InputRefused("The packed data of the file are damaged.", "", "E-ZIP-DEFLATE") from error
            if len(data) > size:
                raise LimitExceeded(
                    f"The file unpacks to more than the {size:,} bytes that the zip declares.",
                    "",
                    "E-LIMIT-DECLARED-SIZE",
                )
        if len(data) != size:
            raise InputRefused(f"The file unpacks to {len(data):,} bytes, the zip declares {size:,}.", "", "E-ZIP-SIZE")
        if inflate.crc32(data) != self.directory.crcs.item(index):
            raise InputRefused("The checksum of the file is wrong: it was damaged.", "", "E-ZIP-CRC")
        return data

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length) or b""
        while 0 < len(data) < length:  # an unbuffered file may give less than it has
            more = self._stream.read(length - len(data))
            if not more:
                break
            data += more
        return data

    def head(self, index: int, length: int) -> bytes:
        """The first bytes of a member, without its checksum."""
        return next(self.blocks(index, 0, length, whole=False), b"")

    def blocks(self, index: int, begin: int, length: int, *, whole: bool = True) -> Iterator[bytes]:
        """Blocks of `length` bytes of a member from position `begin`, unpacked as they are asked for.

        Meant for large members: packed bytes are read in parts, and the checksum is compared at the end.
        A last block that is not full is given only with `whole` False.
        """
        deflated = self.directory.methods.item(index) == DEFLATED
        size, left = int(self.directory.sizes[index]), int(self.directory.packed[index])
        position = self._data_position(index)
        unpacker = inflate.decompressobj(-15) if deflated else None
        buffer, skip, total, crc = bytearray(), begin, 0, 0
        packed = b""
        while total <= size:
            if not packed and left:
                self._stream.seek(position)
                packed = self._read(min(left, _PART))
                position, left = position + len(packed), left - len(packed)
            # Asked without input too: the unpacker may hold back what did not fit into the last part.
            data, packed = _unpack_part(unpacker, packed)
            if not data and not packed:
                break
            total, crc = total + len(data), inflate.crc32(data, crc)
            buffer += data[skip:]
            skip = max(0, skip - len(data))
            for at in range(0, len(buffer) - length + 1, length):
                yield bytes(buffer[at : at + length])
            del buffer[: len(buffer) // length * length]
        if total != size or crc != self.directory.crcs.item(index):
            raise InputRefused("The file inside the zip is damaged.", "", "E-ZIP-CRC")
        if buffer and not whole:
            yield bytes(buffer)

    def _data_position(self, index: int) -> int:
        offset = int(self.directory.offsets[index])
        self._stream.seek(offset)
        header = self._read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise InputRefused("The zip is damaged where this file begins.", "", "E-ZIP-HEADER")
        name_length, extra_length = struct.unpack_from("<2H", header, 26)
        return offset + _LOCAL.size + int(name_length) + int(extra_length)

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
