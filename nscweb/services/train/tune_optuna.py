"""The part of a search that is Optuna's: its file, its samplers, its words for a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nscweb.services.train.tune_space import Choices, Space

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STORAGE = "search.sqlite"
_STUDY = "nscweb"
# Trials at random points, the first of them the default settings, before the sampler has something to go by.
STARTUP = 6
# Epochs that every trial may run, and trials that run to their end before one is ended early.
_WARMUP_EPOCHS, _WARMUP_TRIALS = 2, 4


@contextmanager
def opened(path: Path) -> Iterator[optuna.Study]:
    """The search in its file; Optuna writes nothing to the terminal."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute().as_posix()}")
    try:
        yield optuna.create_study(
            storage=storage,
            study_name=_STUDY,
            direction="minimize",
            load_if_exists=True,
            # The median of all trials that came so far, those that ended early included, after Golovin et al.
            # 2017; so trials that ended early must be complete in the file, and the sampler learns from them.
            pruner=optuna.pruners.MedianPruner(_WARMUP_TRIALS, _WARMUP_EPOCHS),
        )
    finally:
        storage.remove_session()
        storage.engine.dispose()


def next_trial(
    study: optuna.Study, kind: str, space: Space, defaults: Mapping[str, float | int], seed: int
) -> optuna.Trial:
    """The next point to try; the first is the default settings.

    Args:
        study: opened by `opened`.
        kind: ``gp`` or ``tpe``.
        space: as declared.
        defaults: a point of it.
        seed: of the search.
    """
    from optuna.trial import TrialState

    done = len(complete(study))
    if done == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(dict(defaults))
    study.sampler = _sampler(kind, seed, done)
    return study.ask(_distributions(space))


def _sampler(kind: str, seed: int, done: int) -> optuna.samplers.BaseSampler:
    """A sampler for one trial, seeded by its place, so that a killed search goes on as an unbroken one would."""
    import optuna

    drawn = int(np.random.SeedSequence((seed, done, 7)).generate_state(1)[0])
    if done < STARTUP:
        return optuna.samplers.RandomSampler(seed=drawn)
    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=STARTUP)
    return optuna.samplers.GPSampler(seed=drawn, n_startup_trials=STARTUP, warn_independent_sampling=False)


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    """The declared space in the words of Optuna."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: CategoricalDistribution(part.choices)
        if isinstance(part, Choices)
        else FloatDistribution(part.low, part.high, log=part.log)
        for name, part in space.items()
    }


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """Every trial that has a value, in order."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
