"""Searches for training settings that were asked for on a page: their orders, how they stand, their results.

A search has the folder ``searches/<name>/`` of the data folder: ``order.json`` and what `nscweb.services.tune` writes.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nscweb.core.errors import JobNotFound, StoreError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.tune import TuneRequest, tune
from nscweb.services.tune_files import BEST, FACTS, TuneResult, read_trials
from nscweb.services.tune_space import SPACE
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

JOB_KIND = "tune"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
_ACTIVE = ("queued", "running", "interrupted")


@dataclass(frozen=True)
class SearchOrder:
    """What somebody asked to be searched.

    Attributes:
        name: of the search.
        studies: ids.
        architecture, split_by, epochs, seed, trials, sampler: as in `TuneRequest`.
        searched: names in `SPACE`.
        job_id: of its last job.
    """

    name: str
    studies: tuple[str, ...]
    architecture: str
    split_by: str = "sample"
    epochs: int | None = None
    seed: int = 0
    trials: int = 20
    sampler: Literal["gp", "tpe"] = "gp"
    searched: tuple[str, ...] = tuple(SPACE)
    job_id: str = ""


@dataclass(frozen=True)
class Search:
    """A search as it stands.

    Attributes:
        order: what was asked for.
        state: ``queued``, ``running``, ``interrupted``, ``stopped`` (goes on when asked), ``failed`` or ``finished``.
        message: why it failed.
        trials: the table so far, as text.
        settings: the best so far, for training; empty before the first trial.
        facts: validation loss of the best and of the default settings, and so on.
        simulated: it looks at simulated cells, some at least.
    """

    order: SearchOrder
    state: str
    message: str
    trials: list[dict[str, str]]
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False


def new_search(app: App, order: SearchOrder) -> None:
    """Remember an order; its job is queued by the caller.

    Raises:
        WrongUse: a name that cannot be one, or that is taken; nothing to search.
    """
    if not _NAME.match(order.name):
        raise WrongUse(
            f"{order.name!r} cannot be the name of a search.",
            "Use letters without accents, digits and . _ - only, at most 80.",
        )
    if (_folder(app, order.name) / "order.json").exists():
        raise WrongUse(f"A search called {order.name} is there already.", "Choose another name.")
    if not order.searched:
        raise WrongUse("Nothing is to be searched.", "Choose at least one setting.")
    _write(app, order)


def search_started(app: App, name: str, job_id: str) -> None:
    """Remember the job that does this search."""
    _write(app, replace(_order(app, name), job_id=job_id))


def searches(app: App) -> list[Search]:
    """Every search, in the order of their names."""
    place = app.folder.root / "searches"
    names = sorted(path.parent.name for path in place.glob("*/order.json")) if place.is_dir() else []
    return [search(app, name) for name in names]


def search(app: App, name: str) -> Search:
    """One search as it stands.

    Raises:
        StoreError: there is none of this name.
    """
    order, folder = _order(app, name), _folder(app, name)
    trials = read_trials(folder)
    state, message = ("finished" if len(trials) >= order.trials else "stopped"), ""
    try:
        job = app.catalogue.job(order.job_id)
        if job.state in _ACTIVE:
            state = job.state
        elif job.state == "failed":
            state, message = "failed", job.message
    except JobNotFound:
        pass
    known = {
        name for study in app.catalogue.studies() if study.simulated for name in (study.study_id, study.name)
    }
    simulated = bool(known & set(order.studies))
    return Search(order, state, message, trials, _json(folder / BEST), _json(folder / FACTS), simulated)


def run_search(
    app: App, name: str, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> TuneResult:
    """Do the work of an order, or what is left of it; see `tune`."""
    order = _order(app, name)
    request = TuneRequest(
        studies=order.studies,
        architecture=order.architecture,
        out=_folder(app, name),
        trials=order.trials,
        sampler=order.sampler,
        epochs=order.epochs,
        split_by=order.split_by,
        seed=order.seed,
        space={key: part for key, part in SPACE.items() if key in order.searched},
    )
    return tune(app, request, progress=progress, cancel=cancel)


def discard_search(app: App, name: str) -> None:
    """Throw a search away.

    Raises:
        WrongUse: it is running; stop it first.
    """
    if search(app, name).state in _ACTIVE:
        raise WrongUse(f"The search {name} is at work.", "Stop it first.")
    shutil.rmtree(_folder(app, name))


def _folder(app: App, name: str) -> Path:
    if not _NAME.match(name):
        raise StoreError(f"There is no search called {name!r}.", "Start one on the page Models.")
    return app.folder.root / "searches" / name


def _order(app: App, name: str) -> SearchOrder:
    content = _json(_folder(app, name) / "order.json")
    try:
        lists = {key: tuple(content[key]) for key in ("studies", "searched")}
        return SearchOrder(**{**content, **lists})
    except (TypeError, KeyError) as error:
        raise StoreError(
            f"There is no search called {name!r} any more.", "Start it again on the page Models."
        ) from error


def _write(app: App, order: SearchOrder) -> None:
    with atomic_write(_folder(app, order.name) / "order.json") as stream:
        stream.write((json.dumps(asdict(order), indent=1) + "\n").encode())


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
