"""Which labels the scores of held-out cells contradict: confident learning, written from the paper.

Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", J. Artif. Intell. Res.
70, 1373 (2021). Scores must be out-of-fold: each cell judged by a model that was not trained on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.resampling import Resampling

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
NOISE_COLUMNS: tuple[str, ...] = (
    "label",
    "better_fits",
    "cells",
    "sure_cells_of_label",
    "cells_of_label",
    "share_of_label",
    "low",
    "high",
    "interval",
)
_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class LabelAudit:
    """What confident learning says of the labels.

    Attributes:
        thresholds: (K,) mean score of a class among the cells labelled so; NaN for a class without cells.
        joint: (K, K) cells by label (row) and confident class (column): the confident joint.
        suggested: (N,) confident class of each cell, -1 where no class is confident.
        margin: (N,) normalised margin, (score of the label - highest other score + 1) / 2; 0 contradicts most.
        contradicted: (N,) True where the confident class is not the label.
        order: rows that are contradicted, the strongest contradiction first.
        noise: one row per pair of classes, see `NOISE_COLUMNS`; ``share_of_label`` is ``cells`` over
            ``sure_cells_of_label``, the cells of the label for which a class is confident.
        share: (value, low, high) estimated share of wrong labels among all cells.
        label: how the intervals were made.
    """

    thresholds: Float64
    joint: Int64
    suggested: Int64
    margin: Float64
    contradicted: NDArray[np.bool_]
    order: Int64
    noise: pd.DataFrame = field(repr=False)
    share: tuple[float, float, float]
    label: str


def class_thresholds(scores: Float64, labels: Int64) -> Float64:
    """(K,) mean score of each class among the cells that have its label (paper, equation 2)."""
    found = np.full(scores.shape[1], np.nan)
    for index in range(scores.shape[1]):
        own = labels == index
        if own.any():
            found[index] = scores[own, index].mean()
    return found


def confident_class(scores: Float64, thresholds: Float64) -> Int64:
    """(N,) class with the highest score among those that reach their threshold, -1 where none does.

    Paper, equation 1 with the collision rule below it. Classes without a label have no threshold and are never
    chosen.
    """
    # Scores that equal their threshold but for rounding reach it.
    reached = scores >= np.where(np.isnan(thresholds), np.inf, thresholds) - 1e-9
    best = np.where(reached, scores, -np.inf).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1).astype(np.int64)


def normalised_margin(scores: Float64, labels: Int64) -> Float64:
    """(N,) 0 to 1: (score of the label - highest score of another class + 1) / 2."""
    rows = np.arange(len(labels))
    others = scores.copy()
    others[rows, labels] = -np.inf
    return np.asarray((scores[rows, labels] - others.max(axis=1) + 1) / 2, np.float64)


def audit_labels(
    scores: Float64, labels: Int64, samples: Int64, classes: tuple[str, ...], *, seed: int, rounds: int = _ROUNDS
) -> LabelAudit:
    """Rank the cells whose label the scores contradict, and estimate how many labels of each class are wrong.

    The share of label i that better fits j is C[i, j] over the confident cells of label i (the joint of the
    paper, equation 3, divided by the share of the label). Intervals: bootstrap over samples within their label,
    with the thresholds kept; over cells where a label has one sample only.

    Args:
        scores: (N, K) out-of-fold scores, rows add to 1.
        labels: (N,) label, 0 to K - 1.
        samples: (N,) sample of each cell.
        classes: names in order.
        seed: of the bootstrap.
        rounds: of the bootstrap.

    Raises:
        WrongUse: no cells, shapes that do not fit, or scores that are no numbers.
    """
    values = np.asarray(scores, np.float64)
    size = len(classes)
    if not len(values) or values.shape != (len(labels), size) or not np.isfinite(values).all():
        raise WrongUse("A label audit needs finite scores (cells, classes) and one label per cell.")
    thresholds = class_thresholds(values, labels)
    suggested = confident_class(values, thresholds)
    margin = normalised_margin(values, labels)
    contradicted = (suggested >= 0) & (suggested != labels)
    rows = np.flatnonzero(contradicted)
    # The confident joint is a confusion matrix of labels and confident classes.
    how = Resampling.of_codes(samples, labels, suggested, classes, rounds=rounds, seed=seed)
    joint, drawn = how.confusions.sum(axis=0), how.matrices()
    held = np.bincount(labels, minlength=size)
    wrong = _wrong_share(joint[None].astype(np.float64), held)[0]
    low, high = how.interval(_wrong_share(drawn, held), float(wrong))
    return LabelAudit(
        thresholds=thresholds,
        joint=joint,
        suggested=suggested,
        margin=margin,
        contradicted=contradicted,
        order=rows[np.argsort(margin[rows], kind="stable")],
        noise=_noise(joint, drawn, held, how),
        share=(float(wrong), low, high),
        label=how.label,
    )


def _shares(joints: Float64) -> Float64:
    """(B, K, K) share of each label by confident class; 0 for a label without confident cells."""
    totals = joints.sum(axis=2, keepdims=True)
    return np.asarray(np.divide(joints, totals, out=np.zeros(joints.shape), where=totals > 0), np.float64)


def _wrong_share(joints: Float64, held: NDArray[np.int64]) -> Float64:
    """(B,) share of wrong labels among all cells: that of each label, by how many cells have it."""
    right = np.diagonal(_shares(joints), axis1=1, axis2=2)
    there = joints.sum(axis=2) > 0
    wrong = np.where(there, 1 - right, 0.0)
    return np.asarray((wrong * held).sum(axis=1) / max(1, int(held.sum())), np.float64)


def _noise(joint: Int64, drawn: Float64, held: NDArray[np.int64], how: Resampling) -> pd.DataFrame:
    own, rounds = _shares(joint[None].astype(np.float64))[0], _shares(drawn)
    rows = []
    for first, name in enumerate(how.classes):
        for second, other in enumerate(how.classes):
            if first == second or not held[first]:
                continue
            value = float(own[first, second])
            low, high = how.interval(rounds[:, first, second], value)
            counts = int(joint[first, second]), int(joint[first].sum()), int(held[first])
            rows.append((name, other, *counts, value, low, high, how.label))
    return pd.DataFrame(rows, columns=list(NOISE_COLUMNS))
