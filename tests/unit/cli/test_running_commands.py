"""`demo`, `worker` and `run`: what they make, what they refuse, and that one signal ends everything."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nscweb.cli.main import app
from nscweb.jobs import queue
from nscweb.jobs.lock import is_locked
from nscweb.services.context import open_app
from nscweb.services.study.simulate import simulate
from nscweb.settings import Settings


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_worker_does_what_waits_and_ends_with_once(tmp_path: Path) -> None:
    out = tmp_path / "s.zip"
    simulate(out, cells=9, seed=1, channels=("Ch1",))
    opened = open_app(Settings.from_environment({}, tmp_path / "data"))
    job = queue.submit(opened, "import", {"paths": [str(out)], "name": "queued"})
    result = CliRunner().invoke(app, ["worker", "--once", "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 0
    done = queue.view(opened, job.job_id)
    assert (done.state, done.result["imported"]) == ("done", 9)
    assert opened.catalogue.study("queued").cells == 9


def test_a_second_worker_on_the_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    from nscweb.jobs.lock import WorkerLock

    opened = open_app(Settings.from_environment({}, tmp_path))
    with WorkerLock(opened.folder.lock_path):
        result = CliRunner().invoke(app, ["worker", "--once", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1 and "already" in result.stderr and "Traceback" not in result.stderr


def test_run_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["run", "--no-demo", "--port", port, "--data-dir", str(tmp_path)])
    assert result.exit_code == 2 and "--port" in result.stderr
    assert not is_locked(tmp_path / "worker.lock")


@pytest.mark.skipif(os.name == "nt", reason="signals work differently there")
def test_run_starts_server_and_worker_and_one_signal_ends_both(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nscweb",
            "run",
            "--no-demo",
            "--no-browser",
            "--port",
            str(port),
            "--data-dir",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        healthy = False
        while not healthy and process.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    healthy = answer.status == 200
            except OSError:
                time.sleep(0.2)
        assert healthy and is_locked(tmp_path / "worker.lock")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
        assert f"http://127.0.0.1:{port}" in said and "Traceback" not in said
        until = time.monotonic() + 30
        while is_locked(tmp_path / "worker.lock") and time.monotonic() < until:
            time.sleep(0.1)
        assert not is_locked(tmp_path / "worker.lock")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_demo_prints_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nscweb.settings.PROJECT", tmp_path)
    monkeypatch.setattr("nscweb.services.predict.demo.LABELLED_CELLS", 15)
    result = CliRunner().invoke(app, ["demo", "--cells", "81", "--json", "--data-dir", str(tmp_path / "data")])
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["cells"] == 81 and found["simulated"] and found["runs"] == []
