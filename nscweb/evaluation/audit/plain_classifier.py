"""A classifier of plain features that needs seconds: logistic regression or support vector machine, chosen by folds.

Numbers in, numbers out, so that a network of the program can carry them without scikit-learn. The folds keep samples
together where every class has enough of them. Decision values become scores by a regression on the decision values of
cells that the machine was not fitted on (Platt 1999, for all classes at once).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Labels = NDArray[np.int64]

FOLDS = 4
# Cells of the kernel, and so of the support vectors, whose number a card may give up to 4,096.
MOST_KERNEL_CELLS = 4096
_SMOOTHNESS = (0.2, 0.4, 0.8)
_SVM_STRENGTHS = (1.0, 3.0, 8.0)
_REGRESSION_STRENGTHS = (0.003, 0.03)
_PLATT_STRENGTH = 1.0
# For a class that no cell was learnt from.
_NEVER = -12.0


@dataclass(frozen=True)
class FeatureOptions:
    """How plain features are classified.

    Attributes:
        kind: ``svm``, ``regression``, or ``auto``: what does better in the inner folds.
        balance: 1 lets a rare class count as much as a common one, 0 as its cells do, between them in part.
    """

    kind: str = "auto"
    balance: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "svm", "regression"):
            raise WrongUse(f"There is no classifier of features called {self.kind!r}: auto, svm or regression.")


@dataclass(frozen=True)
class Kernel:
    """Support vector machines of all pairs of classes with a radial kernel ``exp(-gamma * distance ** 2)``.

    Attributes:
        vectors: (V, F) support vectors. weights: (V, P) dual coefficients of each pair, in the order of
            `itertools.combinations`; positive is for the first. offsets: (P,). gamma: of the kernel.
    """

    vectors: Floats
    weights: Floats
    offsets: Floats
    gamma: float


@dataclass(frozen=True)
class PlainClassifier:
    """What was fitted.

    Attributes:
        weight, offset: (K, F) and (K,) of the logits from features, or (K, P) from the values of `kernel`.
        kernel: None for a logistic regression.
        words: what was chosen.
        inner: mean of accuracy and macro F1 in the inner folds, of every setting that was tried.
    """

    weight: Floats
    offset: Floats
    kernel: Kernel | None
    words: str
    inner: dict[str, float]


def fit_classifier(
    features: Doubles,
    labels: Labels,
    groups: Labels,
    classes: int,
    *,
    options: FeatureOptions,
    seed: int,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> PlainClassifier:
    """Choose and fit a classifier.

    Args:
        features: (n, F), standardised.
        labels: (n,) classes, 0 to `classes` - 1; not all need be there.
        groups: (n,) what stays together in the inner folds.

    Raises:
        WrongUse: fewer than two classes.
        JobCancelled: somebody asked to stop.
    """
    if len(np.unique(labels)) < 2:
        raise WrongUse("Plain features need cells of at least two classes to learn from.")
    some = _some(labels, MOST_KERNEL_CELLS, seed)
    own, named = features[some], labels[some]
    folds = _folds(named, groups[some], seed)
    candidates = list(_candidates(options, features.shape[1]))
    distance = _distances(own) if any(candidate.gamma for candidate in candidates) else np.zeros((0, 0))
    inner: dict[str, float] = {}
    best: tuple[float, _Candidate, Doubles] | None = None
    for index, candidate in enumerate(candidates):
        progress(index, len(candidates), f"Trying {candidate.words}")
        kernel = np.exp(-candidate.gamma * distance) if candidate.gamma else None
        values = _out_of_fold(candidate, own, kernel, named, classes, folds, options.balance, cancel)
        score = _merit(candidate.named(values), named)
        inner[candidate.words] = round(score, 4)
        if best is None or score > best[0]:
            best = score, candidate, values
    assert best is not None
    _, candidate, values = best
    progress(len(candidates), len(candidates), f"Fitting {candidate.words}")
    if not candidate.gamma:
        weight, offset = _regression(features, labels, classes, candidate.strength, options.balance)
        return PlainClassifier(weight, offset, None, candidate.words, inner)
    machine = _machine(candidate, np.exp(-candidate.gamma * distance), named, options.balance)
    # Not weighted: the scores are to be shares of right answers among cells as they come.
    weight, offset = _regression(values, named, classes, _PLATT_STRENGTH, 0.0)
    columns, dual, offsets = _pairs(machine, classes)
    pairs = classes * (classes - 1) // 2
    weights, all_offsets = np.zeros((len(machine.support_), pairs), np.float32), np.zeros(pairs, np.float32)
    weights[:, columns], all_offsets[columns] = dual, offsets
    found = Kernel(own[machine.support_].astype(np.float32), weights, all_offsets, candidate.gamma)
    return PlainClassifier(weight, offset, found, candidate.words, inner)


@dataclass(frozen=True)
class _Candidate:
    """A classifier; `gamma` 0: logistic regression."""

    strength: float
    gamma: float = 0.0

    @property
    def words(self) -> str:
        if self.gamma:
            return f"support vector machine (C {self.strength:g}, gamma {self.gamma:.3g})"
        return f"logistic regression (C {self.strength:g})"

    def named(self, values: Doubles) -> Labels:
        """Class of each row of values: by votes of pairs, then by their sum; or the highest logit."""
        if not self.gamma:
            return np.asarray(values.argmax(axis=1), np.int64)
        classes = round((1 + np.sqrt(1 + 8 * values.shape[1])) / 2)
        votes = np.zeros((len(values), classes))
        for column, (one, other) in enumerate(combinations(range(classes), 2)):
            # A pair without cells of one of the two says nothing.
            firm = np.sign(values[:, column]) + 0.1 * np.tanh(values[:, column])
            votes[:, one] += firm
            votes[:, other] -= firm
        return np.asarray(votes.argmax(axis=1), np.int64)


def _candidates(asked: FeatureOptions, count: int) -> Iterator[_Candidate]:
    if asked.kind != "svm":
        yield from (_Candidate(strength) for strength in _REGRESSION_STRENGTHS)
    if asked.kind != "regression":
        yield from (_Candidate(strength, gamma / count) for gamma in _SMOOTHNESS for strength in _SVM_STRENGTHS)


def _merit(named: Labels, labels: Labels) -> float:
    """Mean of accuracy and macro F1, so that neither the common classes nor the rare ones decide alone."""
    from sklearn.metrics import f1_score

    return float((named == labels).mean() + f1_score(labels, named, average="macro", zero_division=0)) / 2


def _some(labels: Labels, most: int, seed: int) -> Labels:
    """At most so many rows, each class in its share; all of them where there are no more."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.random.default_rng([seed, 41]).permutation(len(labels))
    share = most / len(labels)
    kept = [order[labels[order] == name] for name in np.unique(labels)]
    return np.sort(np.concatenate([rows[: max(2, int(share * len(rows)))] for rows in kept]))[:most]


def _folds(labels: Labels, groups: Labels, seed: int) -> list[tuple[Labels, Labels]]:
    """(train, test) rows: by sample where every class is in enough of them, else by cell."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    groups_of = [len(np.unique(groups[labels == name])) for name in np.unique(labels)]
    if min(groups_of) >= 3:
        splitter: Any = StratifiedGroupKFold(min(FOLDS, min(groups_of)), shuffle=True, random_state=seed)
        return [(a, b) for a, b in splitter.split(labels[:, None], labels, groups) if len(b)]
    if len(labels) < 2 * FOLDS:
        every = np.arange(len(labels))
        return [(every, every)]
    # A class with fewer cells than folds is spread as far as it goes.
    return list(_by_cell(labels, StratifiedKFold, seed))


def _by_cell(labels: Labels, kind: Callable[..., Any], seed: int) -> Iterator[tuple[Labels, Labels]]:
    counts = np.bincount(labels)
    if counts.max() >= FOLDS and counts[counts > 0].min() >= FOLDS:
        yield from kind(FOLDS, shuffle=True, random_state=seed).split(labels[:, None], labels)
        return
    order = np.random.default_rng([seed, 42]).permutation(len(labels))
    fold = np.empty(len(labels), np.int64)
    # Sorted by class, one after the other: every fold gets its share of each.
    fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % FOLDS
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _distances(features: Doubles) -> Doubles:
    """(n, n) squared distances of rows."""
    square = (features**2).sum(axis=1)
    found = square[:, None] + square[None] - 2 * features @ features.T
    return np.asarray(np.maximum(found, 0.0), np.float64)


def _out_of_fold(
    candidate: _Candidate,
    features: Doubles,
    kernel: Doubles | None,
    labels: Labels,
    classes: int,
    folds: list[tuple[Labels, Labels]],
    balance: float,
    cancel: CancelAsked,
) -> Doubles:
    """Decision values (n, P) of pairs, or logits (n, K), of each row by a classifier that was fitted without it."""
    width = classes if kernel is None else classes * (classes - 1) // 2
    found = np.zeros((len(labels), width), np.float64)
    for train, test in folds:
        stop_if_asked(cancel)
        if len(np.unique(labels[train])) < 2:
            continue
        if kernel is None:
            weight, offset = _regression(features[train], labels[train], classes, candidate.strength, balance)
            found[test] = features[test] @ weight.T + offset
        else:
            machine = _machine(candidate, kernel[np.ix_(train, train)], labels[train], balance)
            columns, dual, offsets = _pairs(machine, classes)
            found[np.ix_(test, np.asarray(columns))] = kernel[np.ix_(test, train[machine.support_])] @ dual + offsets
    return found


def _machine(candidate: _Candidate, kernel: Doubles, labels: Labels, balance: float) -> Any:
    from sklearn.svm import SVC

    machine = SVC(C=candidate.strength, kernel="precomputed", class_weight=_weights(labels, balance), cache_size=500)
    return machine.fit(kernel, labels)


def _weights(labels: Labels, balance: float) -> dict[int, float]:
    """Weight of each class that is there; their mean over cells is 1."""
    counts = np.bincount(labels)
    power = {int(name): float(counts[name]) ** -balance for name in np.flatnonzero(counts)}
    mean = sum(counts[name] * value for name, value in power.items()) / len(labels)
    return {name: value / mean for name, value in power.items()}


def _pairs(machine: Any, classes: int) -> tuple[list[int], Doubles, Doubles]:
    """Columns of the pairs that a machine knows, their dual coefficients (V, P') and offsets (P',).

    libsvm keeps, for a vector of class i, its coefficient against class j in row j - 1 (j > i) or j (j < i).
    """
    known = [int(name) for name in machine.classes_]
    column_of = {pair: column for column, pair in enumerate(combinations(range(classes), 2))}
    ends = np.concatenate([[0], np.cumsum(machine.n_support_)])
    columns, dual, offsets = [], [], []
    for number, (i, j) in enumerate(combinations(range(len(known)), 2)):
        line = np.zeros(ends[-1])
        of_i, of_j = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
        line[of_i] = machine.dual_coef_[j - 1, of_i]
        line[of_j] = machine.dual_coef_[i, of_j]
        columns.append(column_of[known[i], known[j]])
        dual.append(line)
        # For two classes alone scikit-learn turns the sign round: positive means the second.
        offsets.append(machine.intercept_[number])
    sign = -1.0 if len(known) == 2 else 1.0
    return columns, sign * np.stack(dual, axis=1), sign * np.asarray(offsets)


def _regression(
    values: Doubles, labels: Labels, classes: int, strength: float, balance: float
) -> tuple[Floats, Floats]:
    """Weights (K, P) and offsets (K,) of a multinomial logistic regression; unknown classes are never named."""
    from sklearn.linear_model import LogisticRegression

    weights = _weights(labels, balance)
    model = LogisticRegression(C=strength, max_iter=1000, tol=1e-4, class_weight=weights).fit(values, labels)
    weight = np.zeros((classes, values.shape[1]), np.float32)
    offset = np.full(classes, _NEVER, np.float32)
    if len(model.classes_) == 2:
        first, second = model.classes_
        weight[first], weight[second] = -model.coef_[0] / 2, model.coef_[0] / 2
        offset[first], offset[second] = -model.intercept_[0] / 2, model.intercept_[0] / 2
    else:
        weight[model.classes_], offset[model.classes_] = model.coef_, model.intercept_
    return weight, offset
