"""The own zip reader agrees with the standard library, and stops where that would go on."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.limits import Limits
from nscweb.io.archives.archive import Archive

MEMBERS = [(f"s/cell_{number}.tif", bytes([number]) * 3000 + bytes(range(256))) for number in range(20)]


def packed(method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", force_zip64: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in MEMBERS:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=force_zip64) as member:
                member.write(data)
        archive.comment = comment
    return out.getvalue()


def read_all(archive: Archive) -> list[tuple[str, bytes]]:
    return [(archive.member_name(index), archive.read(index)) for index in range(len(archive))]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("force_zip64", [False, True])
def test_members_are_those_of_the_standard_library(method: int, force_zip64: bool, tmp_path: Path) -> None:
    data = packed(method, b"a comment with PK\x05\x06 in it", force_zip64)
    with Archive(data, Limits(), "x.zip") as archive:
        assert read_all(archive) == MEMBERS
        assert archive.comment == b"a comment with PK\x05\x06 in it"
    (tmp_path / "x.zip").write_bytes(b"MZ program in front" * 50 + data)
    with Archive(tmp_path / "x.zip", Limits()) as archive:
        assert read_all(archive) == MEMBERS


def test_64_bit_end_records_are_read() -> None:
    """More than 65,535 members need the ZIP64 end record."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"{number}_Ch1.tif"), b"")
    with Archive(out.getvalue(), Limits(), "x.zip") as archive:
        assert len(archive) == 66_000
        assert archive.member_name(65_999) == "65999_Ch1.tif"


def test_sizes_and_offsets_of_64_bit_entries_are_read() -> None:
    data = bytearray(packed(zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, at + 24)[0]
    name_length = struct.unpack_from("<H", data, at + 28)[0]
    struct.pack_into("<3I", data, at + 16, struct.unpack_from("<I", data, at + 16)[0], 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", data, at + 30, 20)
    extra = struct.pack("<2H2Q", 1, 16, size, size)
    data[at + 46 + name_length : at + 46 + name_length] = extra
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, struct.unpack_from("<I", data, end + 12)[0] + 20)
    with Archive(bytes(data), Limits(), "x.zip") as archive:
        assert read_all(archive) == MEMBERS


def test_blocks_of_a_large_member_come_in_order() -> None:
    content = np.arange(1_000_000, dtype="<u4").tobytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", content)
    with Archive(out.getvalue(), Limits(), "x.zip") as archive:
        assert b"".join(archive.blocks(0, 400, 1000, whole=False)) == content[400:]
        assert archive.head(0, 64) == content[:64]
        assert sum(1 for _ in archive.blocks(0, 0, 4096)) == len(content) // 4096


def test_unpacking_stops_at_the_declared_size() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(100_000_000))
    data = bytearray(out.getvalue())
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 4096)
    with Archive(bytes(data), Limits(), "x.zip") as archive, pytest.raises(LimitExceeded, match="4,096"):
        archive.read(0)


def test_a_directory_that_points_at_one_member_twice_is_refused() -> None:
    data = packed()
    begin, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry = data[begin : data.index(b"PK\x01\x02", begin + 4)]
    record = bytearray(data[end:])
    struct.pack_into("<2HI", record, 8, 2, 2, 2 * len(entry))
    with pytest.raises(InputRefused, match="share the same bytes"):
        Archive(data[:begin] + entry + entry + bytes(record), Limits(), "x.zip")


def test_count_is_checked_before_the_directory_is_parsed() -> None:
    with pytest.raises(LimitExceeded, match="NSCWEB_MAX_MEMBERS"):
        Archive(packed(), Limits(max_members=19), "x.zip")


def test_damage_is_told_by_its_kind() -> None:
    data = packed(zipfile.ZIP_STORED)
    changed = bytearray(data)
    changed[data.index(b"\x05" * 100)] ^= 1
    with Archive(bytes(changed), Limits(), "x.zip") as archive, pytest.raises(InputRefused) as caught:
        archive.read(5)
    assert caught.value.code == "E-ZIP-CRC"
    assert zlib.crc32(MEMBERS[5][1])
    renamed = data.replace(b"s/cell_3.tif", b"s/cell_x.tif", 1)
    with Archive(renamed, Limits(), "x.zip") as archive, pytest.raises(InputRefused) as caught:
        archive.read(3)
    assert caught.value.code == "E-ZIP-HEADER-MISMATCH"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Rar!\x1a\x07\x00" + bytes(40), "E-ZIP-RAR"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "E-ZIP-7Z"),
        (b"\x1f\x8b" + bytes(40), "E-ZIP-GZIP"),
        (bytes(257) + b"ustar" + bytes(300), "E-ZIP-TAR"),
        (b"PK\x03\x04" + bytes(40), "E-ZIP-TRUNCATED"),
        (b"", "E-ZIP-EMPTY-FILE"),
        (b"hello", "E-ZIP-NOT-ZIP"),
    ],
)
def test_other_files_are_called_by_their_name(head: bytes, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        Archive(head, Limits(), "x.zip")
    assert caught.value.code == code and caught.value.todo


def test_every_place_to_cut_an_archive_is_noticed() -> None:
    data = packed()
    for cut in range(0, len(data), 97):
        with pytest.raises(InputRefused):
            Archive(data[:cut], Limits(), "x.zip")
