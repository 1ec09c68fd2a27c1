"""Honest scores and the right to abstain, for pages and exports: reliability of a model, sets of classes of a run."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.card import CardEntry
from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused, ModelNotFound
from nscweb.core.run_record import Run
from nscweb.services.compare.honest_scores_words import coverage_sentence
from nscweb.services.kept import kept
from nscweb.services.predict.controls import control_names, controls_sentence, held_out_from_controls
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.runs import class_scheme, get_run, prediction_table

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.cell_filters import Filters
    from nscweb.evaluation.scores.conformal import Coverage, Thresholds
    from nscweb.evaluation.scores.held_out import HeldOut
    from nscweb.evaluation.scores.reliability import Reliability
    from nscweb.services.context import App

DEFAULT_ALPHA = 0.10
SET_COLUMNS: tuple[str, ...] = ("sample_id", "group", "time_h", "replicate", "cells", "set", "count", "share")
NO_HELD_OUT = (
    "This model came without the scores of its held-out cells, so nothing can be said about how honest its scores are.",
    "Make them with: nscweb models audit NAME, or train the model again; or choose control samples of known class.",
)


@dataclass(frozen=True, eq=False)
class RunSets:
    """Which classes each cell of a run may be, at an error rate.

    Attributes:
        run, classes: whose.
        alpha: share of the cells of each class whose set may lack it.
        sets: words of the sets that occur, single classes first, none last.
        shares: columns `SET_COLUMNS`, a row per sample and set; 0 to 1 of the cells of the sample.
        groups: the same by group and time: group, time_h, replicates, cells, set, share (mean over replicates), low
            and high (95 % t interval over replicates; NaN for one).
        cells: cells behind it.
        coverage: what the promise came to on held-out samples that the thresholds did not know; None where one sample
            of a class is all there is.
        source: which cells the thresholds come from.
        left_out: control samples, which take no part.
        sentences: what to say beside it.
    """

    run: Run
    classes: ClassScheme
    alpha: float
    sets: tuple[str, ...]
    shares: pd.DataFrame
    groups: pd.DataFrame
    cells: int
    coverage: Coverage | None
    source: str
    left_out: tuple[str, ...] = ()
    sentences: tuple[str, ...] = field(default=())


def reliability_of(entry: CardEntry) -> list[Reliability]:
    """Overall, per class and per time point, on the held-out cells of a model; [] for a model that came without.

    Raises:
        ModelError: the file of its held-out scores is damaged.
    """
    held = held_out_of_model(entry)
    return [] if held is None else list(_reliabilities(held))


def reliability_of_run(app: App, run: Run | str) -> list[Reliability]:
    """The same for the cells that a run is calibrated on: its control samples, or those of its model."""
    held = known_cells(app, run)
    return [] if held is None else list(_reliabilities(held))


# Reading takes a tenth of a second, and what is made from the cells is kept by them.
@kept(4, lambda entry: f"{entry.folder}|{entry.card.held_out.get('sha256')}|{entry.card.name}")
def held_out_of_model(entry: CardEntry) -> HeldOut | None:
    """The held-out cells of a model; None for a model that came without.

    Raises:
        ModelError: the file is damaged.
    """
    from nscweb.inference.held_out_file import read_held_out

    return read_held_out(entry) if entry.card.held_out else None


@kept(16)
def mark_of(held: HeldOut) -> str:
    """A short text that differs when cells of known class do."""
    import hashlib

    digest = hashlib.sha256()
    for values in (held.scores, held.labels, held.samples, held.times):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def known_cells(app: App, run: Run | str) -> HeldOut | None:
    """Cells of known class that speak for a run: its control samples where chosen, else those of its model.

    None when the model is gone, or came without them.

    Raises:
        ModelError: the file of the model is damaged.
    """
    from nscweb.services.predict.runs import model_of_run

    found = get_run(app, run)
    controls = held_out_from_controls(app, found)
    if controls is not None:
        return controls
    try:
        held = held_out_of_model(model_of_run(app, found))
    except ModelNotFound:
        return None
    return held if held is not None and held.classes == found.class_names else None


def _sets_key(app: App, run: Run | str, filters: Filters | None = None, alpha: float = DEFAULT_ALPHA) -> Hashable:
    held = known_cells(app, run)
    return (cells_key(app, run), "" if held is None else mark_of(held), filters, alpha)


@kept(16, _sets_key)
def sets_of(app: App, run: Run | str, filters: Filters | None = None, alpha: float = DEFAULT_ALPHA) -> RunSets:
    """Sets of classes of all cells of a run that pass the filters, counted per sample and per group.

    The filter by confidence is not used: unsure cells are what the sets are about.

    Raises:
        InputRefused: there are no held-out cells to take thresholds from.
        ModelError: the file of the model is damaged.
        WrongUse: `alpha` is not between 0 and 1.
    """
    from nscweb.evaluation.ratios.cell_filters import Filters
    from nscweb.evaluation.scores.conformal import ordered_codes, prediction_sets, set_codes, set_word, share_of_sets
    from nscweb.services.predict.controls import filtered_cells
    from nscweb.services.predict.run_cells import run_cells

    found = get_run(app, run)
    held = known_cells(app, found)
    if held is None:
        raise InputRefused(*NO_HELD_OUT, "E-NO-HELD-OUT")
    limits = _limits(held, alpha)
    cells = run_cells(app, found)
    keep, _ = filtered_cells(app, found, replace(filters or Filters(), min_confidence=0.0))
    sample = cells.sample[keep]
    codes = set_codes(prediction_sets(cells.scores[keep], limits, cells.times_h[sample]))
    order = ordered_codes(codes, len(cells.classes))
    words = tuple(set_word(code, cells.classes) for code in order)
    shares = share_of_sets(codes, sample, len(cells.sample_ids), order)
    count = np.bincount(sample, minlength=len(cells.sample_ids))
    there = np.flatnonzero(count)
    size = max(1, len(words))
    table = pd.DataFrame(
        {
            "sample_id": np.repeat(np.asarray(cells.sample_ids, object)[there], size),
            "group": np.repeat(np.asarray(cells.groups, object)[there], size),
            "time_h": np.repeat(cells.times_h[there], size),
            "replicate": np.repeat(np.asarray(cells.replicates, object)[there], size),
            "cells": np.repeat(count[there], size),
            "set": np.tile(np.asarray(words, object), len(there)),
            "count": np.rint(shares[there] * count[there, None]).astype(np.int64).ravel(),
            "share": shares[there].ravel(),
        }
    )[list(SET_COLUMNS)]
    coverage = _coverage(held, alpha)
    return RunSets(
        found,
        class_scheme(found),
        alpha,
        words,
        table,
        _by_group(table),
        len(sample),
        coverage,
        held.source,
        control_names(app, found),
        _sentences(app, found, held, limits, alpha),
    )


def set_words(app: App, run: Run | str, alpha: float = DEFAULT_ALPHA) -> pd.Series:
    """The set of each cell in words, named ``class_set``, row by row as `runs.prediction_table` has them.

    "" for all cells where there are no held-out cells to take thresholds from.

    Raises:
        ModelError: the file of the model is damaged.
    """
    from nscweb.evaluation.scores import conformal

    found = get_run(app, run)
    table = prediction_table(app, found)
    held = known_cells(app, found)
    if held is None:
        return pd.Series("", index=table.index, name="class_set", dtype=object)
    scores = np.stack([table[f"p_{name}"].to_numpy(np.float32) for name in held.classes], axis=1)
    times = table["time_h"].to_numpy(np.float64)
    codes = conformal.set_codes(conformal.prediction_sets(scores, _limits(held, alpha), times))
    return pd.Series(conformal.set_words(codes, held.classes), index=table.index, name="class_set", dtype=object)


def _sentences(app: App, run: Run, held: HeldOut, limits: Thresholds, alpha: float) -> tuple[str, ...]:
    lines = [controls_sentence(app, run), coverage_sentence(_coverage(held, alpha), held.classes, alpha)]
    never = [name for name, lowest in zip(held.classes, limits.values[0], strict=True) if not np.isfinite(lowest)]
    if never:
        lines.append(
            f"Too few held-out cells of {', '.join(never)} for so small an error rate: it is in the set of every cell."
        )
    return tuple(line for line in lines if line)


def _by_group(table: pd.DataFrame) -> pd.DataFrame:
    """Mean share of each set over the replicates of a group and time point, with a t interval.

    Samples of one replicate are joined by their cells; a sample without a replicate name stands for itself.
    """
    from nscweb.evaluation.groups.means import mean_interval
    from nscweb.evaluation.groups.replicate_join import replicate_names

    keys = ["group", "time_h", "set"]
    joined = table.assign(replicate=replicate_names(table)).groupby([*keys, "replicate"], sort=False, dropna=False)
    each = joined.agg(cells=("cells", "sum"), count=("count", "sum")).reset_index()
    each["share"] = each["count"] / each["cells"]
    parts = each.groupby(keys, sort=False, dropna=False)
    rows = parts.agg(replicates=("share", "size"), cells=("cells", "sum"), share=("share", "mean"))
    figures = [mean_interval(part.to_numpy(np.float64)[:, None])[0] for _, part in parts["share"]]
    ends = np.array(figures, np.float64).reshape(-1, 5)[:, 3:]
    return rows.assign(low=ends[:, 0], high=ends[:, 1]).reset_index()


@kept(8)
def _reliabilities(held: HeldOut) -> tuple[Reliability, ...]:
    from nscweb.evaluation.scores.reliability import reliabilities

    return tuple(reliabilities(held, rounds=500))


@kept(16)
def _limits(held: HeldOut, alpha: float) -> Thresholds:
    from nscweb.evaluation.scores.conformal import thresholds

    return thresholds(held, alpha)


@kept(16)
def _coverage(held: HeldOut, alpha: float) -> Coverage | None:
    from nscweb.evaluation.scores.conformal import checked_coverage

    pairs = np.unique(np.stack([held.labels, held.samples]), axis=1)
    if np.bincount(pairs[0], minlength=len(held.classes)).min() < 2:
        return None
    return checked_coverage(held, alpha)
