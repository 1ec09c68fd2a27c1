"""Bootstrap rounds of corrected ratios, for all samples at once: by mean scores (PACC), mean labels (ACC), or EM.

What is drawn, and why in three ways, is said in `evaluation.ratios.held_out_rounds` under (a), (b) and (c).

Maximum likelihood (EM) works on binned scores. At its solution it says of every cell how likely it is of each class,
and the mean of these over the sample is the ratio itself. So the ratio is also what mean scores would give, were those
posteriors the scores: its rounds are those of `linear_rounds` with the posteriors as features. EM believes the
calibration of the scores; the held-out cells show how far their posteriors are from that, and the interval reaches from
there to the estimate. Where scores are too far from honest they are calibrated first (`evaluation.ratios.calibrated`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import FEWEST_KNOWN, TAILS
from nscweb.core.streams import stream
from nscweb.evaluation.ratios.calibrated import Honesty, honesty
from nscweb.evaluation.ratios.held_out_rounds import Known, Units, known_of, moments, root_of, units_of
from nscweb.evaluation.ratios.quantification import Flatness, adjusted_shares, em_shares, flatness, free_shares, one_hot
from nscweb.evaluation.ratios.sample_sums import SampleSums, ScoreBins, bin_codes
from nscweb.evaluation.scores.held_out import HeldOut

# A few cells of no particular class are added to each sample when its spread is drawn, as Agresti and Coull do
# (Am. Stat. 52, 119 (1998)): three cells that all look alike do not prove that no other is there.
PSEUDO_CELLS = 4.0
Float64 = NDArray[np.float64]
ALL_TIMES = -1
# Half the width of a 95 % interval of a normal distribution, in standard deviations.
NORMAL = 1.959964
# No class is ruled out when posteriors are made, or a class without cells could not get any in a round.
_FLOOR = 0.05


@dataclass(frozen=True)
class Draws:
    """Random draws that belong to a sample or a time point, not to the order in which they are asked for.

    So the interval of a sample stays what it is when a filter takes other samples away.
    """

    seed: int

    def of(self, what: str) -> np.random.Generator:
        """A new generator for `what`; the same one for the same words."""
        return stream(self.seed, what)

    def of_samples(self, names: Sequence[str]) -> list[np.random.Generator]:
        return [self.of(f"sample {name}") for name in names]


def widening(rng: np.random.Generator, rounds: int, degrees: int) -> Float64:
    """(B,) factors that turn normal draws into draws of Student's t with so many degrees of freedom."""
    if degrees < 1:
        return np.zeros(rounds)
    return np.sqrt(degrees / rng.chisquare(degrees, rounds))


def draw_means(known: Known, wide: Float64, rng: np.random.Generator) -> Float64:
    """(B, K, F) the mean of each class with its held-out samples and cells drawn again: (a)."""
    shape = (len(wide), *known.mean.shape)
    cells = np.einsum("bkf,kfg->bkg", rng.standard_normal(shape), root_of(known.error_cells))
    moved = rng.standard_normal((shape[0], 1 if known.common else shape[1], shape[2]))
    between = np.einsum("bkf,kfg->bkg", np.broadcast_to(moved, shape), root_of(known.error_between))
    result: Float64 = known.mean + cells + wide[:, None, None] * between
    return result


def deviation(known: Known, share: Float64, together: bool) -> Float64:
    """(S, F, F) covariance of the deviation of samples with `share` (S, K) of each class: for (b).

    Args:
        together: the cells of a sample were recorded together, so all classes deviate alike; otherwise each class
            comes from a recording of its own, and deviations partly average out.
    """
    result: Float64 = np.einsum("sk,kfg->sfg", share if together else share**2, known.between)
    return result


def smoothed(count: Float64, mean: Float64, scatter: Float64, known: Known) -> tuple[Float64, Float64]:
    """Mean (S, F) and covariance of that mean (S, F, F) of samples with `PSEUDO_CELLS` added: for (c)."""
    middle = known.mean.mean(axis=0)
    apart = known.mean - middle
    spread = (known.within + apart[:, :, None] * apart[:, None, :]).mean(axis=0)
    total = count + PSEUDO_CELLS
    centre = (count[:, None] * mean + PSEUDO_CELLS * middle) / total[:, None]
    own, added = mean - centre, middle - centre
    whole = scatter + count[:, None, None] * own[:, :, None] * own[:, None, :]
    whole = whole + PSEUDO_CELLS * (spread + added[:, :, None] * added[:, None, :])
    return centre, whole / (total**2)[:, None, None]


def draw_samples(
    centre: Float64, error: Float64, between: Float64, wide: Float64, rngs: Sequence[np.random.Generator]
) -> Float64:
    """(B, S, F) mean features of samples with their cells drawn again (c), and their own deviation added (b).

    Args:
        centre, error: from `smoothed`.
        between: (S, F, F) covariance of the deviation of each sample.
        wide: (B,) from `widening`.
        rngs: S, one for each sample.
    """
    normal = np.stack([rng.standard_normal((2, len(wide), centre.shape[1])) for rng in rngs], axis=2)
    cells = np.einsum("bsf,sfg->bsg", normal[0], root_of(error))
    own = np.einsum("bsf,sfg->bsg", normal[1], root_of(between))
    result: Float64 = centre + cells + wide[:, None, None] * own
    return result


@dataclass(frozen=True, eq=False)
class Rounds:
    """Corrected ratios of S samples, and of B bootstrap rounds.

    Attributes:
        ratio: (S, K) on the simplex; NaN where it cannot be recovered.
        all, shared: (B, S, K) everything drawn again, and only the held-out cells; not cut at 0 and 1.
        flat: one judgement per sample.
        due: (S, K, K) variance of the share of each class (second axis) that is there because only so many cells of
            each class (third axis) were held out.
        known: (S, K) held-out cells of each class that speak for the sample.
    """

    ratio: Float64
    all: NDArray[np.float32]
    shared: NDArray[np.float32]
    flat: list[Flatness]
    due: Float64
    known: NDArray[np.int64]


def empty_rounds(samples: int, classes: int, rounds: int) -> Rounds:
    """Rounds to be filled in."""
    every = np.full((rounds, samples, classes), np.nan, np.float32)
    return Rounds(
        np.full((samples, classes), np.nan),
        every,
        every.copy(),
        [Flatness(False, 1.0)] * samples,
        np.full((samples, classes, classes), np.nan),
        np.zeros((samples, classes), np.int64),
    )


def strata_of(held_out: HeldOut, times_h: Float64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which held-out cells speak for which sample.

    Returns:
        (S,) stratum of each sample and (N,) stratum of each held-out cell: the number of its time point, or
        `ALL_TIMES` where a class has fewer than `FEWEST_KNOWN` held-out cells there.
    """
    classes = len(held_out.classes)
    sample = np.full(len(times_h), ALL_TIMES, np.int64)
    cell = np.full(len(held_out), ALL_TIMES, np.int64)
    for number, hours in enumerate(np.unique(held_out.times[~np.isnan(held_out.times)])):
        here = np.abs(held_out.times - hours) < 1e-6
        if np.bincount(held_out.labels[here], minlength=classes).min() >= FEWEST_KNOWN:
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
    sums: SampleSums,
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
        sums: of the run; every sample has usable cells.
        held_out: with the classes in the same order.
        strata, stratum: of held-out cells and of samples, from `strata_of`.
        rounds: B.
        draws: where random numbers come from.
        by_labels: mean labels (ACC) instead of mean scores (PACC).
        together: see `rounds.deviation`.
    """
    size, number = len(sums.classes), len(sums)
    count = sums.usable.sum(axis=1).astype(np.float64)
    features, total, outer = held_out.scores, sums.total, sums.outer
    if by_labels:
        # Labels are 0 or 1: the sum of their products is that of the labels, and 0 for two classes.
        features, total = one_hot(held_out.scores.argmax(axis=1), size), sums.usable[:, 1:].astype(np.float64)
        outer = total[:, :, None] * np.eye(size)
    mean, scatter = moments(count, total, outer)
    result = empty_rounds(number, size, rounds)
    # One factor for each pool of samples, because all strata of a pool share its estimate of how samples differ.
    factors: dict[int, Float64] = {}
    for key, known in known_by_stratum(features, held_out, strata, np.unique(stratum)).items():
        rows = np.flatnonzero(stratum == key)
        if known.degrees not in factors:
            factors[known.degrees] = widening(draws.of(f"pool {known.degrees}"), rounds, known.degrees)
        wide = factors[known.degrees]
        drawn = draw_means(known, wide, draws.of(f"stratum {key}"))
        judged = flatness(known.mean, drawn, sums.classes)
        for row in rows:
            result.flat[row] = judged
        if judged.flat or not len(rows):
            continue
        share = adjusted_shares(known.mean, mean[rows])
        own = draws.of_samples([sums.sample_ids[row] for row in rows])
        spread = (count[rows], mean[rows], scatter[rows])
        result.ratio[rows] = share
        every, shared = _drawn_shares(known, share, spread, drawn, wide, own, together)
        result.all[:, rows], result.shared[:, rows] = every, shared
        result.due[rows], result.known[rows] = due_to_cells(known, share, shared), cells_of(held_out, strata, key)
    return result


def _drawn_shares(
    known: Known,
    share: Float64,
    spread: tuple[Float64, Float64, Float64],
    drawn: Float64,
    wide: Float64,
    own: list[np.random.Generator],
    together: bool,
) -> tuple[Float64, Float64]:
    """(B, n, K) shares of samples with all that is uncertain, and with what all samples share.

    Args:
        share: (n, K) estimates.
        spread: number of cells, mean and scatter of their features, of each sample.
        drawn, wide: of `draw_means` and `widening`.
        own: a source of random numbers for each sample.
    """
    centre, error = smoothed(*spread, known)
    seen = draw_samples(centre, error, deviation(known, share, together), wide, own)
    return free_shares(drawn[:, None], seen), free_shares(drawn[:, None], spread[1][None])


def due_to_cells(known: Known, share: Float64, shared: Float64) -> Float64:
    """(n, K, K) part of the variance of shares (n, K) that the finite number of held-out cells of each class makes.

    Shares solve share @ mean = what was seen, so to first order they move by -share[j] * (move of mean[j]) @ inverse.
    That says which part of the spread of `shared` (B, n, K) is due to cells of a class, and which to few samples; how
    large the spread is comes from the rounds, which know more than the first order.
    """
    if not len(shared):
        return np.zeros((*share.shape, share.shape[1]))
    turned = np.linalg.pinv(known.mean)
    by_cells = np.einsum("fk,jfg,gk->kj", turned, known.error_cells, turned)[None] * (share**2)[:, None, :]
    roots = np.einsum("nj,jfg->njfg", share, root_of(known.error_between))
    roots = roots.sum(axis=1, keepdims=True) if known.common else roots
    by_samples = (np.einsum("njfg,fk->njgk", roots, turned) ** 2).sum(axis=(1, 2))
    whole = np.maximum(by_cells.sum(axis=2) + by_samples, 1e-300)
    low, high = np.quantile(shared, TAILS, axis=0)
    # Half an interval is 1.96 standard deviations.
    result: Float64 = by_cells / whole[:, :, None] * (((high - low) / (2 * NORMAL)) ** 2)[:, :, None]
    return result


def cells_of(held_out: HeldOut, strata: NDArray[np.int64], key: int) -> NDArray[np.int64]:
    """(K,) held-out cells of each class in a stratum."""
    labels = held_out.labels if key == ALL_TIMES else held_out.labels[strata == key]
    return np.bincount(labels, minlength=len(held_out.classes))


def binned(scores: NDArray[np.float32], bins: ScoreBins) -> tuple[NDArray[np.int64], NDArray[np.int64], Float64]:
    """Held-out cells and samples in common bins.

    Args:
        scores: (N, K) of held-out cells.
        bins: of samples.

    Returns:
        Number of the bin of each held-out cell (N,) and of each line of `bins` (M,), and the mean scores (U, K) of
        each bin.
    """
    _, number = np.unique(np.concatenate((bin_codes(scores), bins.code)), return_inverse=True)
    of_held, of_bins = np.split(number.reshape(-1), [len(scores)])
    width = int(number.max()) + 1
    count = np.bincount(of_held, minlength=width) + np.bincount(of_bins, bins.count, width)
    sums = [
        np.bincount(of_held, own, width) + np.bincount(of_bins, theirs, width)
        for own, theirs in zip(scores.T, bins.total.T, strict=True)
    ]
    return of_held, of_bins, np.stack(sums, axis=1) / count[:, None]


def honesty_by_stratum(held_out: HeldOut, strata: NDArray[np.int64], wanted: NDArray[np.int64]) -> dict[int, Honesty]:
    """Whether EM may take the scores as they are, for each stratum in `wanted`; held-out cells alone decide."""
    size = len(held_out.classes)
    result: dict[int, Honesty] = {}
    for key in wanted.tolist():
        rows = np.arange(len(held_out)) if key == ALL_TIMES else np.flatnonzero(strata == key)
        scores, labels = held_out.scores[rows], held_out.labels[rows]
        number = np.unique(bin_codes(scores), return_inverse=True)[1].reshape(-1)
        width = int(number.max()) + 1
        cells = np.bincount(labels * width + number, minlength=size * width).astype(np.float64).reshape(size, width)
        total = np.stack([np.bincount(number, column, width) for column in scores.T], axis=1)
        result[key] = honesty(total / cells.sum(axis=0)[:, None], cells)
    return result


def em_rounds(
    sums: SampleSums,
    held_out: HeldOut,
    strata: NDArray[np.int64],
    stratum: NDArray[np.int64],
    rounds: int,
    draws: Draws,
    *,
    honest: Mapping[int, Honesty] | None = None,
    together: bool = True,
) -> Rounds:
    """Most likely shares of each sample with their rounds; other arguments as in `linear_rounds`.

    Args:
        honest: from `honesty_by_stratum`; None takes all scores as they are. They are taken to be calibrated for equal
            shares of the classes, as they are when held-out cells are.
    """
    if sums.bins is None:
        raise ValueError("maximum likelihood needs the bins of the samples")
    size, number = len(sums.classes), len(sums)
    of_held, of_bins, scores = binned(held_out.scores, sums.bins)
    width = len(scores)
    seen = np.zeros((number, width), np.int64)
    seen[sums.bins.sample, of_bins] = sums.bins.count
    result = empty_rounds(number, size, rounds)
    for key, known in known_by_stratum(held_out.scores, held_out, strata, np.unique(stratum)).items():
        rows = np.flatnonzero(stratum == key)
        wide = widening(draws.of(f"pool {key}"), rounds, known.degrees)
        judged = flatness(known.mean, draw_means(known, wide, draws.of(f"stratum {key}")), sums.classes)
        for row in rows.tolist():
            result.flat[row] = judged
        if judged.flat or not len(rows):
            continue
        better = None if honest is None else honest[key].calibration
        centres = scores if better is None else better.of(scores)
        result.ratio[rows] = em_shares(centres, weights=seen[rows].astype(np.float64))
        taken = np.ones(len(held_out), bool) if key == ALL_TIMES else strata != ALL_TIMES
        units = _binned_units(held_out, strata, key, np.flatnonzero(taken), of_held, width)
        for row in rows.tolist():
            # The same draws for every sample of a time point: the held-out cells are the same for all.
            share = result.ratio[row]
            posterior = centres * ((1 - _FLOOR) * share + _FLOOR / size)
            posterior /= posterior.sum(axis=1, keepdims=True)
            known = _known(units, posterior)[key]
            drawn = draw_means(known, wide, draws.of(f"stratum {key}"))
            spread = _moments(seen[row][None].astype(np.float64), posterior)
            own = draws.of_samples([sums.sample_ids[row]])
            found = _drawn_shares(known, share[None], spread, drawn, wide, own, together)
            result.all[:, row], result.shared[:, row] = (shares[:, 0] for shares in found)
            result.due[row] = due_to_cells(known, share[None], found[1])[0]
            result.known[row] = cells_of(held_out, strata, key)
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
    """Number, mean and scatter of `features` (bins, F) for each line of `table` (U, bins)."""
    count = table.sum(axis=1)
    mean = table @ features / np.maximum(count, 1)[:, None]
    size = features.shape[1]
    products = (features[:, :, None] * features[:, None, :]).reshape(len(features), -1)
    square = (table @ products).reshape(-1, size, size)
    return count, mean, square - count[:, None, None] * mean[:, :, None] * mean[:, None, :]
