"""Bringing in cells on the study page: upload and inbox, good and bad files, every reason told."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import Walk, is_healthy, texts, work
from streamlit.testing.v1 import AppTest

from nscweb.jobs import queue
from nscweb.services.context import App, open_app
from nscweb.services.study.simulate import simulate
from nscweb.settings import Settings

CELLS = 54


@pytest.fixture
def app(empty_folder: Path) -> App:
    return open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, empty_folder))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "My screen.zip"
    simulate(path, cells=CELLS, seed=4, pure=True, channels=("Ch1",))
    return path


def upload(test: AppTest, *files: tuple[str, bytes]) -> AppTest:
    box = next(item for item in test.file_uploader if item.label == "Zip or images")
    return box.set_value([(name, content, "application/octet-stream") for name, content in files]).run()


def press_import(test: AppTest) -> AppTest:
    return next(item for item in test.button if item.label == "Import").click().run()


def test_an_uploaded_zip_becomes_a_study(walk: Walk, app: App, export: Path) -> None:
    test = upload(walk("pages/study.py"), (export.name, export.read_bytes()))
    assert is_healthy(test), texts(test)
    assert "1 file" in texts(test) and "ready to import" in texts(test)
    test = press_import(test)
    assert queue.view(app, test.query_params["job"]).state == "queued"
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert f"Imported: {CELLS} cells" in texts(test)
    study = app.catalogue.study("My screen")
    assert study.cells == CELLS and study.simulated
    assert test.query_params["study"] == study.study_id
    assert not list((app.settings.data_dir / "uploads").rglob("*.zip")), "the staged copy is still there"


def test_the_server_lets_go_of_an_upload_that_is_on_disk(walk: Walk, app: App, export: Path) -> None:
    test = upload(walk("pages/study.py"), (export.name, export.read_bytes()))
    box = next(item for item in test.file_uploader if item.label == "Zip or images")
    assert not box.value
    assert [path.name for path in (app.settings.data_dir / "uploads").rglob("*.zip")] == ["My screen.zip"]


def test_damaged_files_are_left_out_and_listed(walk: Walk, app: App, export: Path) -> None:
    test = upload(
        walk("pages/study.py"), (export.name, export.read_bytes()), ("cell_7_Ch1.tif", b"II*\x00\x08\x00\x00\x00")
    )
    test = press_import(test)
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    study = app.catalogue.study("My screen")
    test.session_state[f"study_tabs_{study.study_id}"] = "What was noticed"
    said = texts(test.run())
    assert "1 image left out" in said and "cell_7_Ch1.tif" in said


def test_a_refused_upload_is_told_in_words_and_stores_nothing(walk: Walk, app: App) -> None:
    test = press_import(upload(walk("pages/study.py"), ("export.zip", b"this is not a zip")))
    work(app)
    said = texts(test.run())
    assert "export.zip" in said and "Traceback" not in said and 'class="nsc-error"' in said
    assert app.catalogue.studies() == []


def test_a_name_that_is_taken_is_told_before_anything_runs(walk: Walk, app: App, export: Path) -> None:
    test = press_import(upload(walk("pages/study.py"), (export.name, export.read_bytes())))
    work(app)
    test = press_import(upload(test.run(), (export.name, export.read_bytes())))
    assert "exists already" in texts(test)
    assert "job" not in test.query_params


def test_the_inbox_takes_big_exports(walk: Walk, app: App, export: Path) -> None:
    (app.settings.inbox / "big.zip").write_bytes(export.read_bytes())
    test = walk("pages/study.py")
    where = next(item for item in test.segmented_control if item.label == "Where are the images?")
    test = where.set_value("Inbox of the server").run()
    test = next(item for item in test.multiselect if item.label == "Files and folders").select("big.zip").run()
    test = press_import(test)
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert app.catalogue.study("big").cells == CELLS
    assert (app.settings.inbox / "big.zip").exists()
