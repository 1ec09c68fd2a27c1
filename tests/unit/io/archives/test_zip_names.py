"""Names of zips in the letters of a region, backslashes between folders, offsets beyond 4 GiB, data behind the end."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits
from nscweb.io.archives.archive import Archive
from nscweb.io.archives.zip_names import guess_reading

# What folders of laboratories are called, by the encoding of the computer that packed them.
FOLDERS = {
    "cp932": "予備実験_1d 表_準備 対照群 ソース 神経幹細胞 薬剤A_24h コントロール 無処理 機能 東京 十日目 グループA",
    "gbk": "对照组_1d_rep1 处理组 给药组 空白对照 第3天 神经干细胞 低剂量 模型组 视黄酸 小鼠 新建文件夹",
    "big5": "對照組_1d 實驗組 樣本 第三天 神經幹細胞 未處理 高濃度 許功蓋 小鼠 資料",
    "cp949": "대조군_1d_rep1 실험군 약물 처리군 신경줄기세포 무처리 첫째날 저농도",
    "cp1251": "контроль_1d Контроль ОПЫТ клетки НСК сутки",
    "cp866": "контроль_1d Контроль ОПЫТ клетки",
    "cp1252": "Kontrolle_Zürich_1d contrôle día_1 Überstand Größe 10µM_RA échantillon_3 Åse niño",
    "cp850": "Kontrolle_Zürich_1d contrôle día_1 Überstand Größe échantillon_3",
}


def raw_zip(members: list[tuple[bytes, bytes]], extras: dict[int, bytes] | None = None, flags: int = 0) -> bytes:
    """A zip of stored members under names of any bytes, with extra fields in its list of files."""
    out, listed = io.BytesIO(), b""
    for number, (name, data) in enumerate(members):
        at, extra = out.tell(), (extras or {}).get(number, b"")
        sizes = (zlib.crc32(data), len(data), len(data), len(name))
        out.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, 0, 0, 33, *sizes, 0) + name + data)
        listed += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, flags, 0, 0, 33, *sizes, len(extra), 0, 0, 0, 0, at)
        listed += name + extra
    begin = out.tell()
    return (
        out.getvalue()
        + listed
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(members), len(members), len(listed), begin, 0)
    )


def unicode_path(raw: bytes, name: str) -> bytes:
    told = name.encode()
    return struct.pack("<2HBL", 0x7075, 5 + len(told), 1, zlib.crc32(raw)) + told


@pytest.mark.parametrize("encoding", FOLDERS)
def test_names_are_read_in_the_letters_of_the_region_and_shown(
    encoding: str, take: Callable[..., Any], tiff: Callable[..., bytes], tmp_path: Path
) -> None:
    for number, folder in enumerate(FOLDERS[encoding].split()):
        path = tmp_path / f"{encoding}{number}.zip"
        path.write_bytes(raw_zip([(f"{folder}/c_{n}_Ch1.tif".encode(encoding), tiff(n)) for n in (1, 2)]))
        found = take(path)
        assert list(found.cells) == [folder]
        told = [finding for finding in found.log if finding.code.endswith("-ZIP-LETTERS")]
        assert len(told) == 1
        assert f"{folder}/c_1_Ch1.tif" in told[0].message


@pytest.mark.parametrize("encoding", FOLDERS)
def test_one_guess_holds_for_all_names(encoding: str) -> None:
    folders = FOLDERS[encoding].split()
    reading = guess_reading([f"{folder}/c.tif".encode(encoding) for folder in folders])
    assert [reading.read(folder.encode(encoding)) for folder in folders] == folders


def test_utf_8_and_plain_names_are_no_guess() -> None:
    with Archive(raw_zip([("Kontrolle_Zürich/c.tif".encode(), b"x"), (b"b/c.tif", b"y")]), Limits(), "a") as archive:
        assert [name for _, name in archive.names()] == ["Kontrolle_Zürich/c.tif", "b/c.tif"]
        assert archive.notes() == []
    marked = raw_zip([("对照组/c.tif".encode(), b"x")], flags=0x800)
    with Archive(marked, Limits(), "a") as archive:
        assert archive.member_name(0) == "对照组/c.tif"
        assert archive.notes() == []


def test_the_unicode_path_field_is_used_when_its_checksum_fits() -> None:
    raw = "对照组/c.tif".encode("gbk")
    with Archive(raw_zip([(raw, b"x")], {0: unicode_path(raw, "对照组/c.tif")}), Limits(), "a") as archive:
        assert archive.member_name(0) == "对照组/c.tif"
        assert archive.notes() == []
        assert archive.read(0) == b"x"
    other = unicode_path(b"renamed since", "处理组/c.tif")
    with Archive(raw_zip([(raw, b"x")], {0: other}), Limits(), "a") as archive:
        assert archive.member_name(0) == "对照组/c.tif"
        assert [note.code for note in archive.notes()] == ["W-ZIP-LETTERS"]


@pytest.mark.parametrize("name", ["../../evil.tif", "/etc/evil.tif", "..\\evil.tif", "C:\\evil.tif"])
def test_what_the_unicode_path_field_says_is_checked_like_any_name(name: str) -> None:
    raw = "对.tif".encode("gbk")
    with Archive(raw_zip([(raw, b"x")], {0: unicode_path(raw, name)}), Limits(), "a") as archive:
        rejected = archive.rejection(0, archive.member_name(0))
        assert rejected is not None
        assert rejected.code == "E-ZIP-PATH"


@pytest.mark.parametrize("folders", [["NT3_1d_rep1"], ["Export", "NT3_1d_rep1"], ["Export", "Zürich", "RA_3d_rep2"]])
def test_backslashes_between_folders_are_read_as_folders(
    folders: list[str], take: Callable[..., Any], tiff: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "in.zip"
    names = ["\\".join([*folders, f"c_{n}_Ch1.tif"]).encode("cp1252") for n in (1, 2)]
    folder = ("\\".join(folders) + "\\").encode("cp1252")
    path.write_bytes(raw_zip([(folder, b""), *((name, tiff(n)) for n, name in enumerate(names))]))
    found = take(path)
    assert [len(cells) for cells in found.cells.values()] == [2]
    assert next(iter(found.cells)).endswith(folders[-1])
    assert "N-ZIP-BACKSLASH" in found.codes("note")


@pytest.mark.parametrize(
    "name", [b"..\\..\\a_1_Ch1.tif", b"C:\\a_1_Ch1.tif", b"\\\\server\\a_1_Ch1.tif", b"a\\..\\b.tif"]
)
def test_backslashes_that_lead_out_of_the_folder_are_not_followed(
    name: bytes, take: Callable[..., Any], tiff: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "in.zip"
    path.write_bytes(raw_zip([(name, tiff(1)), (b"s/c_2_Ch1.tif", tiff(2))]))
    found = take(path)
    assert found.codes("skip") == {"E-ZIP-PATH"}
    assert "N-ZIP-BACKSLASH" not in found.codes()


class Sparse(io.BytesIO):
    """A file of many gigabytes of which only some places hold anything."""

    def __init__(self, size: int, parts: dict[int, bytes]) -> None:
        super().__init__()
        self._size, self._parts, self._at = size, parts, 0

    def seek(self, position: int, whence: int = 0) -> int:
        self._at = self._size + position if whence == 2 else position
        return self._at

    def read(self, length: int | None = -1) -> bytes:
        end = min(self._size, self._at + (length if length is not None and length >= 0 else self._size))
        block = bytearray(max(0, end - self._at))
        for place, part in self._parts.items():
            begin, stop = max(place, self._at), min(place + len(part), end)
            if begin < stop:
                block[begin - self._at : stop - self._at] = part[begin - place : stop - place]
        self._at = end
        return bytes(block)


@pytest.mark.parametrize("gaps", [[0, 5], [0, 1, 5, 9], [5], [0, 4, 4.5, 12]])
@pytest.mark.parametrize("backwards", [False, True])
def test_offsets_that_turned_over_at_4_gib_are_found_again(
    gaps: list[float], backwards: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, entries, members = {}, [], []
    for number, gap in enumerate(gaps):
        name, data = f"s/c_{number}.tif".encode(), bytes([number]) * 500
        at = int(gap * (1 << 30)) + 1000 * number
        sizes = (zlib.crc32(data), len(data), len(data), len(name))
        parts[at] = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, *sizes, 0) + name + data
        fields = (b"PK\x01\x02", 20, 20, 0, 0, 0, 33, *sizes, 0, 0, 0, 0, 0, at % (1 << 32))
        entries.append(struct.pack("<4s6H3L5H2L", *fields) + name)
        members.append((name.decode(), data))
    if backwards:
        entries, members = entries[::-1], members[::-1]
    listed, begin = b"".join(entries), (13 << 30) + 7
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(gaps), len(gaps), len(listed), begin % (1 << 32), 0)
    parts[begin] = listed + end
    path = tmp_path / "finder.zip"
    path.write_bytes(b"")
    stream = Sparse(begin + len(listed) + len(end), parts)
    monkeypatch.setattr(Path, "open", lambda *_, **__: stream)
    with Archive(path, Limits()) as archive:
        assert [(name, archive.read(index)) for index, name in archive.names()] == members


@pytest.mark.parametrize("size", [1, 1000, 70_000, 100_000, 3_000_000])
def test_data_behind_the_end_are_told_and_the_zip_is_read(size: int) -> None:
    data = raw_zip([(b"s/c_1.tif", b"x" * 100), (b"s/c_2.tif", b"y" * 100)])
    with Archive(data + bytes(size), Limits(), "a.zip") as archive:
        assert [archive.read(index) for index in range(2)] == [b"x" * 100, b"y" * 100]
        (told,) = archive.notes()
        assert told.code == "N-ZIP-BEHIND"
        assert f"{size:,} bytes" in told.message


def test_a_zip_inside_a_zip_that_was_cut_off_is_not_taken_for_the_whole() -> None:
    inner = raw_zip([(b"s/c_1.tif", b"x" * 100)])
    outer = raw_zip([(b"first.tif", b"z" * 50), (b"inner.zip", inner), (b"last.tif", b"y" * 300_000)])
    with pytest.raises(InputRefused) as caught:
        Archive(outer[:200_000], Limits(), "a.zip")
    assert caught.value.code == "E-ZIP-TRUNCATED"


def test_an_ordinary_zip_has_nothing_to_tell() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("対照/c.tif", b"x")
        archive.comment = b"a comment"
    with Archive(out.getvalue(), Limits(), "a.zip") as found:
        assert found.notes() == []


CASES = {
    "zip_7075_gbk": "对照组_1d_rep1",
    "zip_cp1251": "контроль_1d_rep1",
    "zip_cp1252": "Kontrolle_Zürich_1d_rep1",
    "zip_dotnet_backslash": "NT3_1d_rep1",
    "zip_dotnet_backslash_deep": "Export/NT3_1d_rep1",
    "zip_euckr": "대조군_1d_rep1",
    "zip_gbk": "对照组_1d_rep1",
    "zip_sjis_5c": "予備実験_1d_rep1",
    "zip_sjis_hyou": "表_十日_1d_rep1",
    "zip_sjis_plain": "対照_1d_rep1",
    "zip_trailing_100k": "NT3_1d_rep1",
}


@pytest.mark.parametrize("case", CASES)
def test_the_zips_of_the_cases_are_read(case: str, take: Callable[..., Any], shared: Path) -> None:
    found = take(shared / "cases" / case / "in.zip")
    first = next(iter(found.cells))
    assert first == CASES[case]
    assert all(len(cells) == 4 for cells in found.cells.values())
