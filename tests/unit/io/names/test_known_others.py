"""Every kind of file that is not read is named with the way out: alone, in a folder and in a zip."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode
from nscweb.io.formats import FORMATS
from nscweb.io.names.other_files import KNOWN_OTHERS, known_by_content, known_by_name
from nscweb.io.survey.survey import survey


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


FTYP = b"\0\0\0\x18ftyp"
HEADS: dict[str, bytes] = {
    "a.czi": b"ZISRAWFILE" + bytes(600),
    "a.nd2": b"\xda\xce\xbe\x0a" + bytes(600),
    "a.lif": b"\x70\0\0\0\x20\0\0\0\x2a" + bytes(600),
    "a.dcm": bytes(128) + b"DICM" + bytes(600),
    "a.avi": b"RIFF\0\0\0\0AVI LIST" + bytes(600),
    "a.mp4": FTYP + b"isom" + bytes(600),
    "a.mov": FTYP + b"qt  " + bytes(600),
    "a.mkv": b"\x1a\x45\xdf\xa3" + bytes(600),
    "a.heic": FTYP + b"heic" + bytes(600),
    "a.webp": b"RIFF\0\0\0\0WEBPVP8 " + bytes(600),
    "a.gif": b"GIF89a" + bytes(600),
    "a.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(600),
    "a.mat": b"MATLAB 5.0 MAT-file" + bytes(600),
    "a.pkl": pickle.dumps(np.zeros(3)),
    "a.rar": b"Rar!\x1a\x07\x00" + bytes(600),
    "a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(600),
    "a.tar": bytes(257) + b"ustar\x00" + bytes(600),
    "a.tgz": b"\x1f\x8b\x08" + bytes(600),
    "a.bz2": b"BZh9" + bytes(600),
    "a.xz": b"\xfd7zXZ\0" + bytes(600),
    "a.fcs": b"FCS3.1    " + bytes(600),
    "a.pdf": b"%PDF-1.7" + bytes(600),
    "a.docx": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(600),
}
BY_NAME_ONLY = ("a.oib", "a.oif", "a.lsm", "a.pptx", "a.svs", "a.vsi", "a.zvi", "a.ims", "a.wmv")


def refused(*paths: Path) -> InputRefused:
    with pytest.raises(InputRefused) as caught:  # noqa: SIM117
        with survey(paths, Limits(), log := FindingLog()) as found:
            for sample in found.samples:
                assert not list(found.read(sample, None, log))
            from nscweb.io.survey.listing import why_nothing

            raise why_nothing(log, [path.name for path in paths])
    return caught.value


def test_codes_and_suffixes_are_unique_and_every_kind_has_a_way_out() -> None:
    assert len({kind.code for kind in KNOWN_OTHERS}) == len(KNOWN_OTHERS)
    suffixes = [suffix for kind in KNOWN_OTHERS for suffix in kind.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert not set(suffixes) & {suffix for entry in FORMATS for suffix in entry.suffixes}
    for kind in KNOWN_OTHERS:
        assert re.search(r"TIFF|zip|npz|\.cif|\.rtdc", kind.todo), kind.code


@pytest.mark.parametrize("name", HEADS)
def test_known_by_content_whatever_the_name_says(name: str, tmp_path: Path) -> None:
    kind = known_by_name(name)
    assert kind is not None and known_by_content(HEADS[name]) is kind
    with pytest.raises(InputRefused) as caught:
        decode(HEADS[name], "cell_1_Ch1.tif", Limits(), FindingLog())
    assert caught.value.code == kind.code and kind.todo in str(caught.value)
    disguised = tmp_path / "images.zip"
    disguised.write_bytes(HEADS[name])
    if not HEADS[name].startswith(b"PK"):
        assert refused(disguised).code == kind.code


@pytest.mark.parametrize("name", [*HEADS, *BY_NAME_ONLY])
def test_alone_it_is_refused_with_the_way_out(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HEADS.get(name, b"whatever" * 100))
    kind = known_by_name(name)
    assert kind is not None
    for path in (tmp_path / name, tmp_path):
        error = refused(path)
        assert kind.todo in str(error) and error.code == kind.code


def test_a_huge_one_is_named_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "scan.czi"
    with path.open("wb") as stream:
        stream.write(b"ZISRAWFILE")
        stream.truncate(3_000_000_000)
    assert refused(path).code == "E-FMT-CZI"


def test_beside_images_nothing_is_silent(make_zip: Any, tiff: Any, tmp_path: Path, take: Callable[..., Any]) -> None:
    files = [(f"s/{name}", HEADS.get(name, b"x" * 700)) for name in (*HEADS, *BY_NAME_ONLY)]
    files += [("s/b.czi", b"x"), ("s/more.pdf", b"x"), ("s/x_1_Ch1.tif", tiff())]
    zipped = take(make_zip(files))
    folder = tmp_path / "folder" / "s"
    folder.mkdir(parents=True)
    for name, data in files:
        (folder / name.removeprefix("s/")).write_bytes(data)
    for imported in (zipped, take(tmp_path / "folder")):
        assert len(imported.all_cells) == 1
        folded = {line.code: line for line in imported.log.by_reason()}
        assert folded["E-FMT-CZI"].count == 2 and folded["N-FMT-PDF"].count == 1
        assert folded["N-FMT-PDF"].examples == ("2 files: s/a.pdf, s/more.pdf",)
        told = set(folded)
        for kind in KNOWN_OTHERS:
            code = kind.code if kind.images else kind.code.replace("E-", "N-")
            nested = imported is zipped and kind.code.startswith("E-ZIP")
            assert code in told or nested or kind.code in ("E-FMT-HDF5", "E-FMT-NPY"), kind.code
    assert "E-ZIP-NESTED" in zipped.codes("skip")


def test_an_image_under_such_a_name_is_read_when_it_was_chosen(tmp_path: Path, take: Callable[..., Any]) -> None:
    image = np.random.default_rng(0).integers(90, 110, (30, 40)).astype(np.uint8)
    (tmp_path / "cell_1_Ch1.gif").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    imported = take(tmp_path / "cell_1_Ch1.gif")
    assert len(imported.all_cells) == 1 and imported.codes("warn") == {"W-IMG-NAME"}


def test_tables_of_cells_inside_a_zip_are_named(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([("s/x_1_Ch1.tif", tiff()), ("s/a.rtdc", b"\x89HDF"), ("s/a.npz", b"PK")]))
    assert imported.codes("skip") == {"E-ZIP-NESTED"} and imported.codes("warn") == {"W-ZIP-TABLE"}
    error = refused(make_zip([("s/a.rtdc", b"\x89HDF"), ("s/notes.txt", b"day 3")], "only.zip"))
    assert error.code == "E-ZIP-TABLE" and "by themselves" in str(error)


def test_an_array_of_cells_is_read_without_pickle(tmp_path: Path, take: Callable[..., Any]) -> None:
    cells = np.random.default_rng(0).integers(90, 110, (5, 2, 30, 40)).astype(">u2")
    (tmp_path / "RA_1d.npy").write_bytes(npy(cells))
    imported = take(tmp_path / "RA_1d.npy")
    np.testing.assert_array_equal([cell.pixels for cell in imported.all_cells], cells)
    assert imported.all_cells[0].channels == ("Ch1", "Ch2") and imported.found.samples[0].hint.group == "RA"
    for data, code in [
        (npy(cells)[:-1], "E-NPZ-CUT"),
        (npy(np.array([{"a": 1}], object)), "E-NPZ-SHAPE"),
        (npy(np.zeros((30, 40))), "E-NPZ-SHAPE"),
        (b"\x93NUMPY\x01\x00", "E-NPZ-DAMAGED"),
        (b"", "E-NPZ-DAMAGED"),
        (npy(cells).replace(b"(5, 2, 30, 40)", b"(5, 2, 30,4000000)"), "E-LIMIT-IMAGE-SIDE"),
    ]:
        (tmp_path / "bad.npy").write_bytes(data)
        assert refused(tmp_path / "bad.npy").code == code
    with pytest.raises(InputRefused, match=r"\.npy"):
        decode(npy(cells), "cell_1_Ch1.tif", Limits(), FindingLog())


@given(st.binary(max_size=600))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    known_by_content(data)
    for entry in FORMATS:
        if entry.read and entry.sniff(data[:512]):
            assert known_by_content(data) is None
