"""A threshold on the score of one class, for sorting: how pure, how many are kept, how many must be sorted.

Scores are put into bins once, so that curves and areas of 1,000 bootstrap rounds take milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.streams import stream
from nscweb.evaluation.scores.intervals import wilson
from nscweb.evaluation.scores.known_cells import Judged
from nscweb.evaluation.scores.resampling import Resampling

if TYPE_CHECKING:
    import pandas as pd

BINS = 512
Float64 = NDArray[np.float64]
STEPS = 100
FIGURES: tuple[str, ...] = ("precision", "recall", "yield", "enrichment")
_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Cells of a class and all other cells by their score of that class, lowest bin first.

    Attributes:
        inside, outside: (B, W) cells in each round of the bootstrap.
        cells_inside, cells_outside: (W,) cells as they are.
    """

    inside: Float64
    outside: Float64
    cells_inside: Float64
    cells_outside: Float64


def quantile_edges(score: Float64, bins: int = BINS) -> Float64:
    """Inner edges of at most `bins` bins that hold equal shares of the scores (N,)."""
    return np.asarray(np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1])), np.float64)


def score_counts(positive: NDArray[np.bool_], score: Float64, edges: Float64, how: Resampling) -> ScoreCounts:
    """Count cells per bin, as they are and in each round.

    Args:
        positive: (N,) cells of the class.
        score: (N,) score of the class.
        edges: (W - 1,) ascending; a score equal to an edge lies in the upper bin.
        how: the bootstrap of these cells.
    """
    bins = np.searchsorted(edges, score, side="right")
    width = len(edges) + 1
    samples = len(how.confusions)
    hits = np.bincount(how.sample[positive] * width + bins[positive], minlength=samples * width)
    rest = np.bincount(how.sample[~positive] * width + bins[~positive], minlength=samples * width)
    inside = hits.reshape(samples, width).astype(np.float64)
    outside = rest.reshape(samples, width).astype(np.float64)
    drawn = how.drawn(inside, stream(how.seed, "cells of the class")), how.drawn(outside, stream(how.seed, "others"))
    return ScoreCounts(*drawn, inside.sum(axis=0), outside.sum(axis=0))


@dataclass(frozen=True)
class SortingCurve:
    """What sorting by the score of one class gives at each threshold.

    A cell is sorted when its score is at least the threshold, whichever class it is predicted as.

    Attributes:
        class_name: the class wanted.
        prevalence: its share, among the cells judged or as the user says.
        assumed: True when `prevalence` was said by the user.
        table: one row per threshold (0, 0.01, ..., 1): threshold, sorted (cells), right (cells), and precision,
            recall, yield, enrichment with ``_low`` and ``_high``. NaN where nothing is sorted.
        cells: cells judged; positives: those of the class; samples they come from.
        label: how the intervals were made.
    """

    class_name: str
    prevalence: float
    assumed: bool
    table: pd.DataFrame = field(repr=False)
    cells: int
    positives: int
    samples: int
    label: str

    def at(self, threshold: float) -> dict[str, float]:
        """The row of the threshold that is nearest."""
        index = int(np.clip(round(threshold * STEPS), 0, STEPS))
        return {str(key): float(value) for key, value in self.table.iloc[index].items()}


def sorting_curve(
    cells: Judged, class_name: str, *, seed: int, prevalence: float | None = None, rounds: int = _ROUNDS
) -> SortingCurve:
    """Precision, recall, yield and enrichment against the threshold, with 95 % intervals over samples.

    Precision is the share of sorted cells that are of the class; recall the share of the class that is sorted;
    yield the share of all cells that are sorted; enrichment is precision over prevalence. At another prevalence
    q, with recall r and share of false alarms f: precision = q r / (q r + (1 - q) f) (Bayes), which takes the other
    classes to be mixed with one another as in the cells judged. No interval is narrower than that of Wilson over
    cells.

    Args:
        cells: of known class.
        class_name: the class to sort.
        seed: of the bootstrap.
        prevalence: share expected in the sample to be sorted, above 0 and below 1; None takes that of the cells.
        rounds: of the bootstrap.

    Raises:
        WrongUse: no cell of the class, or none of another; a prevalence that is not a share.
    """
    import pandas as pd

    if class_name not in cells.classes:
        raise WrongUse(f"The model has no class {class_name!r}.", f"Choose one of: {', '.join(cells.classes)}.")
    index = cells.classes.index(class_name)
    positive = cells.true == index
    if positive.all() or not positive.any():
        raise WrongUse(
            f"A threshold for {class_name} needs cells that are {class_name} and cells that are not.",
            "Choose another class, or another part of the study.",
            "E-ONE-CLASS",
        )
    if prevalence is not None and not 0 < prevalence < 1:
        raise WrongUse(f"The expected share of {class_name} must lie between 0 and 100 %.", "Enter for example 20 %.")
    how = cells.resampling(rounds=rounds, seed=seed)
    edges = np.linspace(0.0, 1.0, STEPS + 1)[1:]
    # Scores are kept as 32-bit numbers: 0.8 as such a number is called at 0.80.
    score = np.round(cells.scores[:, index], 6)
    counts = score_counts(positive, score, edges, how)
    hits, false = _at_or_above(counts.inside), _at_or_above(counts.outside)
    own_hits, own_false = _at_or_above(counts.cells_inside[None]), _at_or_above(counts.cells_outside[None])
    share = float(positive.mean())
    wanted = share if prevalence is None else float(prevalence)
    drawn_share = hits[:, :1] / np.maximum(hits[:, :1] + false[:, :1], 1)
    drawn = _figures(hits, false, drawn_share if prevalence is None else wanted)
    own = {name: value[0] for name, value in _figures(own_hits, own_false, wanted).items()}
    floor = _by_cells(own_hits[0], own_false[0], wanted)
    table = pd.DataFrame(
        {"threshold": np.linspace(0, 1, STEPS + 1), "sorted": own_hits[0] + own_false[0], "right": own_hits[0]}
    )
    for name in FIGURES:
        # Enrichment times the share of the class before sorting is a share again.
        unit = wanted if name == "enrichment" else 1.0
        low, high = _interval(drawn[name] * unit, own[name] * unit, how)
        low, high = np.fmin(low / unit, floor[name][0]), np.fmax(high / unit, floor[name][1])
        there = np.isfinite(own[name])
        table[name] = own[name]
        table[f"{name}_low"], table[f"{name}_high"] = np.where(there, (low, high), np.nan)
    return SortingCurve(
        class_name=class_name,
        prevalence=wanted,
        assumed=prevalence is not None,
        table=table,
        cells=len(cells),
        positives=int(positive.sum()),
        samples=len(how.confusions),
        label=how.label,
    )


def _at_or_above(counts: Float64) -> Float64:
    """(B, T) counts per bin -> counts at or above each threshold."""
    return np.asarray(np.cumsum(counts[:, ::-1], axis=1)[:, ::-1], np.float64)


def _figures(hits: Float64, false: Float64, prevalence: Float64 | float) -> dict[str, Float64]:
    recall = hits / np.maximum(hits[:, :1], 1)
    alarms = false / np.maximum(false[:, :1], 1)
    return _at_prevalence(recall, alarms, prevalence)


def _at_prevalence(recall: Float64, alarms: Float64, prevalence: Float64 | float) -> dict[str, Float64]:
    taken = prevalence * recall + (1 - np.asarray(prevalence)) * alarms
    precision = np.divide(
        prevalence * recall, taken, out=np.full(np.broadcast(taken, recall).shape, np.nan), where=taken > 0
    )
    return {"precision": precision, "recall": recall, "yield": taken, "enrichment": precision / prevalence}


def _by_cells(hits: Float64, false: Float64, prevalence: float) -> dict[str, tuple[Float64, Float64]]:
    """Wilson's intervals over cells, which no bootstrap over few samples may undercut."""
    full_hits, full_false = np.full(len(hits), hits[0]), np.full(len(false), false[0])
    recall = wilson(hits, full_hits)
    alarms = wilson(false, full_false)
    own_recall, own_alarms = hits / full_hits, false / full_false
    # One of the two moves at a time: both at their worst at once would be wider than 95 %.
    corners = [
        _at_prevalence(value, other, prevalence)
        for value, other in (
            (recall[0], own_alarms),
            (recall[1], own_alarms),
            (own_recall, alarms[0]),
            (own_recall, alarms[1]),
        )
    ]
    found = {"recall": recall}
    for name in ("precision", "yield", "enrichment"):
        values = np.stack([corner[name] for corner in corners])
        filled_low = np.where(np.isnan(values), np.inf, values).min(axis=0)
        filled_high = np.where(np.isnan(values), -np.inf, values).max(axis=0)
        found[name] = (filled_low, filled_high)
    return found


def _interval(drawn: Float64, own: Float64, how: Resampling) -> tuple[Float64, Float64]:
    """Ends of the figures at each threshold; NaN where nothing is sorted."""
    low, high = np.full(len(own), np.nan), np.full(len(own), np.nan)
    there = np.isfinite(own)
    if there.any():
        low[there], high[there] = how.intervals(drawn[:, there], own[there])
    return low, high


def sorting_sentence(row: Mapping[str, float], curve: SortingCurve) -> str:
    """A row of a `SortingCurve` in words."""
    name, at = curve.class_name, f"At a score of {row['threshold']:.2f}"
    if not row["sorted"] or not np.isfinite(row["precision"]):
        return f"{at} no cell is sorted: none of the {curve.cells:,} cells scores that high for {name}."
    where = (
        f", in a sample that is {_percent(curve.prevalence)} {name}, as you expect"
        if curve.assumed
        else f" ({_percent(curve.prevalence)} of the cells here are {name})"
    )
    return (
        f"{at}{where}: of 100 sorted cells {_hundred(row['precision'])} "
        f"[{_hundred(row['precision_low'])}, {_hundred(row['precision_high'])}] are {name}; "
        f"{_percent(row['recall'])} [{_hundred(row['recall_low'])}, {_hundred(row['recall_high'])}] of all {name} "
        f"cells are kept; {_percent(row['yield'])} "
        f"[{_hundred(row['yield_low'])}, {_hundred(row['yield_high'])}] of all cells are sorted; "
        f"{row['enrichment']:.1f} [{row['enrichment_low']:.1f}, {row['enrichment_high']:.1f}] times enriched."
    )


def _hundred(share: float) -> str:
    value = 100 * share
    # "100 of 100" is said only when it is so.
    return f"{value:.1f}" if 99.5 <= value < 100 or 0 < value < 0.5 else f"{value:.0f}"


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"
