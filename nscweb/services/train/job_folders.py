"""Orders for long work that were given on a page, each in a folder of its own: ``<place>/<name>/order.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import JobNotFound, StoreError
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

# Names become folders, on Windows too.
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
NAME_RULE = "Use letters without accents, digits and . _ - only, at most 80, and begin with a letter or a digit."
# States of a job that is not over; ``interrupted``: its worker is gone, the next one takes it up.
ACTIVE = ("queued", "running", "interrupted")


@dataclass(frozen=True)
class Orders:
    """Where orders of one kind are kept.

    Attributes:
        place: folder in the data folder.
        what: the kind in words, as in "There is no search called ...".
    """

    place: str
    what: str

    def folder(self, app: App, name: str) -> Path:
        """Folder of one order, which need not exist.

        Raises:
            StoreError: a name that no order can have.
        """
        if not NAME.match(name):
            raise StoreError(f"There is no {self.what} called {name!r}.", "Start one on the page Models.")
        return app.folder.root / self.place / name

    def exists(self, app: App, name: str) -> bool:
        return (self.folder(app, name) / "order.json").exists()

    def names(self, app: App) -> list[str]:
        """Every order, in the order of their names."""
        return sorted(path.parent.name for path in (app.folder.root / self.place).glob("*/order.json"))

    def read(self, app: App, name: str, lists: Sequence[str]) -> dict[str, Any]:
        """The fields of an order.

        Args:
            lists: fields that are tuples in the dataclass and lists in the file.

        Raises:
            StoreError: there is no such order, or its file is damaged.
        """
        try:
            content = json.loads((self.folder(app, name) / "order.json").read_text("utf-8"))
            return {**content, **{field: tuple(content.get(field, ())) for field in lists}}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self.gone(name) from error

    def gone(self, name: str) -> StoreError:
        return StoreError(f"There is no {self.what} called {name!r} any more.", "Start it again on the page Models.")

    def write(self, app: App, name: str, fields: dict[str, Any]) -> None:
        with atomic_write(self.folder(app, name) / "order.json") as stream:
            stream.write((json.dumps(fields, indent=1) + "\n").encode())


def job_standing(app: App, job_id: str) -> tuple[str, str]:
    """State of a job that is not over, or ``failed`` with the reason; ("", "") of any other or none."""
    try:
        job = app.catalogue.job(job_id)
    except JobNotFound:
        return "", ""
    if job.state in ACTIVE:
        return job.state, ""
    return ("failed", job.message) if job.state == "failed" else ("", "")


def any_simulated(app: App, studies: Sequence[str]) -> bool:
    """Whether one of these studies, given by id or by name, holds simulated cells."""
    wanted = set(studies)
    return any(study.simulated for study in app.catalogue.studies() if {study.study_id, study.name} & wanted)
