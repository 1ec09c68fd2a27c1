"""Whole `.cif` and `.rif` files: what is in them comes in, and what is wrong with them is told."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cif_encoder as encoder
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, LimitExceeded, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats.cif import CifCells, sniff
from nscweb.io.formats.cif_file import WRAP, CifFile

LIMITS = Limits()


def write(path: Path, objects: Sequence[encoder.Object], **options: Any) -> list[tuple[int, int]]:
    with path.open("wb") as stream:
        return encoder.write_cif(stream, objects, **options)


def read_all(
    path: Path, channels: Sequence[str] | None = None
) -> tuple[dict[int, CellImage], list[str], set[str]]:
    """Cells by number, codes of rows that were refused, codes of notes and findings."""
    log = FindingLog()
    with CifCells(path, LIMITS) as table:
        rows = range(table.cells)
        given_out = list(table.read(rows, table.channels if channels is None else channels, LIMITS, log))
        assert [row for row, _ in given_out] == list(rows)
        cells = {cell.object_number: cell for _, cell in given_out if isinstance(cell, CellImage)}
        refused = [cell.code for _, cell in given_out if isinstance(cell, NscwebError)]
        return cells, refused, {finding.code for finding in [*table.notes, *log]}


def check_same(cells: dict[int, CellImage], objects: Sequence[encoder.Object]) -> None:
    assert sorted(cells) == sorted(one.number for one in objects)
    for one in objects:
        cell = cells[one.number]
        np.testing.assert_array_equal(cell.pixels, one.pixels)
        if one.masks is None:
            assert cell.masks is None
        else:
            np.testing.assert_array_equal(cell.masks, one.masks)


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
    told = (
        repr(list(imported.log))
        + repr(imported.all_cells)
        + repr([cell.values for cell in imported.all_cells])
    )
    assert "secret" not in told and "Person" not in told
    assert imported.codes("warn") == {"W-CIF-COUNT"}


def test_objects_of_the_same_number_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(3, 2)
    again = [encoder.Object(1, one.pixels, one.masks) for one in objects]
    write(path, again)
    with CifCells(path, LIMITS) as table:
        assert [table.where(row) for row in range(3)] == [
            "a.cif object 1", "a.cif object 1 (2)", "a.cif object 1 (3)",
        ]  # fmt: skip
        assert {finding.code for finding in table.notes} == {"W-CIF-TWICE"}
        for (_, cell), one in zip(
            table.read(range(3), table.channels, LIMITS, FindingLog()), again, strict=True
        ):
            assert isinstance(cell, CellImage)
            np.testing.assert_array_equal(cell.pixels, one.pixels)
            np.testing.assert_array_equal(cell.masks, one.masks)


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"\x89PNG" + bytes(200), b"II*\0" + bytes(5000)]
)
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


def links_of(data: bytes, begin: int) -> int:
    """Where the link of the directory at `begin` lies."""
    return begin + 2 + 12 * int.from_bytes(data[begin : begin + 2], "little")


@pytest.mark.parametrize("target", ["itself", "first", "before", "nowhere", "far", "zero"])
@pytest.mark.parametrize("place", [1, 4, 5, 7])
def test_a_link_that_leads_astray_loses_nothing(target: str, place: int, tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(6, 2)
    places = write(path, objects)
    data = bytearray(path.read_bytes())
    astray = {
        "itself": places[place][0], "first": places[0][0], "before": places[place - 1][0], "nowhere": 60,
        "far": len(data) + 1000, "zero": 0,
    }[target]  # fmt: skip
    at = links_of(data, places[place][0])
    data[at : at + 4] = astray.to_bytes(4, "little")
    path.write_bytes(data)
    cells, refused, codes = read_all(path)
    assert not refused and codes <= {"W-CIF-LIST"} and codes
    assert sorted(cells) == list(range(6))
    lost_mask = place % 2 == 1  # the link from an image to its mask
    for one in objects:
        np.testing.assert_array_equal(cells[one.number].pixels, one.pixels)
        if one.number == place // 2 and lost_mask:
            assert cells[one.number].masks is None or np.array_equal(cells[one.number].masks, one.masks)
        else:
            np.testing.assert_array_equal(cells[one.number].masks, one.masks)


def test_a_directory_that_is_overwritten_costs_its_object(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(6, 2)
    places = write(path, objects)
    data = bytearray(path.read_bytes())
    data[places[5][0] : places[5][0] + 40] = bytes(40)
    path.write_bytes(data)
    cells, _, codes = read_all(path)
    check_same(cells, [one for one in objects if one.number != 2])
    assert codes == {"W-CIF-LIST", "W-CIF-COUNT"}


def test_cut_at_every_kind_of_place(tmp_path: Path) -> None:
    path, cut = tmp_path / "a.cif", tmp_path / "cut.cif"
    objects = encoder.make_objects(4, 2)
    places = write(path, objects)
    data = path.read_bytes()
    positions = {0, 1, 4, 7, 8, 9}
    for begin, end in places:
        positions |= {
            begin,
            begin + 1,
            begin + 2,
            begin + 15,
            links_of(data, begin),
            links_of(data, begin) + 2,
        }
        positions |= {links_of(data, begin) + 4, links_of(data, begin) + 30, end - 1}
    for position in sorted(positions):
        cut.write_bytes(data[:position])
        try:
            cells, refused, codes = read_all(cut)
        except InputRefused:
            assert position < places[2][0]
            continue
        whole = [one for one in objects if places[1 + 2 * one.number][1] <= position]
        assert {one.number for one in whole} <= set(cells)
        for number, cell in cells.items():
            np.testing.assert_array_equal(cell.pixels, objects[number].pixels)
            assert cell.masks is None or np.array_equal(cell.masks, objects[number].masks)
        assert refused or codes or position == len(data)


def test_flipped_bytes_never_end_in_anything_but_findings(tmp_path: Path) -> None:
    path, odd = tmp_path / "a.cif", tmp_path / "odd.cif"
    objects = encoder.make_objects(5, 2, side=12)
    places = write(path, objects, in_use=(1, 2))
    data = path.read_bytes()
    chance = random.Random(7)
    for _ in range(400):
        changed = bytearray(data)
        where = [chance.randrange(len(data)) for _ in range(chance.choice([1, 1, 2, 8]))]
        for position in where:
            changed[position] ^= 1 << chance.randrange(8)
        odd.write_bytes(changed)
        touched = {
            (number - 1) // 2
            for number, (begin, end) in enumerate(places)
            for at in where
            if begin <= at < end
        }
        try:
            cells, _, codes = read_all(odd)
        except InputRefused:
            continue
        untouched = [one for one in objects if one.number not in touched]
        header_safe = not any(at < places[1][0] for at in where)
        if header_safe:
            assert {one.number for one in untouched} <= set(cells)
        for one in untouched:
            if (
                one.number in cells
                and "W-CIF-TWICE" not in codes
                and cells[one.number].channels == ("Ch1", "Ch2")
            ):
                np.testing.assert_array_equal(cells[one.number].pixels, one.pixels)


def test_a_file_made_to_be_slow_ends_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories that all lead to one another, and the tag that a search looks for everywhere."""
    path = tmp_path / "slow.cif"
    objects = encoder.make_objects(2, 2)
    places = write(path, objects, claimed=4_000_000_000)
    data = bytearray(path.read_bytes())
    at = links_of(data, places[-1][0])
    data[at : at + 4] = places[1][0].to_bytes(4, "little")
    path.write_bytes(bytes(data) + b"\xea\x80\x03\x00\x01\x00\x00\x00\x02\x00\x00\x00" * 400_000)
    looks = 0
    entries = CifFile.entries

    def counted(self: CifFile, at: int) -> Any:
        nonlocal looks
        looks += 1
        return entries(self, at)

    monkeypatch.setattr(CifFile, "entries", counted)
    cells, _, codes = read_all(path)
    check_same(cells, objects)
    assert codes == {"W-CIF-LIST", "W-CIF-COUNT"} and looks < 2_000_000


def test_a_damaged_mask_is_left_out_and_the_pixels_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    objects = encoder.make_objects(3, 2)
    places = write(path, objects)
    data = bytearray(path.read_bytes())
    data[places[4][1] - 1] ^= 3
    path.write_bytes(data)
    cells, refused, codes = read_all(path)
    assert not refused and codes == {"W-CIF-MASK"} and cells[1].masks is None
    assert sorted(cells) == [0, 1, 2]
    np.testing.assert_array_equal(cells[1].pixels, objects[1].pixels)


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
