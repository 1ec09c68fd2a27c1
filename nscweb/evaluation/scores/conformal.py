"""The right to abstain: sets of classes that hold the true one in all but a chosen share of the cells of each class.

Class-conditional (Mondrian) split conformal prediction with the score 1 - p of the true class (Vovk et al. 2005,
chapter 4; Sadinle, Lei and Wasserman, J. Am. Stat. Assoc. 114, 223 (2019)). For cells drawn like the held-out cells,
the set of a cell of class k lacks k in at most a share alpha of the draws, whatever the model and however bad it is:
a bad model has large sets, not wrong ones. Held-out cells of the same time point are used where there are enough.

When it fails: the promise is for cells like the held-out ones. A sample with other light, focus, instrument or culture
(a shifted sample) is not, and its sets may miss more often than alpha; nothing in the sets tells so, which is why the
page shows them beside the fitness light of the sample. Cells of one sample are alike, so with few held-out samples the
share kept in a single new sample scatters around the promise, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import FEWEST_FOR_SETS
from nscweb.evaluation.scores.held_out import HeldOut

NONE = "none of these"


@dataclass(frozen=True, eq=False)
class Thresholds:
    """The score from which on a class belongs to the set of a cell.

    Attributes:
        alpha: share of the cells of each class whose set may lack their class.
        values: (1 + T, K) lowest score; row 0 from cells of all time points, row 1 + t from those of `hours[t]`. Minus
            infinity where there are too few cells to leave any out: the class is then in every set.
        hours: (T,) time points with thresholds of their own, rising.
        cells: (1 + T, K) held-out cells behind each.
        classes: names in order.
    """

    alpha: float
    values: NDArray[np.float64]
    hours: NDArray[np.float64]
    cells: NDArray[np.int64]
    classes: tuple[str, ...]


def thresholds(held_out: HeldOut, alpha: float, least: int = FEWEST_FOR_SETS) -> Thresholds:
    """Thresholds from cells of known class.

    For a class with n cells the threshold is the ceil((n + 1)(1 - alpha))-th largest of their scores (Sadinle et al.
    2019, section 3, with the finite-sample correction of split conformal prediction).

    Args:
        held_out: cells that the model was not trained on.
        alpha: 0 to 1, without the ends.
        least: cells of every class that a time point needs for thresholds of its own.

    Raises:
        WrongUse: `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise WrongUse(f"An error rate of {alpha:g} is not between 0 and 1.")
    size = len(held_out.classes)
    parts, hours = [held_out], []
    for time in np.unique(held_out.times[np.isfinite(held_out.times)]):
        here = held_out.times == time
        if np.bincount(held_out.labels[here], minlength=size).min() >= least:
            parts.append(held_out.take(here))
            hours.append(float(time))
    values = np.full((len(parts), size), -np.inf)
    for row, part in enumerate(parts):
        for label in range(size):
            own = np.sort(part.scores[part.labels == label, label].astype(np.float64))
            rank = int(np.ceil((len(own) + 1) * (1 - alpha) - 1e-9))
            if rank <= len(own):
                values[row, label] = own[len(own) - rank]
    cells = np.stack([np.bincount(part.labels, minlength=size) for part in parts])
    return Thresholds(alpha, values, np.asarray(hours, np.float64), cells, held_out.classes)


def prediction_sets(
    scores: NDArray[np.float32], limits: Thresholds, times_h: NDArray[np.float64] | None = None
) -> NDArray[np.bool_]:
    """(N, K) which classes are in the set of each cell; none at all means: unlike every class.

    Args:
        scores: (N, K) in the order of the classes of `limits`.
        limits: from `thresholds`.
        times_h: (N,) hours of each cell, for thresholds of its own time point.
    """
    if times_h is None or not len(limits.hours):
        return np.asarray(scores >= limits.values[0])
    place = np.searchsorted(limits.hours, times_h).clip(max=len(limits.hours) - 1)
    row = np.where(np.abs(limits.hours[place] - times_h) < 1e-6, place + 1, 0)
    inside = np.empty(scores.shape, bool)
    for label in range(scores.shape[1]):
        inside[:, label] = scores[:, label] >= limits.values[row, label]
    return inside


def set_codes(sets: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) one number for each set: the sum of 2 to the power of the classes in it; 0 for none."""
    codes = np.zeros(len(sets), np.int64)
    for index in range(sets.shape[1]):
        codes += sets[:, index].astype(np.int64) << index
    return codes


def set_word(code: int, classes: Sequence[str]) -> str:
    """``neuron``, ``neuron or oligodendrocyte``, ``astrocyte, neuron or oligodendrocyte``, ``none of these``."""
    names = [name for index, name in enumerate(classes) if code >> index & 1]
    if not names:
        return NONE
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def ordered_codes(codes: NDArray[np.int64], classes: int) -> list[int]:
    """The different codes as people read them: single classes first, larger sets after, none last."""
    return sorted(
        (int(code) for code in _different(codes)),
        key=lambda code: (code.bit_count() or classes + 1, [not code >> index & 1 for index in range(classes)]),
    )


def set_words(codes: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.object_]:
    """(N,) the word of each set."""
    found = _different(codes)
    words = np.asarray([set_word(int(code), classes) for code in found], object)
    return np.asarray(words[np.searchsorted(found, codes)] if len(words) else np.zeros(0, object))


def share_of_sets(
    codes: NDArray[np.int64], sample: NDArray[np.int64], samples: int, order: Sequence[int]
) -> NDArray[np.float64]:
    """(samples, sets) share of the cells of each sample with each set of `order`; NaN for a sample without cells."""
    rising = np.argsort(order)
    column = rising[np.searchsorted(np.asarray(order, np.int64)[rising], codes)] if len(order) else codes
    flat = np.bincount(sample * len(order) + column, minlength=samples * len(order))
    counts = flat.reshape(samples, len(order)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _different(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different codes, rising; counted where that is quicker than sorting."""
    if len(codes) and int(codes.max()) < 1 << 16:
        return np.flatnonzero(np.bincount(codes))
    return np.unique(codes)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often sets held the true class, on samples that the thresholds did not know.

    Attributes:
        kept, cells: (K,) share of the cells of each class whose set holds it, and cells asked.
        single, none: share of all cells with exactly one class, and with none.
    """

    kept: NDArray[np.float64]
    cells: NDArray[np.int64]
    single: float
    none: float


def checked_coverage(held_out: HeldOut, alpha: float, *, folds: int = 5, seed: int = 0) -> Coverage:
    """The promise tried out: thresholds from four fifths of the held-out samples, coverage on the rest, in turn."""
    part_of = sample_parts(held_out, folds, seed)
    sets = np.zeros(held_out.scores.shape, bool)
    for part in range(folds):
        away = part_of == part
        if away.any() and not away.all():
            limits = thresholds(held_out.take(~away), alpha)
            sets[away] = prediction_sets(held_out.scores[away], limits, held_out.times[away])
    own = sets[np.arange(len(held_out)), held_out.labels]
    size = len(held_out.classes)
    cells = np.bincount(held_out.labels, minlength=size)
    with np.errstate(invalid="ignore"):
        kept = np.bincount(held_out.labels, own, size) / cells
    many = sets.sum(axis=1)
    return Coverage(kept, cells, float((many == 1).mean()), float((many == 0).mean()))


def sample_parts(held_out: HeldOut, parts: int, seed: int) -> NDArray[np.int64]:
    """(N,) part 0 to `parts` - 1 of each cell: whole samples, dealt out within their class and time point in turn."""
    samples, first, sample_of = np.unique(held_out.samples, return_index=True, return_inverse=True)
    size = len(held_out.classes)
    flat = np.bincount(sample_of * size + held_out.labels, minlength=len(samples) * size)
    own = flat.reshape(-1, size).argmax(axis=1)
    generator = np.random.default_rng([seed, 9])
    hours = np.nan_to_num(held_out.times[first], nan=-1.0)
    order = np.lexsort((generator.random(len(samples)), hours, own))
    part = np.empty(len(samples), np.int64)
    # Counting goes on from one class and time to the next, so that parts stay equally large.
    part[order] = np.arange(len(samples)) % parts
    return part[sample_of]
