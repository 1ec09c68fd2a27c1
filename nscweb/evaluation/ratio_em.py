"""Ratios by maximum likelihood (EM) for all samples, and their bootstrap rounds, on binned scores.

At its solution EM says of every cell how likely it is of each class, and the mean of these over the sample is the
ratio itself. So the ratio is also what mean scores would give, were those posteriors the scores: the rounds are
those of `ratio_rounds` with the posteriors as features. EM believes the calibration of the scores; the held-out
cells show how far their posteriors are from that, and the interval reaches from there to the estimate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.cell_scores import CellScores
from nscweb.evaluation.held_out import HeldOut
from nscweb.evaluation.quantification import em_shares, flatness, free_shares
from nscweb.evaluation.ratio_bootstrap import Known, Units, known_of
from nscweb.evaluation.ratio_draws import Draws, deviation, draw_means, draw_samples, smoothed, widening
from nscweb.evaluation.ratio_rounds import ALL_TIMES, Rounds, empty_rounds, known_by_stratum

Float64 = NDArray[np.float64]

# No class is ruled out when posteriors are made, or a class without cells could not get any in a round.
_FLOOR = 0.05


def binned(parts: list[NDArray[np.float32]]) -> tuple[list[NDArray[np.int64]], Float64]:
    """Number of the bin of each row of each part, and the mean scores (U, K) of each bin.

    Bins are cubes in the square roots of the scores, which tell 0.001 from 0.01 where 1 from 0.991 need not be told.
    All classes count alike, whatever their order. With three classes shares move by about 0.001 (0.003 at most with
    45 cells).
    """
    scores = np.concatenate(parts)
    size = scores.shape[1]
    levels = {1: 1, 2: 100, 3: 30, 4: 12}.get(size, 6)
    code = np.zeros(len(scores), np.int64)
    for column in range(size):
        code = code * (levels + 1) + np.rint(np.sqrt(scores[:, column]) * levels).astype(np.int64)
    _, number = np.unique(code, return_inverse=True)
    number = number.reshape(-1)
    count = np.bincount(number)
    centre = np.stack([np.bincount(number, scores[:, column]) for column in range(size)], axis=1) / count[:, None]
    return np.split(number, np.cumsum([len(part) for part in parts])[:-1]), centre


def em_rounds(
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
    """Most likely shares of each sample with their rounds; arguments as in `ratio_rounds.linear_rounds`.

    Scores are taken to be calibrated for equal shares of the classes, as they are when held-out cells are.
    """
    size, number = len(cells.classes), len(cells.sample_ids)
    (of_held, of_cells), centres = binned([held_out.scores, cells.scores])
    width = len(centres)
    seen = np.bincount(cells.sample * width + of_cells, minlength=number * width).reshape(number, width)
    ratio = em_shares(centres, weights=seen.astype(np.float64))
    result = empty_rounds(number, size, rounds)
    for key, known in known_by_stratum(held_out.scores, held_out, strata, np.unique(stratum)).items():
        rows = np.flatnonzero(stratum == key)
        wide = widening(draws.of(f"pool {key}"), rounds, known.degrees)
        judged = flatness(known.mean, draw_means(known, wide, draws.of(f"stratum {key}")), cells.classes)
        for row in rows.tolist():
            result.flat[row] = judged
        if judged.flat or not len(rows):
            continue
        taken = np.ones(len(held_out), bool) if key == ALL_TIMES else strata != ALL_TIMES
        units = _binned_units(held_out, strata, key, np.flatnonzero(taken), of_held, width)
        for row in rows.tolist():
            # The same draws for every sample of a time point: the held-out cells are the same for all.
            posterior = centres * ((1 - _FLOOR) * ratio[row] + _FLOOR / size)
            posterior /= posterior.sum(axis=1, keepdims=True)
            known = _known(units, posterior)[key]
            drawn = draw_means(known, wide, draws.of(f"stratum {key}"))
            count, mean, scatter = _moments(seen[row][None].astype(np.float64), posterior)
            centre, error = smoothed(count, mean, scatter, known)
            between = deviation(known, ratio[row][None], together)
            own = draws.of_samples([cells.sample_ids[row]])
            result.ratio[row] = ratio[row]
            result.all[:, row] = free_shares(drawn, draw_samples(centre, error, between, wide, own)[:, 0])
            result.shared[:, row] = free_shares(drawn, mean[0])
    return result


def _binned_units(
    held_out: HeldOut,
    strata: NDArray[np.int64],
    key: int,
    rows: NDArray[np.int64],
    of_held: NDArray[np.int64],
    width: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Float64]:
    """Class, sample and stratum of each pair of class and sample (U,), and its cells by bin (U, bins)."""
    size = len(held_out.classes)
    pairs, first, code = np.unique(
        held_out.samples[rows] * size + held_out.labels[rows], return_index=True, return_inverse=True
    )
    table = np.bincount(code.reshape(-1) * width + of_held[rows], minlength=len(pairs) * width)
    where = np.full(len(pairs), ALL_TIMES) if key == ALL_TIMES else strata[rows][first]
    return pairs % size, pairs // size, where, table.reshape(len(pairs), width).astype(np.float64)


def _known(
    units: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Float64], posterior: Float64
) -> dict[int, Known]:
    """What held-out cells say, with posteriors (bins, K) as features."""
    label, sample, where, table = units
    nowhen = np.full(len(label), np.nan)
    count, mean, scatter = _moments(table, posterior)
    return known_of(Units(label, sample, count, nowhen, mean, scatter), where, posterior.shape[1])


def _moments(table: Float64, features: Float64) -> tuple[Float64, Float64, Float64]:
    """Number, mean and scatter of `features` (bins, F) for each line of `table` (U, bins); see `sums`."""
    count = table.sum(axis=1)
    mean = table @ features / np.maximum(count, 1)[:, None]
    size = features.shape[1]
    products = (features[:, :, None] * features[:, None, :]).reshape(len(features), -1)
    square = (table @ products).reshape(-1, size, size)
    return count, mean, square - count[:, None, None] * mean[:, :, None] * mean[:, None, :]
