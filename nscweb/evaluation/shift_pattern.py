"""Could a sample be one more of the known ones in many numbers at once?

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

Floats = NDArray[np.float64]

# Numbers per known sample: a covariance from fewer samples than three per number finds nothing.
_SAMPLES_PER_NUMBER = 3
_FEWEST_NUMBERS = 2
# Standardised numbers of a cell beyond this are only "very far", so that one odd cell does not make a sample.
_FARTHEST_TOGETHER = 6.0


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
