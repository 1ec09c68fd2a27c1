"""Test this model on known mixtures: held-out pure cells mixed at chosen ratios, recovered ratios beside the true ones.

Half of the held-out samples serve as what is known of the model, cells of the other half are mixed, so that no sample
is on both sides. Each mixture is made like a culture is recorded: its cells of one class come from one held-out sample,
and from a second only when the first has too few. Several such halves are drawn, so that no lucky half decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.rules import DEFAULT_METHOD
from nscweb.core.streams import stream

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.cell_scores import CellScores
    from nscweb.evaluation.scores.held_out import HeldOut

MIXTURE_COLUMNS: tuple[str, ...] = (
    "mixture",
    "time_h",
    "cells",
    "class",
    "true",
    "recovered",
    "low",
    "high",
    "naive",
    "inside",
)
_HALVES = 5
_LEAST_CELLS, _MOST_CELLS, _MOST_MIXTURES = 20, 20_000, 500


@dataclass(frozen=True, eq=False)
class MixtureTest:
    """What came out.

    Attributes:
        table: columns `MIXTURE_COLUMNS`, a row per mixture and class; shares 0 to 1; `recovered`, `low`, `high` are NaN
            where the program says that the ratio cannot be recovered.
        mixtures, refused: drawn, and of these how many could not be recovered.
        error, naive_error: mean absolute error of a share over the mixtures that were recovered, 0 to 1.
        coverage: share of the intervals that hold the true share; NaN when nothing was recovered.
        source: the cells that were mixed.
        simulated: they are simulated.
        sentence: all this in words.
    """

    table: pd.DataFrame
    mixtures: int
    refused: int
    error: float
    naive_error: float
    coverage: float
    source: str
    simulated: bool
    sentence: str


def times_of_mixtures(entry: CardEntry) -> tuple[float, ...]:
    """Time points at which mixtures can be drawn, hours; () when held-out cells have no times or there are none."""
    held = _held(entry)
    return _times(held)


def run_mixtures(
    entry: CardEntry,
    *,
    ratio: Mapping[str, float] | None = None,
    cells: int = 1000,
    mixtures: int = 50,
    time_h: float | None = None,
    method: str = DEFAULT_METHOD,
    rounds: int = 200,
    seed: int = 0,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> MixtureTest:
    """Draw mixtures of held-out cells and recover their ratios.

    Args:
        ratio: class -> share or percent, of any sum; None draws other ratios for each mixture, evenly over all possible
            ones.
        cells: of each mixture.
        mixtures: how many.
        time_h: of all mixtures; None takes the time points in turn.
        method: key of `nscweb.evaluation.ratios.estimates.METHODS`.
        rounds: bootstrap rounds of the intervals.
        seed: of all draws.

    Raises:
        InputRefused: the model has no held-out scores, or too few held-out samples.
        WrongUse: a ratio, a number of cells or of mixtures that makes no sense.
        ModelError: the file of held-out scores is damaged.
        JobCancelled: somebody asked to stop.
    """
    from nscweb.evaluation.ratios.corrected import estimate
    from nscweb.evaluation.scores.conformal import sample_parts

    held = _held(entry)
    _check(held, cells, mixtures)
    wanted = None if ratio is None else _shares(held.classes, ratio)
    there = _times(held)
    if time_h is not None and time_h not in there:
        raise WrongUse(
            f"At {time_h:g} h there are no two held-out samples of every class.",
            f"Possible are {', '.join(f'{hours:g} h' for hours in there) or 'all time points together'}.",
        )
    times: tuple[float | None, ...] = (time_h,) if time_h is not None else there or (None,)
    truth = (
        stream(seed, "shares of mixtures").dirichlet(np.ones(len(held.classes)), mixtures)
        if wanted is None
        else np.tile(wanted, (mixtures, 1))
    )
    hours = [times[index % len(times)] for index in range(mixtures)]
    found = []
    halves = min(_HALVES, mixtures)
    for half in range(halves):
        stop_if_asked(cancel)
        progress(half, halves, "Mixing held-out cells")
        apart = sample_parts(held, 2, seed + half // 2) == half % 2
        rows = np.arange(half, mixtures, halves)
        drawn = _mix(held.take(apart), truth[rows], [hours[row] for row in rows], cells, seed, rows)
        known = held.take(~apart)
        table = estimate(drawn, known, method=method, rounds=rounds, seed=seed + half, together=False).table
        found.append(_compared(table, truth, rows))
    progress(halves, halves, "Mixtures done")
    return _result(pd.concat(found).sort_values("mixture", kind="stable", ignore_index=True), held, mixtures, cells)


def _held(entry: CardEntry) -> HeldOut:
    from nscweb.services.compare.honest_scores import NO_HELD_OUT, held_out_of_model

    held = held_out_of_model(entry)
    if held is None:
        raise InputRefused(NO_HELD_OUT[0], NO_HELD_OUT[1].replace("NAME", entry.card.name), "E-NO-HELD-OUT")
    return held


def _times(held: HeldOut) -> tuple[float, ...]:
    """Time points at which each class has at least two samples, one for each side."""
    size = len(held.classes)
    good = []
    for hours in np.unique(held.times[np.isfinite(held.times)]):
        here = held.times == hours
        pairs = np.unique(np.stack([held.labels[here], held.samples[here]]), axis=1)
        if np.bincount(pairs[0], minlength=size).min() >= 2:
            good.append(float(hours))
    return tuple(good)


def _check(held: HeldOut, cells: int, mixtures: int) -> None:
    pairs = np.unique(np.stack([held.labels, held.samples]), axis=1)
    if np.bincount(pairs[0], minlength=len(held.classes)).min() < 2:
        raise InputRefused(
            "Mixtures need at least two held-out samples of every class: one to learn from and another to mix.",
            "Train the model with more samples of each class.",
            "E-FEW-HELD-OUT",
        )
    if not _LEAST_CELLS <= cells <= _MOST_CELLS:
        raise WrongUse(f"A mixture can have {_LEAST_CELLS} to {_MOST_CELLS:,} cells, not {cells:,}.")
    if not 1 <= mixtures <= _MOST_MIXTURES:
        raise WrongUse(f"1 to {_MOST_MIXTURES} mixtures can be drawn at a time, not {mixtures:,}.")


def _shares(classes: tuple[str, ...], ratio: Mapping[str, float]) -> NDArray[np.float64]:
    unknown = [name for name in ratio if name not in classes]
    if unknown:
        raise WrongUse(f"The model has no class {', '.join(unknown)}.", f"Its classes are {', '.join(classes)}.")
    values = np.asarray([float(ratio.get(name, 0.0)) for name in classes])
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise WrongUse("A ratio needs shares of 0 or more, at least one of them above 0.")
    return np.asarray(values / values.sum())


def _mix(
    held: HeldOut,
    truth: NDArray[np.float64],
    hours: Sequence[float | None],
    cells: int,
    seed: int,
    places: NDArray[np.int64],
) -> CellScores:
    """Mixtures as if they were the samples of a run; the cells of each class are drawn by the true ratio.

    Args:
        places: number of each mixture among all that are asked for: each has its own random stream.
    """
    from nscweb.evaluation.ratios.cell_scores import CellScores

    rows, sample = [], []
    for number, (share, time) in enumerate(zip(truth, hours, strict=True)):
        generator = stream(seed, "mixture", places[number])
        counts = generator.multinomial(cells, share)
        for label, count in enumerate(counts.tolist()):
            rows.append(_cells_of(held, label, time, count, generator))
            sample.append(np.full(count, number))
    chosen = np.concatenate(rows)
    return CellScores(
        scores=held.scores[chosen],
        predicted=held.scores[chosen].argmax(axis=1).astype(np.int64),
        sample=np.concatenate(sample).astype(np.int64),
        flags=np.zeros(len(chosen), np.int64),
        true=held.labels[chosen],
        sample_ids=tuple(f"mixture {number:04d}" for number in range(len(truth))),
        groups=("mixtures",) * len(truth),
        replicates=("",) * len(truth),
        times_h=np.asarray([np.nan if time is None else time for time in hours]),
        classes=held.classes,
    )


def _cells_of(
    held: HeldOut, label: int, time: float | None, count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of `count` cells of a class: from one sample, from more only when it has too few; twice only when all do."""
    there = held.labels == label
    if time is not None:
        there &= held.times == time
    pool = np.flatnonzero(there)
    order = generator.permutation(np.unique(held.samples[pool]))
    rank = np.empty(int(held.samples.max()) + 1, np.int64)
    rank[order] = np.arange(len(order))
    mixed = generator.permutation(pool)
    queue = mixed[np.argsort(rank[held.samples[mixed]], kind="stable")]
    return np.resize(queue, count)


def _compared(table: pd.DataFrame, truth: NDArray[np.float64], rows: NDArray[np.int64]) -> pd.DataFrame:
    number = table["sample_id"].astype(str).str.rpartition(" ")[2].astype(int).to_numpy()
    names = list(dict.fromkeys(table["class"].astype(str)))
    column = table["class"].astype(str).map({name: index for index, name in enumerate(names)}).to_numpy(int)
    compared = pd.DataFrame(
        {
            "mixture": rows[number] + 1,
            "time_h": table["time_h"].to_numpy(float),
            "cells": table["cells"].to_numpy(int),
            "class": table["class"].astype(str).to_numpy(object),
            "true": truth[rows[number], column],
            "recovered": table["ratio"].to_numpy(float),
            "low": table["low"].to_numpy(float),
            "high": table["high"].to_numpy(float),
            "naive": table["naive"].to_numpy(float),
        }
    )
    inside = (compared["low"] <= compared["true"] + 1e-9) & (compared["true"] <= compared["high"] + 1e-9)
    return compared.assign(inside=inside)[list(MIXTURE_COLUMNS)]


def _result(table: pd.DataFrame, held: HeldOut, mixtures: int, cells: int) -> MixtureTest:
    there = np.isfinite(table["recovered"].to_numpy())
    known = table[there]
    refused = mixtures - known["mixture"].nunique()
    error = float((known["recovered"] - known["true"]).abs().mean()) if len(known) else float("nan")
    naive = float((known["naive"] - known["true"]).abs().mean()) if len(known) else float("nan")
    coverage = float(known["inside"].mean()) if len(known) else float("nan")
    kind = "simulated " if held.simulated else ""
    words = f"{mixtures} mixtures of {cells:,} held-out {kind}cells"
    if not len(known):
        sentence = f"None of {words} could be recovered: the model hardly tells its classes apart."
    else:
        sentence = (
            f"In {words}, corrected shares were off by {100 * error:.1f} points on average, counted labels by "
            f"{100 * naive:.1f}; the 95 % interval held the true share in {100 * coverage:.0f} % of {len(known)} cases."
        )
        if refused:
            sentence += f" {refused} of the mixtures could not be recovered and say so."
    return MixtureTest(table, mixtures, refused, error, naive, coverage, held.source, held.simulated, sentence)
