"""Whole `.cif` and `.rif` files: what is in them comes in, and what is wrong with them is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cif_encoder as encoder
import numpy as np
import pytest
from cif_cases import LIMITS, check_same, read_all, write
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats.cif import CifCells, sniff
from nscweb.io.formats.cif_file import WRAP


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whole_files_come_back(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    channels = data.draw(st.integers(1, 12))
    objects = encoder.make_objects(data.draw(st.integers(1, 7)), channels, data.draw(st.integers(0, 99)))
    with_masks, plain = data.draw(st.lists(st.booleans(), min_size=14, max_size=14)), data.draw(st.booleans())
    objects = [
        encoder.Object(one.number * 3, one.pixels, one.masks if kept else None, plain)
        for one, kept in zip(objects, with_masks, strict=False)
    ]
    objects = data.draw(st.permutations(objects))
    directories = 1 + sum(1 + (one.masks is not None) for one in objects)
    path = tmp_path_factory.mktemp("cif") / "any.cif"
    write(
        path,
        objects,
        numbered=data.draw(st.booleans()),
        big=data.draw(st.booleans()),
        physical=data.draw(st.permutations(range(directories))),
        in_use=range(1, channels + 1),
    )
    cells, refused, codes = read_all(path)
    assert not refused and not codes
    check_same(cells, objects)


def test_what_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "day 3.cif"
    write(path, encoder.make_objects(4, 3), in_use=(1, 4, 9), lamps=(4, 9), magnification="60")
    with CifCells(path, LIMITS) as table:
        assert table.channels == ("Ch1", "Ch4", "Ch9") and table.brightfield == "Ch4"
        assert table.pixel_size_um == 0.3 and table.has_masks and table.cells == 4
        assert table.where(2) == "day 3.cif object 2" and not table.notes
        assert sniff(path.read_bytes()[:512])
        log = FindingLog()
        ((_, cell),) = table.read([1], ["Ch9", "Ch1"], LIMITS, log)
    assert isinstance(cell, CellImage) and cell.channels == ("Ch9", "Ch1")
    one = encoder.make_objects(4, 3)[1]
    np.testing.assert_array_equal(cell.pixels, one.pixels[[2, 0]])
    assert one.masks is not None and cell.masks is not None
    np.testing.assert_array_equal(cell.masks, one.masks[[2, 0]])
    assert cell.values["background Ch9"] == float(np.median(one.pixels[2]))
    assert cell.values["saturated pixels Ch1"] == 1.0 and not any("Ch4" in name for name in cell.values)


def test_nothing_is_assumed_that_the_file_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    write(path, encoder.make_objects(2, 2), magnification="")
    with CifCells(path, LIMITS) as table:
        assert table.channels == ("Ch1", "Ch2") and table.brightfield == "" and table.pixel_size_um is None


def test_channels_from_the_settings_when_objects_have_no_statistics(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    write(path, encoder.make_objects(2, 2), statistics=False, in_use=(2, 6))
    with CifCells(path, LIMITS) as table:
        assert table.channels == ("Ch2", "Ch6")
    write(path, encoder.make_objects(2, 2), statistics=False, xml=b"<Acquisition/>")
    with pytest.raises(InputRefused, match="how many channels"):
        CifCells(path, LIMITS)


def test_rif_without_masks(tmp_path: Path, take: Callable[..., Any]) -> None:
    path = tmp_path / "raw.rif"
    objects = encoder.make_objects(3, 2, masks=False)
    write(path, objects, lamps=(2,))
    imported = take(path)
    check_same({cell.object_number: cell for cell in imported.all_cells}, objects)
    assert imported.found.brightfield == "Ch2" and not imported.found.samples[0].masks


@pytest.mark.parametrize(
    "xml",
    [
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a><b></a>",
        b"",
        b"\xff\xfe\x00",
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
    ],
)
def test_settings_that_cannot_be_read_are_no_obstacle(xml: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(2, 2)
    write(path, objects, xml=xml)
    cells, _, codes = read_all(path)
    check_same(cells, objects)
    assert codes <= {"W-CIF-SETTINGS"}


def test_nothing_private_is_told(tmp_path: Path, take: Callable[..., Any]) -> None:
    path = tmp_path / "a.cif"
    write(path, encoder.make_objects(3, 2), claimed=5)
    imported = take(path)
    told = repr(list(imported.log)) + repr(imported.all_cells) + repr([cell.values for cell in imported.all_cells])
    assert "secret" not in told and "Person" not in told
    assert imported.codes("warn") == {"W-CIF-COUNT"}


def test_objects_of_the_same_number_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(3, 2)
    again = [encoder.Object(1, one.pixels, one.masks) for one in objects]
    write(path, again)
    with CifCells(path, LIMITS) as table:
        assert [table.where(row) for row in range(3)] == ["a.cif object 1", "a.cif object 1 (2)", "a.cif object 1 (3)"]
        assert {finding.code for finding in table.notes} == {"W-CIF-TWICE"}
        for (_, cell), one in zip(table.read(range(3), table.channels, LIMITS, FindingLog()), again, strict=True):
            assert isinstance(cell, CellImage)
            np.testing.assert_array_equal(cell.pixels, one.pixels)
            np.testing.assert_array_equal(cell.masks, one.masks)


@pytest.mark.parametrize("data", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"\x89PNG" + bytes(200), b"II*\0" + bytes(5000)])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    path.write_bytes(data)
    with pytest.raises(InputRefused) as error:
        CifCells(path, LIMITS)
    assert error.value.code in {"E-CIF-NOT-CIF", "E-IMG-EMPTY"}


def test_a_header_without_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    write(path, [])
    with pytest.raises(InputRefused, match="no object"):
        CifCells(path, LIMITS)


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    write(path, encoder.make_objects(4, 2))
    with pytest.raises(LimitExceeded):
        CifCells(path, Limits(max_members=3))
    with CifCells(path, LIMITS) as table:
        small = Limits(max_image_side=9)
        given_out = [cell for _, cell in table.read(range(4), table.channels, small, FindingLog())]
    assert all(isinstance(cell, LimitExceeded) for cell in given_out)


def test_sizes_that_the_header_of_an_object_claims_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    places = write(path, encoder.make_objects(2, 2))
    data = bytearray(path.read_bytes())
    begin = places[1][0]
    data[begin + 2 + 12 + 8 : begin + 2 + 12 + 12] = (16_000).to_bytes(4, "little")
    data[begin + 2 + 24 + 8 : begin + 2 + 24 + 12] = (8_000).to_bytes(4, "little")
    path.write_bytes(data)
    cells, refused, _ = read_all(path)
    assert sorted(cells) == [1] and len(refused) == 1


def test_over_four_gigabytes_where_positions_wrap(tmp_path: Path) -> None:
    path = tmp_path / "merged.cif"
    objects = encoder.make_objects(9, 2)
    # Chain: header, then image and mask of each object. Twice past 4 GB, once in the middle of an object.
    gaps = {0: 0, 5: WRAP - 50_000, 8: 3_000, 12: WRAP - 20_000, 15: 777}
    places = write(path, objects, gaps=gaps)
    assert places[-1][0] > 2 * WRAP - 100_000
    cells, refused, codes = read_all(path)
    assert not refused and not codes
    check_same(cells, objects)


@pytest.mark.parametrize("distance", [10, 400, 5_000])
def test_wrapping_at_any_place_of_an_object(distance: int, tmp_path: Path) -> None:
    """The end of 4 GB lies within a directory, within its data, or behind it."""
    path = tmp_path / "merged.cif"
    objects = encoder.make_objects(6, 3, side=30)
    before = write(path, objects)[5][0]
    places = write(path, objects, gaps={5: WRAP - before - distance})
    assert places[5][0] == WRAP - distance
    cells, refused, codes = read_all(path)
    assert not refused and not codes
    check_same(cells, objects)


def test_a_real_file(shared: Path, take: Callable[..., Any]) -> None:
    imported = take(shared / "data/cif/example.cif")
    assert imported.found.channels == tuple(f"Ch{number}" for number in range(1, 7))
    assert imported.found.brightfield == "Ch5" and imported.found.pixel_size_um == 0.5
    assert not len(imported.log) and imported.found.samples[0].masks
    cells = imported.all_cells
    assert [cell.object_number for cell in cells] == list(range(111))
    with np.load(shared / "data/cif/example_decoded_oracle.npz", allow_pickle=False) as oracle:
        for cell in cells:
            number = cell.object_number
            np.testing.assert_array_equal(np.hstack(list(cell.pixels)), oracle[f"img_{number}"])
            assert cell.masks is not None
            np.testing.assert_array_equal(np.hstack(list(cell.masks)), oracle[f"mask_{number}"] > 0)
            border = np.concatenate([cell.channel("Ch5")[0], cell.channel("Ch5")[-1]])
            assert abs(cell.values["background Ch5"] - np.median(border)) < 5
