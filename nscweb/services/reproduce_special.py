"""Outputs that single papers have: work of a network, training time, ratios of inducers and donors, shape modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from nscweb.core.errors import InputRefused
from nscweb.reports.tables_reproduce import Piece, paper_number
from nscweb.services.reproduce_figures import Finished
from nscweb.services.reproduce_protocol import Output
from nscweb.services.reproduce_results import Result


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
    from nscweb.reports.figures_reproduce import inducer_ratios

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
    from nscweb.reports.figures_reproduce import donor_ratios

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
    from nscweb.preprocess.outline import outline_of
    from nscweb.reports.figures_reproduce import shape_modes_figure

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
    from nscweb.reports.figures_reproduce import learning_rate_search
    from nscweb.services.reproduce_search import search_learning_rate

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
