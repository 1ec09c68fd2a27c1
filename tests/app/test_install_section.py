"""The sections with published models and public data: facts, buttons that queue a job, and its result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from app_walk import is_healthy, texts, work
from streamlit.testing.v1 import AppTest

from nscweb.jobs import queue, tasks
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.published import PUBLISHED
from nscweb.services.context import App
from nscweb.services.fetch import public_data_import, published_models
from nscweb.services.fetch.downloads import git_blob_id


def page() -> None:
    """Both sections without the frame around them."""
    from nscweb.ui import cached, session
    from nscweb.ui.models import install_view

    session.restore()
    app = cached.app()
    install_view.published_models(app)
    install_view.public_sets(app)


def opened(**parameters: str) -> AppTest:
    test = AppTest.from_function(page, default_timeout=60)
    for key, value in parameters.items():
        test.query_params[key] = value
    return test.run()


@pytest.fixture(autouse=True)
def known_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tasks.TASKS, "install", published_models.install_task)
    monkeypatch.setitem(tasks.TASKS, "fetch", public_data_import.fetch_task)


def test_the_facts_stand_beside_the_buttons_and_nothing_is_queued(data_folder: Path, app: App) -> None:
    test = opened()
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "about 16 MB" in said and "Apache-2.0" in said and "NC_paper_source_code" in said
    assert "10.6084/m9.figshare.13070666" in said and "EfficientNet" in said
    assert queue.active(app) == []


def test_install_queues_a_job_and_then_says_installed(
    data_folder: Path, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.pt"
    torch.save((ARCHITECTURES["zhu2021"].make(1, 3).state_dict(),), file)
    line = replace(PUBLISHED["zhu2021"], git_blob=git_blob_id(file))
    monkeypatch.setitem(PUBLISHED, "zhu2021", line)
    monkeypatch.setattr(published_models, "_downloaded", lambda *given: _copy(file, tmp_path))
    test = opened().button(key="install_zhu2021").click().run()
    assert is_healthy(test), texts(test)
    job = queue.view(app, test.query_params["job"])
    assert (job.kind, job.state) == ("install", "queued")
    assert test.button(key="fetch_zhu2021").disabled
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert "Installed. It is in the list of models" in texts(test) and "job" not in test.query_params
    assert (app.folder.models_dir / "zhu2021" / "card.json").is_file()


def _copy(file: Path, folder: Path) -> Path:
    target = folder / "got" / file.name
    target.parent.mkdir()
    target.write_bytes(file.read_bytes())
    return target


def test_a_failed_installation_says_why(data_folder: Path, app: App, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"something")
    job = queue.submit(app, "install", {"name": "zhu2021", "file": str(tmp_path / "model.pt")})
    work(app)
    said = texts(opened(job=job.job_id))
    assert "is not the one that was meant" in said and "Traceback" not in said


def test_fetch_is_a_job_and_refuses_a_name_that_is_taken(data_folder: Path, app: App) -> None:
    test = opened().button(key="fetch_zhu2021").click().run()
    assert queue.view(app, test.query_params["job"]).kind == "fetch"
    app.catalogue.create_study(
        "zhu2021", app.clock(), channel="Ch1", channels=["Ch1"], simulated=False, pixel_size_um=None
    )
    queue.cancel(app, test.query_params["job"])
    other = opened().button(key="fetch_zhu2021").click().run()
    assert "exists already" in texts(other) and "job" not in other.query_params
