"""One call from prepared cells to a model folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.card_writer import CardText, refuse_existing_model, write_model_folder
from nscweb.training.config import TrainConfig
from nscweb.training.cross_fitting import cross_fit, tidy
from nscweb.training.data.dataset import TrainingData
from nscweb.training.distributed import ALONE, Team
from nscweb.training.jury import Jury
from nscweb.training.loop import CHECKPOINT, fit, unheard
from nscweb.training.splits.folds import split_for
from nscweb.training.splits.grouping import By
from nscweb.training.splits.plan import Split, SplitPlan


def train(
    config: TrainConfig,
    data: TrainingData,
    out: Path,
    text: CardText,
    *,
    split_by: By = "sample",
    plan: SplitPlan | None = None,
    checkpoint_folder: Path | None = None,
    pretrained_folder: Path | None = None,
    checks: bool = True,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
    team: Team = ALONE,
) -> CardEntry:
    """Split, train, measure on held-out samples, write the model folder.

    Args:
        config: settings of the run; in the card every number that was left to choose is the chosen one.
        data: labelled cells.
        out: folder of the new model; its last part becomes the model's name.
        text: title, command and so on for the card.
        split_by: what stays together in the split; ``cell`` only for data that do not say which cells belong
            together, and the card then says so.
        plan: the split in full, in place of `split_by`; with folds, every cell trains and each is judged by a network
            that never saw it.
        checkpoint_folder: where an unfinished run is kept, `out` when None. The same call after a kill goes on
            from there.
        pretrained_folder: where ImageNet weights lie that were downloaded before, for `config.pretrained`.
        checks: False leaves out the shortcut audit, the robustness table and the tests of class maps.
        progress, cancel: see `nscweb.core.progress`.
        after_epoch: see `fit`.
        team: the processes that train together; this is the call of the first, `help_train` that of the others.

    Raises:
        WrongUse: `out` holds a model already, or an unfinished run of another kind.
        InputRefused: a class is in fewer than three samples.
        JobCancelled: somebody asked to stop; the checkpoint stays.
    """
    refuse_existing_model(out)
    split = _split(config, data, plan or SplitPlan(split_by))
    if split.folds and team.size > 1:
        raise WrongUse("Several processes train one network, not one per fold.", "Ask for one fold, or one process.")
    config = config.for_cells(len(split.train), crossed=bool(split.folds))
    folder = checkpoint_folder or out
    fitted = None
    if split.folds:
        fitted = cross_fit(
            config, data, split, folder, progress, cancel, after_epoch=after_epoch, pretrained_folder=pretrained_folder
        )
        trained, jury = fitted.trained, fitted.jury
    else:
        trained = fit(
            config,
            data,
            split,
            folder,
            progress,
            cancel,
            after_epoch=after_epoch,
            team=team,
            pretrained_folder=pretrained_folder,
        )
        jury = Jury.alone(trained.model, data, split)
    if trained.remarks:
        # The only thing that can be asked for in vain and left out.
        config = replace(config, compile=False)
        progress(1, 1, " ".join(trained.remarks))
    progress(1, 1, "Measuring on held-out cells")
    entry = write_model_folder(
        out, config, jury, trained, text, fitted=fitted, checks=checks, progress=progress, cancel=cancel
    )
    (folder / CHECKPOINT).unlink(missing_ok=True)
    tidy(folder)
    return entry


def help_train(
    config: TrainConfig,
    data: TrainingData,
    folder: Path,
    plan: SplitPlan,
    team: Team,
    pretrained_folder: Path | None = None,
) -> None:
    """The part of every process of a team but the first: the same steps on other cells, and nothing written.

    Args:
        config, data, plan, pretrained_folder: as the first process has them.
        folder: where the first process keeps the checkpoint; all processes must see it.
        team: this process in its team.
    """
    split = _split(config, data, plan)
    fit(config, data, split, folder, team=team, pretrained_folder=pretrained_folder)


def _split(config: TrainConfig, data: TrainingData, plan: SplitPlan) -> Split:
    if config.architecture not in ARCHITECTURES:
        raise WrongUse(
            f"There is no architecture called {config.architecture!r}.", f"Possible are {', '.join(ARCHITECTURES)}."
        )
    made_of = ARCHITECTURES[config.architecture].made_of
    if made_of:
        raise WrongUse(f"{config.architecture} is what a training may come to.", f"Ask for {made_of}.")
    return split_for(data, plan, config.seed)
