"""Outlines leave as files that other programs read back: the same cells, the same places, the classes as names."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from asked import import_study, predict_study
from predicted import MODEL, fresh_app, predicted
from simulated_field import simulated_field, write_field
from typer.testing import CliRunner

from nscweb.cli.main import app as cli
from nscweb.core.errors import WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.run_record import Run
from nscweb.io.outlines.polygons import Outline, draw_outlines, outline_of_mask
from nscweb.preprocess.segmentation import segment_field
from nscweb.services.cells.outlines import FORMS, outline_files, outlines_zip, write_outlines
from nscweb.services.context import App

SETTINGS = SegmentationSettings(min_area=120, drop_border=False)
SIZE = (260, 300)


@pytest.fixture
def fields(tmp_path: Path) -> tuple[App, Run, list[np.ndarray]]:
    """A study of two simulated fields, its run, and the labels of each field."""
    app = fresh_app(tmp_path / "app")
    truth = []
    for number in range(2):
        made = simulated_field(SIZE, 7, seed=40 + number, border=True, touching=1)
        write_field(tmp_path / "in" / "well A" / f"simulated {number}.tif", made.pixels)
        truth.append(segment_field(made.pixels, SETTINGS))
    import_study(app, [tmp_path / "in"], "fields", fields=SETTINGS)
    return app, predict_study(app, "fields", MODEL), truth


def table_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"))))


def test_label_images_are_the_labels_that_were_found(fields: tuple[App, Run, list[np.ndarray]], tmp_path: Path) -> None:
    app, run, truth = fields
    names = write_outlines(app, "fields", tmp_path / "out", "labels", run.run_id)
    assert names == ["well_A/simulated_0.tif", "well_A/simulated_1.tif", "classes.csv"]
    table = table_of((tmp_path / "out" / "classes.csv").read_bytes())
    for name, labels in zip(names, truth, strict=False):
        read = tifffile.imread(tmp_path / "out" / name)
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, labels)
        rows = [row for row in table if row["file"] == name]
        assert [int(row["label_number"]) for row in rows] == list(range(1, labels.max() + 1))
        assert {row["predicted_class"] for row in rows} <= set(run.class_names)
        assert all(row["field_file"].endswith(Path(name).stem.replace("_", " ") + ".tif") for row in rows)
    assert [int(row["object_number"]) for row in table] == list(range(1, len(table) + 1))


def test_rois_and_geojson_give_the_same_outlines(fields: tuple[App, Run, list[np.ndarray]]) -> None:
    app, run, truth = fields
    rois = dict(outline_files(app, "fields", "rois", run.run_id))
    json_files = dict(outline_files(app, "fields", "geojson", run.run_id))
    for number, labels in enumerate(truth):
        with zipfile.ZipFile(io.BytesIO(rois[f"well_A/simulated_{number}.zip"])) as archive:
            read = [roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()]
        features = json.loads(json_files[f"well_A/simulated_{number}.geojson"])["features"]
        assert len(read) == len(features) == labels.max()
        for label, (roi, feature) in enumerate(zip(read, features, strict=True), start=1):
            corners = roi.coordinates()
            polygon = np.array(feature["geometry"]["coordinates"][0])
            assert (polygon[0] == polygon[-1]).all()
            np.testing.assert_allclose(corners, polygon[:-1], atol=0.02)
            ys, xs = np.nonzero(labels == label)
            box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            np.testing.assert_allclose([*corners.min(axis=0), *corners.max(axis=0)], box, atol=0.5)
            name = feature["properties"]["classification"]["name"]
            assert name in run.class_names and roi.name == f"{feature['properties']['name']} {name}"
            assert len(feature["properties"]["classification"]["color"]) == 3


@pytest.mark.parametrize("form", FORMS)
def test_what_leaves_comes_in_again_as_the_same_cells(
    fields: tuple[App, Run, list[np.ndarray]], tmp_path: Path, form: str
) -> None:
    app, _, _ = fields
    write_outlines(app, "fields", tmp_path / "in", form)
    for path in (tmp_path / "in" / "well_A").iterdir():
        name = path.name.replace("simulated_", "simulated ")
        path.rename(tmp_path / "in" / "well A" / (f"{Path(name).stem}_masks.tif" if form == "labels" else name))
    again = import_study(app, [tmp_path / "in" / "well A"], "again", fields=SETTINGS)
    first, second = (app.catalogue.study(name) for name in ("fields", "again"))
    assert first.cells == second.cells == again.imported
    assert sum(finding.code == "N-FIELD-MASK" for finding in again.findings) == 2


def test_single_cells_have_their_outline_in_their_own_frame() -> None:
    made = predicted()
    files = dict(outline_files(made.app, made.study.name, "labels", made.run.run_id))
    rows = table_of(files.pop("classes.csv"))
    assert len(files) == len(made.study.samples) and 0 < len(rows) <= made.study.cells
    name, data = next(iter(files.items()))
    mine = [row for row in rows if row["file"] == name]
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        assert len(tiff.pages) == len(mine)
        for row, page in zip(mine, tiff.pages, strict=True):
            assert set(np.unique(page.asarray())) <= {0, int(row["label_number"])}
    assert {row["predicted_class"] for row in rows} <= set(made.run.class_names)
    rois = dict(outline_files(made.app, made.study.name, "rois"))
    with zipfile.ZipFile(io.BytesIO(rois[name.replace(".tif", ".zip")])) as archive:
        assert len(archive.namelist()) == len(mine)


def test_the_zip_holds_the_same_files() -> None:
    made = predicted()
    with zipfile.ZipFile(io.BytesIO(outlines_zip(made.app, made.study.name, "geojson"))) as archive:
        files = dict(outline_files(made.app, made.study.name, "geojson"))
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_what_cannot_be_written_is_said(fields: tuple[App, Run, list[np.ndarray]], tmp_path: Path) -> None:
    app, _, _ = fields
    with pytest.raises(WrongUse, match="labels, rois, geojson"):
        write_outlines(app, "fields", tmp_path, "svg")


def test_the_command_writes_them(fields: tuple[App, Run, list[np.ndarray]], tmp_path: Path) -> None:
    app, run, _ = fields
    words = ["study", "outlines", "fields", "--out", str(tmp_path / "out"), "--format", "geojson", "--run", run.run_id]
    answer = CliRunner().invoke(cli, [*words, "--json", "--data-dir", str(app.settings.data_dir)])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["files"][-1] == "classes.csv"
    assert (tmp_path / "out" / "well_A" / "simulated_0.geojson").exists()


def test_an_outline_drawn_again_is_its_mask() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = rng.random((14, 17)) < 0.6
        drawn = draw_outlines([Outline(outline_of_mask(mask, 3, 5))], (30, 30))
        np.testing.assert_array_equal(drawn.labels[5:19, 3:20] > 0, mask)
