"""Montages: the tile size is found or asked for, fillers are left out, and a file counts once."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.names.file_names import parse_montage_name
from nscweb.io.survey.cut_out import excerpt, readable_apart
from nscweb.io.survey.montages import cut_tiles, fillers, find_tile
from nscweb.io.survey.survey import survey

TILE = 30


def cells(count: int, tile: int = TILE, seed: int = 0, level: int = 800) -> np.ndarray:
    """(n, tile, tile) bright, even backgrounds with a dark cell near the middle of each."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:tile, :tile]
    made = rng.normal(level, 0.02 * level, (count, tile, tile))
    for image in made:
        y, x = tile / 2 + rng.normal(0, tile / 20, 2)
        width = rng.uniform(0.1, 0.18) * tile
        image -= rng.uniform(0.2, 0.5) * level * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2 / width**2)
    return np.clip(made, 0, 4095).astype(np.uint16)


def montage(tiles: np.ndarray, grid: tuple[int, int], fill: int = 0) -> np.ndarray:
    rows, columns = grid
    tile = tiles.shape[-1]
    whole = np.full((rows * columns, tile, tile), fill, tiles.dtype)
    whole[: len(tiles)] = tiles
    return whole.reshape(rows, columns, tile, tile).swapaxes(1, 2).reshape(rows * tile, columns * tile)


def tif(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, image)
    return out.getvalue()


def files(count: int, grid: tuple[int, int] = (5, 4), channels: Sequence[int] = (3, 4)) -> list[tuple[str, bytes]]:
    """Montages of `count` cells each in two channels, the last one filled up with blank tiles."""
    per = grid[0] * grid[1]
    made = []
    for channel in channels:
        for number in range(-(-count // per)):
            level = 800 if channel == 3 else 60
            tiles = cells(min(per, count - number * per), seed=10 * number + channel, level=level)
            made.append((f"G1/Ch{channel}_CP{number + 1:04d}.tif", tif(montage(tiles, grid))))
    return made


def test_names() -> None:
    def parsed(name: str) -> tuple[str, str, int | None, str] | None:
        found = parse_montage_name(name)
        return found and (found.folder, found.prefix, found.object_number, found.channel)

    assert parsed("G1/Ch3_CP0001.tif") == ("G1", "", 1, "Ch3")
    assert parsed("day 3/x_2_ch04-cp12.ome.tiff") == ("day 3", "x_2", 12, "Ch4")
    assert parsed("Ch9/Ch9_CP7.png") == ("", "", 7, "Ch9")
    for name in ("cp_12_Ch1.tif", "a_1_Ch3.tif", "Ch3_CP.tif", "Ch3_CPx1.tif", "MaCh3_CP1.tif"):
        assert parsed(name) is None, name


def test_tiles_are_cells_and_a_file_counts_once(make_zip: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip(files(47)))
    found, all_cells = imported.found, imported.all_cells
    assert [cell.object_number for cell in all_cells] == list(range(1, 48))
    assert {cell.channels for cell in all_cells} == {("Ch3", "Ch4")} and found.brightfield == "Ch3"
    np.testing.assert_array_equal(all_cells[24].pixels[0], cells(20, seed=13)[4])
    np.testing.assert_array_equal(all_cells[24].pixels[1], cells(20, seed=14, level=60)[4])
    assert all_cells[24].source == "G1/Ch3_CP0002.tif tile 5"
    assert (found.members, found.images, found.ignored, found.skipped) == (6, 6, 0, 0)
    assert found.samples[0].name == "G1" and found.samples[0].cells == 60
    filler = [finding.where for finding in imported.log if finding.code == "N-MONTAGE-FILLER"]
    assert filler == ["G1/Ch3_CP0003.tif: 13 tiles"]
    told = [finding.message for finding in imported.log if finding.code == "N-MONTAGE-TILE"]
    assert len(told) == 1 and "30 x 30" in told[0]


def test_in_folders_loose_and_beside_ordinary_images(tmp_path: Path, tiff: Any, take: Callable[..., Any]) -> None:
    folder = tmp_path / "study" / "G1"
    folder.mkdir(parents=True)
    for name, data in files(40):
        (tmp_path / "study" / name).write_bytes(data)
    assert len(take(tmp_path / "study").all_cells) == 40
    assert len(take(*sorted(folder.iterdir())).all_cells) == 40
    (folder / "x_7_Ch3.tif").write_bytes(tiff())
    (folder / "live.pop").write_text("7")
    imported = take(tmp_path / "study", channels=["Ch3"])
    assert {name: len(given) for name, given in imported.cells.items()} == {"G1": 1, "G1 (2)": 40}
    assert imported.found.ignored == 3 and "N-CHANNEL-NOT-KEPT" in imported.codes("ignored")


@pytest.mark.parametrize("grid", [(15, 15), (8, 8), (5, 6), (4, 8)])
@pytest.mark.parametrize("tile", [24, 30, 32, 40, 64])
def test_the_tile_size_is_found(tile: int, grid: tuple[int, int]) -> None:
    whole = grid[0] * grid[1]
    for count, fill in ((whole, 0), (max(8, whole // 2), 0), (max(8, whole - 3), 4095)):
        assert find_tile([[montage(cells(count, tile, seed=tile + count), grid, fill)]], 8) == tile
    stained = montage(cells(whole, tile, level=60), grid)
    noise = np.random.default_rng(0).normal(100, 5, stained.shape)
    assert find_tile([[noise, stained]], 8) == tile


def test_what_is_no_grid_is_not_taken_for_one() -> None:
    rows, columns = np.mgrid[:480, :640]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        noise = rng.normal(100, 4, (480, 640))
        field = noise.copy()
        for y, x in rng.uniform(0, 1, (40, 2)) * (480, 640):
            field -= 60 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 72)
        clouds = np.cumsum(np.cumsum(rng.normal(0, 1, (450, 450)), 0), 1)
        for image in (noise, field, clouds, np.full((300, 300), 7), np.zeros((31, 37))):
            assert find_tile([[image]], 8) is None
    # Cells that fill their tiles to the edge leave no pattern; two by two of them would look like one.
    tight = cells(64, 40)[:, 8:32, 8:32]
    assert find_tile([[montage(tight, (8, 8))]], 8) in (None, 24)


def test_a_size_that_cannot_be_told_is_asked_for(make_zip: Any, take: Callable[..., Any]) -> None:
    noise = np.random.default_rng(0).integers(90, 110, (60, 90)).astype(np.uint16)
    path = make_zip([("s/Ch1_CP0001.tif", tif(noise)), ("s/Ch1_CP0002.tif", tif(noise))])
    with pytest.raises(InputRefused) as caught, survey([path], Limits(), FindingLog()):
        pass
    assert caught.value.code == "E-MONTAGE-TILE" and "tile size" in str(caught.value)
    log = FindingLog()
    with survey([path], Limits(), log, tile_px=30) as found:
        assert len(list(found.read(found.samples[0], None, log))) == 12
    with pytest.raises(InputRefused), survey([path], Limits(), FindingLog(), tile_px=29):
        pass


def test_beside_other_samples_an_unclear_montage_is_skipped(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    noise = np.random.default_rng(0).integers(90, 110, (60, 90)).astype(np.uint16)
    imported = take(make_zip([("s/Ch1_CP0001.tif", tif(noise)), ("t/x_1_Ch1.tif", tiff())]))
    assert len(imported.all_cells) == 1 and imported.codes("skip") == {"E-MONTAGE-TILE"}


def test_damaged_odd_and_missing_montages(make_zip: Any, take: Callable[..., Any]) -> None:
    given = files(60)
    odd = dict(given)
    odd["G1/Ch3_CP0002.tif"] = odd["G1/Ch3_CP0002.tif"][:900]
    imported = take(make_zip(list(odd.items())))
    assert [cell.channels for cell in imported.all_cells[18:22]] == [("Ch3", "Ch4")] * 2 + [("Ch4",)] * 2
    needed = take(make_zip(list(odd.items()), "needed.zip"), needed="Ch3")
    assert len(needed.all_cells) == 40 and needed.codes("skip") == {"E-IMG-DAMAGED", "E-CELL-NO-CHANNEL"}
    assert [cell.object_number for cell in needed.all_cells[19:21]] == [20, 41]
    shapes = dict(given)
    shapes["G1/Ch3_CP0001.tif"] = tif(montage(cells(12), (3, 4)))  # Ch4 has twenty
    shapes["G1/Ch3_CP0003.tif"] = tif(np.zeros((31, 30), np.uint16))
    shapes["G1/Ch4_CP0003.tif"] = tif(montage(cells(30), (6, 5)))
    last = take(make_zip(list(shapes.items()), "shapes.zip"))
    assert last.codes("skip") == {"E-CELL-FRAMES", "E-MONTAGE-TILE", "E-MONTAGE-SIZE"}
    assert len(last.all_cells) == 20


def test_fillers_are_blank_everywhere_or_copies_of_the_last() -> None:
    tiles = cells(6)
    blank = np.zeros((1, TILE, TILE), np.uint16)
    whole = np.concatenate([tiles, tiles[5:], tiles[5:], blank, blank + 9])
    stained = np.concatenate([tiles, tiles[5:], tiles[5:], blank, blank])
    stained[2] = 0
    assert np.flatnonzero(fillers({"a": whole, "b": stained})).tolist() == [6, 7, 8, 9]
    other = stained.copy()
    other[7] += 1  # another cell in this channel
    assert np.flatnonzero(fillers({"a": whole, "b": other})).tolist() == [8, 9]
    assert fillers({"a": np.concatenate([blank] * 3)}).all()


@pytest.mark.parametrize("tile", [30, 36, 40])
def test_real_cells_laid_out_as_a_montage(shared: Path, tile: int) -> None:
    tiles = np.load(shared / "data/jurkat_cycle/brightfield_tiles.npz")["x"]
    rim = (40 - tile) // 2
    for seed, grid in enumerate([(15, 15), (15, 15), (8, 8), (6, 8)]):
        chosen = np.random.default_rng(seed).permutation(len(tiles))[: grid[0] * grid[1] - 9 * seed]
        crops = tiles[chosen][:, rim : rim + tile, rim : rim + tile]
        assert find_tile([[montage(crops, grid)]], 8) == tile


@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 9))
def test_cutting_is_the_inverse_of_laying_out(rows: int, columns: int, tile: int) -> None:
    tiles = np.arange(rows * columns * tile * tile).reshape(-1, tile, tile)
    np.testing.assert_array_equal(cut_tiles(montage(tiles, (rows, columns)), tile), tiles)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 47), max_size=4))
def test_parts_of_a_sample_give_the_whole(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    import zipfile

    path = tmp_path_factory.mktemp("montage") / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*files(40, channels=(3,)), ("G1/Ch3_CP0003.tif", b"II*\0 damaged")]:
            archive.writestr(name, data)
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        (sample,) = found.samples
        assert readable_apart(found, sample) and sample.cells == 60
        bounds = sorted({0, 60, *cuts})
        numbers, images, skipped = [], 0, 0
        for start, stop in pairwise(bounds):
            part = pickle.loads(pickle.dumps(excerpt(found, sample, start, stop, apart=True)))
            reader = part.read(part.samples[0], None, log)
            numbers += [cell.object_number for cell in reader]
            images, skipped = images + reader.images, skipped + reader.skipped
            for source in part._sources:
                source.close()
    assert numbers == list(range(1, 41)) and (images, skipped) == (2, 1) and log.count("skip") == 1
