"""A small data folder with a model and simulated studies, and pages driven by Streamlit's AppTest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from app_walk import LABELLED, PLAIN, Walk
from asked import predict_study
from random_models import write_random_model
from ready_folders import ready_copy
from small_studies import simulated_study
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from nscweb import settings
from nscweb.jobs import supervisor
from nscweb.services.context import App, open_app
from nscweb.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _components() -> Iterator[None]:
    """Each AppTest looks through all installed packages for components, half a second of work; here only the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own copy of a data folder: model, a labelled study with a run, a study without truth and without a run."""
    return _opened(ready_copy(tmp_path / "data", _make_folder, "data folder of the pages"), monkeypatch)


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


def _make_folder(root: Path) -> None:
    app = open_app(_settings(root))
    write_random_model(root / "models" / "random-compact")
    labelled = simulated_study(app, LABELLED, cells=120)
    simulated_study(app, PLAIN, cells=60, seed=2, truth=False)
    predict_study(app, labelled.study_id, "random-compact")
    app.catalogue.close()


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
