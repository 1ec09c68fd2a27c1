"""Searches for training settings that were asked for on a page: their orders, how they stand, their results.

A search has the folder ``searches/<name>/`` of the data folder: ``order.json`` and what
`nscweb.services.train.tune` writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import WrongUse
from nscweb.core.model_names import MODEL_NAME, MODEL_NAME_RULE
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.train.job_folders import Orders, any_simulated, job_standing, read_facts
from nscweb.services.train.request import TuneRequest
from nscweb.services.train.tune import tune
from nscweb.services.train.tune_files import BEST, FACTS, TuneResult, read_trials
from nscweb.services.train.tune_space import SPACE

if TYPE_CHECKING:
    from nscweb.services.context import App

JOB_KIND = "tune"


@dataclass(frozen=True)
class SearchOrder:
    """What somebody asked to be searched.

    Attributes:
        name: of the search.
        request: what to search; `run_search` says where.
        job_id: of its last job.
    """

    name: str
    request: TuneRequest
    job_id: str = ""


def _adapted(content: dict[str, Any]) -> dict[str, Any]:
    space = {name: SPACE[name] for name in content.get("searched", SPACE)}
    return {**content, "request": {**content, "space": space, "out": content["name"]}}


_ORDERS = Orders(SearchOrder, "searches", "search", _adapted)


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
    if not MODEL_NAME.match(order.name):
        raise WrongUse(f"{order.name!r} cannot be the name of a search.", MODEL_NAME_RULE)
    if _ORDERS.exists(app, order.name):
        raise WrongUse(f"A search called {order.name} is there already.", "Choose another name.")
    if not order.request.space:
        raise WrongUse("Nothing is to be searched.", "Choose at least one setting.")
    _ORDERS.write(app, order)


def search_started(app: App, name: str, job_id: str) -> None:
    """Remember the job that does this search."""
    _ORDERS.started(app, name, job_id)


def searches(app: App) -> list[Search]:
    """Every search, in the order of their names."""
    return [search(app, name) for name in _ORDERS.names(app)]


def search(app: App, name: str) -> Search:
    """One search as it stands.

    Raises:
        StoreError: there is none of this name.
    """
    order, folder = _ORDERS.read(app, name), _ORDERS.folder(app, name)
    trials = read_trials(folder)
    state, message = job_standing(app, order.job_id)
    state = state or ("finished" if len(trials) >= order.request.trials else "stopped")
    simulated = any_simulated(app, order.request.studies)
    return Search(order, state, message, trials, read_facts(folder / BEST), read_facts(folder / FACTS), simulated)


def run_search(
    app: App, name: str, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> TuneResult:
    """Do the work of an order, or what is left of it; see `tune`."""
    request = replace(_ORDERS.read(app, name).request, out=_ORDERS.folder(app, name))
    return tune(app, request, progress=progress, cancel=cancel)


def discard_search(app: App, name: str) -> None:
    """Throw a search away.

    Raises:
        WrongUse: it is running; stop it first.
    """
    _ORDERS.discard(app, name, search(app, name).state)
