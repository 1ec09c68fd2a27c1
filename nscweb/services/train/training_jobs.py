"""Trainings that were asked for on a page: their order, how they stand, go on, keep the model or throw it away.

A training has a folder of its own in the data folder until its model is kept, so that unfinished or unwanted models
are never offered for predictions:

    training/<name>/order.json   what was asked for
    training/<name>/live.json    the curves so far
    training/<name>/<name>/      the checkpoint, later the model folder
    training/<name>/finished     an empty file, written when the model folder is complete
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nscweb.core.card import CardEntry, card_to_dict, read_card
from nscweb.core.errors import WrongUse
from nscweb.core.model_names import MODEL_NAME, MODEL_NAME_RULE
from nscweb.core.plain import to_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.train.job_folders import Orders, any_simulated, job_standing
from nscweb.services.train.request import TrainRequest
from nscweb.services.train.train import train_model
from nscweb.services.train.training_plan import Live, LiveWriter, keep_speed, mean_speed, read_live
from nscweb.store.files import atomic_write, sync_folder

if TYPE_CHECKING:
    from nscweb.services.context import App

JOB_KIND = "train"


@dataclass(frozen=True)
class TrainingOrder:
    """What somebody asked to be trained.

    Attributes:
        name: of the model to be.
        request: what to train; `run_training` says where.
        planned_epochs, planned_cells: from the plan, for the curves of the page.
        job_id: of its last job, "" before the first.
    """

    name: str
    request: TrainRequest
    planned_epochs: int = 0
    planned_cells: int = 0
    job_id: str = ""


def _adapted(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "request": {**content, "out": content["name"]}}


_ORDERS = Orders(TrainingOrder, "training", "training", _adapted)


@dataclass(frozen=True)
class Training:
    """A training as it stands.

    Attributes:
        order: what was asked for.
        state: ``queued``, ``running``, ``interrupted`` (its worker is gone, it goes on with the next one),
            ``stopped`` (goes on when asked), ``failed`` or ``finished``.
        message: why it failed.
        live: curves so far.
        model: the finished model, not yet offered for predictions.
        simulated: it learns from simulated cells, some at least.
    """

    order: TrainingOrder
    state: str
    message: str
    live: Live
    model: CardEntry | None
    simulated: bool = False


def new_training(app: App, order: TrainingOrder) -> None:
    """Remember an order; its job is queued by the caller.

    Raises:
        WrongUse: a name that cannot be one, or that is taken by a model or another training.
    """
    check_name(app, order.name)
    if _ORDERS.exists(app, order.name):
        raise WrongUse(
            f"A training called {order.name} is there already.",
            "Let it go on, discard it, or choose another name.",
            "E-TRAINING-EXISTS",
        )
    _ORDERS.write(app, order)


def check_name(app: App, name: str) -> None:
    """Raise `WrongUse` when a new model cannot have this name."""
    if not MODEL_NAME.match(name):
        raise WrongUse(f"{name!r} cannot be the name of a model.", MODEL_NAME_RULE, "E-MODEL-NAME")
    if any((place / name).exists() for place in app.settings.weights_dirs):
        raise WrongUse(f"A model called {name} is installed already.", "Choose another name.", "E-MODEL-NAME")


def started(app: App, name: str, job_id: str) -> None:
    """Remember the job that does this training."""
    _ORDERS.started(app, name, job_id)


def trainings(app: App) -> list[Training]:
    """Every training whose model was neither kept nor thrown away, in the order of their names."""
    return [training(app, name) for name in _ORDERS.names(app)]


def training(app: App, name: str) -> Training:
    """One training as it stands.

    Raises:
        StoreError: there is none of this name.
    """
    order, folder = _ORDERS.read(app, name), _ORDERS.folder(app, name)
    state, message = job_standing(app, order.job_id)
    state = state or "stopped"
    model = None
    if (folder / "finished").exists():
        state, message, model = "finished", "", read_card(folder / name)
    simulated = any_simulated(app, order.request.studies)
    return Training(order, state, message, read_live(folder), model, simulated)


def run_training(
    app: App, name: str, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> CardEntry:
    """Do the work of an order, or what is left of it.

    Raises:
        JobCancelled: somebody stopped it; the checkpoint stays.
        StoreError: it was discarded.
        WrongUse, InputRefused: see `train_model`.
    """
    order, folder = _ORDERS.read(app, name), _ORDERS.folder(app, name)
    out = folder / name
    if (folder / "finished").exists():
        return read_card(out)
    # A card without the mark beside the folder was written by a worker that died in its last step.
    (out / "card.json").unlink(missing_ok=True)
    live = LiveWriter(folder, order.planned_epochs, order.planned_cells)
    asked = {key: value for key, value in to_plain(order.request).items() if key not in ("out", "command")}
    command = f"page Models, Train a model: {json.dumps({'name': name, **asked}, sort_keys=True)}"
    request = replace(order.request, out=out, command=command)
    entry = train_model(app, request, progress=progress, cancel=cancel, after_epoch=live)
    rate = mean_speed(read_live(folder).history, order.planned_cells)
    if rate:
        keep_speed(app, request.architecture, rate, "trained")
    with atomic_write(folder / "finished"):
        pass
    return entry


def keep(app: App, name: str, new_name: str = "") -> CardEntry:
    """Move a finished model to the models of the data folder, under another name if one is given.

    Raises:
        WrongUse: it is not finished, or the name is taken.
    """
    order, folder = _ORDERS.read(app, name), _ORDERS.folder(app, name)
    wanted = new_name or order.name
    if not (folder / "finished").exists():
        raise WrongUse(f"The training {name} is not finished.", "Let it go on first.")
    check_name(app, wanted)
    if wanted != name:
        # The card holds the name too, and is written before the move, so no half-renamed model is ever offered.
        card = read_card(folder / name).card
        title = wanted + card.title.removeprefix(name) if card.title.startswith(f"{name}:") else card.title
        card = replace(card, name=wanted, title=title)
        with atomic_write(folder / name / "card.json") as stream:
            stream.write((json.dumps(card_to_dict(card), indent=1, ensure_ascii=False) + "\n").encode())
    app.folder.models_dir.mkdir(parents=True, exist_ok=True)
    (folder / name).rename(app.folder.models_dir / wanted)
    sync_folder(app.folder.models_dir)
    shutil.rmtree(folder)
    return read_card(app.folder.models_dir / wanted)


def discard(app: App, name: str) -> None:
    """Throw a training away with everything that it has made.

    Raises:
        WrongUse: it is running; stop it first.
    """
    _ORDERS.discard(app, name, training(app, name).state)
