"""A small data folder with a model and simulated studies, and pages driven by Streamlit's AppTest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import streamlit as st
from app_walk import LABELLED, PLAIN, Walk
from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study
from streamlit.testing.v1 import AppTest

from nscweb import settings
from nscweb.jobs import supervisor
from nscweb.services.context import App, open_app
from nscweb.settings import Settings


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model, a labelled study with a run, a study without truth and without a run. Never changed, only copied."""
    root = tmp_path_factory.mktemp("made")
    app = open_app(_settings(root))
    write_random_model(root / "models" / "random-compact")
    labelled = simulated_study(app, LABELLED, cells=120)
    simulated_study(app, PLAIN, cells=60, seed=2, truth=False)
    predict_study(app, labelled.study_id, "random-compact")
    app.catalogue.close()
    return root


@pytest.fixture
def data_folder(made_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own copy of `made_folder` that the pages open."""
    folder = tmp_path / "data"
    shutil.copytree(made_folder, folder)
    return _opened(folder, monkeypatch)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with nothing in it."""
    return _opened(tmp_path / "empty", monkeypatch)


@pytest.fixture
def app(data_folder: Path) -> App:
    """The same data folder as the pages see it, opened beside them."""
    return open_app(_settings(data_folder))


@pytest.fixture
def walk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Open a page by its path with query parameters; navigation works as in the browser."""
    monkeypatch.chdir(project)

    def open_page(path: str = "streamlit_app.py", **parameters: str) -> AppTest:
        test = AppTest.from_file(str(project / "streamlit_app.py"), default_timeout=60)
        for key, value in parameters.items():
            test.query_params[key] = value
        if path != "streamlit_app.py":
            test.switch_page(path)
        return test.run()

    return open_page


def _settings(root: Path) -> Settings:
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, root)
    return Settings(**{**vars(settings), "weights_dirs": (root / "models",)})


def _opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NSCWEB_DATA_DIR", str(folder))
    monkeypatch.setenv("NSCWEB_THREADS", "1")
    monkeypatch.setattr(supervisor, "ensure_worker", lambda *_, **__: None)
    # The pages see the models of the data folder only, whatever weights are shipped.
    monkeypatch.setattr(settings, "PROJECT", folder)
    st.cache_resource.clear()
    return folder
