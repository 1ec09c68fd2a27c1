"""Out-of-fold scores from a plain logistic regression on features: each cell judged by a fit that never saw it."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.evaluation.audit.even_choice import in_turn

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
FOLDS = 5
# A fit of more cells takes longer and is hardly better for so few numbers.
MOST_FITTED = 12_000
_COMPONENTS = 64
_ITERATIONS = 200


def deal_folds(
    labels: Int64, samples: Int64, *, seed: int, folds: int = FOLDS
) -> tuple[Int64, Literal["sample", "cell"]]:
    """Fold of each cell, all cells of a sample in one fold.

    Samples are dealt out label by label, so that every label with two samples is there whichever fold is left
    out. Where a label is in one sample only, cells are dealt out instead; what a sample has in common then helps
    to name its label.

    Args:
        labels: (N,) label of each cell.
        samples: (N,) sample of each cell.
        seed: of the order.
        folds: at most; fewer where there are fewer samples.

    Raises:
        InputRefused: fewer than two labels, or a label with one cell only.
    """
    present, counts = np.unique(labels, return_counts=True)
    if len(present) < 2 or counts.min() < 2:
        raise InputRefused(
            "A label audit needs two classes or more with two cells or more each.",
            "Fill in the true classes of further samples on the page Study.",
            "E-AUDIT-LABELS",
        )
    generator = np.random.default_rng([seed, 21])
    found, unit = np.unique(samples, return_inverse=True)
    held = np.zeros((len(found), int(labels.max()) + 1), np.int64)
    np.add.at(held, (unit, labels), 1)
    main = held.argmax(axis=1)
    shuffled = generator.permutation(len(found))
    order = shuffled[np.argsort(main[shuffled], kind="stable")]
    fold_of_sample = np.empty(len(found), np.int64)
    fold_of_sample[order] = np.arange(len(found)) % min(folds, len(found))
    fold = fold_of_sample[unit]
    if _always_trained(labels, fold, present):
        return fold, "sample"
    dealt = np.empty(len(labels), np.int64)
    shuffled = generator.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    dealt[order] = np.arange(len(labels)) % folds
    return dealt, "cell"


def _always_trained(labels: Int64, fold: Int64, present: Int64) -> bool:
    """Whether each label is in two folds or more, so that leaving one out leaves some of it."""
    return all(len(np.unique(fold[labels == label])) > 1 for label in present)


def out_of_fold(
    features: NDArray[np.float32],
    labels: Int64,
    fold: Int64,
    classes: int,
    *,
    seed: int,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Float64:
    """(N, K) scores of each cell by a logistic regression that was fitted to the other folds.

    Features are standardised by the cells of the fit, and reduced to 64 leading directions where there are more
    than 256. Of many cells, 12,000 drawn evenly from the labels are fitted.

    Args:
        features: (N, F).
        labels: (N,) 0 to K - 1.
        fold: (N,) of `deal_folds`.
        classes: K.
        seed: of the draw.
        progress: told folds done.
        cancel: asked before each fold.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    scores = np.zeros((len(labels), classes))
    found = np.unique(fold)
    for done, left_out in enumerate(found):
        stop_if_asked(cancel)
        progress(done, len(found), "Judging held-out cells")
        held = fold == left_out
        rows = _drawn(labels, np.flatnonzero(~held), np.random.default_rng([seed, int(left_out)]))
        fitted, judged = _scaled(features[rows], features[held])
        present, values = _fit(fitted, labels[rows], judged)
        scores[np.ix_(np.flatnonzero(held), present)] = values
    progress(len(found), len(found), "Judging held-out cells")
    return scores


def _drawn(labels: Int64, rows: Int64, generator: np.random.Generator) -> Int64:
    if len(rows) <= MOST_FITTED:
        return rows
    # In turn from each label, so that a rare one keeps all its cells.
    order = generator.permutation(rows)
    return np.sort(order[in_turn(labels[order], MOST_FITTED)])


def _scaled(fitted: NDArray[np.float32], judged: NDArray[np.float32]) -> tuple[Float64, Float64]:
    one, two = fitted.astype(np.float64), judged.astype(np.float64)
    mean, spread = one.mean(axis=0), one.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    one, two = (one - mean) / spread, (two - mean) / spread
    if one.shape[1] <= 4 * _COMPONENTS:
        return one, two
    _, vectors = np.linalg.eigh(one.T @ one / len(one))
    leading = vectors[:, -_COMPONENTS:]
    return one @ leading, two @ leading


def _fit(features: Float64, labels: Int64, judged: Float64) -> tuple[Int64, Float64]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.1, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # Where it has not settled to the last digit, the scores are good enough to rank cells.
        warnings.simplefilter("ignore")
        model.fit(features, labels)
    return np.asarray(model.classes_, np.int64), np.asarray(model.predict_proba(judged), np.float64)
