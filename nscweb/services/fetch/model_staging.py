"""A model folder that appears under its name when it is whole, and leaves nothing when something stops it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from nscweb.core.errors import InputRefused
from nscweb.core.progress import CancelAsked, never_cancelled, stop_if_asked
from nscweb.services.file_lock import file_lock
from nscweb.store.files import named, sync_folder

if TYPE_CHECKING:
    from nscweb.services.context import App

_PREFIX, _BEFORE = ".installing-", "before"


@contextmanager
def staged_model(app: App, name: str, cancel: CancelAsked = never_cancelled) -> Iterator[Path]:
    """An empty folder to fill; it becomes the model `name` of the data folder when the body ends without an error.

    A model of that name makes room for it at the same moment, and comes back when that fails. One installation is at
    work at a time; what a killed one left is cleared away first.

    Raises:
        InputRefused: the folder cannot be written.
        DiskFull: no space is left.
        JobCancelled: somebody asked to stop.
    """
    models = app.folder.models_dir
    # One folder deeper than a model, so that no list shows it before it is whole.
    place = models / f"{_PREFIX}{uuid4().hex[:8]}"
    staging, final = place / name, models / name
    try:
        with file_lock(app.settings.data_dir / "installing.lock", lambda: stop_if_asked(cancel)):
            clear_leftovers(models)
            try:
                staging.mkdir(parents=True)
                yield staging
                stop_if_asked(cancel)
                _swap(staging, final, place / _BEFORE / name)
                sync_folder(models)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        told = named(error, final)
        if told is not error:
            raise told from error
        raise InputRefused(
            f"The model {name} could not be written: {error.strerror or error}.",
            "Check the disk of the data folder and install it again.",
            "E-INSTALL-WRITE",
        ) from error


def clear_leftovers(models: Path) -> None:
    """Remove what killed installations left, and bring a model back that one had moved away for a new one."""
    for place in models.glob(f"{_PREFIX}*"):
        for kept in (place / _BEFORE).glob("*"):
            if not (models / kept.name).exists():
                kept.replace(models / kept.name)
        shutil.rmtree(place, ignore_errors=True)


def _swap(staging: Path, final: Path, before: Path) -> None:
    if final.exists():
        before.parent.mkdir()
        final.replace(before)
    try:
        staging.replace(final)
    except OSError:
        if before.exists():
            before.replace(final)
        raise
