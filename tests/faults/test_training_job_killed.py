"""kill -9 in the middle of a training job: taken up by the next worker, to the same weights as an unbroken one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_studies import simulated_study

from nscweb.jobs import queue
from nscweb.services.context import App, open_app
from nscweb.services.train import training_jobs
from nscweb.services.train.request import TrainRequest
from nscweb.settings import Settings

PATIENCE = 120.0
EPOCHS = 30
SMALL = {"options": {"width": 8, "depth": 1}, "precision": "float32", "batch": 16, "members": 1}


@pytest.fixture
def app(tmp_path: Path) -> App:
    opened = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data"))
    simulated_study(opened, "Study", cells=96, replicates=4)
    return opened


def order(app: App, name: str) -> training_jobs.TrainingOrder:
    study = app.catalogue.study("Study").study_id
    request = TrainRequest((study,), "compact", Path(name), epochs=EPOCHS, settings=SMALL, split_by="sample", folds=2)
    return training_jobs.TrainingOrder(name, request)


def start_worker(app: App, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nscweb", "worker", "--data-dir", str(app.settings.data_dir), *options]
    return subprocess.Popen(command, env={**os.environ, "NSCWEB_THREADS": "1"})


def wait(wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_killed_training_goes_on_and_ends_like_an_unbroken_one(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "STALE_SECONDS", 3.0)
    training_jobs.new_training(app, order(app, "broken"))
    job = queue.submit(app, "train", {"name": "broken"})
    training_jobs.started(app, "broken", job.job_id)

    first = start_worker(app)
    wait(lambda: len(training_jobs.training(app, "broken").live.history) >= 2)
    first.kill()
    first.wait()
    wait(lambda: queue.view(app, job.job_id).state == "interrupted")
    broken = training_jobs.training(app, "broken")
    assert broken.state == "interrupted" and broken.model is None
    assert 2 <= len(broken.live.history) < EPOCHS
    assert list((app.folder.root / "training" / "broken").rglob("unfinished.safetensors"))

    training_jobs.new_training(app, order(app, "whole"))
    whole = queue.submit(app, "train", {"name": "whole"})
    training_jobs.started(app, "whole", whole.job_id)
    assert start_worker(app, "--once").wait(PATIENCE) == 0
    done, unbroken = (training_jobs.training(app, name) for name in ("broken", "whole"))
    assert done.state == unbroken.state == "finished", (done.message, unbroken.message)
    assert done.model is not None and unbroken.model is not None
    assert done.model.card.weights.sha256 == unbroken.model.card.weights.sha256
    assert len(done.live.history) == len(unbroken.live.history)
    assert not list((app.folder.root / "training").rglob("unfinished.safetensors"))
