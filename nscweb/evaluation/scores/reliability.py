"""Are scores honest: of the cells that a model gives 90 %, are nine in ten right? With NumPy alone.

Reliability diagrams and the expected calibration error (ECE; Naeini et al. 2015; Guo et al. 2017, equation 3) over bins
of equally many cells. The plain ECE is biased upwards, because each bin scatters by chance even when all scores are
honest; what honest scores of as many cells would show is therefore given beside it (`Reliability.by_chance`), and
figures at that level mean that no fault was found. Intervals come from drawing whole samples again, within their
class, because cells of one sample are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import FEWEST_FOR_RELIABILITY
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.intervals import percentile_interval, resampled_counts, wilson

Float64 = NDArray[np.float64]
BINS = 10
BY_SAMPLES, BY_CELLS = ("bootstrap over samples within their class", "bootstrap over cells: a class has one sample")
_Binned = tuple[Float64, NDArray[np.bool_], NDArray[np.int64], int]


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often a model is right at each level of its score.

    Attributes:
        class_name: "" for the score of the named class, whichever it is; else the score of this class for all cells.
        time_h: hours, None for all time points together.
        cells, samples: behind it.
        ece, low, high: expected calibration error with its 95 % interval, 0..1.
        by_chance: what honest scores of as many independent cells would show.
        gap: mean score less share right; above 0 the model is too sure.
        interval: how the intervals were made.
        count: (B,) cells per bin.
        score, share: (B,) mean score of the bin, and share of its cells that are of the class.
        share_low, share_high: (B,) 95 % interval of the share.
    """

    class_name: str
    time_h: float | None
    cells: int
    samples: int
    ece: float
    low: float
    high: float
    by_chance: float
    gap: float
    interval: str
    count: NDArray[np.int64]
    score: Float64
    share: Float64
    share_low: Float64
    share_high: Float64

    @property
    def honest(self) -> bool:
        """No fault that is more than chance, or one of less than a point."""
        return self.low <= self.by_chance or self.ece < 0.01

    @property
    def sentence(self) -> str:
        """In plain words."""
        if self.honest:
            return self.sentence_with("")
        kind = "It is too sure of itself" if self.gap > 0 else "It is right more often than it says"
        if abs(self.gap) < self.ece / 2:
            kind = "It is too sure at some scores and too careful at others"
        return self.sentence_with(kind)

    def sentence_with(self, kind: str) -> str:
        """The numbers in words, and which way the scores are wrong; "" where no fault is seen."""
        off = f"{100 * self.ece:.1f} points (95 %: {100 * self.low:.1f} to {100 * self.high:.1f})"
        chance = f"honest scores of as many cells would seem off by {100 * self.by_chance:.1f} by chance"
        if not kind:
            return f"Its scores are off by {off} on average, {chance}: no fault of the scores is seen."
        return f"Its scores are off by {off} on average; {chance}. {kind}."


def reliabilities(held_out: HeldOut, *, bins: int = BINS, rounds: int = 1000, seed: int = 0) -> list[Reliability]:
    """Overall, for each class, and for each time point with `FEWEST_FOR_RELIABILITY` cells."""
    found = [reliability(held_out, bins=bins, rounds=rounds, seed=seed)] if len(held_out) else []
    for index, name in enumerate(held_out.classes if found else ()):
        found.append(reliability(held_out, name, index, bins=bins, rounds=rounds, seed=seed))
    for hours in np.unique(held_out.times[np.isfinite(held_out.times)]):
        part = held_out.take(held_out.times == hours)
        if len(part) >= FEWEST_FOR_RELIABILITY:
            found.append(reliability(part, time_h=float(hours), bins=bins, rounds=rounds, seed=seed))
    return found


def reliability(
    held_out: HeldOut,
    class_name: str = "",
    class_index: int = -1,
    *,
    time_h: float | None = None,
    bins: int = BINS,
    rounds: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Bins of equally many cells, their shares, and the expected calibration error.

    Args:
        held_out: at least one cell.
        class_name, class_index: a class, or "" and -1 for the highest score of each cell.
        time_h: only told on in the result.
        bins: at most; fewer where scores are equal.
        rounds: of the bootstrap.
        seed: of the draws.
    """
    scores = held_out.scores.astype(np.float64)
    if class_index < 0:
        said, hit = scores.max(axis=1), scores.argmax(axis=1) == held_out.labels
    else:
        said, hit = scores[:, class_index], held_out.labels == class_index
    bin_of, size = _equal_mass(said, bins)
    samples, sample_of = np.unique(held_out.samples, return_inverse=True)
    table = _sums(said, hit, bin_of, size)
    drawn = _by_samples(held_out.labels, sample_of, (said, hit, bin_of, size), rounds, seed)
    how = BY_SAMPLES
    if drawn is None:
        drawn, how = _by_cells((said, hit, bin_of, size), rounds, seed), BY_CELLS
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.abs(drawn[:, 1] - drawn[:, 2]).sum(axis=1) / drawn[:, 0].sum(axis=1)
        shares = drawn[:, 2] / drawn[:, 0]
    count, total, right = table
    ece = float(np.abs(total - right).sum() / len(said))
    low, high = percentile_interval(spread, ece)
    share = right / count
    ends = [percentile_interval(shares[:, index], float(share[index])) for index in range(size)]
    # Where all cells of a bin are right in every round, the bootstrap knows no doubt; cells still do.
    wilson_low, wilson_high = wilson(right, count)
    chance = np.sqrt(np.bincount(bin_of, said * (1 - said), size)) * np.sqrt(2 / np.pi)
    return Reliability(
        class_name,
        time_h,
        len(said),
        len(samples),
        ece,
        low,
        high,
        float(chance.sum() / len(said)),
        float((total.sum() - right.sum()) / len(said)),
        how,
        count.astype(np.int64),
        total / count,
        share,
        np.minimum([end[0] for end in ends], wilson_low),
        np.maximum([end[1] for end in ends], wilson_high),
    )


def _equal_mass(said: Float64, bins: int) -> tuple[NDArray[np.int64], int]:
    """Bin of each score, and how many bins there are; equal scores share a bin."""
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1]))
    found, bin_of = np.unique(np.searchsorted(edges, said, side="left"), return_inverse=True)
    return bin_of.reshape(-1).astype(np.int64), len(found)


def _sums(said: Float64, hit: NDArray[np.bool_], code: NDArray[np.int64], size: int) -> Float64:
    """(3, size): cells, sum of scores, and cells that are right, by code."""
    return np.stack([np.bincount(code, values, size) for values in (np.ones_like(said), said, hit)])


def _by_samples(
    labels: NDArray[np.int64], sample_of: NDArray[np.int64], binned: _Binned, rounds: int, seed: int
) -> Float64 | None:
    """(rounds, 3, bins) sums with whole samples drawn again; None where a class has one sample only."""
    said, hit, bin_of, size = binned
    many = int(sample_of.max()) + 1
    kinds = int(labels.max()) + 1
    own = np.bincount(sample_of * kinds + labels, minlength=many * kinds).reshape(many, kinds).argmax(axis=1)
    if np.bincount(own)[np.unique(own)].min() < 2:
        return None
    units = _sums(said, hit, sample_of * size + bin_of, many * size)
    units = units.reshape(3, many, size).transpose(1, 0, 2).reshape(many, 3 * size)
    weights = resampled_counts(own, rounds, seed).astype(np.float64)
    return (weights @ units).reshape(rounds, 3, size)


def _by_cells(binned: _Binned, rounds: int, seed: int) -> Float64:
    """The same with cells drawn again, counted by bin and by being right."""
    said, hit, bin_of, size = binned
    kinds = _sums(said, hit, bin_of * 2 + hit, 2 * size)
    draws = np.random.default_rng(seed).multinomial(len(said), kinds[0] / len(said), size=rounds)
    score = draws * (kinds[1] / np.maximum(kinds[0], 1))
    every = np.stack([draws, score], axis=1).reshape(rounds, 2, size, 2)
    return np.stack([every[:, 0].sum(axis=2), every[:, 1].sum(axis=2), every[:, 0, :, 1]], axis=1)
