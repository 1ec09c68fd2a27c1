"""What the number of held-out cells costs: how wide intervals are, and how wide they would be with more such cells.

Of what makes a corrected ratio uncertain (`evaluation.ratios.held_out_rounds`) only one part falls with the number of
held-out cells: the error of the mean scores of the pure classes, whose variance goes as one over the cells of a class.
How much samples differ, and how many cells a sample has, stays. More cells of more held-out samples would help further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import CELLS_OF_A_SAMPLE, DEFAULT_METHOD, MORE_CELLS
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate, matched
from nscweb.evaluation.ratios.estimates import Estimates, KnownPart
from nscweb.evaluation.ratios.rounds import NORMAL, strata_of
from nscweb.evaluation.scores.held_out import HeldOut

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class MoreCells:
    """What more held-out cells would be worth.

    Attributes:
        fewest, most: held-out cells of a class that speak for a sample, of the class with fewest and with most.
        more: cells added to each class.
        now, then: mean width of the 95 % interval of a ratio of one sample, 0 to 1, as it is and with them.
        times_h: hours that this is of; None for all samples together.
    """

    fewest: int
    most: int
    more: int
    now: float
    then: float
    times_h: float | None = None


def with_more_cells(found: Estimates, more: int = MORE_CELLS) -> MoreCells | None:
    """What `more` held-out cells of each class would be worth to the samples of a run; None without a correction."""
    part = found.known
    if part is None:
        return None
    ratio = found.table["ratio"].to_numpy(np.float64).reshape(part.low.shape)
    there = np.isfinite(ratio).all(axis=1)
    if not there.any():
        return None
    cells = part.cells[there]
    now, then = (_width(part, ratio, added)[there].mean() for added in (0, more))
    return MoreCells(int(cells.min()), int(cells.max()), more, float(now), float(then))


def of_a_model(held_out: HeldOut, method: str = DEFAULT_METHOD, more: int = MORE_CELLS) -> list[MoreCells]:
    """The same for samples that a model may be asked about: `CELLS_OF_A_SAMPLE` cells, as many of each class.

    One for each time point that has held-out cells of its own, else one for all; none where no ratio can be given. The
    cells of the sample are held-out cells, laid out as they are spread.
    """
    known = matched(held_out, held_out.classes)
    if known is None:
        return []
    times = np.unique(known.times[np.isfinite(known.times)])
    times = times[strata_of(known, times)[0] >= 0]
    result = []
    for hours in times.tolist() or [float("nan")]:
        found = with_more_cells(estimate(_sample_like(known, hours), known, method), more)
        if found is not None:
            when = None if np.isnan(hours) else float(hours)
            result.append(MoreCells(found.fewest, found.most, more, found.now, found.then, when))
    return result


def _width(part: KnownPart, ratio: Float64, more: int) -> Float64:
    """(S, K) widths of the intervals, cut at 0 and 1, with `more` held-out cells of each class."""
    middle, half = (part.high + part.low) / 2, (part.high - part.low) / 2
    gone = (part.due * (more / np.maximum(part.cells + more, 1))[:, None, :]).sum(axis=2)
    whole = np.maximum((half / NORMAL) ** 2, 1e-12)
    half = half * np.sqrt(np.clip(1 - gone / whole, 0, 1))
    low, high = (np.clip(middle + sign * half, 0, 1) for sign in (-1, 1))
    width: Float64 = np.maximum(high, ratio) - np.minimum(low, ratio)
    return width


def _sample_like(known: HeldOut, hours: float) -> CellScores:
    """One sample with equal shares of the classes, its cells taken at even steps from the held-out ones."""
    each = CELLS_OF_A_SAMPLE // len(known.classes)
    here = np.ones(len(known), bool) if np.isnan(hours) else known.times == hours
    rows = [np.flatnonzero(here & (known.labels == label)) for label in range(len(known.classes))]
    chosen = np.concatenate([own[np.arange(each) * len(own) // each] for own in rows])
    scores = known.scores[chosen]
    return CellScores(
        scores=scores,
        predicted=scores.argmax(axis=1).astype(np.int64),
        sample=np.zeros(len(chosen), np.int64),
        flags=np.zeros(len(chosen), np.int64),
        true=known.labels[chosen],
        sample_ids=("sample",),
        groups=("",),
        replicates=("",),
        times_h=np.array([hours]),
        classes=known.classes,
    )
