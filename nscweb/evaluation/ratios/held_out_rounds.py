"""What is known of each class from held-out cells, and bootstrap rounds of corrected ratios.

Three things make a corrected ratio uncertain, and each is drawn again in every round:

(a) the mean scores of the pure classes are known from so many held-out cells of so many held-out samples;
(b) the new sample has its own light, focus and culture, so its classes do not score exactly like the mean;
(c) so many cells of the sample were seen.

(b) cannot be had by drawing cells again, so it is estimated: the covariance between samples of the mean scores, by
the method of moments of DerSimonian and Laird (Control. Clin. Trials 7, 177 (1986)) in its matrix form, with the
noise that comes from finite numbers of cells subtracted, and never negative. A light that moves all scores a little
moves a cell with a score of 0.5 much and one with 0.99 hardly, so differences are measured as log odds of cells, and
so they are pooled over classes and time points: two or three samples each would say little by themselves. How large
they are at one time point is drawn towards the common size, as moderated variances are (Smyth, Stat. Appl. Genet.
Mol. Biol. 3 (2004)). Draws are those of Student's t with these degrees of freedom. Without differences nothing is
added.

In one sample all classes share light and focus, and in simulated samples their deviations were found to be the same
(docs/measured/RATIOS.md); so a new sample deviates as a whole, and mixing fates does not average that out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

# As many degrees of freedom as the common size of differences counts for beside that of one time point.
_PRIOR_DEGREES = 8
# Part of the spread of cells' scores that must be left for the slope of scores; labels leave none.
_LEAST_SLOPE = 0.01


@dataclass(frozen=True, eq=False)
class Known:
    """What held-out cells say about the features (scores or labels) of each class, at one time or at all times.

    Attributes:
        mean: (K, F) mean of each class.
        within: (K, F, F) covariance between cells of a class.
        between: (K, F, F) covariance between samples of the mean of a class.
        error_cells, error_between: (K, F, F) covariance of `mean` from finite cells, and from finite samples.
        degrees: degrees of freedom behind `between`; 0 when no class has two samples.
        common: held-out samples have cells of several classes, so that their deviations go together.
        cells, samples: held-out cells and samples.
    """

    mean: Float64
    within: Float64
    between: Float64
    error_cells: Float64
    error_between: Float64
    degrees: int
    common: bool
    cells: int
    samples: int


@dataclass(frozen=True, eq=False)
class Units:
    """Held-out cells added up by true class and sample; one line per pair.

    Attributes:
        label, sample, count: (U,) class, sample and number of cells.
        time: (U,) hours, NaN where not known.
        mean: (U, F) mean of the features.
        scatter: (U, F, F) sum over cells of squared deviations from that mean.
    """

    label: NDArray[np.int64]
    sample: NDArray[np.int64]
    count: Float64
    time: Float64
    mean: Float64
    scatter: Float64

    def of(self, rows: NDArray[np.bool_]) -> Units:
        """Some lines only."""
        return Units(
            self.label[rows], self.sample[rows], self.count[rows], self.time[rows], self.mean[rows], self.scatter[rows]
        )


def totals(
    features: NDArray[Any], code: NDArray[np.int64], size: int, *, outer: bool = True
) -> tuple[Float64, Float64, Float64]:
    """Number (U,), sum (U, F) and sum of outer products (U, F, F) of `features` (N, F) by `code` 0..U-1.

    Args:
        outer: False leaves the products out: (U, 0, 0).
    """
    columns = [np.ascontiguousarray(column, np.float64) for column in np.asarray(features).T]
    count = np.bincount(code, minlength=size).astype(np.float64)
    total = np.stack([np.bincount(code, column, size) for column in columns], axis=1).astype(np.float64)
    width = len(columns) if outer else 0
    product = np.empty((size, width, width))
    for i in range(width):
        for j in range(i, width):
            product[:, i, j] = product[:, j, i] = np.bincount(code, columns[i] * columns[j], size)
    return count, total, product


def moments(count: Float64, total: Float64, outer: Float64) -> tuple[Float64, Float64]:
    """Mean (U, F) and scatter (U, F, F) from `totals`; NaN means for no rows."""
    mean = total / np.maximum(count, 1)[:, None]
    scatter = np.empty(outer.shape)
    for i in range(mean.shape[1]):
        for j in range(i, mean.shape[1]):
            # The same number on both sides of the diagonal, to the last bit.
            scatter[:, i, j] = scatter[:, j, i] = outer[:, i, j] - count * mean[:, i] * mean[:, j]
    mean[count == 0] = np.nan
    return mean, scatter


def units_of(features: NDArray[Any], labels: NDArray[np.int64], samples: NDArray[np.int64], times: Float64) -> Units:
    """Held-out cells added up by true class and sample."""
    width = int(labels.max()) + 1
    pairs, first, code = np.unique(samples * width + labels, return_index=True, return_inverse=True)
    count, total, outer = totals(features, code.reshape(-1), len(pairs))
    mean, scatter = moments(count, total, outer)
    return Units(pairs % width, pairs // width, count, times[first], mean, scatter)


def known_of(units: Units, strata: NDArray[np.int64], classes: int) -> dict[int, Known]:
    """What the held-out cells of each stratum say; differences between samples pooled over all strata.

    Args:
        units: held-out cells by class and sample.
        strata: (U,) stratum of each line, e.g. its time point; every class must be in every stratum.
        classes: K.
    """
    names = [int(name) for name in np.unique(strata)]
    parts = [[_part(units, (strata == name) & (units.label == label)) for label in range(classes)] for name in names]
    pooled, total = _moments([part for row in parts for part in row])
    shape = pooled / max(float(np.trace(pooled)), 1e-300)
    degrees = sum(part.degrees for row in parts for part in row)
    labels_of = np.bincount(np.unique(units.sample, return_inverse=True)[1].reshape(-1))
    common = bool(np.mean(labels_of > 1) > 0.5)
    result = {}
    for name, row in zip(names, parts, strict=True):
        free = sum(part.degrees for part in row)
        size = total
        if len(names) > 1:
            # Samples may differ more at one time than at another; with few samples the common size weighs more.
            size = (_PRIOR_DEGREES * total + free * _moments(row)[1]) / (_PRIOR_DEGREES + free)
        behind = degrees if len(names) == 1 else min(degrees, free + _PRIOR_DEGREES)
        result[name] = _known(units, row, shape * max(0.0, size), behind if degrees else 0, common)
    return result


def nearest_covariance(matrix: Float64) -> Float64:
    """(..., F, F) with negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, -1, -2)) / 2)
    return np.asarray((vectors * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(vectors, -1, -2), np.float64)


def root_of(matrix: Float64) -> Float64:
    """Symmetric square root (..., F, F) of covariances."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(
        (vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2), np.float64
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One class in one stratum: its lines, covariance between cells, and how its mean moves with log odds."""

    rows: NDArray[np.int64]
    within: Float64
    slope: Float64
    excess: Float64
    freedom: float
    weight: float
    degrees: int


def _part(units: Units, chosen: NDArray[np.bool_]) -> _Part:
    rows = np.flatnonzero(chosen)
    count = units.count[rows]
    within = units.scatter[rows].sum(axis=0) / max(1.0, float((count - 1).sum()))
    mean = np.average(units.mean[rows], axis=0, weights=count)
    apart = units.mean[rows] - mean
    slope = slope_of(mean, (units.scatter[rows].sum(axis=0) + (apart * count[:, None]).T @ apart) / count.sum())
    inverse = np.linalg.pinv(slope, rcond=1e-4, hermitian=True)
    odds = apart @ inverse
    noise = inverse @ within @ inverse
    excess = (odds * count[:, None]).T @ odds - (len(rows) - 1) * noise
    weight = 1 / max(float(np.trace(noise)), 1e-9)
    freedom = float(count.sum() - (count**2).sum() / count.sum())
    return _Part(rows, within, slope, excess, freedom, weight, len(rows) - 1)


def slope_of(mean: Float64, spread: Float64) -> Float64:
    """(F, F) by how much the mean score of a class moves when the log odds of its cells move.

    For one cell with scores p it is diag(p) - p p^T, and its mean over the cells is diag(m) - m m^T - `spread`, with
    the covariance of all cells. Leaving that out holds cells that are sure either way for unsure ones, and makes
    differences too large where classes are far apart. Labels, 0 or 1, have no slope of their own: there the slope
    of cells that are all as unsure as their mean stands for it.
    """
    whole = np.diag(mean) - mean[:, None] * mean
    slope = whole - spread
    return np.asarray(slope if np.trace(slope) > _LEAST_SLOPE * np.trace(whole) else whole, np.float64)


def _moments(parts: list[_Part]) -> tuple[Float64, float]:
    """Covariance between samples of the log odds, pooled over `parts`, and its trace before negatives are cut."""
    freedom = sum(part.weight * part.freedom for part in parts)
    whole = np.sum([part.weight * part.excess for part in parts], axis=0)
    if freedom <= 0:
        return np.zeros_like(whole), 0.0
    return nearest_covariance(whole / freedom), float(np.trace(whole)) / freedom


def _known(units: Units, parts: list[_Part], differ: Float64, degrees: int, common: bool) -> Known:
    mean, between, cells, samples = [], [], [], []
    for part in parts:
        count = units.count[part.rows]
        own = part.slope @ differ @ part.slope
        noise = float(np.trace(part.within)) / count
        weight = 1 / np.maximum(float(np.trace(own)) + noise, 1e-12)
        weight = weight / weight.sum()
        mean.append(weight @ units.mean[part.rows])
        between.append(own)
        cells.append(part.within * float((weight**2 / count).sum()))
        samples.append(own * float((weight**2).sum()))
    rows = np.concatenate([part.rows for part in parts])
    return Known(
        mean=np.stack(mean),
        within=np.stack([part.within for part in parts]),
        between=np.stack(between),
        error_cells=np.stack(cells),
        error_between=np.stack(samples),
        degrees=degrees,
        common=common,
        cells=int(units.count[rows].sum()),
        samples=len(np.unique(units.sample[rows])),
    )
