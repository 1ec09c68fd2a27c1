"""Train a model from imported studies with true classes; the result is a folder with a complete card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.card import CardEntry
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress

if TYPE_CHECKING:
    from nscweb.services.context import App


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
        simulated: number of simulated cells to add (0: none).
    """

    studies: tuple[str, ...]
    architecture: str
    out: Path
    epochs: int | None = None
    seed: int = 0
    device: str = "auto"
    simulated: int = 0


def train_model(
    app: App,
    request: TrainRequest,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    command: Sequence[str] = (),
) -> CardEntry:
    """Train on the samples with a true class, evaluate on samples held out, write the card folder.

    Raises:
        WrongUse: fewer than two classes, or no sample could be held out for a class.
    """
    raise NotImplementedError
