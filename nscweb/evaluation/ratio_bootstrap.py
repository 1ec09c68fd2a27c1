"""What is known of each class from held-out cells, and bootstrap rounds of corrected ratios.

Three things make a corrected ratio uncertain, and each is drawn again in every round:

(a) the mean scores of the pure classes are known from so many held-out cells of so many held-out samples;
(b) the new sample has its own light, focus and culture, so its classes do not score exactly like the mean;
(c) so many cells of the sample were seen.

(b) cannot be had by drawing cells again, so it is estimated: the covariance between samples of the mean scores, by
the method of moments of DerSimonian and Laird (Control. Clin. Trials 7, 177 (1986)) in its matrix form, with the
noise that comes from finite numbers of cells subtracted, and never negative. Samples differ most where cells are
hardest to tell, so differences are measured in units of the spread between cells of that class and time point, and
in these units pooled over classes and time points: two or three samples each would say little by themselves. Draws
are those of Student's t with the pooled degrees of freedom. Without differences between samples nothing is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

# A few cells of no particular class are added to each sample when its spread is drawn, as Agresti and Coull do
# (Am. Stat. 52, 119 (1998)): three cells that all look alike do not prove that no other is there.
PSEUDO_CELLS = 4.0


@dataclass(frozen=True, eq=False)
class Known:
    """What held-out cells say about the features (scores or labels) of each class, at one time or at all times.

    Attributes:
        mean: (K, F) mean of each class.
        within: (K, F, F) covariance between cells of a class.
        between: (K, F, F) covariance between samples of the mean of a class.
        error_cells, error_between: (K, F, F) covariance of `mean` from finite cells, and from finite samples.
        degrees: degrees of freedom behind `between`; 0 when no class has two samples.
        cells, samples: held-out cells and samples.
    """

    mean: Float64
    within: Float64
    between: Float64
    error_cells: Float64
    error_between: Float64
    degrees: int
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
        )  # fmt: skip


def sums(features: NDArray[Any], code: NDArray[np.int64], size: int) -> tuple[Float64, Float64, Float64]:
    """Number (U,), mean (U, F) and scatter (U, F, F) of `features` (N, F) by `code` 0..U-1. NaN means for no rows."""
    columns = [np.ascontiguousarray(column, np.float64) for column in np.asarray(features).T]
    count = np.bincount(code, minlength=size).astype(np.float64)
    safe = np.maximum(count, 1)
    mean = np.stack([np.bincount(code, column, size) for column in columns], axis=1) / safe[:, None]
    scatter = np.empty((size, len(columns), len(columns)))
    for i, one in enumerate(columns):
        for j in range(i, len(columns)):
            product = np.bincount(code, one * columns[j], size) - count * mean[:, i] * mean[:, j]
            scatter[:, i, j] = scatter[:, j, i] = product
    mean[count == 0] = np.nan
    return count, mean, scatter


def units_of(
    features: NDArray[Any], labels: NDArray[np.int64], samples: NDArray[np.int64], times: Float64
) -> Units:
    """Held-out cells added up by true class and sample."""
    width = int(labels.max()) + 1
    pairs, first, code = np.unique(samples * width + labels, return_index=True, return_inverse=True)
    count, mean, scatter = sums(features, code.reshape(-1), len(pairs))
    return Units(pairs % width, pairs // width, count, times[first], mean, scatter)


def known_of(units: Units, strata: NDArray[np.int64], classes: int) -> dict[int, Known]:
    """What the held-out cells of each stratum say; differences between samples pooled over all strata.

    Args:
        units: held-out cells by class and sample.
        strata: (U,) stratum of each line, e.g. its time point; every class must be in every stratum.
        classes: K.
    """
    width = units.mean.shape[1]
    cell = np.zeros((width, width))
    excess, degrees, freedom = cell.copy(), 0, 0.0
    parts = {}
    for stratum in np.unique(strata):
        for label in range(classes):
            rows = (strata == stratum) & (units.label == label)
            within, root, inverse = _spread(units.of(rows))
            count = units.count[rows]
            deviation = (units.mean[rows] - np.average(units.mean[rows], axis=0, weights=count)) @ inverse
            solid = root @ inverse
            excess += (deviation * count[:, None]).T @ deviation - (len(count) - 1) * solid
            degrees += len(count) - 1
            freedom += count.sum() - (count**2).sum() / count.sum()
            parts[int(stratum), label] = (rows, within, root)
    differ = nearest_covariance(excess / freedom) if degrees else cell
    rank = max(1, width - 1)
    typical = float(np.trace(differ)) / rank
    result = {}
    for stratum in np.unique(strata):
        chosen = [parts[int(stratum), label] for label in range(classes)]
        result[int(stratum)] = _known(units, chosen, differ, typical, degrees)
    return result


def nearest_covariance(matrix: Float64) -> Float64:
    """(..., F, F) with negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, -1, -2)) / 2)
    return np.asarray(
        (vectors * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(vectors, -1, -2), np.float64
    )


def root_of(matrix: Float64) -> Float64:
    """Symmetric square root (..., F, F) of covariances."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(
        (vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2), np.float64
    )


def widening(rng: np.random.Generator, rounds: int, degrees: int) -> Float64:
    """(B,) factors that turn normal draws into draws of Student's t with so many degrees of freedom."""
    if degrees < 1:
        return np.zeros(rounds)
    return np.sqrt(degrees / rng.chisquare(degrees, rounds))


def draw_means(known: Known, wide: Float64, rng: np.random.Generator) -> Float64:
    """(B, K, F) the mean of each class with its held-out samples and cells drawn again: (a)."""
    shape = (len(wide), *known.mean.shape)
    cells = np.einsum("bkf,kfg->bkg", rng.standard_normal(shape), root_of(known.error_cells))
    between = np.einsum("bkf,kfg->bkg", rng.standard_normal(shape), root_of(known.error_between))
    result: Float64 = known.mean + cells + wide[:, None, None] * between
    return result


def smoothed(count: Float64, mean: Float64, scatter: Float64, known: Known) -> tuple[Float64, Float64]:
    """Mean (S, F) and covariance of that mean (S, F, F) of samples with `PSEUDO_CELLS` added: for (c)."""
    middle = known.mean.mean(axis=0)
    apart = known.mean - middle
    spread = (known.within + apart[:, :, None] * apart[:, None, :]).mean(axis=0)
    total = count + PSEUDO_CELLS
    centre = (count[:, None] * mean + PSEUDO_CELLS * middle) / total[:, None]
    own, added = mean - centre, middle - centre
    whole = scatter + count[:, None, None] * own[:, :, None] * own[:, None, :]
    whole = whole + PSEUDO_CELLS * (spread + added[:, :, None] * added[:, None, :])
    return centre, whole / (total**2)[:, None, None]


def draw_samples(
    centre: Float64, error: Float64, between: Float64, wide: Float64, rng: np.random.Generator
) -> Float64:
    """(B, S, F) mean features of samples with their cells drawn again (c), and their own deviation added (b).

    Args:
        centre, error: from `smoothed`.
        between: (S, F, F) covariance of the deviation of each sample.
        wide: (B,) from `widening`.
    """
    shape = (len(wide), *centre.shape)
    cells = np.einsum("bsf,sfg->bsg", rng.standard_normal(shape), root_of(error))
    own = np.einsum("bsf,sfg->bsg", rng.standard_normal(shape), root_of(between))
    result: Float64 = centre + cells + wide[:, None, None] * own
    return result


def _spread(units: Units) -> tuple[Float64, Float64, Float64]:
    """Covariance between cells of one class, its root and the inverse of the root on the space that it spans."""
    free = max(1.0, float((units.count - 1).sum()))
    within = units.scatter.sum(axis=0) / free
    values, vectors = np.linalg.eigh(within)
    solid = values > max(1e-9, 1e-6 * float(values.max()))
    values = np.where(solid, values, 0)
    inverse = np.where(solid, 1 / np.sqrt(np.where(solid, values, 1)), 0)
    return within, (vectors * np.sqrt(values)) @ vectors.T, (vectors * inverse) @ vectors.T


def _known(
    units: Units,
    chosen: list[tuple[NDArray[np.bool_], Float64, Float64]],
    differ: Float64,
    typical: float,
    degrees: int,
) -> Known:
    mean, within, between, cells, samples = [], [], [], [], []
    for rows, spread, root in chosen:
        count = units.count[rows]
        weight = 1 / (typical + 1 / count)
        weight = weight / weight.sum()
        mean.append(weight @ units.mean[rows])
        within.append(spread)
        between.append(root @ differ @ root)
        cells.append(spread * float((weight**2 / count).sum()))
        samples.append(between[-1] * float((weight**2).sum()))
    rows = np.any([item[0] for item in chosen], axis=0)
    return Known(
        np.stack(mean), np.stack(within), np.stack(between), np.stack(cells), np.stack(samples), degrees,
        int(units.count[rows].sum()), len(np.unique(units.sample[rows])),
    )  # fmt: skip
