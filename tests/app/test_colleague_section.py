"""A model to and from a colleague on the page Models: packed, uploaded, asked about, installed by a job."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import Walk, is_healthy, texts, work
from random_models import write_random_model
from streamlit.testing.v1 import AppTest

from nscweb.core.card import read_card
from nscweb.jobs import queue
from nscweb.services.context import App
from nscweb.services.fetch.model_packing import packed_bytes


def page() -> None:
    """The sections without the frame around them."""
    from nscweb.ui import cached, session
    from nscweb.ui.models import colleague_view, install_view

    session.restore()
    app = cached.app()
    colleague_view.from_a_colleague(app)
    install_view.published_models(app)


def sent(app: App, folder: Path, name: str, data: bytes = b"") -> AppTest:
    """The page after the upload of a model of that name, or of `data`."""
    test = AppTest.from_function(page, default_timeout=60).run()
    assert is_healthy(test) and test.button(key="colleague_install").disabled
    packed = data or packed_bytes(app, write_random_model(folder / name, seed=7))
    test.file_uploader(key="colleague_file").set_value((f"{name}.zip", packed, "application/zip")).run()
    return test.button(key="colleague_install").click().run()


def test_a_model_of_a_new_name_is_installed_by_a_job(data_folder: Path, app: App, tmp_path: Path) -> None:
    test = sent(app, tmp_path, "annas")
    assert is_healthy(test), texts(test)
    assert queue.view(app, test.query_params["job"]).kind == "install"
    work(app)
    test = test.run()
    assert is_healthy(test) and "annas is installed" in texts(test)
    assert read_card(app.folder.models_dir / "annas").card.name == "annas"
    assert not any(path.is_file() for path in app.folder.uploads_dir.rglob("*"))


@pytest.mark.parametrize("answer", ["both", "replace", "cancel"])
def test_another_model_of_the_name_is_asked_about(data_folder: Path, app: App, tmp_path: Path, answer: str) -> None:
    mine = read_card(app.folder.models_dir / "random-compact").card
    test = sent(app, tmp_path, "random-compact")
    assert is_healthy(test) and "has other weights" in texts(test) and "job" not in test.query_params
    assert test.text_input(key="colleague_name").value == "random-compact-2"
    test = test.button(key=f"colleague_{answer}").click().run()
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    now = read_card(app.folder.models_dir / "random-compact").card
    assert (now == mine) == (answer != "replace")
    assert (app.folder.models_dir / "random-compact-2").exists() == (answer == "both")
    assert not any(path.is_file() for path in app.folder.uploads_dir.rglob("*"))
    assert "has other weights" not in texts(test)


def test_what_is_no_model_is_told_and_nothing_stays(data_folder: Path, app: App, tmp_path: Path) -> None:
    test = sent(app, tmp_path, "images", b"hello")
    assert "images.zip is no packed model" in texts(test) and "job" not in test.query_params
    assert not any(path.is_file() for path in app.folder.uploads_dir.rglob("*"))


def test_the_model_that_is_here_already_is_told(data_folder: Path, app: App, tmp_path: Path) -> None:
    packed = packed_bytes(app, read_card(app.folder.models_dir / "random-compact"))
    test = sent(app, tmp_path, "random-compact", packed)
    assert is_healthy(test) and "installed already" in texts(test) and "job" not in test.query_params


def test_the_button_checks_first_and_then_offers_the_file(walk: Walk, data_folder: Path, app: App) -> None:
    test = walk("pages/models.py").button(key="pack_random-compact").click().run()
    assert is_healthy(test), texts(test)
    assert [button.proto.label for button in test.get("download_button") if "packed" in button.proto.label]
    (data_folder / "models" / "random-compact" / "example.npz").write_bytes(b"damaged")
    test = walk("pages/models.py").button(key="pack_random-compact").click().run()
    assert "The example of random-compact cannot be read" in texts(test)
    assert not [button for button in test.get("download_button") if "packed" in button.proto.label]
