"""A survey sorts files into samples and cells, and no file is lost."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nscweb.core.errors import InputRefused, JobCancelled, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.survey.survey import survey
from nscweb.simulation.writer import write_study_zip


def test_folders_become_samples_with_hints(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    members = [
        (f"RA/1d/rep{rep}/x_{number}_Ch{channel}.ome.tif", tiff(number))
        for rep in (1, 2)
        for number in (1, 2, 10)
        for channel in (1, 11)
    ]
    imported = take(make_zip(members))
    assert {name: [cell.object_number for cell in cells] for name, cells in imported.cells.items()} == {
        "RA/1d/rep1": [1, 2, 10],
        "RA/1d/rep2": [1, 2, 10],
    }
    assert imported.found.channels == ("Ch1", "Ch11")
    hint = imported.found.samples[1].hint
    assert (hint.group, hint.time_h, hint.replicate, hint.cells) == ("RA", 24.0, "2", 3)
    assert imported.all_cells[0].source == "RA/1d/rep1/x_1_Ch1.ome.tif"


def test_case_of_the_prefix_does_not_split_a_cell(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([("s/Cell_1_Ch1.tif", tiff()), ("s/CELL_1_Ch2.tif", tiff())]))
    assert [cell.channels for cell in imported.all_cells] == [("Ch1", "Ch2")]


def test_two_prefixes_in_a_folder_are_never_mixed_into_one_cell(
    make_zip: Any, tiff: Any, take: Callable[..., Any]
) -> None:
    imported = take(make_zip([("s/a_1_Ch1.tif", tiff(1)), ("s/b_1_Ch2.tif", tiff(2)), ("s/b_1_Ch1.tif", tiff(3))]))
    assert sorted(cell.channels for cell in imported.all_cells) == [("Ch1",), ("Ch1", "Ch2")]
    assert "N-NAME-PREFIXES" in imported.codes("note")


def test_a_name_that_comes_twice_is_two_cells(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_zip([("s/a_1_Ch1.tif", tiff(1)), ("s/a_1_Ch1.tif", tiff(2)), ("s/A_1_ch1.tif", tiff(3))])
    imported = take(path)
    assert len(imported.all_cells) == 3 and "W-NAME-TWICE" in imported.codes("warn")


def test_files_without_number_are_numbered_in_natural_order(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([(f"s/cell {number}.tif", tiff(number)) for number in (10, 9, 1)]))
    assert [(cell.object_number, cell.source) for cell in imported.all_cells] == [
        (1, "s/cell 1.tif"),
        (2, "s/cell 9.tif"),
        (3, "s/cell 10.tif"),
    ]
    assert "N-NAME-RUNNING" in imported.codes("note")


def test_class_is_the_innermost_folder(make_zip: Any, tiff: Any, tmp_path: Path, take: Callable[..., Any]) -> None:
    path = make_zip([(f"d1/{fate}/x_{n}_Ch1.tif", tiff(n)) for fate in ("astrocyte", "neuron") for n in (1, 2)])
    found = take(path, class_from_folder=True).found
    assert {sample.name: sample.hint.true_class for sample in found.samples} == {
        "d1/astrocyte": "astrocyte",
        "d1/neuron": "neuron",
    }
    folder = tmp_path / "microglia"
    folder.mkdir()
    (folder / "a_1_Ch1.tif").write_bytes(tiff(1))
    (folder / "b_2_Ch1.tif").write_bytes(tiff(2))
    for paths in ([folder], sorted(folder.iterdir())):
        found = take(*paths, class_from_folder=True).found
        assert [(sample.name, sample.hint.true_class) for sample in found.samples] == [("microglia", "microglia")]
    loose = take(make_zip([("a_1_Ch1.tif", tiff())], "loose.zip"), class_from_folder=True)
    assert loose.found.samples[0].hint.true_class == "" and "W-CLASS-NO-FOLDER" in loose.codes("warn")


def test_samples_of_one_name_in_two_zips_stay_apart(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    paths = [make_zip([("s/a_1_Ch1.tif", tiff(n))], f"run{n}.zip") for n in (1, 2)]
    assert sorted(take(*paths).cells) == ["run1/s", "run2/s"]


def test_a_folder_of_zips_and_files_is_read(make_zip: Any, tiff: Any, tmp_path: Path, take: Callable[..., Any]) -> None:
    make_zip([("NT3_1d_rep1/x_1_Ch1.tif", tiff())], "one.zip")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 half")
    (tmp_path / "RA_1d_rep1").mkdir()
    (tmp_path / "RA_1d_rep1" / "x_1_Ch1.tif").write_bytes(tiff())
    (tmp_path / "notes.txt").write_text("hello")
    imported = take(tmp_path)
    assert sorted(imported.cells) == ["NT3_1d_rep1", "RA_1d_rep1"]
    assert imported.codes("skip") == {"E-ZIP-TRUNCATED"} and imported.codes("ignored") == {"N-FILE-OTHER"}


def test_a_damaged_channel_does_not_lose_the_cell_unless_it_is_needed(
    make_zip: Any, tiff: Any, take: Callable[..., Any]
) -> None:
    members = [("s/a_1_Ch1.tif", tiff()[:2000]), ("s/a_1_Ch2.tif", tiff()), ("s/a_2_Ch1.tif", tiff())]
    imported = take(make_zip(members))
    assert [(cell.object_number, cell.channels) for cell in imported.all_cells] == [(1, ("Ch2",)), (2, ("Ch1",))]
    needed = take(make_zip(members, "again.zip"), needed="Ch1")
    assert [cell.object_number for cell in needed.all_cells] == [2]
    assert needed.codes("skip") == {"E-IMG-DAMAGED", "E-CELL-NO-CHANNEL"}


def test_channels_of_different_size_leave_the_cell_out(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([("s/a_1_Ch1.tif", tiff()), ("s/a_1_Ch2.tif", tiff(shape=(30, 30)))]))
    assert not imported.all_cells and imported.codes("skip") == {"E-CELL-FRAMES"}


def test_merged_colour_images_are_a_channel_of_their_own(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([("s/a_1_Ch1.tif", tiff()), ("s/a_1_3_colour.ome.tif", tiff())]), channels=["Ch1"])
    assert imported.found.channels == ("3_colour", "Ch1") and imported.found.brightfield == "Ch1"


def test_brightfield_is_bright_and_even(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    members = [(f"s/a_{n}_Ch{c}.tif", tiff(n, level=20 if c < 4 else 900)) for n in range(5) for c in (1, 2, 4, 9)]
    dark = np.random.default_rng(0).exponential(30, (40, 60)).astype(np.uint16)
    members += [(f"s/a_{n}_Ch6.tif", tiff_of(dark)) for n in range(5)]
    assert take(make_zip(members)).found.brightfield == "Ch4"


def tiff_of(pixels: Any) -> bytes:
    import io

    out = io.BytesIO()
    tifffile.imwrite(out, pixels)
    return out.getvalue()


def test_a_file_of_several_channels_offers_them_all(tmp_path: Path, take: Callable[..., Any]) -> None:
    planes = np.stack([np.full((20, 20), level, np.uint16) for level in (10, 500, 90)])
    planes[:, 5, 5] += 7
    for number in (1, 2):
        tifffile.imwrite(tmp_path / f"cell{number}.tif", planes, photometric="minisblack")
    imported = take(tmp_path, channels=["Ch2"])
    assert imported.found.channels == ("Ch1", "Ch2", "Ch3") and imported.found.brightfield == "Ch2"
    assert [int(cell.pixels[0, 0, 0]) for cell in imported.all_cells] == [500, 500]
    assert "W-IMG-CHANNELS" in imported.codes("warn")


def test_simulated_studies_are_recognised(tmp_path: Path, take: Callable[..., Any], tiff: Any) -> None:
    out = tmp_path / "simulated.zip"
    write_study_zip(out, cells=300, seed=5, groups=["NT3"], replicates=1)
    imported = take(out)
    assert imported.found.simulated and "N-SIMULATED" in imported.codes("note")
    assert imported.found.brightfield == "Ch1" and imported.found.channels == ("Ch1", "Ch2", "Ch3", "Ch11")
    assert len(imported.all_cells) == 300
    (tmp_path / "one_1_Ch1.tif").write_bytes(tiff())
    assert take(tmp_path / "one_1_Ch1.tif").found.simulated


def test_real_images_are_not_called_simulated(shared: Path, take: Callable[..., Any]) -> None:
    assert not take(shared / "data/ideas_ometif").found.simulated


def test_limits_name_the_setting_that_raises_them(make_zip: Any, tiff: Any) -> None:
    path = make_zip([(f"s/a_{n}_Ch1.tif", tiff(n)) for n in range(5)])
    for limits, setting in (
        (Limits(max_members=4), "NSCWEB_MAX_MEMBERS"),
        (Limits(max_archive_bytes=100), "NSCWEB_MAX_ARCHIVE_BYTES"),
        (Limits(max_total_bytes=9000), "NSCWEB_MAX_TOTAL_BYTES"),
    ):
        with pytest.raises(LimitExceeded, match=setting):
            survey([path], limits, FindingLog())


def test_nothing_to_import_is_refused_with_the_commonest_reason(make_zip: Any, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="No images were found"):
        survey([make_zip([("readme.txt", b"hello")])], Limits(), FindingLog())
    with pytest.raises(InputRefused, match="no file or folder"):
        survey([tmp_path / "absent.zip"], Limits(), FindingLog())


def test_reading_stops_when_asked(make_zip: Any, tiff: Any) -> None:
    path = make_zip([("s/a_1_Ch1.tif", tiff())])
    log = FindingLog()
    with survey([path], Limits(), log) as found, pytest.raises(JobCancelled):
        list(found.read(found.samples[0], None, log, cancel=lambda: True))
    with pytest.raises(JobCancelled):
        survey([path], Limits(), log, cancel=lambda: True)


def test_a_table_of_channels_and_labels_is_read(tmp_path: Path, take: Callable[..., Any]) -> None:
    images = np.arange(6 * 2 * 9 * 10, dtype=np.uint16).reshape(6, 2, 9, 10)
    path = tmp_path / "cells.npz"
    np.savez_compressed(path, images=images, labels=np.array([0, 1, 0, 1, 1, 1]), class_names=np.array(["a", "b"]))
    imported = take(path, channels=["Ch2"])
    assert {name: [cell.object_number for cell in cells] for name, cells in imported.cells.items()} == {
        "a": [1, 3],
        "b": [2, 4, 5, 6],
    }
    np.testing.assert_array_equal(imported.cells["b"][1].pixels[0], images[3, 1])


def test_pickled_tables_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, x=np.zeros((2, 9, 9), np.uint8), y=np.array([{"a": 1}, 2], dtype=object))
    with pytest.raises(InputRefused, match="pickled arrays are never loaded"):
        survey([path], Limits(), FindingLog())


def test_a_lying_count_is_told_and_what_is_there_is_read(shared: Path, take: Callable[..., Any]) -> None:
    imported = take(shared / "hostile/zip/eocd_lies_more.zip")
    assert len(imported.all_cells) == 3 and "W-ZIP-COUNT" in imported.codes("warn")


def test_names_that_are_no_text_can_be_stored(tmp_path: Path, tiff: Any, take: Callable[..., Any]) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/x\xff_1_Ch1.tif")).write_bytes(tiff())
    except OSError:
        pytest.skip("this file system takes no such name")
    (cell,) = take(tmp_path).all_cells
    assert cell.source.encode("utf-8").decode("utf-8") == cell.source


def test_merged_colour_images_join_their_cell_and_are_told_once(
    make_zip: Any, tiff: Any, take: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(0)
    members = []
    for number in range(1, 30):
        out = io.BytesIO()
        tifffile.imwrite(out, rng.integers(0, 255, (40, 60, 3)).astype(np.uint8), photometric="rgb")
        members += [
            (f"s/day3_{number}_Ch4.ome.tif", tiff(number, level=20)),
            (f"s/day3_{number}_3_colour.ome.tif", out.getvalue()),
        ]
    imported = take(make_zip(members))
    assert imported.found.channels == ("3_colour", "Ch4") and imported.found.brightfield == "Ch4"
    assert [cell.channels for cell in imported.all_cells] == [("3_colour", "Ch4")] * 29
    assert [finding.code for finding in imported.log].count("N-IMG-MERGED") == 1
    assert not imported.codes("warn")
    alone = take(make_zip(members[1::2], "merged.zip"))
    assert len(alone.all_cells) == 29 and alone.found.brightfield == ""
