"""Sums over the cells of each sample: all that ratios, their intervals and the spread of scores need of the cells.

A run has a hundred samples and half a million cells. Counts, the sum of the scores and of their products give every
corrected ratio with its interval; bins of alike scores give those by maximum likelihood. So whoever narrows a run to
groups, times or replicates chooses samples, and no cell is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.flags import FLAGS, flag, in_order
from nscweb.evaluation.ratios.cell_filters import NO_RESULT, FilterCounts, confidence_reason, flag_reason
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.held_out_rounds import totals

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

# Bins of equal width of one score, for its spread.
SPREAD_BINS = 20


@dataclass(frozen=True, eq=False)
class ScoreBins:
    """The counted cells of each sample, put together where all their scores are alike; M lines, sorted by sample.

    Attributes:
        sample: (M,) index of the sample.
        code: (M,) which cube of scores, from `bin_codes`; each once in a sample.
        count: (M,) cells.
        total: (M, K) sum of their scores.
    """

    sample: Int64
    code: Int64
    count: Int64
    total: Float64


@dataclass(frozen=True, eq=False)
class SampleSums:
    """Sums over the cells of S samples. Cells count that no flag of `excluded` and no filter leaves out.

    Attributes:
        sample_ids, groups, replicates: (S,) text; "" where not known.
        times_h: (S,) hours, NaN where not known.
        classes: K names in order.
        cells: (S,) cells of the sample, counted or not.
        flagged: (S, F) cells with each of `core.flags.FLAGS`, counted or not.
        dropped: (S, E + 1) cells left out for each flag of `excluded`, then for their confidence; a cell counts for
            its first reason.
        labels: (S, K + 1) counted cells by predicted class, those predicted as none of the classes first.
        usable: (S, K + 1) the same without cells whose scores are not numbers; the fields below are of these.
        total: (S, K) sum of the scores.
        outer: (S, K, K) sum of the outer products of the scores.
        spread: (S, K, SPREAD_BINS) cells by the bin of each score.
        excluded: names of the flags whose cells do not count, in the order in which they are asked.
        bins: for `rounds.em_rounds`; None where they were not asked for.
    """

    sample_ids: tuple[str, ...]
    groups: tuple[str, ...]
    replicates: tuple[str, ...]
    times_h: Float64
    classes: tuple[str, ...]
    cells: Int64
    flagged: Int64
    dropped: Int64
    labels: Int64
    usable: Int64
    total: Float64
    outer: Float64
    spread: Int64
    excluded: tuple[str, ...]
    bins: ScoreBins | None = None

    def __len__(self) -> int:
        return len(self.sample_ids)

    def take(self, rows: Int64) -> SampleSums:
        """Some samples, in the order of `rows` (indices, each once)."""
        return SampleSums(
            sample_ids=tuple(self.sample_ids[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            replicates=tuple(self.replicates[row] for row in rows),
            times_h=self.times_h[rows],
            classes=self.classes,
            cells=self.cells[rows],
            flagged=self.flagged[rows],
            dropped=self.dropped[rows],
            labels=self.labels[rows],
            usable=self.usable[rows],
            total=self.total[rows],
            outer=self.outer[rows],
            spread=self.spread[rows],
            excluded=self.excluded,
            bins=None if self.bins is None else _bins_of(self.bins, rows, len(self)),
        )


def _bins_of(bins: ScoreBins, rows: Int64, samples: int) -> ScoreBins:
    place = np.full(samples, -1, np.int64)
    place[rows] = np.arange(len(rows))
    sample = place[bins.sample]
    there = np.flatnonzero(sample >= 0)
    order = there[np.argsort(sample[there], kind="stable")]
    return ScoreBins(sample[order], bins.code[order], bins.count[order], bins.total[order])


def sample_sums(
    cells: CellScores, exclude_flags: Sequence[str] = (), min_confidence: float = 0.0, *, bins: bool = False
) -> SampleSums:
    """The sums of the cells of a run; samples as in `cells`, also those without counted cells.

    Args:
        exclude_flags: cells with one of these quality flags do not count.
        min_confidence: nor do cells whose highest score is lower, 0..1.
        bins: make the bins of `ScoreBins` as well.
    """
    number, size = len(cells.sample_ids), len(cells.classes)
    exclude_flags = in_order(exclude_flags)
    left = np.ones(len(cells), bool)
    dropped = np.zeros((number, len(exclude_flags) + 1), np.int64)
    for place, name in enumerate(exclude_flags):
        _drop(left, (cells.flags & flag(name).bit) > 0, cells.sample, dropped[:, place])
    if min_confidence > 0:
        # As the table compares them: a float32 confidence against a double.
        low = cells.scores.max(axis=1, initial=0.0).astype(np.float64) < min_confidence
        _drop(left, low, cells.sample, dropped[:, -1])
    flagged = [np.bincount(cells.sample[(cells.flags & item.bit) > 0], minlength=number) for item in FLAGS]
    counted = cells if bool(left.all()) else cells.take(np.flatnonzero(left))
    labels = _labels(counted)
    finite = np.isfinite(counted.scores).all(axis=1)
    usable = counted if bool(finite.all()) else counted.take(np.flatnonzero(finite))
    _, total, outer = totals(usable.scores, usable.sample, number)
    return SampleSums(
        sample_ids=cells.sample_ids,
        groups=cells.groups,
        replicates=cells.replicates,
        times_h=cells.times_h,
        classes=cells.classes,
        cells=np.bincount(cells.sample, minlength=number),
        flagged=np.stack(flagged, axis=1),
        dropped=dropped,
        labels=labels,
        usable=labels if usable is counted else _labels(usable),
        total=total,
        outer=outer,
        spread=_spread(usable, number, size),
        excluded=exclude_flags,
        bins=_bins(usable, size) if bins else None,
    )


def _drop(left: NDArray[np.bool_], hit: NDArray[np.bool_], sample: Int64, dropped: Int64) -> None:
    first = np.flatnonzero(hit & left)
    if len(first):
        left[first] = False
        dropped += np.bincount(sample[first], minlength=len(dropped))


def _labels(cells: CellScores) -> Int64:
    width, number = len(cells.classes) + 1, len(cells.sample_ids)
    return np.bincount(cells.sample * width + cells.predicted + 1, minlength=number * width).reshape(number, width)


def _spread(cells: CellScores, number: int, size: int) -> Int64:
    result = np.zeros((number, size, SPREAD_BINS), np.int64)
    for column in range(size):
        score = np.minimum((cells.scores[:, column] * SPREAD_BINS).astype(np.int64), SPREAD_BINS - 1)
        counted = np.bincount(cells.sample * SPREAD_BINS + score, minlength=number * SPREAD_BINS)
        result[:, column] = counted.reshape(number, SPREAD_BINS)
    return result


def bin_codes(scores: NDArray[np.float32]) -> Int64:
    """(N,) number of the bin of each row of scores (N, K).

    Bins are cubes in the square roots of the scores, which tell 0.001 from 0.01 where 1 from 0.991 need not be told.
    All classes count alike, whatever their order. With three classes shares move by about 0.001 (0.003 at most with
    45 cells).
    """
    size = scores.shape[1]
    levels = {1: 1, 2: 100, 3: 30, 4: 12}.get(size, 6)
    code = np.zeros(len(scores), np.int64)
    for column in range(size):
        code = code * (levels + 1) + np.rint(np.sqrt(scores[:, column]) * levels).astype(np.int64)
    return code


def _bins(cells: CellScores, size: int) -> ScoreBins:
    names, number = np.unique(bin_codes(cells.scores), return_inverse=True)
    width = max(1, len(names))
    lines, place = np.unique(cells.sample * width + number.reshape(-1), return_inverse=True)
    count, total, _ = totals(cells.scores, place.reshape(-1), len(lines), outer=False)
    return ScoreBins(lines // width, names[lines % width], count.astype(np.int64), total)


def counted_samples(
    sums: SampleSums,
    groups: Sequence[str] = (),
    times_h: Sequence[float] = (),
    replicates: Sequence[str] = (),
    min_confidence: float = 0.0,
    controls: Sequence[str] = (),
) -> tuple[SampleSums, FilterCounts]:
    """The samples that pass, and why cells do not count: as `cell_filters.kept_cells` says of the same cells.

    Args:
        groups, times_h, replicates: those kept; empty keeps all.
        min_confidence: that the sums were made with; for the words.
        controls: samples that the ratios are calibrated on; never counted.
    """
    keep = np.ones(len(sums), bool)
    left: dict[str, int] = {}

    def drop(reason: str, number: int) -> None:
        if number:
            left[reason] = left.get(reason, 0) + number

    outside = {
        NO_RESULT: [name in controls for name in sums.sample_ids],
        "other inducer group": [bool(groups) and group not in groups for group in sums.groups],
        "other time point": [bool(times_h) and hours not in times_h for hours in sums.times_h.tolist()],
        "other replicate": [bool(replicates) and name not in replicates for name in sums.replicates],
    }
    for reason, hit in outside.items():
        first = keep & np.asarray(hit, bool)
        drop(reason, int(sums.cells[first].sum()))
        keep &= ~first
    chosen = sums if bool(keep.all()) else sums.take(np.flatnonzero(keep))
    reasons = [*(flag_reason(name) for name in sums.excluded), confidence_reason(min_confidence)]
    for reason, number in zip(reasons, chosen.dropped.sum(axis=0).tolist(), strict=True):
        drop(reason, number)
    return chosen, FilterCounts(int(sums.cells.sum()), int(chosen.labels.sum()), left)
