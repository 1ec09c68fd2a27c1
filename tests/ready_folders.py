"""Folders that many tests begin with: made once in a run of the tests, by the process that first needs one, and copied.

Several processes run the tests and share the finished folders. None waits for another: each makes what it misses in a
folder of its own, and the first to finish gives it its final name.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

# Where the finished folders lie; set by the conftest, so that pytest keeps and removes them with its own.
SHARED = "NSCWEB_TESTS_READY_FOLDERS"


def ready_folder(make: Callable[[Path], object], *about: object) -> Path:
    """The folder that `make` filled; nobody may change it.

    Args:
        make: fills the empty folder that it is given.
        about: what it is and all that its content depends on, with an exact `repr`.
    """
    name = sha256(repr(about).encode()).hexdigest()[:16]
    final = _shared() / name
    if not final.is_dir():
        own = Path(mkdtemp(prefix=f"{name}-", dir=_shared()))
        make(own)
        try:
            own.rename(final)
        except OSError:  # another process was first
            shutil.rmtree(own)
    return final


def ready_copy(folder: Path, make: Callable[[Path], object], *about: object) -> Path:
    """Copy what `ready_folder` gives into `folder`, which may be there already."""
    return Path(shutil.copytree(ready_folder(make, *about), folder, dirs_exist_ok=True))


@cache
def _shared() -> Path:
    given = os.environ.get(SHARED, "")
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
        return Path(given)
    folder = Path(mkdtemp(prefix="nscweb-ready-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
