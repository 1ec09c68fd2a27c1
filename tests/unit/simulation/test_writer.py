"""Simulated exports: same bytes for the same seed, real names, truth beside them."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nscweb.io.formats.tiff import SIMULATED_MARK as READERS_MARK
from nscweb.simulation.design import GROUPS, plan_study
from nscweb.simulation.sample_cells import KIND_SHARES, KINDS
from nscweb.simulation.small_tiff import SIMULATED_MARK, tiff_bytes
from nscweb.simulation.traits import FATES
from nscweb.simulation.writer import TRUTH_COLUMNS, write_study_zip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    for name, workers in (("a", 1), ("b", 1), ("c", 2)):
        write_study_zip(
            tmp_path / f"{name}.zip", cells=120, seed=5, groups=["NT3"], truth=tmp_path / f"{name}.csv", workers=workers
        )
    write_study_zip(tmp_path / "other.zip", cells=120, seed=6, groups=["NT3"])
    assert digest(tmp_path / "a.zip") == digest(tmp_path / "b.zip") == digest(tmp_path / "c.zip")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()
    assert digest(tmp_path / "other.zip") != digest(tmp_path / "a.zip")


def test_members_are_named_as_real_exports_and_listed_in_the_truth(tmp_path: Path) -> None:
    out, truth = tmp_path / "s.zip", tmp_path / "t.csv"
    summary = write_study_zip(out, cells=100, seed=1, truth=truth, groups=["NT3"])
    rows = rows_of(truth)
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        assert archive.comment == SIMULATED_MARK
    assert summary.members == len(names) == 400 and summary.cells == len(rows) == 100
    assert tuple(rows[0]) == TRUTH_COLUMNS
    expected = {f"{r['sample']}/{r['sample']}_{r['object_number']}_Ch{c}.ome.tif" for r in rows for c in (1, 2, 3, 11)}
    assert set(names) == expected
    assert {r["sample"] for r in rows} == {f"NT3_{d}d_rep{i}" for d in (1, 3, 5) for i in (1, 2, 3)}


@pytest.mark.parametrize(("profile", "dtype"), [("flowsight", np.uint8), ("imagestream", np.uint16)])
def test_images_have_the_frames_and_depth_of_the_instrument(tmp_path: Path, profile: str, dtype: type) -> None:
    out = tmp_path / "s.zip"
    write_study_zip(out, cells=81, seed=2, profile=profile, groups=["NT3"], channels=("Ch1",))
    with zipfile.ZipFile(out) as archive:
        images = [tifffile.imread(BytesIO(archive.read(name)), is_ome=False) for name in archive.namelist()]
    heights, widths = {image.shape[0] for image in images}, {image.shape[1] for image in images}
    assert all(image.dtype == dtype for image in images)
    if profile == "flowsight":
        assert widths == {60} and min(heights) >= 37 and max(heights) <= 57
    else:
        assert min(widths) >= 58 and max(widths) <= 114 and min(heights) >= 69 and max(heights) <= 125
        assert max(int(image.max()) for image in images) <= 4095


def test_tiff_holds_its_pixels_and_says_simulated() -> None:
    pixels = np.arange(37 * 60, dtype=np.uint16).reshape(37, 60)
    data = tiff_bytes(pixels, "Ch11")
    np.testing.assert_array_equal(tifffile.imread(BytesIO(data), is_ome=False), pixels)
    assert SIMULATED_MARK in data


def test_the_import_knows_the_mark_of_simulated_images() -> None:
    """The two rooms are strangers, so each has its own copy of the mark."""
    assert READERS_MARK == SIMULATED_MARK


def test_the_truth_table_agrees_with_the_plan_and_with_the_pixels(tmp_path: Path) -> None:
    out, truth = tmp_path / "s.zip", tmp_path / "t.csv"
    write_study_zip(out, cells=1800, seed=4, truth=truth, groups=["NT3"])
    rows = rows_of(truth)
    for sample in plan_study(1800, 4, groups=["NT3"]).samples:
        own = [row["fate"] for row in rows if row["sample"] == sample.name and row["fate"]]
        for fate, ratio in zip(FATES, sample.ratios, strict=True):
            # Four standard errors of a share of so many cells.
            assert abs(own.count(fate) / len(own) - ratio) < 4 * np.sqrt(ratio * (1 - ratio) / len(own)), fate
    late = [row for row in rows if row["kind"] == "single" and row["time_h"] == "120.0"]
    right = 0
    with zipfile.ZipFile(out) as archive:
        for row in late:
            stem = f"{row['sample']}/{row['sample']}_{row['object_number']}"
            peaks = [
                tifffile.imread(BytesIO(archive.read(f"{stem}_Ch{c}.ome.tif")), is_ome=False).max() for c in (2, 3, 11)
            ]
            right += FATES[int(np.argmax(peaks))] == row["fate"]
    assert right > 0.97 * len(late)


def test_all_kinds_of_objects_occur_and_only_cells_have_a_fate(tmp_path: Path) -> None:
    write_study_zip(
        tmp_path / "s.zip", cells=1500, seed=8, truth=tmp_path / "t.csv", groups=["CNTF"], channels=("Ch1",)
    )
    rows = rows_of(tmp_path / "t.csv")
    kinds = {kind: sum(row["kind"] == kind for row in rows) / len(rows) for kind in KINDS}
    for kind, share in zip(KINDS, KIND_SHARES, strict=True):
        assert 0.4 * share < kinds[kind] < 2 * share, kind
    assert all((row["fate"] == "") == (row["kind"] in ("debris", "empty")) for row in rows)


def test_a_cancelled_simulation_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        write_study_zip(tmp_path / "s.zip", cells=90, seed=1, truth=tmp_path / "t.csv", cancel=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_group_ratios_follow_the_published_counts_and_replicates_differ() -> None:
    many = plan_study(81 * 40, 3, replicates=40)
    for group in GROUPS:
        for time_h, percent in group.percent.items():
            ratios = np.array([s.ratios for s in many.samples if s.group == group.name and s.time_h == time_h])
            assert abs(ratios[:, group.fate].mean() - percent / 100) < 0.04
            assert ratios[:, group.fate].std() > 0.005
            np.testing.assert_allclose(ratios.sum(axis=1), 1)


def test_pure_samples_hold_one_fate_and_are_named_after_it(tmp_path: Path) -> None:
    write_study_zip(tmp_path / "s.zip", cells=90, seed=1, truth=tmp_path / "t.csv", pure=True, channels=("Ch1",))
    for row in rows_of(tmp_path / "t.csv"):
        assert row["sample"].split("_")[0] in FATES
        assert row["fate"] in ("", row["sample"].split("_")[0])


def test_impossible_wishes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        write_study_zip(tmp_path / "s.zip", cells=5, seed=1)
    with pytest.raises(ValueError, match="unknown inducer"):
        write_study_zip(tmp_path / "s.zip", cells=500, seed=1, groups=["NT9"])
    with pytest.raises(ValueError, match="profile"):
        write_study_zip(tmp_path / "s.zip", cells=500, seed=1, profile="microscope")
