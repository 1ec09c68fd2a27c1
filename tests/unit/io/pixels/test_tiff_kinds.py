"""Kinds of TIFF that look simple and are not: turned bits, colours of other kinds, stacks, previews, renamed files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode
from nscweb.io.pixels.image_pages import ImagePages
from nscweb.simulation.small_tiff import tiff_bytes

CELL = np.random.default_rng(3).integers(0, 255, (40, 60), dtype=np.uint8)
CELL16 = np.random.default_rng(4).integers(100, 4000, (40, 60), dtype=np.uint16)


def written(*planes: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for plane in planes:
            writer.write(plane, metadata=None, contiguous=False, **options)
    return out.getvalue()


def read(data: bytes, name: str = "cell_1_Ch1.tif") -> tuple[ImagePages, FindingLog]:
    log = FindingLog()
    return decode(data, name, Limits(), log), log


def codes(log: FindingLog) -> set[str]:
    return {finding.code for finding in log}


def with_fill_order(data: bytes, value: int) -> bytes:
    """The same file, its private tag turned into that for the order of bits."""
    at = data.index(struct.pack("<HHI", 65000, 3, 1))
    return data[:at] + struct.pack("<HHII", 266, 3, 1, value) + data[at + 12 :]


@pytest.mark.parametrize("cell", [CELL, CELL16])
@pytest.mark.parametrize("rows", [40, 7])
def test_bits_that_are_stored_the_other_way_round_are_turned_back(cell: np.ndarray, rows: int) -> None:
    plain = written(cell, rowsperstrip=rows, extratags=[(65000, 3, 1, 1, True)])
    turned = np.frombuffer(cell.tobytes(), np.uint8)
    turned = np.packbits(np.unpackbits(turned).reshape(-1, 8)[:, ::-1])
    other = written(turned.view(cell.dtype).reshape(cell.shape), rowsperstrip=rows, extratags=[(65000, 3, 1, 1, True)])
    assert np.array_equal(read(with_fill_order(other, 2))[0].load(0), cell)
    for value in (0, 1):
        assert np.array_equal(read(with_fill_order(plain, value))[0].load(0), cell)


def test_the_shared_file_of_turned_bits_is_read_as_tifffile_reads_it(shared: Path) -> None:
    data = (shared / "hostile" / "more" / "fillorder2_8.tif").read_bytes()
    assert np.array_equal(read(data)[0].load(0), tifffile.imread(io.BytesIO(data)))


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("coloured", [False, True])
def test_of_brightness_and_colours_the_brightness_is_taken(
    compression: str | None, planar: str, coloured: bool
) -> None:
    colours = np.full((40, 60, 2), 128, np.uint8)
    colours[5:, :, 0] += 40 * coloured
    image = np.concatenate([CELL[..., None], colours], -1)
    image = np.moveaxis(image, -1, 0) if planar == "separate" else image
    data = written(image, photometric="ycbcr", planarconfig=planar, compression=compression, subsampling=(1, 1))
    pages, log = read(data)
    assert np.array_equal(pages.load(0), CELL)
    assert ("W-IMG-COLOUR" in codes(log)) == coloured


@pytest.mark.parametrize("photometric", [8, 9, 10, 32803, 32844])
def test_values_that_are_no_intensities_are_refused(photometric: int) -> None:
    data = bytearray(written(np.stack([CELL] * 3, -1), photometric="rgb"))
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    struct.pack_into("<H", data, at + 8, photometric)
    with pytest.raises(InputRefused) as caught:
        read(bytes(data))
    assert caught.value.code == "E-IMG-COLOUR-KIND"


def test_brightness_with_fewer_colours_is_refused() -> None:
    data = bytearray(written(np.stack([CELL] * 3, -1), photometric="rgb"))
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    struct.pack_into("<H", data, at + 8, 6)
    with pytest.raises(InputRefused) as caught:
        read(bytes(data))
    assert caught.value.code == "E-IMG-COLOUR-KIND"


def imagej(planes: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, planes, imagej=True, **options)
    return out.getvalue()


@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TYX"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_stack_with_one_directory_is_read_whole(axes: str, dtype: Any, order: str) -> None:
    planes = np.stack([CELL, CELL // 2, CELL // 3]).astype(dtype)
    data = imagej(planes, metadata={"axes": axes}, byteorder=order, contiguous=True)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        one = b"".join([data]) if len(tif.pages) == 1 else _without_further_pages(data, order)
    pages, log = read(one)
    assert [np.array_equal(pages.load(n), planes[n]) for n in range(3)] == [True] * 3
    assert pages.kind == {"C": "channels", "Z": "z", "T": "t"}[axes[0]]
    with pytest.raises(InputRefused, match="more planes"):
        read(_cut_stack(one, order))
    assert not codes(log)


def _without_further_pages(data: bytes, order: str) -> bytes:
    """The directory of the first page points to no other."""
    at = struct.unpack_from(order + "I", data, 4)[0]
    link = at + 2 + 12 * struct.unpack_from(order + "H", data, at)[0]
    return data[:link] + bytes(4) + data[link + 4 :]


def _cut_stack(data: bytes, order: str) -> bytes:
    """The description claims more planes than there are bytes."""
    return data.replace(b"images=3", b"images=9")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["BF", "GFAP", "Olig2"], ("BF", "GFAP", "Olig2")),
        (["c:1/3 - BF", "c:2/3 - GFAP", "c:3/3 - Tuj1"], ("BF", "GFAP", "Tuj1")),
        (["Hellfeld\nfile.tif", "β-III\nfile.tif", "Kern\nfile.tif"], ("Hellfeld", "β-III", "Kern")),
        (["same", "same", "other"], ("Ch1", "Ch2", "Ch3")),
    ],
)
def test_labels_of_imagej_are_names_of_channels(labels: list[str], names: tuple[str, ...], order: str) -> None:
    data = imagej(np.stack([CELL] * 3), metadata={"axes": "CYX", "Labels": labels}, byteorder=order)
    assert read(data)[0].names == names


def test_damaged_labels_cost_no_image() -> None:
    data = bytearray(imagej(np.stack([CELL] * 3), metadata={"axes": "CYX", "Labels": ["BF", "GFAP", "Olig2"]}))
    at = data.index(struct.pack("<HH", 50839, 1))
    struct.pack_into("<I", data, at + 8, 1 << 30)
    assert read(bytes(data))[0].names == ("Ch1", "Ch2", "Ch3")


OWN = "urn:uuid:743275b7-6726-46bd-b7bb-aca3085f0001"


def ome(file_name: str, uuid: str, root: str = OWN) -> bytes:
    text = (
        f'<?xml version="1.0"?><OME UUID="{root}"><Image><Pixels SizeC="1" SizeZ="1" SizeT="1"><TiffData IFD="0">'
        f'<UUID FileName="{file_name}">{uuid}</UUID></TiffData></Pixels></Image></OME>'
    )
    return written(CELL, description=text.encode())


@pytest.mark.parametrize(
    ("file_name", "uuid"),
    [
        ("before.ome.tif", OWN),
        ("before.ome.tif", f"\n  {OWN.upper()}  "),
        ("before.ome.tif", OWN.removeprefix("urn:uuid:")),
        ("Zürich 1.ome.tif", "urn:uuid:of-somebody-else"),
        ("Zu\u0308rich 1.ome.tif", "urn:uuid:of-somebody-else"),
        ("Z%C3%BCrich%201.ome.tif", "urn:uuid:of-somebody-else"),
        ("ZÜRICH 1.OME.TIF", ""),
    ],
)
def test_a_file_that_was_renamed_still_means_itself(file_name: str, uuid: str) -> None:
    assert np.array_equal(read(ome(file_name, uuid), "s/Zürich 1.ome.tif")[0].load(0), CELL)


@pytest.mark.parametrize(
    ("file_name", "uuid", "root"),
    [
        ("other.ome.tif", "urn:uuid:of-somebody-else", OWN),
        ("../../etc/passwd", OWN, ""),
        ("other.ome.tif", "", ""),
        ("other.ome.tif", "urn:uuid:", "urn:uuid:"),
    ],
)
def test_other_files_are_not_followed(file_name: str, uuid: str, root: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read(ome(file_name, uuid, root), "own.ome.tif")
    assert caught.value.code == "E-IMG-OTHER-FILE"


@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize("first", [False, True])
def test_a_preview_without_a_mark_is_left_out(times: int, first: bool) -> None:
    small = CELL[::times, ::times]
    pages, log = read(written(*((small, CELL) if first else (CELL, small))))
    assert len(pages) == 1
    assert np.array_equal(pages.load(0), CELL)
    assert codes(log) == {"N-IMG-PREVIEW"}


def test_a_small_page_that_is_a_channel_is_no_preview() -> None:
    text = b'<OME><Image><Pixels SizeC="2" SizeZ="1" SizeT="1"></Pixels></Image></OME>'
    pages, log = read(written(CELL, CELL[::2, ::2], description=text))
    assert len(pages) == 2
    assert not codes(log)


@pytest.mark.parametrize(("pages", "shape"), [(40, (60, 3)), (40, (3, 60)), (60, (40, 1)), (24, (60, 4))])
def test_axes_in_another_order_are_told(pages: int, shape: tuple[int, int]) -> None:
    with pytest.raises(InputRefused, match=rf"{pages} pages of {shape[1]} x {shape[0]} pixels"):
        read(written(*np.zeros((pages, *shape), np.uint8)))


def test_a_plain_file_has_nothing_to_tell() -> None:
    assert not codes(read(tiff_bytes(CELL16, "Ch1"))[1])


@pytest.mark.parametrize(
    ("case", "channels", "told"),
    [
        ("img_ome_renamed", ("Ch1",), set()),
        ("img_ij_truncated_1ifd", ("Ch1", "Ch2", "Ch3"), {"W-IMG-CHANNELS"}),
        ("img_ij_hyper_labels", ("BF", "GFAP", "Olig2"), {"W-IMG-CHANNELS"}),
        ("img_thumb_unmarked", ("Ch1",), {"N-IMG-PREVIEW"}),
    ],
)
def test_the_cases_are_read(
    case: str, channels: tuple[str, ...], told: set[str], take: Callable[..., Any], shared: Path
) -> None:
    found = take(shared / "cases" / case)
    assert len(found.all_cells) == 4
    assert {cell.channels for cell in found.all_cells} == {channels}
    assert found.codes() == told
