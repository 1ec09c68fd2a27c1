"""HDF5 image stacks: read in parts, nothing outside the file is opened, damage never gets further than a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nscweb.core.errors import InputRefused, LimitExceeded, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats.rtdc import RtdcCells
from nscweb.io.pixels.hdf5 import Slabs, _fletcher32

COUNT, HEIGHT, WIDTH = 23, 20, 30


def stack(count: int = COUNT) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(120, 4, (count, HEIGHT, WIDTH)).astype(np.uint8)


def write(path: Path, images: Any = None, mask: Any = None, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        images = stack() if images is None else images
        file.create_dataset("events/image", data=images, **options)
        if mask is not None:
            file.create_dataset("events/mask", data=mask, **options)
        file["events/deform"] = np.linspace(0, 1, len(images))
        file["events/area_um"] = np.arange(len(images), dtype=np.float32)
        file["events/trace/fl1_raw"] = np.zeros((len(images), 5))
        file.attrs["imaging:pixel size"] = 0.34
        file.attrs["experiment:sample"] = "RA_1d_rep2"
    return path


def refusal(path: Path, limits: Limits | None = None) -> NscwebError:
    with pytest.raises(InputRefused) as caught:
        RtdcCells(path, limits or Limits())
    return caught.value


def test_images_masks_features_and_pixel_size(tmp_path: Path, take: Callable[..., Any]) -> None:
    images = stack()
    mask = images > 120
    path = write(tmp_path / "M001_data.rtdc", images, mask.astype(np.uint8) * 255)
    imported = take(path)
    (name,) = imported.cells
    cells = imported.all_cells
    assert name == "RA_1d_rep2" and imported.found.samples[0].hint.time_h == 24.0
    assert [cell.object_number for cell in cells] == list(range(1, COUNT + 1))
    assert cells[4].channels == ("brightfield",) and imported.found.brightfield == "brightfield"
    for row, cell in enumerate(cells):
        np.testing.assert_array_equal(cell.pixels[0], images[row])
        np.testing.assert_array_equal(cell.masks[0], mask[row])
    assert cells[2].values == {"area_um": 2.0, "deform": pytest.approx(2 / 22)}
    assert imported.found.pixel_size_um == 0.34 and imported.found.samples[0].masks
    assert take(write(tmp_path / "NT3_1d.h5")).found.samples[0].name == "NT3_1d"


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (4, HEIGHT, WIDTH)},
        {"chunks": (5, 7, 30), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (5, HEIGHT, 11), "compression": "lzf", "shuffle": True},
        {"chunks": (5, HEIGHT, 11), "compression": "lzf", "fletcher32": True},
        {"chunks": (50, HEIGHT, WIDTH), "fletcher32": True, "maxshape": (None, HEIGHT, WIDTH)},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, ">u2"])
def test_every_usual_way_of_packing(tmp_path: Path, options: dict[str, Any], dtype: Any) -> None:
    images = stack().astype(dtype)
    with RtdcCells(write(tmp_path / "a.rtdc", images, **options), Limits()) as table:
        found = dict(table.read([0, 3, 21, 22], ["brightfield"], Limits(), FindingLog()))
    for row, cell in found.items():
        np.testing.assert_array_equal(cell.pixels[0], images[row])


def zstd_file(path: Path, images: np.ndarray, pack: Callable[[bytes], bytes]) -> Path:
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((8, HEIGHT, WIDTH))
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        group = file.create_group("events")
        space = h5py.h5s.create_simple(images.shape)
        made = h5py.h5d.create(group.id, b"image", h5py.h5t.NATIVE_UINT8, space, plist)
        for begin in range(0, len(images), 8):
            block = np.zeros((8, HEIGHT, WIDTH), np.uint8)
            block[: len(images[begin : begin + 8])] = images[begin : begin + 8]
            made.write_direct_chunk((begin, 0, 0), pack(block.tobytes()))
    return path


def test_zstandard_as_dclab_writes_it(tmp_path: Path) -> None:
    path = zstd_file(tmp_path / "z.rtdc", stack(), lambda data: pa.compress(data, codec="zstd", asbytes=True))
    with RtdcCells(path, Limits()) as table:
        found = [cell for _, cell in table.read(range(COUNT), ["brightfield"], Limits(), FindingLog())]
    np.testing.assert_array_equal(np.stack([cell.pixels[0] for cell in found]), stack())


@pytest.mark.parametrize("size", [10, 20_000_000])
def test_a_chunk_that_unpacks_to_something_else_is_one_skipped_part(
    tmp_path: Path, size: int, take: Callable[..., Any]
) -> None:
    bomb = pa.compress(bytes(size), codec="zstd", asbytes=True)
    good = pa.compress(stack(8).tobytes(), codec="zstd", asbytes=True)
    packed = iter([good, bomb, good])
    imported = take(zstd_file(tmp_path / "z.rtdc", stack(), lambda data: next(packed)))
    assert len(imported.all_cells) == 15
    assert imported.codes("skip") == {"E-HDF5-DAMAGED"} and imported.found.skipped == 8


def test_deflate_is_never_unpacked_further_than_the_chunk(tmp_path: Path) -> None:
    import zlib

    path = write(tmp_path / "b.rtdc", chunks=(4, HEIGHT, WIDTH), compression="gzip")
    with h5py.File(path, "r+") as file:
        file["events/image"].id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(3_000_000), 9))
    with RtdcCells(path, Limits()) as table:
        found = dict(table.read(range(COUNT), ["brightfield"], Limits(), FindingLog()))
    assert [isinstance(found[row], NscwebError) for row in range(6)] == [True] * 4 + [False] * 2


def test_links_virtual_and_external_data_are_refused_and_not_opened(tmp_path: Path) -> None:
    other = write(tmp_path / "other.h5")

    def variant(name: str, make: Callable[[h5py.File], None]) -> NscwebError:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            make(file)
        return refusal(path)

    def external_dataset(file: h5py.File) -> None:
        (tmp_path / "raw.bin").write_bytes(bytes(HEIGHT * WIDTH * 4))
        file.create_dataset(
            "events/image", (4, HEIGHT, WIDTH), "u1", external=[(str(tmp_path / "raw.bin"), 0, 4 * HEIGHT * WIDTH)]
        )

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((COUNT, HEIGHT, WIDTH), "u1")
        layout[:] = h5py.VirtualSource(str(other), "events/image", (COUNT, HEIGHT, WIDTH))
        file.create_group("events").create_virtual_dataset("image", layout)

    def external_group(file: h5py.File) -> None:
        file["events"] = h5py.ExternalLink(str(other), "/events")

    def external_image(file: h5py.File) -> None:
        file.create_group("events")["image"] = h5py.ExternalLink("gone.h5", "/events/image")

    def soft(file: h5py.File) -> None:
        file["there"] = h5py.ExternalLink(str(other), "/events/image")
        file.create_group("events")["image"] = h5py.SoftLink("/there")

    for position, make in enumerate([external_dataset, virtual, external_group, external_image, soft]):
        assert variant(f"link{position}.rtdc", make).code == "E-HDF5-LINK"
    path = tmp_path / "mask.rtdc"
    with h5py.File(path, "w") as file:
        file["events/image"] = stack()
        file["events/mask"] = h5py.ExternalLink(str(other), "/events/image")
        file["events/deform"] = h5py.SoftLink("/elsewhere")
    log = FindingLog()
    with RtdcCells(path, Limits()) as table:
        assert not table.has_masks and len(list(table.read([0], ["brightfield"], Limits(), log))) == 1
    assert {finding.code for finding in table.notes} == {"W-RTDC-MASKS", "W-RTDC-FEATURES"}


def test_fewer_or_odd_masks_lose_no_cell(tmp_path: Path, take: Callable[..., Any]) -> None:
    imported = take(write(tmp_path / "short.rtdc", mask=stack(5) > 120))
    assert [cell.masks is None for cell in imported.all_cells[:7]] == [False] * 5 + [True] * 2
    assert "W-RTDC-MASKS" in imported.codes("warn")
    odd = take(write(tmp_path / "odd.rtdc", mask=np.zeros((COUNT, 4, 4), np.uint8)))
    assert len(odd.all_cells) == COUNT and not odd.found.samples[0].masks
    assert "W-RTDC-MASKS" in odd.codes("warn")


def test_other_layouts_say_which_is_needed(tmp_path: Path) -> None:
    for name, key, data, code in [
        ("keras", "model_weights/x", np.zeros((3, 4)), "E-HDF5-LAYOUT"),
        ("only numbers", "events/deform", np.zeros(4), "E-HDF5-LAYOUT"),
        ("one image", "events/image", np.zeros((20, 30), np.uint8), "E-HDF5-SHAPE"),
        ("text", "events/image", np.array([b"a", b"b"]), "E-HDF5-SHAPE"),
        ("none", "events/image", np.zeros((0, 20, 30), np.uint8), "E-HDF5-SHAPE"),
        ("tiny", "events/image", np.zeros((5, 4, 4), np.uint8), "E-IMG-SMALL"),
        ("group", "events/image/x", np.zeros(3), "E-HDF5-SHAPE"),
    ]:
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file[key] = data
        assert refusal(path).code == code, name
    assert "/events/image" in str(refusal(tmp_path / "keras.h5"))


def test_huge_claims_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    for name, shape, chunks in [
        ("cells", (10**12, 20, 30), (8, 20, 30)),
        ("sides", (10, 10**6, 10**6), (1, 100, 100)),
        ("chunk", (10**5, 200, 300), (10**4, 200, 300)),
        ("slab", (10**6, 200, 300), (10**5, 20, 30)),
    ]:
        path = tmp_path / f"{name}.rtdc"
        with h5py.File(path, "w") as file:
            file.create_dataset("events/image", shape, "u1", chunks=chunks, compression="gzip")
        assert isinstance(refusal(path), LimitExceeded) or refusal(path).code == "E-HDF5-CHUNKS"
    path = tmp_path / "unwritten.rtdc"
    with h5py.File(path, "w") as file:
        file.create_dataset("events/image", (1000, 20, 30), "u1")
    assert refusal(path).code == "E-HDF5-EMPTY"


def test_an_unknown_way_of_packing_says_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "s.rtdc", stack().astype(np.int16), chunks=(4, HEIGHT, WIDTH), scaleoffset=0)
    assert refusal(path).code == "E-HDF5-FILTER" and "gzip" in str(refusal(path))


def test_parts_that_were_never_written_are_skipped(tmp_path: Path, take: Callable[..., Any]) -> None:
    path = tmp_path / "half.rtdc"
    with h5py.File(path, "w") as file:
        made = file.create_dataset("events/image", (16, HEIGHT, WIDTH), "u1", chunks=(8, HEIGHT, WIDTH))
        made[8:] = stack(8)
    imported = take(path)
    assert len(imported.all_cells) == 8 and imported.codes("skip") == {"E-HDF5-MISSING"}


def test_in_a_folder_a_bad_file_does_not_stop_the_others(tmp_path: Path, take: Callable[..., Any]) -> None:
    good = write(tmp_path / "good.rtdc")
    (tmp_path / "cut.rtdc").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "text.hdf5").write_text("hello")
    imported = take(tmp_path)
    assert len(imported.all_cells) == COUNT
    assert imported.codes("skip") == {"E-HDF5-DAMAGED", "E-IMG-EMPTY", "E-HDF5-NOT-HDF5"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_a_refusal_or_a_skipped_cell(tmp_path: Path, data: st.DataObject) -> None:
    whole = write(tmp_path / "whole.rtdc", chunks=(4, HEIGHT, WIDTH), compression="gzip", fletcher32=True)
    content = bytearray(whole.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.rtdc"
    path.write_bytes(content)
    try:
        with RtdcCells(path, Limits()) as table:
            assert table.cells >= 1
            for _, cell in table.read(range(min(table.cells, 50)), table.channels, Limits(), FindingLog()):
                assert isinstance(cell, NscwebError) or cell.pixels.ndim == 3
    except NscwebError as error:
        assert error.code


@given(st.binary(min_size=1, max_size=300))
@settings(deadline=None)
def test_checksums_are_those_of_the_library(content: bytes) -> None:
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        made = file.create_dataset("x", data=np.frombuffer(content, np.uint8), chunks=(len(content),), fletcher32=True)
        _, stored = made.id.read_direct_chunk((0,))
        assert int.from_bytes(stored[-4:], "little") == _fletcher32(content)[0]
        np.testing.assert_array_equal(Slabs(made, "x", "x", Limits()).row(0), made[0])


@pytest.mark.parametrize("text", ["0.34", b"0.34", " 0,34 ", np.bytes_(b"0.34")])
def test_a_pixel_size_that_is_stored_as_text_is_read(text: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.rtdc")
    with h5py.File(path, "a") as file:
        file.attrs["imaging:pixel size"] = text
    with RtdcCells(path, Limits()) as table:
        assert table.pixel_size_um == 0.34


@pytest.mark.parametrize("axis", [1, 3])
def test_an_axis_of_one_channel_is_no_axis(axis: int, tmp_path: Path) -> None:
    images = stack()
    path = write(tmp_path / "a.rtdc", np.expand_dims(images, axis), np.expand_dims(images > 120, axis))
    with RtdcCells(path, Limits()) as table:
        cells = [cell for _, cell in table.read(range(COUNT), ["brightfield"], Limits(), FindingLog())]
        assert [np.array_equal(cell.pixels[0], images[row]) for row, cell in enumerate(cells)] == [True] * COUNT
        assert all(np.array_equal(cell.masks[0], images[row] > 120) for row, cell in enumerate(cells))


def test_images_in_a_basin_are_told_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "a.rtdc"
    text = '{"type": "file", "format": "hdf5", "paths": ["/data/folder/raw 1.rtdc", "raw 1.rtdc"]}'
    with h5py.File(path, "w") as file:
        file["events/deform"] = np.zeros(5)
        file["basins/abc"] = np.array([text.encode()])
    error = refusal(path)
    assert error.code == "E-HDF5-BASIN"
    assert "1.rtdc" in error.what
    with h5py.File(path, "a") as file:
        file["basin_events/image"] = stack()
    assert "basin_events" in refusal(path).what


@pytest.mark.parametrize(
    ("case", "code"), [("rtdc_basin", "E-HDF5-BASIN"), ("rtdc_basin_internal", "E-HDF5-BASIN"), ("rtdc_nhwc", "")]
)
def test_the_cases_end_as_expected(case: str, code: str, take: Callable[..., Any], shared: Path) -> None:
    path = shared / "cases" / case / "a.rtdc"
    if code:
        assert refusal(path).code == code
    else:
        assert len(take(path).all_cells) == 5


def test_the_case_of_a_size_as_text(take: Callable[..., Any], shared: Path) -> None:
    assert take(shared / "cases" / "rtdc_strattr" / "a.rtdc").found.pixel_size_um == 0.34
