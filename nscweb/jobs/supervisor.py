"""Sees to it that one worker runs on a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from nscweb.jobs.lock import holder, is_locked
from nscweb.settings import Settings, environment
from nscweb.store.files import DataFolder

START_SECONDS = 20.0


def ensure_worker(settings: Settings, parent: int | None = None) -> int | None:
    """Start a worker process unless one holds the data folder; returns its process id when known.

    Args:
        parent: process whose end ends the worker; None leaves it running on its own.
    """
    lock = DataFolder(settings.data_dir).lock_path
    if is_locked(lock):
        return holder(lock)
    command = [sys.executable, "-m", "nscweb", "worker", "--data-dir", str(settings.data_dir)]
    if parent is not None:
        command += ["--parent", str(parent)]
    logs = DataFolder(settings.data_dir).logs_dir
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "worker-start.log").open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment(), **settings.as_environment()},
            start_new_session=os.name != "nt",
        )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if is_locked(lock):
            return holder(lock) or process.pid
        time.sleep(0.05)
    return holder(lock)
