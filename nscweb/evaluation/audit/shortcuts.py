"""How well the recording conditions alone give the class away.

In the real images of Zhu et al. 2021 the background level is about 101 for two media and about 151 for the
third, and in a real export the frame size alone separates two classes with an AUC of 0.98. A model can learn
such things instead of cells. This check asks a plain logistic regression to do just that.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import WrongUse
from nscweb.evaluation.audit.even_choice import in_turn
from nscweb.evaluation.scores.curves import auc
from nscweb.evaluation.scores.intervals import percentile_interval, resampled_counts

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MAX_CELLS = 12_000
ROUNDS = 500
_PLAIN = {
    "background": "background level",
    "height": "frame height",
    "width": "frame width",
    "mean_intensity": "mean intensity",
}


@dataclass(frozen=True)
class FeatureShortcut:
    """What one feature alone tells: balanced accuracy and mean one-against-rest AUC."""

    feature: str
    label: str
    accuracy: float
    auc: float


@dataclass(frozen=True)
class ShortcutReport:
    """Result of the shortcut check.

    Attributes:
        accuracy: balanced accuracy of all features together (each class counts the same), 0..1.
        low, high: its 95 % interval.
        chance: 1 / number of classes.
        auc: mean one-against-rest AUC of all features together.
        given_away, given_away_auc: the class that is easiest to tell, and its AUC.
        cells, samples: behind the figures.
        grouped: True when the check was made on samples that the regression had not seen.
        verdict: ``little``, ``some`` or ``much``.
        features: each feature alone, strongest first.
        sentence: for a page.
    """

    accuracy: float
    low: float
    high: float
    chance: float
    auc: float
    given_away: str
    given_away_auc: float
    cells: int
    samples: int
    grouped: bool
    verdict: str
    features: tuple[FeatureShortcut, ...]
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "features": [asdict(item) for item in self.features]}


def shortcut_check(features: pd.DataFrame, true_class: ArrayLike, sample_ids: ArrayLike, seed: int) -> ShortcutReport:
    """Predict the class from recording conditions by logistic regression, cross-validated over samples.

    Standardised features and their squares; classes weigh the same; at most `MAX_CELLS` cells, evenly
    from all samples. When a class has one sample only, cells of that sample are on both sides
    of the split and the report says so.

    Args:
        features: (N, F) columns such as background, height, width, mean_intensity.
        true_class: (N,) class names.
        sample_ids: (N,) sample of each cell.
        seed: of the choice of cells, the folds and the bootstrap.

    Raises:
        WrongUse: fewer than two classes with at least two cells.
    """
    truth, names = pd.factorize(np.asarray(true_class), sort=True)
    sample, _ = pd.factorize(np.asarray(sample_ids))
    values = features.to_numpy(np.float64)
    chosen = _choose(sample, truth, np.random.default_rng(seed))
    values, truth, sample = values[chosen], truth[chosen], sample[chosen]
    counts = np.bincount(truth, minlength=len(names))
    if len(names) < 2 or counts.min() < 2:
        raise WrongUse(
            "The shortcut check needs at least two true classes with at least two cells each.",
            "Fill in the true class of more samples.",
            "E-SHORTCUT",
        )
    folds, grouped = _folds(truth, sample, len(names), seed)
    scores = _scores(values, truth, folds, len(names))
    accuracy, areas = _balanced(truth, scores), _areas(truth, scores)
    given_away = str(names[areas.argmax()])
    low, high = _interval(truth, scores, sample if grouped else np.arange(len(truth)), accuracy, seed)
    single = [
        FeatureShortcut(
            str(name), _PLAIN.get(str(name), str(name)), _balanced(truth, own), float(_areas(truth, own).mean())
        )
        for name, own in (
            (column, _scores(values[:, [index]], truth, folds, len(names)))
            for index, column in enumerate(features.columns)
        )
    ]
    single.sort(key=lambda item: -item.auc)
    chance = 1 / len(names)
    verdict = _verdict(accuracy, low, chance, float(areas.max()))
    text = _sentence(
        [str(name) for name in features.columns], accuracy, chance, verdict, grouped, single[0].label, given_away
    )
    return ShortcutReport(
        accuracy=accuracy,
        low=low,
        high=high,
        chance=chance,
        auc=float(areas.mean()),
        given_away=given_away,
        given_away_auc=float(areas.max()),
        cells=len(truth),
        samples=len(np.unique(sample)),
        grouped=grouped,
        verdict=verdict,
        features=tuple(single),
        sentence=text,
    )


def _choose(sample: Int64, truth: Int64, rng: np.random.Generator) -> Int64:
    """At most MAX_CELLS rows, spread evenly over samples and classes."""
    if len(sample) <= MAX_CELLS:
        return np.arange(len(sample))
    shuffled = rng.permutation(len(sample))
    key = sample[shuffled] * (int(truth.max()) + 1) + truth[shuffled]
    return np.sort(shuffled[in_turn(key, MAX_CELLS)])


def _folds(truth: Int64, sample: Int64, classes: int, seed: int) -> tuple[Int64, bool]:
    """Fold of every cell, and whether whole samples stay together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    samples = min(len(np.unique(sample[truth == index])) for index in range(classes))
    grouped = samples >= 2
    fewest = samples if grouped else int(np.bincount(truth).min())
    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    splitter = kind(n_splits=min(5, fewest), shuffle=True, random_state=seed)
    fold = np.zeros(len(truth), np.int64)
    groups = sample if grouped else None
    for number, (_, held) in enumerate(splitter.split(truth[:, None], truth, groups)):
        fold[held] = number
    return fold, grouped


def _scores(values: Float64, truth: Int64, fold: Int64, classes: int) -> Float64:
    """(N, K) probabilities, each cell by a regression that has not seen its fold."""
    from sklearn.linear_model import LogisticRegression

    result = np.full((len(truth), classes), 1 / classes)
    for number in np.unique(fold):
        held = fold == number
        centre = values[~held].mean(axis=0)
        spread = values[~held].std(axis=0)
        unit = (values - centre) / np.where(spread > 0, spread, 1.0)
        # Far outside the training range a square means nothing more than "very far".
        unit = np.clip(unit, -6, 6)
        unit = np.hstack([unit, unit**2])
        model = LogisticRegression(solver="newton-cholesky", max_iter=50, class_weight="balanced")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimum not quite reached is good enough for this question
            model.fit(unit[~held], truth[~held])
        result[np.ix_(held, model.classes_)] = model.predict_proba(unit[held])
    return result


def _balanced(truth: Int64, scores: Float64) -> float:
    right = scores.argmax(axis=1) == truth
    return float(np.mean([right[truth == index].mean() for index in range(scores.shape[1])]))


def _areas(truth: Int64, scores: Float64) -> Float64:
    """(K,) one-against-rest AUC of each class."""
    return np.array([auc(truth == index, scores[:, index]) for index in range(scores.shape[1])])


def _interval(truth: Int64, scores: Float64, unit: Int64, accuracy: float, seed: int) -> tuple[float, float]:
    right = (scores.argmax(axis=1) == truth).astype(np.float64)
    units, of_cell = np.unique(unit, return_inverse=True)
    first = np.zeros(len(units), np.int64)
    first[of_cell] = truth
    classes = scores.shape[1]
    member = np.zeros((len(units), classes))
    np.add.at(member, (of_cell, truth), 1.0)
    hits = np.zeros((len(units), classes))
    np.add.at(hits, (of_cell, truth), right)
    weights = resampled_counts(first, ROUNDS, seed)
    over, under = weights @ hits, weights @ member
    shares = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return percentile_interval(np.asarray(shares.mean(axis=1), np.float64), accuracy)


def _verdict(accuracy: float, low: float, chance: float, best_auc: float) -> str:
    gain = (accuracy - chance) / (1 - chance)
    if gain < 0.15 or low <= chance:
        return "little"
    return "much" if gain >= 0.4 or best_auc >= 0.9 else "some"


def _sentence(
    columns: list[str], accuracy: float, chance: float, verdict: str, grouped: bool, strongest: str, given_away: str
) -> str:
    names = ["frame size" if name in ("height", "width") else _PLAIN.get(name, name) for name in columns]
    unique = list(dict.fromkeys(names))
    listed = f"{', '.join(unique[:-1])} and {unique[-1]}" if len(unique) > 1 else unique[0]
    start = (
        f"{listed[0].upper()}{listed[1:]} alone {'name' if len(unique) > 1 else 'names'} the right class for "
        f"{100 * accuracy:.0f} % of cells (chance {100 * chance:.0f} %, each class counting the same): "
    )
    if verdict == "little" and accuracy < chance - 0.05:
        end = "less than chance, as happens when whole samples are left out in turn: no sign of a shortcut."
    elif verdict == "little":
        end = "the images give little away."
    elif verdict == "some":
        end = f"be careful, the {strongest} tells something about the class."
    else:
        end = (
            f"be careful, above all the {strongest} gives the class {given_away} away; "
            "a model could score well without looking at the cell."
        )
    if not grouped:
        end += " A class has only one sample, so this cannot be distinguished from a difference between two recordings."
    return start + end
