"""Corrected fate ratios of all samples of a run, with 95 % intervals.

The sentences that say how a ratio was counted, or why it could not be, are made here as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import check_choice
from nscweb.core.rules import DEFAULT_METHOD, EM_MOST_OFF, FEWEST_KNOWN, FEWEST_KNOWN_OF_ALL, TAILS, per_cent
from nscweb.evaluation.ratios.calibrated import Honesty
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.estimates import ESTIMATE_COLUMNS, METHODS, ROUNDS, Estimates, KnownPart
from nscweb.evaluation.ratios.rounds import (
    ALL_TIMES,
    Draws,
    Rounds,
    em_rounds,
    honesty_by_stratum,
    linear_rounds,
    strata_of,
)
from nscweb.evaluation.ratios.sample_sums import SampleSums, sample_sums
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.intervals import wilson

Float64 = NDArray[np.float64]


def hours_text(hours: float) -> str:
    """``12 h``, or ``an unknown time``."""
    return "an unknown time" if math.isnan(hours) else f"{hours:g} h"


def joined(names: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""


def flat_sentence(alike: Sequence[str], hours: float) -> str:
    """Why the ratio of a sample is not given; empty when it is."""
    if not alike:
        return ""
    when = "" if math.isnan(hours) else f" at {hours:g} h"
    return (
        f"The ratio cannot be recovered: on held-out cells the model hardly tells {joined(alike)} apart{when}, so "
        "very different cultures would give the same counts. Use a later time point or a better model."
    )


def uncorrected_sentence(held_out: HeldOut | None) -> str:
    """Why labels are counted although a correction was asked for."""
    reason = (
        "this model came without held-out cells"
        if held_out is None
        else "the held-out cells of this model are too few of some of its classes"
    )
    return (
        f"Ratios are counted labels: {reason}, so they cannot be corrected for what the model mixes up, and the "
        "intervals do not contain that error."
    )


def dishonest_sentence(left: float) -> str:
    """Why maximum likelihood is not used although it was asked for, and what is."""
    return (
        "Maximum likelihood (EM) was asked for, but it believes each score, and these scores are not honest enough for "
        f"it: of known mixtures of the held-out cells its ratios are off by up to {100 * left:.0f} points, even after "
        f"calibration ({per_cent(EM_MOST_OFF)} is the limit). Mean scores (PACC) need no honest scores and are used "
        "instead."
    )


def mended_sentence(fault: float) -> str:
    """That scores were calibrated before maximum likelihood."""
    return (
        f"As they are, these scores would put it off by up to {100 * fault:.0f} points on known mixtures of the "
        "held-out cells, so they were calibrated on these cells first."
    )


def correction_sentence(
    held_out: HeldOut | None, method: str, instead: str, elsewhere: Sequence[float], single: bool, least: int
) -> str:
    """One line for the page: which way of counting, from which cells, and what to keep in mind.

    Args:
        held_out: the cells of known class; None when there are none.
        method: key of METHODS that was used.
        instead: why it is not the one asked for; "" when it is.
        elsewhere: times of samples that had to be corrected with held-out cells of all times.
        single: each class and time has one held-out sample only.
        least: held-out cells per class that a time point needs.
    """
    if method == "naive":
        return instead or "Ratios are counted labels, not corrected for what the model mixes up."
    kind = "simulated " if held_out is not None and held_out.simulated else ""
    cells = f"{0 if held_out is None else len(held_out):,} held-out {kind}cells of known class"
    if held_out is not None and held_out.source:
        cells = held_out.source
    how = {
        "pacc": f"by the mean scores of {cells} (PACC)",
        "acc": f"by the confusion matrix of {cells} (ACC)",
        "em": f"by maximum likelihood on calibrated scores (EM); the interval rests on {cells}",
    }[method]
    text = [
        f"Ratios are corrected for what the model mixes up in held-out cells, {how}; they are right as far as the "
        "model mixes up the cells of these samples alike."
    ]
    if instead:
        text.append(instead)
    if elsewhere:
        times = joined([hours_text(hours) for hours in elsewhere])
        text.append(
            f"For samples at {times} there are fewer than {least} held-out cells of each class at that time, so "
            "those of all times were used; their intervals are wider for it."
        )
    if single:
        text.append(
            "Each class and time point was held out with one sample only, so differences between samples are not "
            "in the intervals."
        )
    return " ".join(text)


def estimate(
    cells: CellScores | SampleSums,
    held_out: HeldOut | None,
    method: str = DEFAULT_METHOD,
    rounds: int = ROUNDS,
    seed: int = 0,
    *,
    together: bool = True,
) -> Estimates:
    """Share of each class in each sample, corrected for what the model mixes up.

    Args:
        cells: the cells of a run, or their sums, with bins for ``em``; samples without cells get no rows.
        held_out: cells of known class scored by the same model; None gives counted labels. Where all their scores
            are 0 or 1 they come from a confusion matrix, and the adjusted count takes the place of mean scores.
        method: key of `METHODS`.
        rounds: bootstrap rounds of the 95 % intervals.
        seed: of the draws.
        together: True for real samples; False for mixtures put together from pure samples, whose differences
            partly average out (`rounds.deviation`).

    Returns:
        The table and the shared rounds; ``shared`` may lie a little outside 0..1, so that its spread is right at
        the edges. Held-out cells of the time point of a sample are used where each class has `FEWEST_KNOWN`.

    Raises:
        WrongUse: `method` is not one of `METHODS`.
    """
    check_choice(method, METHODS, "way to count ratios")
    sums = sample_sums(cells, bins=method == "em") if isinstance(cells, CellScores) else cells
    sums = _filled(sums)
    known = None if held_out is None or method == "naive" else matched(held_out, sums.classes)
    if known is None:
        return _naive(sums, method, held_out)
    stratum, strata = strata_of(known, sums.times_h)
    used, instead, honest = _usable(known, method, stratum, strata)
    if used == "em":
        found = em_rounds(sums, known, strata, stratum, rounds, Draws(seed), honest=honest, together=together)
    else:
        labels = used == "acc"
        found = linear_rounds(sums, known, strata, stratum, rounds, Draws(seed), by_labels=labels, together=together)
    # NaN is not equal to itself, so a set would hold it once for each sample.
    elsewhere = np.unique(sums.times_h[stratum == ALL_TIMES]).tolist()
    single = bool(len(known)) and len(np.unique(known.samples)) <= len(np.unique(strata)) * len(sums.classes)
    sentence = correction_sentence(known, used, instead, elsewhere, single, FEWEST_KNOWN)
    here = set(stratum.tolist())
    mended = [judged for key, judged in honest.items() if key in here and judged.calibration is not None]
    if used == "em" and mended:
        sentence = f"{sentence} {mended_sentence(max(judged.fault for judged in mended))}"
    table, part = _table(sums, found, used), _known_part(found)
    return Estimates(table, found.shared, used, sentence, tuple(elsewhere), instead, part)


def _usable(
    known: HeldOut, method: str, stratum: NDArray[np.int64], strata: NDArray[np.int64]
) -> tuple[str, str, dict[int, Honesty]]:
    """The way of counting that these held-out cells allow, why it is not the one asked for, and how honest scores are.

    One way for all samples, so that they can be compared; and by all times of the held-out cells, so that a filter by
    time changes no number.
    """
    if bool(np.isin(known.scores, (0.0, 1.0)).all()):
        instead = "" if method == "acc" else "Only the confusion matrix of this model is known, not its scores."
        return "acc", instead, {}
    if method != "em":
        return method, "", {}
    honest = honesty_by_stratum(known, strata, np.unique(np.concatenate((strata, stratum))))
    if all(judged.usable for judged in honest.values()):
        return "em", "", honest
    return "pacc", dishonest_sentence(max(judged.left for judged in honest.values())), honest


def honest_at(held_out: HeldOut, times_h: Float64) -> list[tuple[float | None, Honesty]]:
    """How honest scores are at each time of the held-out cells, hours; None for the cells of all times together.

    Args:
        times_h: (S,) hours of samples, NaN where not known; decides whether cells of all times are asked about.

    Returns:
        [] where a class has too few held-out cells, or where only a confusion matrix is known.
    """
    known = matched(held_out, held_out.classes)
    if known is None or bool(np.isin(known.scores, (0.0, 1.0)).all()):
        return []
    stratum, strata = strata_of(known, times_h)
    found = honesty_by_stratum(known, strata, np.unique(np.concatenate((strata, stratum))))
    return [(None if key == ALL_TIMES else float(known.times[strata == key][0]), item) for key, item in found.items()]


def why_not_em(held_out: HeldOut, times_h: Float64) -> str:
    """Why maximum likelihood may not be used for samples of these times, hours; "" where it may."""
    found = honest_at(held_out, times_h)
    return "" if all(item.usable for _, item in found) else dishonest_sentence(max(item.left for _, item in found))


def matched(held_out: HeldOut, classes: tuple[str, ...]) -> HeldOut | None:
    """Held-out cells with their classes in the order of `classes`; None where a class has too few cells."""
    if set(held_out.classes) != set(classes):
        return None
    order = np.array([held_out.classes.index(name) for name in classes])
    labels = np.argsort(order)[held_out.labels]
    if np.bincount(labels, minlength=len(classes)).min() < FEWEST_KNOWN_OF_ALL:
        return None
    usable = np.flatnonzero(np.isfinite(held_out.scores).all(axis=1))
    return replace(held_out, scores=held_out.scores[:, order], labels=labels, classes=tuple(classes)).take(usable)


def _filled(sums: SampleSums) -> SampleSums:
    """Without samples that have no usable cells."""
    there = np.flatnonzero(sums.usable.sum(axis=1))
    return sums if len(there) == len(sums) else sums.take(there)


def _naive(sums: SampleSums, method: str, held_out: HeldOut | None) -> Estimates:
    size, number = len(sums.classes), len(sums)
    empty = np.zeros((0, number, size), np.float32)
    table = _table(sums, None, "naive")
    instead = "" if method == "naive" else uncorrected_sentence(held_out)
    sentence = correction_sentence(held_out, "naive", instead, [], False, 0)
    return Estimates(table, empty, "naive", sentence, instead=instead)


def _table(sums: SampleSums, found: Rounds | None, method: str) -> pd.DataFrame:
    size, number = len(sums.classes), len(sums)
    counted, total = sums.usable[:, 1:], sums.usable.sum(axis=1)
    low, high = wilson(counted.ravel(), total.repeat(size))
    rows = np.arange(number).repeat(size)
    naive = counted.ravel() / np.maximum(total, 1).repeat(size)
    table = pd.DataFrame(
        {
            "sample_id": np.asarray(sums.sample_ids, object)[rows],
            "group": np.asarray(sums.groups, object)[rows],
            "time_h": np.asarray(sums.times_h, np.float64)[rows],
            "replicate": np.asarray(sums.replicates, object)[rows],
            "cells": total[rows],
            "class": np.tile(np.asarray(sums.classes, object), number),
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
    why = [flat_sentence(item.alike, hours) for item, hours in zip(found.flat, sums.times_h, strict=True)]
    table = table.assign(
        ratio=ratio.ravel(),
        low=below.ravel(),
        high=above.ravel(),
        method=method,
        recovered=~flat[rows],
        why=np.asarray(why, object)[rows],
    )
    return table[list(ESTIMATE_COLUMNS)]


def _known_part(found: Rounds) -> KnownPart:
    low, high = _free(found)
    return KnownPart(low, high, found.due, found.known)


def _free(found: Rounds) -> tuple[Float64, Float64]:
    """95 % interval from free rounds, not cut."""
    if not len(found.all):
        return found.ratio, found.ratio
    low, high = np.quantile(found.all, TAILS, axis=0)
    return low, high


def _percentiles(found: Rounds) -> tuple[Float64, Float64]:
    """95 % interval from free rounds, cut at 0 and 1, and never without the estimate itself."""
    low, high = _free(found)
    return np.minimum(np.clip(low, 0, 1), found.ratio), np.maximum(np.clip(high, 0, 1), found.ratio)
