"""Whole fields of view become studies of cells: masks, places, counts, previews, and honest words when empty."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from asked import import_study
from simulated_field import SimulatedField, empty_field, simulated_field, write_field
from typer.testing import CliRunner

from nscweb.cli.main import app as cli
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.plain import to_plain
from nscweb.jobs import queue
from nscweb.jobs.worker import Worker
from nscweb.preprocess.segmentation import segment_field
from nscweb.services.context import App
from nscweb.services.study import fields, import_samples
from nscweb.services.study.import_request import ImportRefused, ImportReport
from nscweb.services.study.study import get_study, quality_table
from nscweb.store.cell_files import CellFile
from nscweb.store.further_columns import read_columns

SETTINGS = SegmentationSettings(min_area=120)


@pytest.fixture
def wells(tmp_path: Path) -> dict[str, list[SimulatedField]]:
    """Two wells with three and one simulated fields of view, written as TIFF."""
    made = {
        "well A": [simulated_field((400, 420), 12 + index, seed=index) for index in range(3)],
        "well B": [simulated_field((400, 420), 9, seed=9)],
    }
    for well, its in made.items():
        for index, field in enumerate(its):
            write_field(tmp_path / "plate" / well / f"simulated_{index}_Ch1.tif", field.pixels)
    return made


@pytest.fixture
def plate(wells: dict[str, list[SimulatedField]], tmp_path: Path) -> Path:
    return tmp_path / "plate"


def by_code(report: ImportReport, code: str) -> list[str]:
    return [finding.where for finding in report.findings if finding.code == code]


def stored(app: App, study_name: str) -> dict[str, tuple[CellFile, object]]:
    study = get_study(app, study_name)
    keys = app.catalogue.sample_keys(study.study_id)
    return {
        sample.name: (
            CellFile(app.folder.cells_path(study.study_id, keys[sample.name])),
            read_columns(app.folder.columns_path(study.study_id, keys[sample.name]), sample.cells),
        )
        for sample in study.samples
    }


def test_the_cells_of_fields_become_a_study(opened: App, plate: Path, wells: dict[str, list[SimulatedField]]) -> None:
    report = import_study(opened, [plate], "fields", fields=SETTINGS, pixel_size_um=0.5)
    assert report.members == report.images + report.skipped + report.ignored
    assert (report.members, report.images, report.samples) == (4, 4, 2)
    assert report.imported == sum(field.cells for its in wells.values() for field in its)
    counts = by_code(report, "N-FIELD-CELLS")
    assert len(counts) == 4 and any("simulated_2_Ch1.tif: 14 cells" in where for where in counts)
    for name, (cells, columns) in stored(opened, "fields").items():
        its = wells[name.rpartition("/")[2]]
        assert cells.object_numbers.tolist() == list(range(1, len(cells) + 1))
        assert set(columns.columns) >= {"field", "x", "y", "x_um", "y_um"}  # type: ignore[attr-defined]
        masks = cells.masks(range(len(cells)), "Ch1")
        images = cells.images("Ch1")
        row = 0
        for index, field in enumerate(its):
            labels = segment_field(field.pixels, SETTINGS)
            for number in range(1, labels.max() + 1):
                ys, xs = np.nonzero(labels == number)
                told = columns.iloc[row]  # type: ignore[attr-defined]
                assert told["x"] == pytest.approx(xs.mean()) and told["y"] == pytest.approx(ys.mean())
                assert told["y_um"] == pytest.approx(0.5 * ys.mean())
                assert f"simulated_{index}_Ch1.tif" in told["field"] == cells.sources(row, row + 1)[0]
                mask, image = masks[row], images[row]
                assert mask is not None and image is not None and mask.sum() == len(ys)
                top, left = max(0, ys.min() - SETTINGS.margin), max(0, xs.min() - SETTINGS.margin)
                np.testing.assert_array_equal(
                    image[0], field.pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
                )
                row += 1
        assert row == len(cells)


def test_quality_is_measured_inside_the_masks(opened: App, plate: Path) -> None:
    import_study(opened, [plate], "fields", fields=SETTINGS)
    for sample, (cells, _) in stored(opened, "fields").items():
        masks = cells.masks(range(len(cells)), "Ch1")
        areas = [int(mask.sum()) for mask in masks if mask is not None]
        measured = quality_table(opened, "fields", sample)["area_px"]
        np.testing.assert_allclose(measured, areas, atol=1)


def test_several_processes_and_chunks_give_the_same_study(
    opened: App, plate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nscweb.services.study import import_chunks

    import_study(opened, [plate], "one", fields=SETTINGS)
    monkeypatch.setattr(import_chunks, "CHUNK_FIELDS", 1)
    import_study(opened, [plate], "chunks", fields=SETTINGS)
    monkeypatch.setattr(import_samples, "FEW_FIELDS", 1)
    import_study(opened, [plate], "processes", fields=SETTINGS)
    digests = {
        name: {sample: cells.sha256() for sample, (cells, _) in stored(opened, name).items()}
        for name in ("one", "chunks", "processes")
    }
    assert digests["one"] == digests["chunks"] == digests["processes"]


def test_all_channels_of_a_field_are_cut_alike(opened: App, tmp_path: Path) -> None:
    field = simulated_field((300, 300), 8, seed=3)
    marker = (field.truth > 0).astype(np.uint16) * 900 + 50
    write_field(tmp_path / "in" / "simulated_1_Ch1.tif", field.pixels)
    write_field(tmp_path / "in" / "simulated_1_Ch2.tif", marker)
    report = import_study(opened, [tmp_path / "in"], "two", fields=SETTINGS, channel="Ch1")
    assert report.imported == 8 and report.images == 2
    ((cells, _),) = stored(opened, "two").values()
    for pixels in cells.images(("Ch1", "Ch2")):
        assert pixels is not None and pixels.shape[0] == 2
        assert pixels[1].max() == 950


def test_a_field_without_cells_is_told_and_the_rest_comes_in(opened: App, plate: Path) -> None:
    write_field(plate / "well B" / "simulated_empty_7_Ch1.tif", empty_field((400, 420)))
    report = import_study(opened, [plate], "fields", fields=SETTINGS)
    assert [where.rpartition("/")[2] for where in by_code(report, "W-FIELD-EMPTY")] == ["simulated_empty_7_Ch1.tif"]
    assert report.members == report.images == 5


def test_only_empty_fields_are_refused_in_words(opened: App, tmp_path: Path) -> None:
    write_field(tmp_path / "in" / "simulated_1_Ch1.tif", empty_field())
    with pytest.raises(ImportRefused, match="searched as whole fields of view") as caught:
        import_study(opened, [tmp_path / "in"], "none", fields=SETTINGS)
    assert caught.value.code == "E-FIELD-EMPTY" and "threshold" in caught.value.todo
    assert opened.catalogue.studies() == []


def test_cells_at_the_border_are_left_out_or_marked(opened: App, tmp_path: Path) -> None:
    field = simulated_field((400, 400), 25, seed=7, border=True)
    write_field(tmp_path / "in" / "simulated_1_Ch1.tif", field.pixels)
    without = import_study(opened, [tmp_path / "in"], "without", fields=SETTINGS)
    keep = SegmentationSettings(min_area=120, drop_border=False)
    marked = import_study(opened, [tmp_path / "in"], "marked", fields=keep)
    ((_, columns),) = stored(opened, "marked").values()
    cut = int(columns["field_border"].sum())  # type: ignore[index]
    assert cut > 0 and marked.imported == without.imported + cut
    assert any(f": {cut} cells" in where for where in by_code(without, "N-FIELD-BORDER"))


def test_a_large_image_taken_for_one_cell_says_what_to_do(opened: App, tmp_path: Path) -> None:
    write_field(tmp_path / "in" / "simulated_1_Ch1.tif", np.tile(empty_field((550, 550)), (2, 2)))
    report = import_study(opened, [tmp_path / "in"], "one cell")
    (finding,) = [finding for finding in report.findings if finding.code == "W-IMG-FIELD"]
    assert "These images are whole fields of view" in finding.message and "--fields" in finding.message
    large = simulated_field((1100, 1100), 20, seed=1)
    write_field(tmp_path / "large" / "simulated_1_Ch1.tif", large.pixels)
    report = import_study(opened, [tmp_path / "large"], "fields", fields=SETTINGS)
    assert report.imported == 20 and not by_code(report, "W-IMG-FIELD")


def test_a_job_and_the_command_line_find_the_same_cells(opened: App, plate: Path) -> None:
    payload = {"paths": [str(plate)], "name": "job", "fields": to_plain(SETTINGS), "pixel_size_um": 0.5}
    job = queue.submit(opened, "import", payload)
    Worker(opened).run(once=True)
    assert queue.view(opened, job.job_id).state == "done"
    options = ["--fields", "--field-min-area", "120", "--pixel-size", "0.5"]
    command = ["study", "import", str(plate), "--name", "command", *options]
    # Radius, largest area and margin are those for 0.5 µm, which are the usual ones.
    done = CliRunner().invoke(cli, [*command, "--data-dir", str(opened.settings.data_dir)])
    assert done.exit_code == 0, done.output
    digests = [
        {sample: cells.sha256() for sample, (cells, _) in stored(opened, name).items()} for name in ("job", "command")
    ]
    assert digests[0] == digests[1]


def test_field_options_without_fields_are_wrong_use(opened: App, plate: Path) -> None:
    for options in (["--field-threshold", "4"], ["--fields", "--field-threshold", "-1"]):
        command = ["study", "import", str(plate), "--name", "x", *options]
        done = CliRunner().invoke(cli, [*command, "--data-dir", str(opened.settings.data_dir)])
        assert done.exit_code == 2, done.output


def test_the_preview_shows_what_the_import_would_find(opened: App, plate: Path) -> None:
    seen = fields.preview(opened, [plate], SETTINGS)
    assert seen.n_cells == len(seen.areas) == 12
    assert "12 cells found in the field" in seen.sentence and "simulated_0_Ch1.tif" in seen.sentence
    assert seen.picture.dtype == np.uint8 and seen.picture.shape[2] == 3 and max(seen.picture.shape) <= 1000
    coloured = (seen.picture != seen.picture[..., :1]).any(axis=2)
    assert 0 < coloured.mean() < 0.1
    assert len(seen.examples) == 12 and all(example.dtype == np.uint8 for example in seen.examples)
    assert fields.preview(opened, [plate], SETTINGS, index=2).n_cells == 14
    assert fields.preview(opened, [plate], SETTINGS, index=4).n_cells == 12  # begins again after the last one


def test_a_large_field_is_previewed_in_its_middle(opened: App, tmp_path: Path) -> None:
    field = simulated_field((1300, 1500), 40, seed=2)
    path = write_field(tmp_path / "simulated_1_Ch1.tif", field.pixels)
    seen = fields.preview(opened, [path], SETTINGS)
    assert "middle part (1,024 x 1,024 of 1,500 x 1,300 pixels)" in seen.sentence
    assert seen.picture.shape == (1000, 1000, 3)
    inside = np.unique(field.truth[138:1162, 238:1262])
    assert abs(seen.n_cells - (len(inside) - 1)) <= 8


def test_previews_of_nothing_are_told_in_words(opened: App, tmp_path: Path) -> None:
    path = write_field(tmp_path / "simulated_empty.png", np.zeros((90, 90), np.uint8))
    seen = fields.preview(opened, [path], SETTINGS)
    assert seen.n_cells == 0 and "lower the threshold" in seen.sentence and not seen.examples
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\x00\x08\x00\x00\x00")
    with pytest.raises(InputRefused):
        fields.preview(opened, [bad], SETTINGS)
    with pytest.raises(WrongUse, match="no channel"):
        fields.preview(opened, [path], SETTINGS, channel="Ch77")


def test_a_damaged_image_does_not_stop_the_preview(opened: App, plate: Path) -> None:
    first = plate / "well A" / "simulated_0_Ch1.tif"
    first.write_bytes(first.read_bytes()[:900])
    assert fields.preview(opened, [plate], SETTINGS).n_cells == 13


def test_depths_of_png_and_tiff_are_read_alike(opened: App, tmp_path: Path) -> None:
    pixels = simulated_field((300, 300), 8, seed=3).pixels
    eight = np.rint(pixels / 16).astype(np.uint8)
    path = tmp_path / "simulated_eight.png"
    assert cv2.imwrite(str(path), eight)
    assert fields.preview(opened, [path], SETTINGS).n_cells == 8
