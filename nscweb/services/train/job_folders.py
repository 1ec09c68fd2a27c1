"""Orders for long work that were given on a page, each in a folder of its own: ``<place>/<name>/order.json``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from nscweb.core.errors import JobNotFound, NscwebError, StoreError, WrongUse
from nscweb.core.model_names import MODEL_NAME
from nscweb.core.plain import from_plain, to_plain
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

# States of a job that is not over; ``interrupted``: its worker is gone, the next one takes it up.
ACTIVE = ("queued", "running", "interrupted")


class Order(Protocol):
    """What every order has."""

    @property
    def name(self) -> str: ...
    @property
    def job_id(self) -> str: ...


Kind = TypeVar("Kind", bound=Order)


@dataclass(frozen=True)
class Orders(Generic[Kind]):
    """Where orders of one kind are kept.

    Attributes:
        kind: the dataclass of an order.
        place: folder in the data folder.
        what: the kind in words, as in "There is no search called ...".
        adapted: an order of 0.4.0, which named each setting by itself, as a request.
    """

    kind: type[Kind]
    place: str
    what: str
    adapted: Callable[[dict[str, Any]], dict[str, Any]]

    def folder(self, app: App, name: str) -> Path:
        """Folder of one order, which need not exist.

        Raises:
            StoreError: a name that no order can have.
        """
        if not MODEL_NAME.match(name):
            raise StoreError(f"There is no {self.what} called {name!r}.", "Start one on the page Models.")
        return app.folder.root / self.place / name

    def exists(self, app: App, name: str) -> bool:
        return (self.folder(app, name) / "order.json").exists()

    def names(self, app: App) -> list[str]:
        """Every order, in the order of their names."""
        return sorted(path.parent.name for path in (app.folder.root / self.place).glob("*/order.json"))

    def read(self, app: App, name: str) -> Kind:
        """One order.

        Raises:
            StoreError: there is no such order, or its file is damaged; it says which.
        """
        try:
            content = json.loads((self.folder(app, name) / "order.json").read_text("utf-8"))
            return from_plain(self.kind, content if "request" in content else self.adapted(content), "order.json")
        except (ValueError, TypeError, KeyError, AttributeError, NscwebError) as error:
            raise StoreError(
                f"The {self.what} {name!r} cannot be opened, its order.json is damaged ({error}).",
                "Start it again on the page Models.",
            ) from error
        except OSError as error:
            raise StoreError(
                f"There is no {self.what} called {name!r} any more.", "Start it again on the page Models."
            ) from error

    def write(self, app: App, order: Kind) -> None:
        """Remember an order."""
        with atomic_write(self.folder(app, order.name) / "order.json") as stream:
            stream.write((json.dumps(to_plain(order), indent=1) + "\n").encode())

    def started(self, app: App, name: str, job_id: str) -> None:
        """Remember the job that does the work of an order."""
        self.write(app, replace(cast("Any", self.read(app, name)), job_id=job_id))

    def discard(self, app: App, name: str, state: str) -> None:
        """Throw an order away with everything that was made for it.

        Args:
            state: of its job.

        Raises:
            WrongUse: it is running; stop it first.
        """
        if state in ACTIVE:
            raise WrongUse(f"The {self.what} {name} is at work.", "Stop it first.")
        shutil.rmtree(self.folder(app, name))


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


def read_facts(path: Path) -> dict[str, Any]:
    """What a JSON file of a training or a search says; nothing where it is missing or damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
