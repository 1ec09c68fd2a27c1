"""Random draws behind the interval of a corrected ratio: (a), (b) and (c) of `nscweb.evaluation.ratio_bootstrap`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.ratio_bootstrap import Known, root_of

Float64 = NDArray[np.float64]

# A few cells of no particular class are added to each sample when its spread is drawn, as Agresti and Coull do
# (Am. Stat. 52, 119 (1998)): three cells that all look alike do not prove that no other is there.
PSEUDO_CELLS = 4.0


@dataclass(frozen=True)
class Draws:
    """Random draws that belong to a sample or a time point, not to the order in which they are asked for.

    So the interval of a sample stays what it is when a filter takes other samples away.
    """

    seed: int

    def of(self, what: str) -> np.random.Generator:
        """A new generator for `what`; the same one for the same words."""
        return np.random.default_rng([self.seed, crc32(what.encode())])

    def of_samples(self, names: Sequence[str]) -> list[np.random.Generator]:
        return [self.of(f"sample {name}") for name in names]


def widening(rng: np.random.Generator, rounds: int, degrees: int) -> Float64:
    """(B,) factors that turn normal draws into draws of Student's t with so many degrees of freedom."""
    if degrees < 1:
        return np.zeros(rounds)
    return np.sqrt(degrees / rng.chisquare(degrees, rounds))


def draw_means(known: Known, wide: Float64, rng: np.random.Generator) -> Float64:
    """(B, K, F) the mean of each class with its held-out samples and cells drawn again: (a)."""
    shape = (len(wide), *known.mean.shape)
    cells = np.einsum("bkf,kfg->bkg", rng.standard_normal(shape), root_of(known.error_cells))
    moved = rng.standard_normal((shape[0], 1 if known.common else shape[1], shape[2]))
    between = np.einsum("bkf,kfg->bkg", np.broadcast_to(moved, shape), root_of(known.error_between))
    result: Float64 = known.mean + cells + wide[:, None, None] * between
    return result


def deviation(known: Known, share: Float64, together: bool) -> Float64:
    """(S, F, F) covariance of the deviation of samples with `share` (S, K) of each class: for (b).

    Args:
        together: the cells of a sample were recorded together, so all classes deviate alike; otherwise each class
            comes from a recording of its own, and deviations partly average out.
    """
    result: Float64 = np.einsum("sk,kfg->sfg", share if together else share**2, known.between)
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
    centre: Float64, error: Float64, between: Float64, wide: Float64, rngs: Sequence[np.random.Generator]
) -> Float64:
    """(B, S, F) mean features of samples with their cells drawn again (c), and their own deviation added (b).

    Args:
        centre, error: from `smoothed`.
        between: (S, F, F) covariance of the deviation of each sample.
        wide: (B,) from `widening`.
        rngs: S, one for each sample.
    """
    normal = np.stack([rng.standard_normal((2, len(wide), centre.shape[1])) for rng in rngs], axis=2)
    cells = np.einsum("bsf,sfg->bsg", normal[0], root_of(error))
    own = np.einsum("bsf,sfg->bsg", normal[1], root_of(between))
    result: Float64 = centre + cells + wide[:, None, None] * own
    return result
