"""How many points of accuracy come from knowing the acquisition: the same network by cell and by group, side by side.

Both trainings get the same number of cells of each class in each part; only who keeps whom company differs. What the
split by cell gains is not biology: cells of one sample share light, focus and dish, and a network can know a sample
again. (The gap is what Kaufman et al. 2012, ACM TKDD 6, call leakage.)
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nscweb.core.card import Metric
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.training.config import TrainConfig
from nscweb.training.cross_validation import CrossValidated, Fitter, cross_validate, fit_and_score, share_of
from nscweb.training.data.dataset import TrainingData
from nscweb.training.splits.grouping import PLURAL, Labelled
from nscweb.training.splits.plan import Split, SplitPlan, make_split


@dataclass(frozen=True)
class SplitGap:
    """Both figures and what lies between them.

    Attributes:
        by: what the careful split kept together.
        by_cell, grouped: accuracy and macro F1 with 95 % intervals, of held-out cells.
        points, low, high: accuracy by cell less accuracy by group in percentage points, with its 95 % interval.
        sentence: what it means.
        splits: the sentences of both splits.
    """

    by: str
    by_cell: tuple[Metric, ...]
    grouped: tuple[Metric, ...]
    points: float
    low: float
    high: float
    sentence: str
    splits: tuple[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def split_gap(
    config: TrainConfig,
    data: TrainingData,
    plan: SplitPlan,
    seed: int,
    folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    *,
    fitter: Fitter = fit_and_score,
) -> SplitGap:
    """Train the same network twice and compare.

    Args:
        config, data: of both trainings.
        plan: the careful split.
        seed: of both splits.
        folder: keeps finished trainings, so that a stopped comparison goes on.
        progress, cancel: see `nscweb.core.progress`.
        fitter: trains and judges; see `cross_validate`.

    Raises:
        WrongUse: the plan is by cell itself.
        InputRefused: the plan does not fit the data.
        JobCancelled: somebody asked to stop; what was finished stays.
    """
    if plan.by == "cell":
        raise WrongUse("A split by cell cannot be compared with itself.", "Choose sample, donor, day...")
    grouped = make_split(data, plan, seed)
    both = (cell_split_like(data, grouped, seed), grouped)
    done: list[CrossValidated] = []
    for index, (split, name) in enumerate(zip(both, ("by-cell", f"by-{plan.by}"), strict=True)):
        inner = share_of(progress, index, len(both), name.replace("-", " ").capitalize())
        done.append(cross_validate(config, data, [split], folder / name, inner, cancel, fitter=fitter))
    return gap_between(plan.by, done[0].pooled, done[1].pooled, (both[0].sentence, both[1].sentence))


def cell_split_like(data: Labelled, grouped: Split, seed: int) -> Split:
    """A split at random by cell with as many cells of each class in each part as `grouped` has."""
    generator = np.random.default_rng([seed, 10])
    parts = (grouped.train, grouped.validation, grouped.held_out)
    pieces: list[list[np.ndarray[Any, np.dtype[np.int64]]]] = [[], [], []]
    for label in range(len(data.classes)):
        rows = generator.permutation(np.flatnonzero(data.labels == label))
        start = 0
        for part, kept in zip(parts, pieces, strict=True):
            stop = start + int((data.labels[part] == label).sum())
            kept.append(rows[start:stop])
            start = stop
    train, watch, held = (np.sort(np.concatenate(kept)) for kept in pieces)
    sentence = (
        f"By cell within each class, as large as a split by {grouped.by}: {len(train):,} cells trained, "
        f"{len(watch):,} decided when to stop, {len(held):,} were held out. Figures from such a split are too good."
    )
    return Split(train, watch, held, sentence, False, "cell")


def gap_between(
    by: str, by_cell: tuple[Metric, ...], grouped: tuple[Metric, ...], splits: tuple[str, str] = ("", "")
) -> SplitGap:
    """The gap between two accuracies from different held-out cells.

    The interval is that of a difference of two independent figures from their own intervals (MOVER: Zou and Donner
    2008, Statistics in Medicine 27, equation 3).
    """
    first, second = (next(m for m in side if (m.name, m.class_name) == ("accuracy", "")) for side in (by_cell, grouped))
    gap = first.value - second.value
    low = gap - math.hypot(first.value - first.low, second.high - second.value)
    high = gap + math.hypot(first.high - first.value, second.value - second.low)
    points, low, high = (round(100 * value, 2) for value in (gap, low, high))
    how = (
        f"{100 * first.value:.1f} % when cells are split at random, {100 * second.value:.1f} % when whole "
        f"{PLURAL[by]} are held out"
    )
    between = f"(95 % interval {low:.1f} to {high:.1f} points)"
    if low > 0:
        said = (
            f"By cell it looks {points:.1f} points better {between}: those points are acquisition, not biology. "
            f"Accuracy is {how}; only the second says what to expect of the next {by}."
        )
    elif high < 0:
        said = (
            f"By cell it looks {-points:.1f} points worse {between}, so nothing speaks for leakage; the held-out "
            f"{PLURAL[by]} may be easier than most. Accuracy is {how}."
        )
    else:
        said = (
            f"No gap can be told from chance {between}: accuracy is {how}. With few {PLURAL[by]} a gap of some "
            "points cannot be excluded."
        )
    kept = ("accuracy", "macro_f1")
    return SplitGap(
        by=by,
        by_cell=tuple(item for item in by_cell if item.name in kept),
        grouped=tuple(item for item in grouped if item.name in kept),
        points=points,
        low=low,
        high=high,
        sentence=said,
        splits=splits,
    )
