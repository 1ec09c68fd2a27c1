"""Corrected fate ratios of all samples of a run, with 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.evaluation.cell_scores import CellScores
from nscweb.evaluation.estimates import ESTIMATE_COLUMNS, METHODS, Estimates
from nscweb.evaluation.held_out import HeldOut
from nscweb.evaluation.intervals import wilson
from nscweb.evaluation.quantification import (
    Flatness,
    adjusted_shares,
    em_shares,
    flatness,
    free_shares,
    one_hot,
)
from nscweb.evaluation.ratio_bootstrap import (
    Known,
    draw_means,
    draw_samples,
    known_of,
    smoothed,
    sums,
    units_of,
    widening,
)
from nscweb.evaluation.ratio_words import correction_sentence, flat_sentence

Float64 = NDArray[np.float64]

# Held-out cells that each class must have at a time point, or else those of all time points are used.
LEAST_CELLS = 50
ALL_TIMES = -1


@dataclass(frozen=True, eq=False)
class Rounds:
    """Corrected ratios of S samples, and of B bootstrap rounds.

    Attributes:
        ratio: (S, K) on the simplex; NaN where it cannot be recovered.
        all, shared: (B, S, K) all drawn again, and only the held-out cells; not cut at 0 and 1.
        flat: one judgement per sample.
    """

    ratio: Float64
    all: NDArray[np.float32]
    shared: NDArray[np.float32]
    flat: tuple[Flatness, ...]


def estimate(
    cells: CellScores, held_out: HeldOut | None, method: str = "pacc", rounds: int = 400, seed: int = 0
) -> Estimates:
    """Share of each class in each sample, corrected for what the model mixes up.

    Args:
        cells: the cells of a run; samples without cells get no rows.
        held_out: cells of known class scored by the same model; None gives counted labels. Where all their scores
            are 0 or 1 they come from a confusion matrix, and the adjusted count takes the place of mean scores.
        method: key of `METHODS`.
        rounds: bootstrap rounds of the 95 % intervals.
        seed: of the draws.

    Returns:
        The table and the shared rounds; ``shared`` may lie a little outside 0..1, so that its spread is right at
        the edges. Held-out cells of the time point of a sample are used where each class has `LEAST_CELLS`.

    Raises:
        WrongUse: `method` is not one of `METHODS`.
    """
    if method not in METHODS:
        raise WrongUse(
            f"There is no way to count ratios called {method!r}.", f"Use one of {', '.join(METHODS)}."
        )
    cells = _filled(cells)
    known = None if held_out is None or method == "naive" else matched(held_out, cells.classes)
    if known is None:
        return _naive(cells, method, held_out)
    counts_only = bool(np.isin(known.scores, (0.0, 1.0)).all())
    used = "acc" if counts_only else method
    stratum, strata = strata_of(known, cells.times_h)
    found = _rounds(cells, known, strata, stratum, used, rounds, np.random.default_rng(seed))
    elsewhere = sorted(set(cells.times_h[stratum == ALL_TIMES].tolist()))
    single = bool(len(known)) and len(np.unique(known.samples)) <= len(np.unique(strata)) * len(cells.classes)
    sentence = correction_sentence(known, used, used != method, elsewhere, single, LEAST_CELLS)
    return Estimates(_table(cells, found, used), found.shared, used, sentence)


def matched(held_out: HeldOut, classes: tuple[str, ...]) -> HeldOut | None:
    """Held-out cells with their classes in the order of `classes`; None where a class has too few cells."""
    if set(held_out.classes) != set(classes):
        return None
    order = np.array([held_out.classes.index(name) for name in classes])
    labels = np.argsort(order)[held_out.labels]
    if np.bincount(labels, minlength=len(classes)).min() < 2:
        return None
    usable = np.flatnonzero(np.isfinite(held_out.scores).all(axis=1))
    return replace(held_out, scores=held_out.scores[:, order], labels=labels, classes=tuple(classes)).take(
        usable
    )


def strata_of(held_out: HeldOut, times_h: Float64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which held-out cells speak for which sample.

    Returns:
        (S,) stratum of each sample and (N,) stratum of each held-out cell: the number of its time point, or
        `ALL_TIMES` where a class has fewer than `LEAST_CELLS` held-out cells there.
    """
    classes = len(held_out.classes)
    sample = np.full(len(times_h), ALL_TIMES, np.int64)
    cell = np.full(len(held_out), ALL_TIMES, np.int64)
    for number, hours in enumerate(np.unique(held_out.times[~np.isnan(held_out.times)])):
        here = np.abs(held_out.times - hours) < 1e-6
        if np.bincount(held_out.labels[here], minlength=classes).min() >= LEAST_CELLS:
            sample[np.abs(times_h - hours) < 1e-6] = number
            cell[here] = number
    return sample, cell


def known_by_stratum(
    features: NDArray[np.float32], held_out: HeldOut, strata: NDArray[np.int64], wanted: NDArray[np.int64]
) -> dict[int, Known]:
    """What held-out cells say for each stratum in `wanted`; that of all times counts differences between times."""
    classes = len(held_out.classes)
    result: dict[int, Known] = {}
    if ALL_TIMES in wanted:
        units = units_of(features, held_out.labels, held_out.samples, held_out.times)
        result.update(known_of(units, np.full(len(units.label), ALL_TIMES), classes))
    if (wanted != ALL_TIMES).any():
        rows = strata != ALL_TIMES
        units = units_of(
            features[rows], held_out.labels[rows], held_out.samples[rows], strata[rows].astype(float)
        )
        result.update(known_of(units, units.time.astype(np.int64), classes))
    return result


def _filled(cells: CellScores) -> CellScores:
    """Without samples that have no cells, and without cells whose scores are not numbers."""
    usable = np.flatnonzero(np.isfinite(cells.scores).all(axis=1))
    if len(usable) < len(cells):
        cells = cells.take(usable)
    present = np.bincount(cells.sample, minlength=len(cells.sample_ids)) > 0
    if present.all():
        return cells
    kept = np.flatnonzero(present)
    return replace(
        cells,
        sample=(np.cumsum(present) - 1)[cells.sample],
        sample_ids=tuple(cells.sample_ids[i] for i in kept),
        groups=tuple(cells.groups[i] for i in kept),
        replicates=tuple(cells.replicates[i] for i in kept),
        times_h=cells.times_h[kept],
    )


def _rounds(
    cells: CellScores,
    held_out: HeldOut,
    strata: NDArray[np.int64],
    stratum: NDArray[np.int64],
    method: str,
    rounds: int,
    rng: np.random.Generator,
) -> Rounds:
    size, number = len(cells.classes), len(cells.sample_ids)
    features, seen = held_out.scores, cells.scores
    if method == "acc":
        features, seen = one_hot(held_out.scores.argmax(axis=1), size), one_hot(cells.predicted, size)
    known = known_by_stratum(features, held_out, strata, np.unique(stratum))
    count, mean, scatter = sums(seen, cells.sample, number)
    ratio = np.full((number, size), np.nan)
    every = np.full((rounds, number, size), np.nan, np.float32)
    shared = every.copy()
    flat: list[Flatness] = [Flatness(False, 1.0)] * number
    wide: dict[int, Float64] = {}
    for key, of in known.items():
        rows = np.flatnonzero(stratum == key)
        if of.degrees not in wide:
            wide[of.degrees] = widening(rng, rounds, of.degrees)
        factor = wide[of.degrees]
        drawn = draw_means(of, factor, rng)
        judged = flatness(of.mean, drawn, cells.classes)
        for row in rows:
            flat[row] = judged
        if judged.flat or not len(rows):
            continue
        share = adjusted_shares(of.mean, mean[rows])
        if method == "em":
            share = np.stack([em_shares(seen[cells.sample == row]) for row in rows])
        centre, error = smoothed(count[rows], mean[rows], scatter[rows], of)
        between = np.einsum("sk,kfg->sfg", share**2, of.between)
        draws = draw_samples(centre, error, between, factor, rng)
        ratio[rows] = share
        every[:, rows] = free_shares(drawn[:, None], draws)
        shared[:, rows] = free_shares(drawn[:, None], mean[rows][None])
    return Rounds(ratio, every, shared, tuple(flat))


def _naive(cells: CellScores, method: str, held_out: HeldOut | None) -> Estimates:
    size, number = len(cells.classes), len(cells.sample_ids)
    empty = np.zeros((0, number, size), np.float32)
    table = _table(cells, None, "naive")
    return Estimates(
        table, empty, "naive", correction_sentence(held_out, "naive", method != "naive", [], False, 0)
    )


def _table(cells: CellScores, found: Rounds | None, method: str) -> pd.DataFrame:
    size, number = len(cells.classes), len(cells.sample_ids)
    width = size + 1
    counted = np.bincount(cells.sample * width + cells.predicted + 1, minlength=number * width)
    counted = counted.reshape(number, width)[:, 1:]
    total = np.bincount(cells.sample, minlength=number)
    low, high = wilson(counted.ravel(), total.repeat(size))
    rows = np.arange(number).repeat(size)
    naive = counted.ravel() / np.maximum(total, 1).repeat(size)
    table = pd.DataFrame(
        {
            "sample_id": np.asarray(cells.sample_ids, object)[rows],
            "group": np.asarray(cells.groups, object)[rows],
            "time_h": np.asarray(cells.times_h, np.float64)[rows],
            "replicate": np.asarray(cells.replicates, object)[rows],
            "cells": total[rows],
            "class": np.tile(np.asarray(cells.classes, object), number),
            "count": counted.ravel(),
            "naive": naive,
            "naive_low": low,
            "naive_high": high,
        }
    )
    if found is None:
        table = table.assign(ratio=naive, low=low, high=high, method=method, recovered=True, why="")
        return table[list(ESTIMATE_COLUMNS)]
    flat = np.array([item.flat for item in found.flat], bool)
    ratio, below, above = found.ratio, *_percentiles(found)
    why = [flat_sentence(item.alike, hours) for item, hours in zip(found.flat, cells.times_h, strict=True)]
    table = table.assign(
        ratio=ratio.ravel(),
        low=below.ravel(),
        high=above.ravel(),
        method=method,
        recovered=~flat[rows],
        why=np.asarray(why, object)[rows],
    )
    return table[list(ESTIMATE_COLUMNS)]


def _percentiles(found: Rounds) -> tuple[Float64, Float64]:
    """95 % interval from free rounds, cut at 0 and 1, and never without the estimate itself."""
    if not len(found.all):
        return found.ratio, found.ratio
    low, high = np.quantile(found.all, [0.025, 0.975], axis=0)
    return np.minimum(np.clip(low, 0, 1), found.ratio), np.maximum(np.clip(high, 0, 1), found.ratio)
