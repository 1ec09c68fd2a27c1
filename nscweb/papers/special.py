"""Outputs that single papers have: work of a network, training time, ratios of inducers and donors, shape modes.

The learning-rate search of Kim et al. 2023: Bayesian optimisation with expected improvement.

A Gaussian process over the logarithm of the learning rate proposes the next one to try. Every try is a training of
`nscweb.papers.trainings` and kept, so a search that was stopped asks the same questions again, finds the
answers on disk, and goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.papers.merit import Finished
from nscweb.papers.printed_tables import Piece, paper_number
from nscweb.papers.protocol import Output, Search
from nscweb.papers.trainings import Bench, Result, Unit

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


def cost(done: Finished, output: Output) -> Piece:
    """Parameters and work of one cell beside the paper's; no training is needed. Options: models."""
    from nscweb.models.architecture_cost import architecture_cost
    from nscweb.models.architectures import ARCHITECTURES

    rows = []
    for name in output.options["models"]:
        model = done.protocol.model(name)
        line = ARCHITECTURES[model.architecture]
        own = architecture_cost(model.architecture, 1, len(done.protocol.classes), line.default_input)
        rows.append(
            {
                "model": model.title,
                "input": f"{line.default_input[0]} x {line.default_input[1]}",
                "parameters, M": own.parameters / 1e6,
                "parameters, M, paper": paper_number(done.protocol.numbers, name, "parameters_m"),
                "GFLOPs (2 per multiply-add)": 2 * own.macs / 1e9,
                "GMACs": own.macs / 1e9,
                "GFLOPs, paper": paper_number(done.protocol.numbers, name, "gflops"),
                "why they differ": line.published.remark,
            }
        )
    return Piece(output.name, output.title, output.note, pd.DataFrame(rows))


def timing(done: Finished, output: Output) -> Piece:
    """Minutes of training and seconds of preparation of each model and variant, beside the paper's minutes."""
    metrics = done.metrics_of(output)
    metrics = metrics[metrics["split"] == done.paper_split]
    if metrics.empty:
        raise InputRefused("No training of it was finished.")
    rows = []
    for (model, title, variant), part in metrics.groupby(["model", "title", "variant"], sort=False):
        found = part.set_index("figure")["value"]
        rows.append(
            {
                "model": title,
                "images": variant or "as printed",
                "training, s": 60 * float(found["minutes"]),
                "making the images ready, s": float(found["prepare_seconds"]),
                "training, min, paper": paper_number(done.numbers, str(model), "minutes", (str(variant),)),
            }
        )
    return Piece(output.name, output.title, output.note, pd.DataFrame(rows))


def inducers(done: Finished, output: Output) -> Piece:
    """Per cent of the asked fate predicted from early cells of each inducer, against immunofluorescence."""
    from nscweb.evaluation.ratios.published_counts import PREDICTED, published_reference
    from nscweb.papers.paper_figures import inducer_ratios

    results = done.chosen(output)
    if not results:
        raise InputRefused("No training of it was finished.")
    table = published_reference()
    cells = _early_cells(done, results[0])
    if cells.empty:
        raise InputRefused("The study has no cells of the paper's inducers at that time point.")
    rows = []
    for group, part in cells.groupby("group", sort=False):
        known = table[table["group"] == group]
        if known.empty:
            continue
        fate = str(known["fate"].iloc[0])
        counted = known[known["kind"] != PREDICTED].sort_values("time_h")
        right = part.assign(share=100.0 * (part["predicted"] == fate))
        shares = right.groupby("sample_id")["share"].mean()
        spread = _standard_error(shares)
        rows.append(
            {
                "group": group,
                "fate": fate,
                "counted_1d": _only(counted[counted["time_h"] == 24]["percent"]),
                "counted_end": float(counted["percent"].iloc[-1]),
                "counted_end_h": float(counted["time_h"].iloc[-1]),
                "paper": _only(known[known["kind"] == PREDICTED]["percent"]),
                "ours": float(shares.mean()),
                "low": float(shares.mean() - spread),
                "high": float(shares.mean() + spread),
                "replicates": len(shares),
                "cells": len(part),
                "p": _one_sample(shares, float(counted["percent"].iloc[-1])),
                "truth": 100 * done.cells.truth.get(str(group), np.nan),
            }
        )
    found = pd.DataFrame(rows)
    caption = (
        f"{output.note} Ours: mean ± standard error of replicates; p: two-sided one-sample t-test of ours against the "
        "last immunofluorescence count, as in the paper."
    )
    return Piece(output.name, output.title, caption, found, None, inducer_ratios(found, simulated=done.simulated))


def _early_cells(done: Finished, result: Result) -> pd.DataFrame:
    """Cells of every inducer at the early time point that the network was not trained on.

    Media that the network learned from give the held-out cells of their samples.
    """
    plan = done.protocol.independent
    held = result.scores[(result.scores["time_h"] == plan["time_h"]) & done.cells.fits]
    apart = result.independent
    known = set(apart["group"]) if len(apart) else set()
    held = held[held["group"].isin([group for group in plan["groups"] if group not in known])]
    both: pd.DataFrame = pd.concat([part for part in (apart, held) if len(part)] or [held], ignore_index=True)
    return both


def donors(done: Finished, output: Output) -> Piece:
    """Per cent of cells called the first class for each donor, and per cent by the marker."""
    from nscweb.evaluation.scores.intervals import wilson
    from nscweb.papers.paper_figures import donor_ratios

    results = done.chosen(output)
    if not results:
        raise InputRefused("No training of it was finished.")
    cells = pd.concat([result.scores for result in results], ignore_index=True)
    cells = cells[cells["donor"] != ""]
    if cells.empty:
        raise InputRefused("The study does not say which donor its samples come from.")
    first = results[0].classes[0]
    rows = []
    for donor, part in cells.groupby("donor"):
        called = int((part["predicted"] == first).sum())
        low, high = wilson(called, len(part))
        rows.append(
            {
                "donor": donor,
                "cells": len(part),
                "predicted": 100 * called / len(part),
                "low": 100 * low,
                "high": 100 * high,
                "marker": 100 * float((part["true_class"] == first).mean()),
            }
        )
    table = pd.DataFrame(rows)
    drawn = donor_ratios(table, simulated=done.simulated)
    return Piece(output.name, output.title, output.note, table, None, drawn)


def shapes(done: Finished, output: Output) -> Piece:
    """Shape modes of all cells and their shares in each donor. Options: modes, limit."""
    from nscweb.evaluation.audit.shape_modes import ALL, shape_modes
    from nscweb.papers.paper_figures import shape_modes_figure
    from nscweb.preprocess.outline import outline_of

    limit = int(output.options.get("limit", 5000))
    cells = done.cells.labelled[:: max(1, len(done.cells.labelled) // limit)]
    pairs = [(cell.sample.donor or "all", outline_of(cell.pixels[0])) for cell in cells]
    known = [(donor, outline[:, 0]) for donor, outline in pairs if outline is not None and len(outline) >= 3]
    modes = min(int(output.options.get("modes", 20)), max(2, len(known) // 4))
    found = shape_modes([outline for _, outline in known], [donor for donor, _ in known], modes=modes, seed=done.seed)
    table = pd.DataFrame({f"mode {mode + 1}": [s[mode] for s in found.shares.values()] for mode in range(modes)})
    table.insert(0, "group", list(found.shares))
    table.insert(1, "cells", list(found.cells.values()))
    table.insert(2, "entropy, nats", list(found.entropy.values()))
    said = (
        f"{output.note} {len(known):,} of {len(cells):,} cells had an outline; {len(found.explained)} principal "
        f"components hold {100 * found.explained.sum():.0f} % of the variance. Entropy of an even mix: "
        f"{np.log(modes):.2f} nats."
    )
    shares = {name: share for name, share in found.shares.items() if name != ALL or len(found.shares) == 2}
    drawn = shape_modes_figure(found.modes, shares, simulated=done.simulated)
    return Piece(output.name, output.title, said, table, table.iloc[:, :3], drawn)


def search(done: Finished, output: Output) -> Piece:
    """The learning-rate search of the protocol."""
    from nscweb.papers.paper_figures import learning_rate_search

    wanted = done.protocol.search
    if wanted is None:
        raise InputRefused("The protocol names no search.")
    found = search_learning_rate(done.bench, wanted)
    often = "One search" if wanted.repeats == 1 else f"{wanted.repeats} searches"
    said = (
        f"{output.note} {often} of {wanted.trials} trainings; the lowest validation loss was at a learning rate of "
        f"{found.best:.2g}."
    )
    drawn = learning_rate_search(found.trials, found.curve, simulated=done.simulated)
    return Piece(output.name, output.title, said, found.trials, None, drawn)


def paired(metrics: pd.DataFrame, against: str, title_of: Callable[[str], str]) -> str:
    """Two-sided paired t-tests of accuracy over folds against one model, in a sentence; "" where there are no folds."""
    from scipy.stats import ttest_rel

    accuracy = metrics[(metrics["figure"] == "accuracy") & (metrics["fold"] > 0)]
    wide = accuracy.pivot_table(index=["split", "seed", "fold"], columns="model", values="value")
    if against not in wide or len(wide) < 2:
        return ""
    told = []
    for model in wide.columns.drop(against):
        both = wide[[against, model]].dropna()
        if len(both) > 1 and not np.allclose(both[against], both[model]):
            told.append(f"{title_of(model)} p = {ttest_rel(both[model], both[against]).pvalue:.2g}")
    if not told:
        return ""
    return (
        f"Paired t-test of accuracy over folds against {title_of(against)}: {'; '.join(told)}. Folds share most of "
        "their training cells, so such p values are too small."
    )


def _standard_error(values: Any) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _one_sample(values: Any, expected: float) -> float:
    from scipy.stats import ttest_1samp

    if len(values) < 2 or float(values.std(ddof=1)) == 0:
        return float("nan")
    return float(ttest_1samp(values, expected).pvalue)


def _only(values: Any) -> float:
    return float(values.iloc[0]) if len(values) else float("nan")
