"""The real exports come in with the right object numbers, channels and pixels."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image

NUMBERS = {"a_1d1": [3, 7, 10, 11], "n_1d1": [1, 22, 29, 52], "o_1d1": [1, 8, 14, 19]}


def check_zhu(imported: Any, folder: Path) -> None:
    assert {name: [cell.object_number for cell in cells] for name, cells in imported.cells.items()} == NUMBERS
    for name, cells in imported.cells.items():
        for cell in cells:
            expected = np.asarray(Image.open(folder / f"{name}_{cell.object_number}_Ch1.ome.bmp"))
            assert cell.channels == ("Ch1",) and cell.pixels.dtype == np.uint8
            np.testing.assert_array_equal(cell.pixels[0], expected[..., 0])
    assert not imported.log.count("warn") and not imported.log.count("skip")


def test_zhu_cells_as_files(shared: Path, take: Callable[..., Any]) -> None:
    folder = shared / "data/zhu2021/named_bmp"
    check_zhu(take(*sorted(folder.glob("*.bmp"))), folder)
    check_zhu(take(folder), folder)


def test_zhu_cells_as_a_zip(shared: Path, tmp_path: Path, take: Callable[..., Any]) -> None:
    folder = shared / "data/zhu2021/named_bmp"
    path = tmp_path / "named_bmp.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.glob("*.bmp"):
            archive.write(file, file.name)
    imported = take(path)
    check_zhu(imported, folder)
    hint = imported.found.samples[0].hint
    assert (hint.group, hint.time_h, hint.replicate) == ("a", 24.0, "1")


def test_ideas_export_of_24_cells_in_3_channels(shared: Path, take: Callable[..., Any]) -> None:
    folder = shared / "data/ideas_ometif"
    imported = take(folder)
    assert imported.found.channels == ("Ch1", "Ch6", "Ch9")
    assert imported.found.brightfield == "Ch1"
    assert {name: len(cells) for name, cells in imported.cells.items()} == {"Ciliated": 12, "Unciliated": 12}
    assert imported.found.images == 72 and not len(imported.log)
    for name, cells in imported.cells.items():
        for cell in cells:
            assert cell.pixels.dtype == np.uint16
            for channel in cell.channels:
                file = folder / f"{name}_{cell.object_number}_{channel}.ome.tif"
                np.testing.assert_array_equal(cell.channel(channel), tifffile.imread(file))
                np.testing.assert_array_equal(cell.channel(channel), cv2.imread(str(file), cv2.IMREAD_UNCHANGED))


def test_one_channel_touches_only_its_files(shared: Path, take: Callable[..., Any]) -> None:
    imported = take(shared / "data/ideas_ometif", channels=["Ch9"])
    assert (imported.found.images, imported.found.ignored, imported.found.skipped) == (24, 48, 0)
    assert {cell.channels for cell in imported.all_cells} == {("Ch9",)}
    assert imported.codes("ignored") == {"N-CHANNEL-NOT-KEPT"}


def test_jurkat_tiles_become_a_sample_per_class(shared: Path, take: Callable[..., Any]) -> None:
    path = shared / "data/jurkat_cycle/brightfield_tiles.npz"
    imported = take(path)
    counts = {name: len(cells) for name, cells in imported.cells.items()}
    assert counts == {
        "Anaphase": 9,
        "G1": 600,
        "G2": 600,
        "Metaphase": 46,
        "Prophase": 404,
        "S_phase": 600,
        "Telophase": 19,
    }
    assert {sample.hint.true_class for sample in imported.found.samples} == set(counts)
    with np.load(path, allow_pickle=False) as arrays:
        key = next(key for key in ("x", "images", "tiles", "array") if key in arrays)
        tiles = arrays[key]
    for cell in imported.all_cells[::37]:
        np.testing.assert_array_equal(cell.pixels[0], tiles[cell.object_number - 1])


def test_zhu_example_array_comes_in(shared: Path, take: Callable[..., Any]) -> None:
    imported = take(shared / "data/zhu2021/example_data.npz")
    assert len(imported.all_cells) == 6
    assert {cell.frame for cell in imported.all_cells} == {(45, 30)}


def test_odd_pbmc_stacks_are_told_and_the_channel_can_be_chosen(shared: Path, take: Callable[..., Any]) -> None:
    imported = take(shared / "data/pbmc_odd")
    assert len(imported.all_cells) == 11
    assert imported.found.channels == tuple(f"Ch{number}" for number in range(1, 9))
    assert {"W-IMG-CHANNELS", "W-IMG-NEGATIVE"} <= imported.codes("warn")
    one = take(shared / "data/pbmc_odd", channels=["Ch5"])
    first = sorted((shared / "data/pbmc_odd").glob("*.tiff"))[0]
    np.testing.assert_array_equal(one.all_cells[0].pixels[0], tifffile.imread(first)[4])
