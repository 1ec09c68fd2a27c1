"""The lock that the one worker of a data folder holds, and who holds it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, Self

from nscweb.core.errors import JobError
from nscweb.services.file_lock import file_lock, try_lock


class WorkerLock:
    """Held by the one worker of a data folder. The file holds the process id, for people.

    Raises:
        JobError: on entering, when another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        file = self._path.open("a+", encoding="ascii")
        # Who only asks whether the lock is held takes it for an instant, so one failure proves nothing.
        if not _try_patiently(file):
            file.close()
            raise JobError(
                "A worker is running on this data folder already.", "One worker is enough.", "E-WORKER-TWICE"
            )
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def is_locked(path: Path) -> bool:
    """True while a worker holds the lock."""
    if not path.exists():
        return False
    with file_lock(path) as held:
        return not held


def holder(path: Path) -> int | None:
    """Process id of the worker that holds the lock, or None."""
    if not is_locked(path):
        return None
    text = path.read_text("ascii").strip()
    return int(text) if text.isdigit() else None


def _try_patiently(file: IO[str]) -> bool:
    for _ in range(10):
        if try_lock(file):
            return True
        time.sleep(0.1)
    return False
