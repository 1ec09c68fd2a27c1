"""The learnt method for phase contrast: the network, its file, its scale, and cells against outlines drawn by eye."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from asked import import_study
from simulated_field import simulated_field, write_field
from typer.testing import CliRunner

from nscweb.cli.main import app as cli
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.io.outlines.polygons import Outline, draw_outlines
from nscweb.preprocess.learnt_objects import objects_of_maps
from nscweb.services.context import App
from nscweb.services.study import field_network, fields

REFERENCE = Path(__file__).parents[3] / "reference_outlines" / "t98g.json"
FIELD = "20180101ef002xy01t01.tif"
LEARNT = SegmentationSettings(method="learnt")
needs_weights = pytest.mark.skipif(importlib.util.find_spec("deepsea") is None, reason="the weights are not installed")


def part_of_field(shared: Path, folder: Path) -> tuple[Path, list[np.ndarray]]:
    """A part of a real field as a file, and masks of the cells drawn in it."""
    about = json.loads(REFERENCE.read_text("utf-8"))[FIELD]
    left, top, width, height = about["part"]
    pixels = tifffile.imread(shared / "data" / "fields" / "t98g_fields" / FIELD)
    path = folder / "part.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels[top : top + height, left : left + width])
    drawn = [
        draw_outlines([Outline((np.array(ring, float) - (left, top),))], (height, width)).labels > 0
        for ring in about["outlines"]
    ]
    return path, drawn


def right(labels: np.ndarray, drawn: list[np.ndarray]) -> int:
    found = 0
    for mask in drawn:
        for number in np.unique(labels[mask]):
            both = np.count_nonzero(mask & (labels == number))
            found += bool(number) and both > 0.5 * np.count_nonzero(mask | (labels == number))
    return found


@needs_weights
def test_the_network_outlines_most_of_the_cells_drawn_by_eye(opened: App, shared: Path, tmp_path: Path) -> None:
    path, drawn = part_of_field(shared, tmp_path / "in")
    seen = fields.preview(opened, [path], replace(LEARNT, drop_border=False))
    classical = fields.preview(opened, [path], SegmentationSettings(drop_border=False))
    # 11 to 13 of 14 at scales from 40 to 80 pixels; the classical method 1 or 2.
    assert right(seen.labels, drawn) >= 9
    assert right(seen.labels, drawn) >= right(classical.labels, drawn) + 5
    assert seen.labels.max() <= 22
    report = import_study(opened, [path], "part", fields=replace(LEARNT, drop_border=False))
    assert report.imported == seen.n_cells


@needs_weights
def test_the_file_of_the_network_is_written_once_and_gives_the_numbers_of_torch(opened: App) -> None:
    import torch

    from nscweb.inference.phase_contrast_maps import maps_of_field
    from nscweb.models.phase_contrast import load_phase_contrast

    path = field_network.network_of(opened, LEARNT)
    assert path is not None and path.is_file()
    stamp = path.stat().st_mtime_ns
    assert field_network.network_of(opened, LEARNT) == path and path.stat().st_mtime_ns == stamp
    assert field_network.network_of(opened, SegmentationSettings()) is None
    network = load_phase_contrast()
    pixels = np.random.default_rng(1).integers(0, 1000, (44, 50)).astype(np.uint16)
    low, high = np.percentile(pixels, (0.2, 99.8))
    unit = 2 * np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32) - 1
    padded = torch.from_numpy(np.pad(unit, ((0, 0), (0, 2)), mode="edge")[None, None])
    with torch.inference_mode():
        expected = network(padded)[0, :, :, :50].numpy()
    np.testing.assert_allclose(maps_of_field(path, pixels, 1.0), expected, atol=1e-4)


@needs_weights
def test_the_command_line_takes_it(opened: App, shared: Path, tmp_path: Path) -> None:
    path, _ = part_of_field(shared, tmp_path / "in")
    words = ["study", "import", str(path), "--name", "part", "--fields", "--field-method", "learnt"]
    words += ["--field-cell-px", "64", "--json", "--data-dir", str(opened.settings.data_dir)]
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["imported"] > 3


def test_without_its_package_the_way_out_is_said(opened: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputRefused, match="deepsea"):
        field_network.network_of(opened, LEARNT)


def test_rims_part_cells_and_debris_is_left_out() -> None:
    maps = np.zeros((2, 60, 80), np.float32)
    maps[0, 10:30, 10:50] = 1
    maps[1, 10:30, 29:31] = 1
    maps[0, 50:53, 60:63] = 1
    labels = objects_of_maps(maps, (120, 160), replace(LEARNT, min_area=200))
    assert labels.max() == 2 and labels.shape == (120, 160)
    areas = np.bincount(labels.ravel())[1:]
    assert abs(areas[0] - areas[1]) < 200 and areas.sum() == pytest.approx(4 * 800, rel=0.05)
    assert objects_of_maps(maps, (120, 160), replace(LEARNT, min_area=200, split=False)).max() == 1
    larger: list[int] = []
    low = replace(LEARNT, min_area=200, max_area=1000, background_radius=0)
    assert objects_of_maps(maps, (120, 160), low, larger.append).max() == 0 and larger == [2]


def test_objects_that_are_too_large_are_said(opened: App, tmp_path: Path) -> None:
    made = simulated_field((400, 420), 9, seed=8)
    write_field(tmp_path / "in" / "simulated_1.tif", made.pixels)
    small = SegmentationSettings(min_area=20, max_area=60)
    assert "9 objects larger than the largest area" in fields.preview(opened, [tmp_path / "in"], small).sentence
    usual = SegmentationSettings(min_area=120, max_area=420)
    report = import_study(opened, [tmp_path / "in"], "S", fields=usual)
    (said,) = [finding for finding in report.findings if finding.code == "W-FIELD-LARGE"]
    assert said.where.endswith(f"{9 - report.imported} objects")


def test_the_diameter_is_checked() -> None:
    with pytest.raises(WrongUse, match="diameter of a cell"):
        SegmentationSettings(method="learnt", cell_px=2)
    assert SegmentationSettings.suggested(0.9).cell_px == 50
