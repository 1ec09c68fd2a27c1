"""A worker that dies between publishing a study and ending its job: the job is taken up again and succeeds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from asked import import_study

from nscweb.jobs import queue
from nscweb.jobs.tasks import TASKS
from nscweb.jobs.worker import Worker
from nscweb.services.context import App, open_app
from nscweb.services.study.study import findings_of, list_studies
from nscweb.services.study.study_import import finished_since
from nscweb.settings import Settings
from nscweb.simulation.small_tiff import tiff_bytes
from nscweb.store.cell_files import CellFile


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.fixture
def app(tmp_path: Path) -> App:
    return open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data"))


def cells(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(700, 900, (30, 40), np.uint16)
        (folder / f"s_{number}_Ch1.tif").write_bytes(tiff_bytes(pixels, "Ch1"))
    (folder / "s_9_Ch1.tif").write_bytes(b"damaged, for sure")
    return folder


def die_after_import(app, payload, progress, cancel):
    TASKS["import"](app, payload, progress, cancel)
    raise Killed


@pytest.mark.parametrize("files", ["kept", "gone"])
def test_an_import_that_was_published_is_not_done_twice_and_not_refused(app: App, tmp_path: Path, files: str) -> None:
    folder = cells(tmp_path / "in")
    job = queue.submit(app, "import", {"paths": [str(folder)], "name": "Study"})
    with pytest.raises(Killed):
        Worker(app, {"import": die_after_import}).run(once=True)
    (study,) = list_studies(app)
    path = app.folder.cells_path(study.study_id, app.catalogue.sample_keys(study.study_id)["s"])
    with CellFile(path) as stored:
        before = stored.sha256()
    findings = findings_of(app, "Study")
    if files == "gone":
        shutil.rmtree(folder)
    assert Worker(app).run(once=True) == 1
    done = queue.view(app, job.job_id)
    assert done.state == "done", done.message
    assert (done.result["study"], done.result["imported"], done.result["skipped"]) == ("Study", 5, 1)
    assert len(done.result["findings"]) == len(findings) > 0
    assert [found.study_id for found in list_studies(app)] == [study.study_id]
    with CellFile(path) as stored:
        assert stored.sha256() == before


def test_a_study_that_was_there_before_the_job_still_has_its_name(app: App, tmp_path: Path) -> None:
    folder = cells(tmp_path / "in")
    import_study(app, [folder], "Study")
    assert finished_since(app, "Study", "2999-01-01T00:00:00Z") is None
    assert finished_since(app, "no such study", "2000-01-01T00:00:00Z") is None
    job = queue.submit(app, "import", {"paths": [str(folder)], "name": "Study"})
    Worker(app).run(once=True)
    done = queue.view(app, job.job_id)
    assert done.state == "failed" and "exists" in done.message
