"""Whole fields of view on the study page: a preview before the import, cells with masks after it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from app_walk import Walk, is_healthy, texts, work
from asked import import_study, predict_study
from random_models import write_random_model
from simulated_field import empty_field, simulated_field, write_field
from streamlit.testing.v1 import AppTest

from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.plain import from_plain
from nscweb.services.context import App, open_app
from nscweb.settings import Settings
from nscweb.store.cell_files import CellFile

BOX = "These images are whole fields of view (many cells each)"
FIELD = simulated_field((420, 440), 14, seed=3)


@pytest.fixture
def app(empty_folder: Path) -> App:
    return open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, empty_folder))


def png(pixels: object) -> bytes:
    done, data = cv2.imencode(".png", pixels)  # type: ignore[call-overload]
    assert done
    return bytes(data)


def upload(test: AppTest, *files: tuple[str, bytes]) -> AppTest:
    box = next(item for item in test.file_uploader if item.label == "Zip or images")
    return box.set_value([(name, content, "image/png") for name, content in files]).run()


def tick(test: AppTest) -> AppTest:
    return next(item for item in test.checkbox if item.label == BOX).check().run()


def slider(test: AppTest, label: str) -> object:
    return next(item for item in test.slider if item.label.startswith(label))


def test_the_box_shows_a_preview_and_the_import_gives_these_cells(walk: Walk, app: App) -> None:
    test = upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels)))
    assert "found" not in texts(test)
    test = tick(test)
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert f"{FIELD.cells} cells found" in said and "data:image/png;base64," in said
    assert f"{FIELD.cells} cells found in the field simulated_1.png" in said
    test = next(item for item in test.button if item.label == "Import").click().run()
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert f"Imported: {FIELD.cells} cells in 1 sample" in texts(test)
    study = app.catalogue.study("simulated_1")
    (key,) = app.catalogue.sample_keys(study.study_id).values()
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        assert cells.has_masks and len(cells) == FIELD.cells


def test_without_the_box_an_image_is_one_cell(walk: Walk, app: App) -> None:
    test = upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels)))
    test = next(item for item in test.button if item.label == "Import").click().run()
    (job,) = app.catalogue.jobs()
    assert job.payload["fields"] is None
    work(app)
    assert "Imported: 1 cell in 1 sample" in texts(test.run())


def test_sliders_change_what_is_found(walk: Walk, app: App) -> None:
    test = tick(upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels))))
    test = slider(test, "Diameter of a cell (px)").set_range(30.0, 100.0).run()  # type: ignore[attr-defined]
    assert is_healthy(test), texts(test)
    assert "0 cells found" in texts(test) and "lower the threshold" in texts(test)


def test_lengths_are_micrometres_when_the_pixel_size_is_known(walk: Walk, app: App) -> None:
    test = tick(upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels))))
    size = next(item for item in test.number_input if item.label == "Pixel size in µm")
    test = size.set_value(0.5).run()
    assert is_healthy(test), texts(test)
    assert slider(test, "Diameter of a cell (µm)")
    assert f"{FIELD.cells} cells found" in texts(test) and " µm, half of them below" in texts(test)
    test = next(item for item in test.button if item.label == "Import").click().run()
    (job,) = app.catalogue.jobs()
    settings = from_plain(SegmentationSettings, json.loads(json.dumps(job.payload["fields"])), "The job")
    usual = SegmentationSettings.suggested(0.5)
    assert settings.split and settings.method == "noise"
    assert settings.min_area == pytest.approx(usual.min_area, rel=0.25)
    assert settings.max_area == pytest.approx(usual.max_area, rel=0.05)


def test_colonies_are_not_split(walk: Walk, app: App) -> None:
    test = tick(upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels))))
    objects = next(item for item in test.segmented_control if item.label == "What is one object?")
    test = objects.set_value("Whole colonies").run()
    assert is_healthy(test), texts(test)
    assert "A colony is taken as one object" in texts(test)
    next(item for item in test.button if item.label == "Import").click().run()
    (job,) = app.catalogue.jobs()
    assert job.payload["fields"]["split"] is False and job.payload["fields"]["max_area"] > 100_000


def test_another_field_can_be_looked_at(walk: Walk, app: App) -> None:
    test = upload(
        walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels)), ("simulated_empty_2.png", png(empty_field()))
    )
    test = tick(test)
    assert f"{FIELD.cells} cells found" in texts(test)
    test = next(item for item in test.number_input if item.label.startswith("Field to look at")).set_value(2).run()
    assert is_healthy(test), texts(test)
    assert "0 cells found" in texts(test)


def test_the_box_before_any_file_asks_for_files(walk: Walk, app: App) -> None:
    test = tick(walk("pages/study.py"))
    assert is_healthy(test), texts(test)
    assert "Choose files above" in texts(test)


def test_a_file_that_cannot_be_read_is_told_in_the_preview(walk: Walk, app: App) -> None:
    test = tick(upload(walk("pages/study.py"), ("simulated.tif", b"II*\x00\x08\x00\x00\x00")))
    said = texts(test)
    assert 'class="nsc-error"' in said and "simulated.tif" in said and "Traceback" not in said
    assert not test.exception


def test_a_mask_beside_the_field_is_shown_and_imported(walk: Walk, app: App) -> None:
    truth = FIELD.truth * (FIELD.truth % 2)
    cells = len(set(truth.ravel().tolist())) - 1
    files = [("simulated_1.png", png(FIELD.pixels)), ("simulated_1_cp_masks.png", png(truth.astype("uint16")))]
    test = tick(upload(walk("pages/study.py"), *files))
    assert is_healthy(test), texts(test)
    assert "the outlines in simulated_1_cp_masks.png, not searched for" in texts(test)
    test = next(item for item in test.button if item.label == "Import").click().run()
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert f"Imported: {cells} cells in 1 sample" in texts(test)


def test_outlines_are_mended_by_hand_and_imported_so(walk: Walk, app: App) -> None:
    test = tick(upload(walk("pages/study.py"), ("simulated_1.png", png(FIELD.pixels))))
    test = next(item for item in test.toggle if item.label == "Mend outlines by hand").set_value(True).run()
    assert is_healthy(test), texts(test)
    chosen = next(item for item in test.multiselect if item.label == "Outlines to mend")
    test = chosen.select(2).run()
    assert any(item.label == "Split" for item in test.button)
    test = next(item for item in test.button if item.label == "Delete").click().run()
    assert is_healthy(test), texts(test)
    assert f"{FIELD.cells - 1} cells found" in texts(test) and "1 mending will be imported" in texts(test)
    test = next(item for item in test.multiselect if item.label == "Outlines to mend").select(1).select(2).run()
    test = next(item for item in test.button if item.label == "Merge").click().run()
    assert f"{FIELD.cells - 2} cells found" in texts(test)
    test = next(item for item in test.button if item.label == "Undo").click().run()
    assert f"{FIELD.cells - 1} cells found" in texts(test)
    test = next(item for item in test.button if item.label == "Import").click().run()
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert f"Imported: {FIELD.cells - 1} cells in 1 sample" in texts(test)


def test_a_gallery_cell_links_to_its_place_in_the_field(walk: Walk, app: App, tmp_path: Path) -> None:
    write_random_model(app.folder.models_dir / "random")
    write_field(tmp_path / "simulated_1.png", FIELD.pixels)
    import_study(app, [tmp_path / "simulated_1.png"], "fields", fields=SegmentationSettings())
    run = predict_study(app, "fields", "random")
    test = walk("pages/cells.py", study=run.study_id, run=run.run_id)
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "its place in the field" in said and "place=c000001%3A0" in said
    test = walk("pages/cells.py", study=run.study_id, run=run.run_id, place="c000001:3")
    assert is_healthy(test), texts(test)
    assert "Object 4 is marked" in texts(test)
    test = next(item for item in test.button if item.label == "Close the field").click().run()
    assert "is marked" not in texts(test)
    test = walk("pages/study.py", study=run.study_id)
    test.session_state[f"study_tabs_{run.study_id}"] = "Pictures"
    test = test.run()
    assert is_healthy(test), texts(test)
    assert f"{FIELD.cells} cells of the field simulated_1.png." in texts(test)
