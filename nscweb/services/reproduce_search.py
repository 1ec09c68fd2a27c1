"""The learning-rate search of Kim et al. 2023: Bayesian optimisation with expected improvement.

A Gaussian process over the logarithm of the learning rate proposes the next one to try. Every try is a training of
`nscweb.services.reproduce_runs` and kept, so a search that was stopped asks the same questions again, finds the
answers on disk, and goes on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import NscwebError
from nscweb.services.reproduce_protocol import Search
from nscweb.services.reproduce_results import Unit
from nscweb.services.reproduce_runs import Bench

_GRID = 200


@dataclass(frozen=True)
class Searched:
    """Result of a search.

    Attributes:
        trials: one row per training: repeat, trial, learning_rate, validation_loss, best_so_far, auc.
        curve: learning_rate, mean, low, high (95 %) of the loss as a Gaussian process over all trials believes it,
            and expected_improvement.
        best: the learning rate of the lowest validation loss.
    """

    trials: pd.DataFrame
    curve: pd.DataFrame
    best: float


def search_learning_rate(bench: Bench, search: Search) -> Searched:
    """Try `trials` learning rates in each of `repeats` searches, and what the trials together say.

    Raises:
        JobCancelled: somebody asked to stop; trials that were done are kept.
        InputRefused: the split cannot be made.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = []
    for repeat in range(search.repeats):
        with warnings.catch_warnings():
            # The sampler is marked as experimental in some releases.
            warnings.simplefilter("ignore")
            start = max(2, min(4, search.trials // 2))
            sampler = optuna.samplers.GPSampler(seed=bench.seed + repeat, n_startup_trials=start)
            study = optuna.create_study(sampler=sampler, direction="minimize")
        best = float("inf")
        for number in range(search.trials):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = study.ask()
                rate = trial.suggest_float("learning_rate", search.low, search.high, log=True)
            unit = Unit(f"search-{repeat + 1}-{number + 1}", search.model, search.split, seed=repeat)
            bench.progress(number, search.trials, f"Search {repeat + 1} of {search.repeats}: learning rate {rate:.2g}")
            quiet = replace(bench, protocol=replace(bench.protocol, keep_weights=False))
            try:
                result = quiet.result(unit, {"learning_rate": rate})
            except NscwebError as error:
                if error.code != "E-MODEL":
                    raise
                # A rate at which the loss is no longer a number is an answer too: the search must go elsewhere.
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            study.tell(trial, result.validation_loss)
            best = min(best, result.validation_loss)
            rows.append(
                {
                    "repeat": repeat + 1,
                    "trial": number + 1,
                    "learning_rate": rate,
                    "validation_loss": result.validation_loss,
                    "best_so_far": best,
                    "auc": _mean_auc(result.scores, result.classes),
                }
            )
    trials = pd.DataFrame(rows)
    if trials.empty:
        return Searched(trials, pd.DataFrame(), float("nan"))
    lowest = int(np.argmin(trials["validation_loss"]))
    return Searched(trials, _believed(trials, search), float(trials["learning_rate"].iloc[lowest]))


def expected_improvement(mean: NDArray[np.float64], deviation: NDArray[np.float64], best: float) -> NDArray[np.float64]:
    """(N,) expected improvement on a lowest loss `best` under normal beliefs (Jones et al. 1998, equation 15)."""
    from scipy.stats import norm

    spread = np.maximum(deviation, 1e-12)
    gain = (best - mean) / spread
    return np.asarray((best - mean) * norm.cdf(gain) + spread * norm.pdf(gain), np.float64)


def _believed(trials: pd.DataFrame, search: Search) -> pd.DataFrame:
    """The Gaussian process over all trials, on a grid of learning rates (Fig 4B of the paper)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    x = np.log10(trials["learning_rate"].to_numpy(float))[:, None]
    y = trials["validation_loss"].to_numpy(float)
    scale = max(float(y.std()), 1e-6)
    kernel = ConstantKernel(1.0) * Matern(0.5, (0.1, 2.0), nu=2.5) + WhiteKernel(0.02, (1e-4, 0.1))
    grid = np.linspace(np.log10(search.low), np.log10(search.high), _GRID)
    with warnings.catch_warnings():
        # A length that ends at its bound is still a usable belief.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(kernel, random_state=0).fit(x, (y - y.mean()) / scale)
        mean, deviation = process.predict(grid[:, None], return_std=True)
    mean, deviation = mean * scale + y.mean(), deviation * scale
    return pd.DataFrame(
        {
            "learning_rate": 10**grid,
            "mean": mean,
            "low": mean - 1.96 * deviation,
            "high": mean + 1.96 * deviation,
            "expected_improvement": expected_improvement(mean, deviation, float(y.min())),
        }
    )


def _mean_auc(scores: pd.DataFrame, classes: tuple[str, ...]) -> float:
    from nscweb.evaluation.scores.curves import auc

    areas = []
    for name in classes:
        positive = (scores["true_class"] == name).to_numpy()
        if positive.any() and not positive.all():
            areas.append(auc(positive, scores[f"p_{name}"].to_numpy(float)))
    return float(np.mean(areas)) if areas else float("nan")
