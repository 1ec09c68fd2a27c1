"""Do whole samples lie where samples of known cells lay? Plain numbers per sample, and how far is far.

A threshold for single cells says little about a sample: samples differ among themselves, by time point, by fate and by
the day on which they were recorded. So a model keeps every number once per held-out sample, and a new sample is
asked whether it could be one more of them.

Chance that a further sample lies as far out: prediction interval for one further observation of a normal population,
x - mean over s sqrt(1 + 1 / S) follows Student's t with S - 1 degrees of freedom (Hahn and Meeker 1991, Statistical
Intervals, section 4.7), with the sampling error of the cells of the new sample added to the variance.

Could a sample be one more of the known ones in many numbers at once?

A change of the recording moves many numbers together, each by less than samples differ anyway, but in a pattern in
which good samples never differ. Hotelling's T squared for one further observation sees that: with mean m and covariance
B of S known samples in p numbers, T2 = (x - m)' (B (1 + 1 / S))^-1 (x - m), and T2 (S - p) / (p (S - 1)) follows the F
distribution with p and S - p degrees of freedom (Johnson and Wichern 2007, Applied Multivariate Statistical Analysis,
section 5.6). The covariance of single cells over their number is added to B for the sampling error of the new sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import CardInvalid
from nscweb.core.plain import from_plain
from nscweb.core.rules import FEWEST_HELD_OUT_SAMPLES

# Numbers per known sample: a covariance from fewer samples than three per number finds nothing.
_SAMPLES_PER_NUMBER = 3
_FEWEST_NUMBERS = 2
# Standardised numbers of a cell beyond this are only "very far", so that one odd cell does not make a sample.
_FARTHEST_TOGETHER = 6.0
Floats = NDArray[np.float64]
# The deviation of a median of normal numbers, per that of a mean.
_MEDIAN_ERROR = 1.2533
_MAD_OF_NORMAL = 1.4826
# Beyond that many deviations the number itself means nothing.
_FARTHEST = 99.0


@dataclass(frozen=True)
class Pattern:
    """Means of samples of known cells in p standardised numbers.

    Attributes:
        mean: (p,). between: (p, p) covariance of samples. within: (p, p) covariance of cells of one sample.
        samples: S.
    """

    mean: Floats
    between: Floats
    within: Floats
    samples: int

    def chance(self, cells: NDArray[Any]) -> float:
        """Chance that a further known sample lies as far out as that of these cells (n, at least p numbers).

        Of more numbers than p the last ones are taken, as `pattern` did. 1 for no cells.
        """
        from scipy.stats import f as fisher

        if not len(cells):
            return 1.0
        count = len(self.mean)
        away = _kept(cells, count).mean(axis=0) - self.mean
        spread = self.between * (1 + 1 / self.samples) + self.within / len(cells)
        squared = float(away @ np.linalg.solve(spread, away))
        return float(
            fisher.sf(squared * (self.samples - count) / (count * (self.samples - 1)), count, self.samples - count)
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, six digits."""
        return {
            "mean": _rounded(self.mean),
            "between": [_rounded(row) for row in self.between],
            "within": [_rounded(row) for row in self.within],
            "samples": self.samples,
        }


def pattern_of(data: Mapping[str, Any]) -> Pattern:
    """Read back what `Pattern.as_dict` wrote."""
    return Pattern(
        np.asarray(data["mean"], np.float64),
        np.asarray(data["between"], np.float64),
        np.asarray(data["within"], np.float64),
        int(data["samples"]),
    )


def pattern(samples: Sequence[NDArray[Any]]) -> Pattern | None:
    """Describe known samples, each (n, P) standardised numbers of its cells; None when they are too few.

    With few samples only the last numbers are taken: features of a network come with their widest spread last.
    """
    there = [sample for sample in samples if len(sample) > 1]
    count = min(len(there) // _SAMPLES_PER_NUMBER, there[0].shape[1]) if there else 0
    if count < _FEWEST_NUMBERS:
        return None
    kept = [_kept(sample, count) for sample in there]
    means = np.stack([sample.mean(axis=0) for sample in kept])
    within = np.mean([np.cov(sample, rowvar=False) for sample in kept], axis=0)
    between = np.cov(means, rowvar=False)
    # A number that never differs among known samples would make any other sample infinitely far.
    between = between + np.diag(np.maximum(1e-3 * np.diag(within), 1e-6))
    return Pattern(means.mean(axis=0), between, within, len(there))


def _kept(cells: NDArray[Any], count: int) -> Floats:
    numbers = np.asarray(cells, np.float64)[:, -count:]
    return np.asarray(np.clip(numbers, -_FARTHEST_TOGETHER, _FARTHEST_TOGETHER), np.float64)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


@dataclass(frozen=True)
class Summary:
    """One number of one sample: median over its cells, their spread as a standard deviation, and how many they are."""

    value: float
    spread: float
    cells: int


@dataclass(frozen=True)
class Shift:
    """How a sample lies to the held-out samples in one number.

    Attributes:
        value: of the sample, on its own scale. typical, low, high: median, least and greatest of held-out samples.
        effect: difference from the typical value in standard deviations of single cells (Cohen's d).
        t: difference in standard deviations of whole samples, the sampling error of the cells included.
        p: two-sided chance that a further held-out sample lies as far out.
        samples: held-out samples behind it.
    """

    value: float
    typical: float
    low: float
    high: float
    effect: float
    t: float
    p: float
    samples: int

    def as_dict(self) -> dict[str, float | int]:
        """JSON-ready, five digits."""
        return {name: value if isinstance(value, int) else float(f"{value:.5g}") for name, value in vars(self).items()}


@dataclass(frozen=True)
class Known:
    """One number in samples of known cells.

    Attributes:
        values: (S,) one per held-out sample.
        within: standard deviation of cells of one sample, typical of all.
        relative: True where factors matter more than differences (areas, contrasts).
    """

    values: tuple[float, ...]
    within: float
    relative: bool = False

    def shift(self, found: Summary) -> Shift:
        """How one more sample lies to these; a number that cannot be compared has t 0 and p 1."""
        values = np.asarray(self.values, np.float64)
        typical = float(np.median(values)) if len(values) else float("nan")
        low, high = (float(values.min()), float(values.max())) if len(values) else (typical, typical)
        if len(values) < FEWEST_HELD_OUT_SAMPLES or not np.isfinite(found.value):
            return Shift(found.value, typical, low, high, 0.0, 0.0, 1.0, len(values))
        known, value, within = values, found.value, self.within
        if self.relative:
            known, value = _logarithm(values), float(_logarithm(np.asarray([found.value]))[0])
            within = self.within / max(abs(typical), 1e-9)
        centre, count = float(known.mean()), len(known)
        between = max(float(known.std(ddof=1)), 0.05 * within, 1e-6 * max(1.0, abs(centre)))
        sampling = _MEDIAN_ERROR * within / np.sqrt(max(found.cells, 1))
        t = (value - centre) / np.sqrt(between**2 * (1 + 1 / count) + sampling**2)
        t = float(np.clip(t, -_FARTHEST, _FARTHEST))
        effect = (value - centre) / max(within, 1e-9 * max(1.0, abs(centre)))
        return Shift(
            found.value, typical, low, high, float(np.clip(effect, -99, 99)), float(t), _chance(float(t), count), count
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, five digits."""
        return {
            "values": [float(f"{value:.5g}") for value in self.values],
            "within": float(f"{self.within:.5g}"),
            "relative": self.relative,
        }


def known_of(data: Mapping[str, Any]) -> Known:
    """Read back what `Known.as_dict` wrote."""
    return from_plain(Known, data, "What the model card says of known samples", CardInvalid)


def summarise(values: NDArray[Any], mean: bool = False) -> Summary:
    """(n,) numbers of the cells of one sample, those that are not finite left out.

    Args:
        mean: take mean and standard deviation instead of their robust forms, for shares of cells.
    """
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return Summary(float("nan"), 0.0, 0)
    if mean:
        return Summary(float(numbers.mean()), float(numbers.std()), len(numbers))
    middle = float(np.median(numbers))
    return Summary(middle, _MAD_OF_NORMAL * float(np.median(np.abs(numbers - middle))), len(numbers))


def known(summaries: list[Summary], relative: bool = False) -> Known:
    """The same number of several samples of known cells, together; samples without it are left out."""
    there = [item for item in summaries if item.cells]
    within = float(np.median([item.spread for item in there])) if there else 0.0
    return Known(tuple(item.value for item in there), within, relative)


def _logarithm(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, 1e-6)), np.float64)


def _chance(t: float, samples: int) -> float:
    from scipy.stats import t as student

    return float(2 * student.sf(abs(t), samples - 1))
