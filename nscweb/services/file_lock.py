"""A lock between processes that the system lets go of when the holder ends, however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

POLL_SECONDS = 0.3


@contextmanager
def file_lock(path: Path, while_waiting: Callable[[], None] | None = None) -> Iterator[bool]:
    """Hold the lock in the body.

    Args:
        path: of the lock file; it stays, empty.
        while_waiting: called again and again until the lock is free; it may raise to give up. None does not wait.

    Yields:
        True when the lock is held, False when somebody else has it (only without `while_waiting`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as handle:
        held = try_lock(handle)
        while not held and while_waiting is not None:
            while_waiting()
            time.sleep(POLL_SECONDS)
            held = try_lock(handle)
        yield held


def try_lock(handle: IO[Any]) -> bool:
    """Take the lock of an open file, which is held until the file is closed; False when somebody else has it."""
    try:
        if os.name == "nt":
            import msvcrt

            # A byte far behind any text, because Windows locks bytes against reading too.
            handle.seek(1 << 20)
            # Windows has it, and only Windows.
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
