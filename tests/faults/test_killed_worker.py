"""kill -9 in the middle of a run: shown as interrupted, taken up from the last chunk, the same result as unbroken."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.jobs import queue
from nscweb.jobs.lock import is_locked
from nscweb.services.context import App, open_app
from nscweb.services.predict.runs import prediction_table
from nscweb.settings import Settings

SLOW = Path(__file__).with_name("slow_worker.py")
PATIENCE = 90.0


def start(app: App, seconds: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, str(SLOW), str(app.settings.data_dir), str(seconds)])
    until = time.monotonic() + PATIENCE
    while not is_locked(app.folder.lock_path):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    return process


def wait_for(app: App, job_id: str, wanted) -> queue.JobView:
    until = time.monotonic() + PATIENCE
    while not wanted(found := queue.view(app, job_id)):
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


@pytest.fixture
def app(tmp_path: Path) -> App:
    opened = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data"))
    write_random_model(opened.folder.models_dir / "random")
    simulated_study(opened, "Study", cells=240)
    return opened


def test_a_killed_run_is_interrupted_and_resumed_to_the_same_result(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "STALE_SECONDS", 3.0)
    before = predict_study(app, "Study", "random")
    job = queue.submit(app, "predict", {"study": "Study", "model": "random", "run_key": "killed"})

    first = start(app, 0.3)
    wait_for(app, job.job_id, lambda view: view.done >= 60)
    first.kill()
    first.wait()
    broken = wait_for(app, job.job_id, lambda view: view.state == "interrupted")
    assert 0 < broken.done < 240
    assert [run.run_id for run in app.catalogue.runs(before.study_id)] == [before.run_id]

    second = start(app, 0.0)
    try:
        done = wait_for(app, job.job_id, lambda view: view.state in ("done", "failed"))
    finally:
        second.terminate()
        assert second.wait(PATIENCE) == 0
    assert done.state == "done", done.message
    after = app.catalogue.run(done.result["run_id"])
    assert after.provenance.settings["parts_kept_from_before"] > 0
    pd.testing.assert_frame_equal(prediction_table(app, before), prediction_table(app, after))


def test_a_worker_told_to_end_hands_its_job_back(app: App) -> None:
    job = queue.submit(app, "predict", {"study": "Study", "model": "random"})
    worker = start(app, 0.3)
    wait_for(app, job.job_id, lambda view: view.done >= 20)
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert queue.view(app, job.job_id).state == "queued"


def test_a_second_worker_on_the_same_folder_ends_at_once(app: App) -> None:
    first = start(app, 0.0)
    command = [sys.executable, "-m", "nscweb", "worker", "--once", "--data-dir", str(app.settings.data_dir)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    first.terminate()
    first.wait(PATIENCE)
    assert second.returncode == 1
    assert "already" in second.stderr and "Traceback" not in second.stderr
