"""Train a model from imported studies with true classes; the result is a folder with a complete card."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress

if TYPE_CHECKING:
    from nscweb.services.context import App

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        studies: names or ids; every sample with a true class is used.
        architecture: key of ARCHITECTURES.
        out: folder of the new model; its last part becomes the name of the model.
        epochs: at most; None takes the default of the training room.
        seed: random seed.
        device: ``auto``, ``cpu`` or ``cuda``.
        simulated: number of simulated cells to train on instead of studies (0: none).
        command: what the user typed, kept in the card.
        licence: of the images, and so of the weights made from them.
    """

    studies: tuple[str, ...]
    architecture: str
    out: Path
    epochs: int | None = None
    seed: int = 0
    device: str = "auto"
    simulated: int = 0
    command: str = ""
    licence: str = "not stated; follows the images that it was trained on"


def train_model(
    app: App,
    request: TrainRequest,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> CardEntry:
    """Train on the samples with a true class, evaluate on samples held out, write the card folder.

    Raises:
        WrongUse: no studies, an unknown architecture, fewer than two classes.
        InputRefused: too few labelled cells.
        JobCancelled: somebody asked to stop; the same call goes on from the last checkpoint.
    """
    from nscweb.services.training_data import card_text, collect_data, completed_card
    from nscweb.training.card_writer import refuse_existing_model
    from nscweb.training.config import TrainConfig
    from nscweb.training.run import train
    from nscweb.training.splits import split_by_cell, split_by_sample

    check_request(request)
    refuse_existing_model(request.out)
    collected = collect_data(app, request, progress, cancel)
    config = TrainConfig(
        architecture=request.architecture,
        seed=request.seed,
        device=request.device,
        threads=app.settings.threads,
    )
    if request.epochs is not None:
        config = replace(config, epochs=request.epochs)
    by: Literal["sample", "cell"] = "sample" if collected.can_split_by_sample else "cell"
    entry = train(
        config,
        collected.data,
        request.out,
        card_text(app, request, collected),
        split_by=by,
        progress=progress,
        cancel=cancel,
    )
    split = (split_by_sample if by == "sample" else split_by_cell)(collected.data, config.seed)
    return completed_card(entry, collected, split)


def check_request(request: TrainRequest) -> None:
    """Refuse what cannot work before any cell is read.

    Raises:
        WrongUse: with what to do.
    """
    from nscweb.models.architectures import ARCHITECTURES

    if request.architecture not in ARCHITECTURES:
        raise WrongUse(
            f"There is no architecture called {request.architecture!r}.",
            f"Known are: {', '.join(ARCHITECTURES)}.",
            "E-ARCHITECTURE",
        )
    if bool(request.studies) == bool(request.simulated):
        raise WrongUse(
            "Training needs either studies with true classes or a number of simulated cells.",
            "Write for example: nscweb train STUDY --architecture compact --out models/mine.",
        )
    if request.epochs is not None and request.epochs < 1:
        raise WrongUse("The number of epochs must be at least 1.")
    if not _NAME.match(request.out.name):
        raise WrongUse(
            f"The folder {request.out.name!r} becomes the name of the model, and that takes only letters, "
            "digits and . _ -.",
            "Choose another name for the folder.",
        )
