"""A field is seen again after its import, with the outlines of its cells and one of them marked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from asked import predict_study
from predicted import MODEL, fresh_app, predicted
from simulated_field import SimulatedField, simulated_field, write_field

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.services.cells.fields_seen import field_names, field_of_cell, field_seen, has_fields
from nscweb.services.context import App
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import get_study
from nscweb.services.study.understood import join_studies

SETTINGS = SegmentationSettings(min_area=120)
SIZE = (260, 300)


def bring_in(app: App, folder: Path, seed: int, **asked: str) -> SimulatedField:
    made = simulated_field(SIZE, 6, seed=seed)
    write_field(folder / "A" / "simulated_1.tif", made.pixels)
    join_studies.bring_in(app, ImportRequest((folder,), asked.pop("name", ""), fields=SETTINGS, **asked))
    return made


def near(picture: np.ndarray, pixels: np.ndarray) -> float:
    """How alike the grey of a picture and a field are, where no outline is."""
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    return float(np.corrcoef(picture[..., 0][grey], pixels[grey])[0, 1])


def test_the_field_is_kept_as_a_picture_and_its_cells_are_outlined(opened: App, tmp_path: Path) -> None:
    made = bring_in(opened, tmp_path / "in", 1, name="S")
    (sample,) = get_study(opened, "S").samples
    assert has_fields(opened, "S") and len(field_names(opened, "S", sample.name)) == 1
    (field,) = field_names(opened, "S", sample.name)
    seen = field_seen(opened, "S", sample.name, field)
    assert seen.picture.shape == (*SIZE, 3) and seen.cells == made.cells and not seen.from_cells
    assert near(seen.picture, made.pixels) > 0.95
    assert (seen.picture == (230, 159, 0)).all(axis=2).sum() > 100
    key = opened.catalogue.sample_keys(get_study(opened, "S").study_id)[sample.name]
    marked = field_of_cell(opened, "S", f"{key}:2")
    assert "Object 3 is marked" in marked.sentence
    ys, xs = np.nonzero((marked.picture == (213, 94, 0)).all(axis=2))
    truth = marked.picture[ys.min() : ys.max(), xs.min() : xs.max()]
    assert len(ys) > 40 and max(truth.shape[:2]) < 60


def test_fields_of_one_name_stay_apart_when_studies_become_one(opened: App, tmp_path: Path) -> None:
    one = bring_in(opened, tmp_path / "one", 1, name="S")
    two = bring_in(opened, tmp_path / "two", 2, add_to="S")
    first, second = get_study(opened, "S").samples
    for sample, made in ((first, one), (second, two)):
        (field,) = field_names(opened, "S", sample.name)
        seen = field_seen(opened, "S", sample.name, field)
        assert not seen.from_cells and near(seen.picture, made.pixels) > 0.95


def test_without_the_picture_its_cells_are_shown_in_their_places(opened: App, tmp_path: Path) -> None:
    made = bring_in(opened, tmp_path / "in", 1, name="S")
    study = get_study(opened, "S")
    shutil.rmtree(opened.folder.fields_dir(study.study_id))
    (field,) = field_names(opened, "S", study.samples[0].name)
    seen = field_seen(opened, "S", study.samples[0].name, field)
    assert seen.from_cells and "was not kept" in seen.sentence and seen.cells == made.cells


def test_outlines_have_the_colours_of_the_predicted_classes(tmp_path: Path) -> None:
    app = fresh_app(tmp_path / "app")
    bring_in(app, tmp_path / "in", 1, name="S")
    run = predict_study(app, "S", MODEL)
    (sample,) = get_study(app, "S").samples
    (field,) = field_names(app, "S", sample.name)
    plain, coloured = (field_seen(app, "S", sample.name, field, run=name) for name in (None, run.run_id))
    assert not np.array_equal(plain.picture, coloured.picture)


def test_what_has_no_field_is_said(opened: App, tmp_path: Path) -> None:
    made = predicted()
    assert not has_fields(made.app, made.study.name)
    assert field_names(made.app, made.study.name, made.study.samples[0].name) == []
    with pytest.raises(StudyError, match="no field of view"):
        field_of_cell(made.app, made.study.name, "c000001:0")
    with pytest.raises(WrongUse):
        field_of_cell(made.app, made.study.name, "../x")
    bring_in(opened, tmp_path / "in", 1, name="S")
    for cell in ("c000001:99", "c000009:0"):
        with pytest.raises(StudyError, match="no field of view"):
            field_of_cell(opened, "S", cell)
