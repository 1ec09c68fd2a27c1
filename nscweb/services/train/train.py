"""Train a model from imported studies with true classes; the result is a folder with a complete card.

What a split by cell would have pretended is the same training on another split.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.model_names import MODEL_NAME
from nscweb.core.plain import from_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.train.finished_model import write_card
from nscweb.services.train.request import LearnRequest, TrainRequest

if TYPE_CHECKING:
    from pathlib import Path

    from nscweb.services.context import App
    from nscweb.services.train.training_data import Collected
    from nscweb.training.config import TrainConfig
    from nscweb.training.splits.grouping import By
    from nscweb.training.splits.plan import SplitPlan

# Settings that have an option of their own.
_FIXED = {"architecture", "seed", "device", "threads"}


def with_split_gap(
    entry: CardEntry,
    collected: Collected,
    config: TrainConfig,
    plan: SplitPlan,
    folder: Path,
    *,
    progress: Progress,
    cancel: CancelAsked,
) -> CardEntry:
    """Train once by cell and once by `plan.by` on equally many cells; the gap goes to ``audit["gap"]`` of the card.

    Args:
        entry: the finished model; its weights stay as they are.
        config, plan: settings and split that it was trained with.
        folder: keeps finished trainings until both are done, so that a stopped run goes on.

    Raises:
        WrongUse, InputRefused: the split asked for does not fit the data.
        JobCancelled: somebody asked to stop.
    """
    from nscweb.training.split_gap import split_gap

    gap = split_gap(config, collected.data, replace(plan, folds=1), config.seed, folder, progress, cancel)
    done = write_card(entry, replace(entry.card, audit={**entry.card.audit, "gap": gap.as_dict()}))
    shutil.rmtree(folder, ignore_errors=True)
    return done


def train_model(
    app: App,
    request: TrainRequest,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    after_epoch: Callable[[dict[str, float]], None] | None = None,
) -> CardEntry:
    """Train on the samples with a true class, evaluate on samples held out, write the card folder.

    Args:
        after_epoch: hears of each finished epoch, see `nscweb.training.loop.fit`.

    Raises:
        WrongUse: no studies, an unknown architecture, fewer than two classes.
        InputRefused: too few labelled cells.
        JobCancelled: somebody asked to stop; the same call goes on from the last checkpoint.
    """
    from nscweb.services.fetch.published_models import backbones_folder
    from nscweb.services.train.finished_model import finish_model
    from nscweb.services.train.training_data import card_text, collect_data
    from nscweb.training.card_writer import refuse_existing_model
    from nscweb.training.loop import unheard
    from nscweb.training.make_model import train
    from nscweb.training.splits.folds import split_for
    from nscweb.training.splits.plan import SplitPlan

    check_request(request)
    refuse_existing_model(request.out)
    collected = collect_data(app, request, progress, cancel)
    config = config_of(request, app.settings.threads)
    by = request.split_by or ("sample" if collected.can_split_by_sample else "cell")
    plan = SplitPlan(cast("By", by), folds=request.folds)
    entry = train(
        config,
        collected.data,
        request.out,
        card_text(app, request, collected),
        plan=plan,
        checks=request.checks,
        progress=progress,
        cancel=cancel,
        pretrained_folder=backbones_folder(app),
        after_epoch=after_epoch or unheard,
    )
    split = split_for(collected.data, plan, config.seed)
    done = finish_model(entry, collected, split, checks=request.checks, progress=progress, cancel=cancel)
    if not request.compare_splits:
        return done
    folder = app.settings.data_dir / "training" / f"{request.out.name}-again"
    return with_split_gap(done, collected, config, plan, folder, progress=progress, cancel=cancel)


def config_of(request: LearnRequest, threads: int | None) -> TrainConfig:
    """The settings of the training room for a request.

    Raises:
        WrongUse: a setting that does not exist, or a value that makes no sense.
    """
    from nscweb.training.augment import AugmentSettings
    from nscweb.training.config import TrainConfig

    given = dict(request.settings)
    known = {item.name for item in fields(TrainConfig)}
    changes = given.pop("augment", None)
    strange = sorted(set(given) - known | set(changes or {}) - {item.name for item in fields(AugmentSettings)})
    if strange:
        raise WrongUse(
            f"There is no training setting called {', '.join(strange)}.",
            f"Possible are: {', '.join(sorted(known - _FIXED))}.",
            "E-TRAIN-SETTING",
        )
    given.update(architecture=request.architecture, seed=request.seed, device=request.device, threads=threads)
    if request.epochs is not None:
        given["epochs"] = request.epochs
    if changes:
        given["augment"] = changes
    return from_plain(TrainConfig, given, "The training settings")


def check_request(request: LearnRequest) -> None:
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
    made_of = ARCHITECTURES[request.architecture].made_of
    if made_of:
        raise WrongUse(
            f"A training comes to {request.architecture} by itself, where unseen cells say that it helps.",
            f"Ask for {made_of}.",
            "E-ARCHITECTURE",
        )
    if bool(request.studies) == bool(request.simulated):
        raise WrongUse(
            "Training needs either studies with true classes or a number of simulated cells.",
            "Write for example: nscweb train STUDY --architecture compact --out models/mine.",
        )
    if request.epochs is not None and request.epochs < 1:
        raise WrongUse("The number of epochs must be at least 1.")
    if not MODEL_NAME.match(request.out.name):
        raise WrongUse(
            f"The folder {request.out.name!r} becomes the name of the model, and that takes only letters, "
            "digits and . _ -.",
            "Choose another name for the folder.",
        )
