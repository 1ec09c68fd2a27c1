"""Does a sample look as if it had been recorded otherwise, by a change that is known to harm a model?

Every known cell is a row of d numbers. A change (a scale, a blur, noise) moves the mean of these numbers along a
direction of its own. A sample is a mixture of classes at a ratio that nobody knows, so its mean may lie anywhere
between the means of the classes; only what is left when the best mixture is taken out can speak of a change.
Generalised least squares do that at once: with V the covariance of a sample's mean, D the differences between the
means of classes and t the direction of the change,

    a = P t / (t' P t),   P = V^-1 - V^-1 D (D' V^-1 D)^-1 D' V^-1

is the linear measure with the least variance that is 0 for every mixture of known cells (a' D = 0) and 1 for the change
itself (a' t = 1): the best linear unbiased estimate of the amount of the change (Aitken 1935, Proc. Roy. Soc. Edinburgh
55, 42). It is a sum of single cells, so a sample of n cells has the mean of theirs.

Where too few samples are known to say how good ones differ, anything that no mixture of known cells explains speaks
against a sample, whatever made it: with x the mean of a sample, the length of what is left is sqrt(x' P x).

What such amounts are in samples without the change is found by drawing: samples of n cells at any ratio out of known
cells which took no part in finding the measure, from whole samples where every class has several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import CardInvalid
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.rules import FAR, HARMFUL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Known cells of each class from which the class has a mean that a mixture can be made of.
FEWEST_OF_CLASS = 20
# Cells of the drawn samples; between them limits are interpolated by the logarithm of the number.
SIZES = (20, 50, 100, 200, 400)
# Share of drawn samples in which no amount at all may reach its limit...
_RIGHT = 0.97
# ...and the least limit, in standard deviations of drawn samples: their tails are known from some hundreds only.
_LEAST_LIMIT = 2.5
# Drawn samples per half and size, and how often known cells are parted into halves: by one parting alone, limits would
# be those of the halves that chance made.
_DRAWS, _PARTINGS = 100, 4
# A test counts as made when it would see the change itself in 19 of 20 samples: so many deviations beyond its limit. Of
# a change that costs less than what makes a ratio wrong (`rules.FAR`), four of five are enough.
_SURE, _LIKELY = 1.645, 0.842
# Standardised numbers beyond this are only "very far", so that one odd cell does not make a sample.
_FARTHEST = 4.0
# Beyond that many deviations of samples the number itself means nothing.
_FARTHEST_SAMPLE = 99.0
# Cells of the sample whose covariance is minimised; the measure hardly depends on it.
_NOMINAL_CELLS = 100
# Samples differ by this share of the spread of cells at least, even where too few were seen to tell.
_LEAST_BETWEEN = 0.05
# A harmless change of this amount (1: as strong as in the table) is not to look like a harmful one.
_HARMLESS_AMOUNT = 0.5


@dataclass(frozen=True)
class Harm:
    """A row of the robustness table.

    Attributes:
        kind: short key. change, strength: in words.
        cost: share of right answers lost, or of cells given to another class where that is more.
    """

    kind: str
    change: str
    strength: str
    cost: float

    @property
    def counts(self) -> bool:
        """Whether it costs so much that samples are tested for it; others only help to name what a sample shows."""
        return self.cost > HARMFUL


def cost_of(row: Mapping[str, Any]) -> float:
    """What a change costs by its row of the robustness table, 0 to 1: right answers, or the shares of classes."""
    return max(float(row["cost"]), float(row.get("share_shift", 0.0)))


@dataclass(frozen=True)
class ChangeTest:
    """The measure of one change.

    Attributes:
        harm: what it is about.
        weights: (d,) of standardised numbers. offset: measure of known cells, which is taken off.
        centre, spread: of amounts in drawn samples, one per size.
    """

    harm: Harm
    weights: tuple[float, ...]
    offset: float
    centre: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True)
class Amount:
    """How much of a change a sample shows.

    Attributes:
        harm: the change.
        value: 0 as known cells, 1 as much as in the table of the card.
        limit: that samples without the change do not reach.
        deviations: value in standard deviations of drawn samples.
        seen: beyond the limit.
        tested: whether the change itself would reach the limit, so that staying below says something.
    """

    harm: Harm
    value: float
    limit: float
    deviations: float
    seen: bool
    tested: bool


@dataclass(frozen=True)
class Rest:
    """What no mixture of known cells explains.

    Attributes:
        project: (d, d) P, so that x' P x is 0 for mixtures. centre: (d,) mean of known cells.
        limits: length that drawn samples do not reach, one per size.
    """

    project: tuple[tuple[float, ...], ...]
    centre: tuple[float, ...]
    limits: tuple[float, ...]


@dataclass(frozen=True)
class Unexplained:
    """How much of a sample no mixture of known cells explains, what drawn samples do not reach, and whether it does."""

    value: float
    limit: float
    seen: bool


@dataclass(frozen=True)
class ChangeTests:
    """The measures of changes that harm a model, and of others that look like them.

    Attributes:
        names: of the d numbers. middle, scale: (d,) of known cells, for standardising.
        sizes: cells of drawn samples. limits: in deviations of drawn samples, one per size.
        tests: one per change.
        cells, samples: that were known.
        by_sample: whether drawn samples were drawn from whole samples.
        rest: what no mixture explains; None where whole samples say how good samples differ.
    """

    names: tuple[str, ...]
    middle: tuple[float, ...]
    scale: tuple[float, ...]
    sizes: tuple[int, ...]
    limits: tuple[float, ...]
    tests: tuple[ChangeTest, ...]
    cells: int
    samples: int
    by_sample: bool
    rest: Rest | None = None

    def unexplained(self, numbers: NDArray[Any]) -> Unexplained | None:
        """What no mixture of known cells explains in a sample with these numbers; None where samples tell it better."""
        if self.rest is None or not len(numbers):
            return None
        mean = _standardised(numbers, np.asarray(self.middle), np.asarray(self.scale)).mean(axis=0)
        value = float(_lengths(mean[None], np.asarray(self.rest.project), np.asarray(self.rest.centre))[0])
        limit = self._at(self.rest.limits, len(numbers))
        return Unexplained(value, limit, value > limit)

    def amounts(self, numbers: NDArray[Any]) -> list[Amount]:
        """Of each change in a sample with these numbers of its cells (n, d); () for no cells."""
        if not len(numbers):
            return []
        mean = _standardised(numbers, np.asarray(self.middle), np.asarray(self.scale)).mean(axis=0)
        limit = self._at(self.limits, len(numbers))
        found = []
        for test in self.tests:
            value = float(mean @ np.asarray(test.weights)) - test.offset
            centre, spread = self._at(test.centre, len(numbers)), self._at(test.spread, len(numbers))
            beyond = centre + limit * spread
            enough = _SURE if test.harm.cost >= FAR else _LIKELY
            away = float(np.clip((value - centre) / spread, -_FARTHEST_SAMPLE, _FARTHEST_SAMPLE))
            found.append(Amount(test.harm, value, beyond, away, value > beyond, beyond + enough * spread < 1.0))
        return found

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, five digits; `change_tests_from` reads it back."""
        return {key: _rounded(value) for key, value in to_plain(self).items()}

    def _at(self, values: Sequence[float], cells: int) -> float:
        return float(np.interp(np.log(cells), np.log(np.asarray(self.sizes, np.float64)), np.asarray(values)))


def change_tests_from(data: Mapping[str, Any]) -> ChangeTests:
    """Read back what `ChangeTests.as_dict` wrote."""
    return from_plain(ChangeTests, data, "What the model card says of changes that harm it", CardInvalid)


@dataclass(frozen=True)
class KnownCells:
    """Cells without a change, in numbers.

    Attributes:
        numbers: (N, d). names: of the columns.
        labels: (N,) class index. samples: (N,) which sample.
    """

    numbers: Floats
    names: tuple[str, ...]
    labels: Ints
    samples: Ints


def make_tests(
    known: KnownCells,
    harms: Sequence[tuple[Harm, NDArray[Any], Ints]],
    harmless: Sequence[tuple[NDArray[Any], Ints]],
    rng: np.random.Generator,
) -> ChangeTests | None:
    """Measures and limits for changes.

    Args:
        harms: change, harmful or not, numbers (m, d) of some of the cells after it, and their rows in `known`.
        harmless: the same of changes that harm nothing and must not look like others.

    Returns:
        None when a class has fewer than `FEWEST_OF_CLASS` cells, or there is no harm to test.
    """
    counts = np.bincount(known.labels)
    decide = np.array([harm.counts for harm, _, _ in harms], bool)
    if not decide.any() or len(counts) < 2 or counts.min() < FEWEST_OF_CLASS:
        return None
    middle = np.nanmedian(known.numbers, axis=0)
    scale = np.maximum(1.4826 * np.nanmedian(np.abs(known.numbers - middle), axis=0), 1e-6)
    cells = _standardised(known.numbers, middle, scale)

    def direction(changed: NDArray[Any], rows: Ints) -> Floats:
        # Each class counts alike, as it does in a mixture that nobody knows.
        away = _standardised(changed, middle, scale) - cells[rows]
        of_classes = [away[known.labels[rows] == label].mean(axis=0) for label in np.unique(known.labels[rows])]
        return np.asarray(np.mean(of_classes, axis=0), np.float64)

    ways = [direction(changed, rows) for _, changed, rows in harms]
    freely = [direction(changed, rows) for changed, rows in harmless]
    by_sample = _several_samples(known)
    drawn, lengths = _cross_checked(known, cells, ways, freely, by_sample, rng)
    measures = _Measures.of(cells, known.labels, known.samples, ways, freely)
    centres = np.stack([part.mean(axis=0) for part in drawn])
    spreads = np.stack([np.maximum(part.std(axis=0, ddof=1), 1e-6) for part in drawn])
    farthest = [
        ((part - centre) / spread)[:, decide].max(axis=1)
        for part, centre, spread in zip(drawn, centres, spreads, strict=True)
    ]
    return ChangeTests(
        known.names,
        tuple(middle.tolist()),
        tuple(scale.tolist()),
        SIZES,
        tuple(max(_LEAST_LIMIT, float(np.quantile(values, _RIGHT))) for values in farthest),
        tuple(
            ChangeTest(
                harm,
                tuple(measures.weights[place].tolist()),
                float(measures.offsets[place]),
                tuple(centres[:, place].tolist()),
                tuple(spreads[:, place].tolist()),
            )
            for place, (harm, _, _) in enumerate(harms)
        ),
        len(cells),
        len(np.unique(known.samples)),
        by_sample,
        None
        if by_sample
        else Rest(
            tuple(tuple(row) for row in measures.project.tolist()),
            tuple(measures.centre.tolist()),
            tuple(float(np.quantile(part, _RIGHT)) for part in lengths),
        ),
    )


def _cross_checked(
    known: KnownCells,
    cells: Floats,
    ways: Sequence[Floats],
    harmless: Sequence[Floats],
    by_sample: bool,
    rng: np.random.Generator,
) -> tuple[list[Floats], list[Floats]]:
    """Per size amounts (draws, C) and lengths of the rest (draws,) of samples drawn from cells that made no measure."""
    drawn: list[list[Floats]] = [[] for _ in SIZES]
    lengths: list[list[Floats]] = [[] for _ in SIZES]
    parted = [_halves(known, by_sample, rng) for _ in range(_PARTINGS)]
    for own, other in [turn for halves in parted for turn in (halves, halves[::-1])]:
        made = _Measures.of(cells[own], known.labels[own], known.samples[own], ways, harmless)
        for place, size in enumerate(SIZES):
            means = _drawn(cells[other], known.labels[other], known.samples[other], size, by_sample, rng)
            if not by_sample:
                # What samples differ by at least: it is in the measures, so it belongs into what they are judged by.
                means = means + rng.normal(0.0, _LEAST_BETWEEN, means.shape) * made.within
            drawn[place].append(means @ made.weights.T - made.offsets)
            lengths[place].append(_lengths(means, made.project, made.centre))
    return [np.concatenate(parts) for parts in drawn], [np.concatenate(parts) for parts in lengths]


@dataclass(frozen=True)
class _Measures:
    """(C, d) weights and (C,) offsets of the amounts of changes, (d, d) P, (d,) middle of the classes, (d,) spread of
    cells within them.
    """

    weights: Floats
    offsets: Floats
    project: Floats
    centre: Floats
    within: Floats

    @classmethod
    def of(
        cls, cells: Floats, labels: Ints, samples: Ints, ways: Sequence[Floats], harmless: Sequence[Floats]
    ) -> _Measures:
        means = np.stack([cells[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)])
        variance = _within_and_between(cells - means[labels], labels, samples)
        for way in harmless:
            variance = variance + _HARMLESS_AMOUNT**2 * np.outer(way, way)
        inverse = np.linalg.inv(variance)
        classes = (means[1:] - means[0]).T
        taken = inverse @ classes
        # Classes that differ in nothing leave nothing to take out.
        project = inverse - taken @ np.linalg.pinv(classes.T @ taken) @ taken.T
        weights = np.stack([project @ way / max(float(way @ project @ way), 1e-9) for way in ways])
        centre, within = np.asarray(means.mean(axis=0)), (cells - means[labels]).std(axis=0)
        return cls(weights, weights @ centre, project, centre, within)


def _lengths(means: Floats, project: Floats, centre: Floats) -> Floats:
    away = means - centre
    return np.asarray(np.sqrt(np.maximum(np.einsum("nd,de,ne->n", away, project, away), 0.0)), np.float64)


def _within_and_between(away: Floats, labels: Ints, samples: Ints) -> Floats:
    """Covariance (d, d) of the mean of a sample of `_NOMINAL_CELLS` cells around its class."""
    within = np.cov(away, rowvar=False)
    least = _LEAST_BETWEEN**2 * np.diag(np.maximum(np.diag(within), 1e-3))
    keys, places, counts = np.unique(samples * (labels.max() + 1) + labels, return_inverse=True, return_counts=True)
    found = within / _NOMINAL_CELLS + least
    spare = len(keys) - len(np.unique(labels))
    if spare < 1:
        return np.asarray(found, np.float64)
    sums = np.zeros((len(keys), away.shape[1]))
    np.add.at(sums, places, away)
    means = sums / counts[:, None]
    between = means.T @ means / spare - within * float(np.mean(1 / counts))
    # Few samples know their variances, hardly their correlations (shrunk as by Schäfer and Strimmer 2005).
    own = spare / (spare + away.shape[1])
    between = own * between + (1 - own) * np.diag(np.diag(between))
    values, vectors = np.linalg.eigh(between)
    return np.asarray(found + (vectors * np.maximum(values, 0)) @ vectors.T, np.float64)


def _several_samples(known: KnownCells) -> bool:
    """Whether every class has four samples, so that each half of them has two."""
    return all(
        len(np.unique(known.samples[known.labels == label])) >= 4 for label in range(int(known.labels.max()) + 1)
    )


def _halves(known: KnownCells, by_sample: bool, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Two halves of the cells with all classes in each; of whole samples, or of cells where these are few."""
    first = np.zeros(len(known.labels), bool)
    for label in range(int(known.labels.max()) + 1):
        rows = np.flatnonzero(known.labels == label)
        if by_sample:
            names = rng.permutation(np.unique(known.samples[rows]))
            first[rows[np.isin(known.samples[rows], names[::2])]] = True
        else:
            first[rng.permutation(rows)[::2]] = True
    return np.flatnonzero(first), np.flatnonzero(~first)


def _drawn(cells: Floats, labels: Ints, samples: Ints, size: int, by_sample: bool, rng: np.random.Generator) -> Floats:
    """(`_DRAWS`, d) means of samples of `size` cells at random ratios."""
    classes = int(labels.max()) + 1
    pools: list[list[Ints]] = []
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        pools.append([rows[samples[rows] == name] for name in np.unique(samples[rows])] if by_sample else [rows])
    found = np.empty((_DRAWS, cells.shape[1]))
    for draw in range(_DRAWS):
        counts = rng.multinomial(size, rng.dirichlet(np.ones(classes)))
        rows = np.concatenate(
            [
                rng.choice(pools[label][int(rng.integers(len(pools[label])))], count)
                for label, count in enumerate(counts)
                if count
            ]
        )
        found[draw] = cells[rows].mean(axis=0)
    return found


def _standardised(numbers: NDArray[Any], middle: Floats, scale: Floats) -> Floats:
    away = (np.asarray(numbers, np.float64) - middle) / scale
    return np.asarray(np.clip(np.nan_to_num(away, nan=0.0), -_FARTHEST, _FARTHEST), np.float64)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return {key: _rounded(item) for key, item in value.items()} if isinstance(value, dict) else value
