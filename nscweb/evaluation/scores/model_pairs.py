"""Two models on the same cells: differences with intervals over samples, and McNemar's test with its caveat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.confusion import figures_of
from nscweb.evaluation.scores.resampling import Resampling

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
# Below this many cells on which exactly one model is right, McNemar's test is computed exactly.
EXACT_BELOW = 25
COLUMNS: tuple[str, ...] = (
    "figure",
    "class",
    "time_h",
    "first",
    "second",
    "difference",
    "low",
    "high",
    "cells",
    "samples",
    "interval",
)
MCNEMAR_COLUMNS: tuple[str, ...] = (
    "time_h",
    "cells",
    "both_right",
    "only_first",
    "only_second",
    "both_wrong",
    "p",
    "method",
)
_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Paired:
    """Cells of known class with the answers of two models.

    Attributes:
        true, first, second: (N,) int64 classes, 0 to K - 1; -1 for an answer that is none of them.
        sample: (N,) int64 sample of each cell.
        times: (N,) hours, NaN where not known.
        classes: names in order.
    """

    true: Int64
    first: Int64
    second: Int64
    sample: Int64
    times: Float64
    classes: tuple[str, ...]

    def take(self, rows: NDArray[np.bool_]) -> Paired:
        """Some of the cells."""
        return Paired(
            self.true[rows], self.first[rows], self.second[rows], self.sample[rows], self.times[rows], self.classes
        )


def differences(cells: Paired, *, seed: int, by_time: bool = True, rounds: int = _ROUNDS) -> pd.DataFrame:
    """Second minus first: accuracy, macro F1, and precision, recall and F1 of each class, with 95 % intervals.

    A round of the bootstrap draws samples (within their true class) and takes the answers of both models for
    them, so that what is hard about a sample cancels out. With one sample of a class, cells are drawn instead
    and `interval` says so.

    Returns:
        Columns `COLUMNS`; time_h NaN for all time points together, then each time point that is known.

    Raises:
        WrongUse: there is no cell.
    """
    if not len(cells.true):
        raise WrongUse("There is no cell of known class that both models predicted.", "", "E-NO-TRUTH")
    rows = list(_differences(cells, seed, rounds, float("nan")))
    hours = np.unique(cells.times[np.isfinite(cells.times)])
    if by_time and len(hours) > 1:
        for hour in hours:
            rows.extend(_differences(cells.take(cells.times == hour), seed, rounds, float(hour)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _differences(cells: Paired, seed: int, rounds: int, time_h: float) -> Iterator[tuple[object, ...]]:
    size = len(cells.classes)
    how = Resampling.of_codes(
        cells.sample, cells.true, np.maximum(cells.first, 0), cells.classes, rounds=rounds, seed=seed
    )
    joint = _joint(cells, how.sample, len(how.confusions))
    flat = joint.reshape(*joint.shape[:2], -1)
    drawn = how.drawn_by_class(flat).reshape(-1, *joint.shape[1:])
    own = joint.sum(axis=0, keepdims=True).astype(np.float64)
    both = [(figures_of(own.sum(axis=gone)), figures_of(drawn.sum(axis=gone))) for gone in (3, 2)]
    there = np.flatnonzero(own[0].sum(axis=(1, 2)) > 0)
    cells_of = own[0].sum(axis=(1, 2))

    def row(figure: str, pick: int | None) -> tuple[object, ...] | None:
        ends = []
        for values, rounds_of in both:
            if pick is None and figure == "macro_f1":
                ends.append((values["f1"][:, there].mean(axis=1), rounds_of["f1"][:, there].mean(axis=1)))
            elif pick is None:
                ends.append((values[figure], rounds_of[figure]))
            else:
                ends.append((values[figure][:, pick], rounds_of[figure][:, pick]))
        first, second = float(ends[0][0][0]), float(ends[1][0][0])
        if not np.isfinite(first) or not np.isfinite(second):
            return None
        low, high = how.difference(ends[1][1] - ends[0][1], second - first)
        name = "" if pick is None else cells.classes[pick]
        number = int(cells_of.sum()) if pick is None else int(cells_of[pick])
        return (figure, name, time_h, first, second, second - first, low, high, number, how.samples_of(name), how.label)

    for figure in ("accuracy", "macro_f1"):
        found = row(figure, None)
        if found:
            yield found
    for index in range(size):
        for figure in ("precision", "recall", "f1") if index in there else ():
            found = row(figure, index)
            if found:
                yield found


def _joint(cells: Paired, sample: Int64, samples: int) -> Int64:
    """(S, K, K + 1, K + 1) cells per sample, true class, answer of the first and of the second model."""
    size, wide = len(cells.classes), len(cells.classes) + 1
    first = np.where(cells.first < 0, size, cells.first)
    second = np.where(cells.second < 0, size, cells.second)
    flat = ((sample * size + cells.true) * wide + first) * wide + second
    counts = np.bincount(flat, minlength=samples * size * wide * wide)
    return counts.reshape(samples, size, wide, wide).astype(np.int64)


def mcnemar_table(cells: Paired) -> pd.DataFrame:
    """McNemar's test of the share of right answers, over all cells and at each time point.

    Exact (binomial) when fewer than `EXACT_BELOW` cells divide the models, else chi-squared with continuity
    correction; computed by statsmodels. It takes cells as independent, which cells of one sample are not, so its
    p value is too small when samples differ: the bootstrap over samples decides.
    Source: McNemar, Psychometrika 12, 153 (1947).
    """
    rows = [_mcnemar(cells, float("nan"))]
    hours = np.unique(cells.times[np.isfinite(cells.times)])
    if len(hours) > 1:
        rows += [_mcnemar(cells.take(cells.times == hour), float(hour)) for hour in hours]
    return pd.DataFrame(rows, columns=list(MCNEMAR_COLUMNS))


def _mcnemar(cells: Paired, time_h: float) -> tuple[object, ...]:
    from statsmodels.stats.contingency_tables import mcnemar

    first, second = cells.first == cells.true, cells.second == cells.true
    both, one = int((first & second).sum()), int((first & ~second).sum())
    two, none = int((~first & second).sum()), int((~first & ~second).sum())
    exact = one + two < EXACT_BELOW
    p = 1.0 if one + two == 0 else float(mcnemar([[both, one], [two, none]], exact=exact).pvalue)
    method = "exact binomial" if exact else "chi-squared with continuity correction"
    return time_h, len(first), both, one, two, none, min(p, 1.0), method


def verdict(table: pd.DataFrame, first: str, second: str, figure: str = "accuracy") -> str:
    """What the difference over all time points says, in a sentence for people."""
    rows = table[(table["figure"] == figure) & (table["class"] == "") & table["time_h"].isna()]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    points, low, high = (100 * float(row[name]) for name in ("difference", "low", "high"))
    word = {"accuracy": "right answers", "macro_f1": "points of macro F1"}.get(figure, figure)
    better, worse = (second, first) if points > 0 else (first, second)
    if low > 0 or high < 0:
        ends = sorted((abs(low), abs(high)))
        return (
            f"{better} gives more {word} than {worse}: {abs(points):.1f} points [{ends[0]:.1f}, {ends[1]:.1f}] "
            f"({row['interval']})."
        )
    return (
        f"No difference in {word} is shown: {second} minus {first} is {points:+.1f} points "
        f"[{low:+.1f}, {high:+.1f}] ({row['interval']}). That is not proof that they are equal."
    )
