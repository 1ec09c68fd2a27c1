"""Search for good training settings: Bayesian optimisation of the validation loss, with early ends and resume.

The Gaussian-process sampler is the method of Kim et al. 2023, who looked for a learning rate by Bayesian
optimisation with expected improvement on the validation loss. Optuna's sampler maximises the logarithm of
expected improvement (Ament et al. 2023), which has the same best point and is easier to climb.

Cells that are held out are taken away before the search begins, so that no trial can see them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nscweb.core.errors import InputRefused, ModelError, WrongUse
from nscweb.core.plain import to_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.services.train import tune_optuna
from nscweb.services.train.request import TuneRequest
from nscweb.services.train.tune_files import TrialRow, TuneResult, best_of, write_search
from nscweb.services.train.tune_space import SPACE, defaults_in, settings_of, with_settings

if TYPE_CHECKING:
    import optuna

    from nscweb.services.context import App
    from nscweb.training.config import TrainConfig
    from nscweb.training.data.dataset import TrainingData
    from nscweb.training.splits.grouping import By
    from nscweb.training.splits.plan import Split


class _EndEarly(Exception):
    """A trial is worse than half of the others."""


def tune(
    app: App, request: TuneRequest, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> TuneResult:
    """Search, and write best settings and the table of trials after each trial.

    A trial that was at work when the search was killed is marked as failed and repeated from its last epoch.

    Raises:
        WrongUse: a request that makes no sense, or `out` holds another search.
        InputRefused: too few labelled cells.
        JobCancelled: somebody asked to stop; the same request goes on.
    """
    from nscweb.services.train.train import check_request, config_of
    from nscweb.services.train.training_data import collect_data
    from nscweb.training.splits.plan import SplitPlan, make_split

    _check(request)
    check_request(request)
    collected = collect_data(app, request, progress, cancel)
    config = config_of(request, app.settings.threads)
    by = request.split_by or ("sample" if collected.can_split_by_sample else "cell")
    # The split that `train_model` makes with the same seed, so that its held-out cells stay unseen.
    split = make_split(collected.data, SplitPlan(cast("By", by)), request.seed)
    data, split = without_held_out(collected.data, split)
    return search(request, config, data, split, progress=progress, cancel=cancel)


def without_held_out(data: TrainingData, split: Split) -> tuple[TrainingData, Split]:
    """Training and validation cells alone, and where they are; the held-out cells are gone from the data."""
    kept = np.sort(np.concatenate((split.train, split.validation)))
    smaller = replace(
        data,
        fields=data.fields[kept],
        labels=data.labels[kept],
        sample_of=data.sample_of[kept],
        nuisance=None,
        raw=None,
        judges=None if data.judges is None else data.judges[kept],
    )
    places = replace(
        split,
        train=np.searchsorted(kept, split.train),
        validation=np.searchsorted(kept, split.validation),
        held_out=np.empty(0, np.int64),
    )
    return smaller, places


def search(
    request: TuneRequest,
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> TuneResult:
    """The search on cells that are ready; see `tune`."""
    from optuna.trial import TrialState

    config = config.for_cells(len(split.train))
    defaults = defaults_in(request.space, config)
    request.out.mkdir(parents=True, exist_ok=True)
    with tune_optuna.opened(request.out / tune_optuna.STORAGE) as study:
        _same_search(study, request, config, data, split)
        for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(left.number, state=TrialState.FAIL)
        while (done := len(tune_optuna.complete(study))) < request.trials:
            stop_if_asked(cancel)
            trial = tune_optuna.next_trial(study, request.sampler, request.space, defaults, request.seed)
            folder = request.out / "trials" / f"{done + 1:03d}"
            told = _shifted(progress, done, request.trials)
            row = _one_trial(trial, done, config, data, split, folder, told, cancel)
            for name, value in row.items():
                trial.set_user_attr(name, value)
            study.tell(trial, row["loss"])
            shutil.rmtree(folder, ignore_errors=True)
            _write(request, config, study)
        return _write(request, config, study)


def _one_trial(
    trial: optuna.Trial,
    done: int,
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    folder: Path,
    progress: Progress,
    cancel: CancelAsked,
) -> dict[str, Any]:
    """Train with the settings of a trial; what its row in the table says."""
    from nscweb.training.loop import fit

    history: list[dict[str, float]] = []

    def watch(row: dict[str, float]) -> None:
        history.append(row)
        trial.report(row["validation_loss"], int(row["epoch"]))
        if trial.should_prune():
            raise _EndEarly

    state = "finished"
    try:
        fit(
            with_settings(config, settings_of(config, trial.params)),
            data,
            split,
            folder,
            progress,
            cancel,
            after_epoch=watch,
        )
    except _EndEarly:
        state = "ended early"
    except ModelError:
        state = "diverged"
    # A network that knows nothing has the loss ln K; one that diverged is put at twice that.
    worst = {"epoch": 0.0, "validation_loss": 2 * float(np.log(len(data.classes))), "validation_accuracy": 0.0}
    best = min(history, key=lambda row: row["validation_loss"]) if history and state != "diverged" else worst
    return {
        "number": done + 1,
        "state": state,
        "loss": best["validation_loss"],
        "accuracy": best["validation_accuracy"],
        "best_epoch": int(best["epoch"]),
        "epochs": len(history),
        "seconds": round(sum(row["seconds"] for row in history), 2),
    }


def _same_search(
    study: optuna.Study, request: TuneRequest, config: TrainConfig, data: TrainingData, split: Split
) -> None:
    """Remember what is searched; raise `WrongUse` when the folder holds another search."""
    settings = {k: v for k, v in config.as_dict().items() if k not in ("device", "threads")}
    parts = (settings, to_plain(request.space), request.sampler, data.digest(), split.sentence)
    mark = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    known = study.user_attrs.get("mark")
    if known is None:
        study.set_user_attr("mark", mark)
        study.set_user_attr("split", split.sentence)
    elif known != mark:
        raise WrongUse(
            f"The folder {request.out.name} holds a search on other data or with other settings.",
            "Choose another folder for this search.",
            "E-TUNE-OTHER",
        )


def _write(request: TuneRequest, config: TrainConfig, study: optuna.Study) -> TuneResult:
    rows = tuple(TrialRow(point=dict(trial.params), **trial.user_attrs) for trial in tune_optuna.complete(study))
    best = best_of(rows)
    settings = settings_of(config, best.point)
    told = {
        "sampler": "Gaussian process, log expected improvement" if request.sampler == "gp" else "TPE",
        "seed": request.seed,
        "epochs": config.epochs,
        "split": study.user_attrs["split"],
        "split_by": request.split_by,
        "studies": list(request.studies),
        "searched": to_plain(request.space),
    }
    write_search(request.out, request.architecture, rows, settings, told)
    return TuneResult(rows, best, settings, request.out)


def _shifted(progress: Progress, trial: int, trials: int) -> Progress:
    def told(done: int, total: int, step: str = "") -> None:
        progress(trial * total + done, trials * total, f"Trial {trial + 1} of {trials}: {step}")

    return told


def _check(request: TuneRequest) -> None:
    if request.trials < 1:
        raise WrongUse("The number of trials must be at least 1.")
    if request.sampler not in ("gp", "tpe"):
        raise WrongUse(f"There is no sampler called {request.sampler!r}.", "Possible are gp and tpe.")
    if not request.space:
        raise InputRefused("Nothing is to be searched.", f"Choose some of: {', '.join(SPACE)}.")
