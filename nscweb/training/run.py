"""One call from prepared cells to a model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.card_writer import CardText, refuse_existing_model, write_model_folder
from nscweb.training.config import TrainConfig
from nscweb.training.dataset import TrainingData
from nscweb.training.loop import CHECKPOINT, fit, unheard
from nscweb.training.splits import By, SplitPlan, make_split


def train(
    config: TrainConfig,
    data: TrainingData,
    out: Path,
    text: CardText,
    *,
    split_by: By = "sample",
    checkpoint_folder: Path | None = None,
    checks: bool = True,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
) -> CardEntry:
    """Split, train, measure on held-out samples, write the model folder.

    Args:
        config: settings of the run.
        data: labelled cells.
        out: folder of the new model; its last part becomes the model's name.
        text: title, command and so on for the card.
        split_by: what stays together, see `SplitPlan`; ``cell`` only for data that do not say which cells belong
            together, and the card then says so.
        checkpoint_folder: where an unfinished run is kept, `out` when None. The same call after a kill goes on
            from there.
        checks: False leaves out the shortcut audit and the robustness table.
        progress, cancel: see `nscweb.core.progress`.
        after_epoch: see `fit`.

    Raises:
        WrongUse: `out` holds a model already, or an unfinished run of another kind.
        InputRefused: a class is in fewer than three samples.
        JobCancelled: somebody asked to stop; the checkpoint stays.
    """
    refuse_existing_model(out)
    if config.architecture not in ARCHITECTURES:
        raise WrongUse(
            f"There is no architecture called {config.architecture!r}.",
            f"Possible are {', '.join(ARCHITECTURES)}.",
        )
    split = make_split(data, SplitPlan(split_by), config.seed)
    folder = checkpoint_folder or out
    trained = fit(config, data, split, folder, progress, cancel, after_epoch=after_epoch)
    progress(1, 1, "Measuring on held-out cells")
    entry = write_model_folder(
        out, config, data, split, trained, text, checks=checks, progress=progress, cancel=cancel
    )
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return entry
