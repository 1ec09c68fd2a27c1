"""`.cif` files that are cut, flipped, looped or made to be slow: what is whole comes in, the rest is told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cif_encoder as encoder
import numpy as np
import pytest
from cif_cases import check_same, read_all, write

from nscweb.core.errors import InputRefused
from nscweb.io.formats.cif_file import CifFile


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
        "itself": places[place][0],
        "first": places[0][0],
        "before": places[place - 1][0],
        "nowhere": 60,
        "far": len(data) + 1000,
        "zero": 0,
    }[target]
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
        positions |= {begin, begin + 1, begin + 2, begin + 15, links_of(data, begin), links_of(data, begin) + 2}
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
        touched = {(number - 1) // 2 for number, (begin, end) in enumerate(places) for at in where if begin <= at < end}
        try:
            cells, _, codes = read_all(odd)
        except InputRefused:
            continue
        untouched = [one for one in objects if one.number not in touched]
        header_safe = not any(at < places[1][0] for at in where)
        if header_safe:
            assert {one.number for one in untouched} <= set(cells)
        for one in untouched:
            if one.number in cells and "W-CIF-TWICE" not in codes and cells[one.number].channels == ("Ch1", "Ch2"):
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
