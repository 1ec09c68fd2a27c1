"""Corrected ratios by mean scores (PACC) or mean labels (ACC), and their bootstrap rounds, for all samples at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.cell_scores import CellScores
from nscweb.evaluation.held_out import HeldOut
from nscweb.evaluation.quantification import Flatness, adjusted_shares, flatness, free_shares, one_hot
from nscweb.evaluation.ratio_bootstrap import Known, known_of, sums, units_of
from nscweb.evaluation.ratio_draws import Draws, deviation, draw_means, draw_samples, smoothed, widening

Float64 = NDArray[np.float64]

# Held-out cells that each class must have at a time point, or else those of all time points are used.
LEAST_CELLS = 50
ALL_TIMES = -1


@dataclass(frozen=True, eq=False)
class Rounds:
    """Corrected ratios of S samples, and of B bootstrap rounds.

    Attributes:
        ratio: (S, K) on the simplex; NaN where it cannot be recovered.
        all, shared: (B, S, K) everything drawn again, and only the held-out cells; not cut at 0 and 1.
        flat: one judgement per sample.
    """

    ratio: Float64
    all: NDArray[np.float32]
    shared: NDArray[np.float32]
    flat: list[Flatness]


def empty_rounds(samples: int, classes: int, rounds: int) -> Rounds:
    """Rounds to be filled in."""
    every = np.full((rounds, samples, classes), np.nan, np.float32)
    return Rounds(np.full((samples, classes), np.nan), every, every.copy(), [Flatness(False, 1.0)] * samples)


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
    if (wanted == ALL_TIMES).any():
        units = units_of(features, held_out.labels, held_out.samples, held_out.times)
        result.update(known_of(units, np.full(len(units.label), ALL_TIMES), classes))
    if (wanted != ALL_TIMES).any():
        rows = np.flatnonzero(strata != ALL_TIMES)
        times = strata[rows].astype(np.float64)
        units = units_of(features[rows], held_out.labels[rows], held_out.samples[rows], times)
        result.update(known_of(units, units.time.astype(np.int64), classes))
    return result


def linear_rounds(
    cells: CellScores,
    held_out: HeldOut,
    strata: NDArray[np.int64],
    stratum: NDArray[np.int64],
    rounds: int,
    draws: Draws,
    *,
    by_labels: bool = False,
    together: bool = True,
) -> Rounds:
    """Adjusted shares of each sample with their rounds.

    Args:
        cells: of the run; every sample has cells.
        held_out: with the classes in the same order.
        strata, stratum: of held-out cells and of samples, from `strata_of`.
        rounds: B.
        draws: where random numbers come from.
        by_labels: mean labels (ACC) instead of mean scores (PACC).
        together: see `ratio_draws.deviation`.
    """
    size, number = len(cells.classes), len(cells.sample_ids)
    features, seen = held_out.scores, cells.scores
    if by_labels:
        features, seen = one_hot(held_out.scores.argmax(axis=1), size), one_hot(cells.predicted, size)
    count, mean, scatter = sums(seen, cells.sample, number)
    result = empty_rounds(number, size, rounds)
    # One factor for each pool of samples, because all strata of a pool share its estimate of how samples differ.
    factors: dict[int, Float64] = {}
    for key, known in known_by_stratum(features, held_out, strata, np.unique(stratum)).items():
        rows = np.flatnonzero(stratum == key)
        if known.degrees not in factors:
            factors[known.degrees] = widening(draws.of(f"pool {known.degrees}"), rounds, known.degrees)
        wide = factors[known.degrees]
        drawn = draw_means(known, wide, draws.of(f"stratum {key}"))
        judged = flatness(known.mean, drawn, cells.classes)
        for row in rows:
            result.flat[row] = judged
        if judged.flat or not len(rows):
            continue
        share = adjusted_shares(known.mean, mean[rows])
        centre, error = smoothed(count[rows], mean[rows], scatter[rows], known)
        between = deviation(known, share, together)
        result.ratio[rows] = share
        own = draws.of_samples([cells.sample_ids[row] for row in rows])
        result.all[:, rows] = free_shares(drawn[:, None], draw_samples(centre, error, between, wide, own))
        result.shared[:, rows] = free_shares(drawn[:, None], mean[rows][None])
    return result
