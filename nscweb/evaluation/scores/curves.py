"""ROC and precision-recall curves of one class against the rest: exact areas, few enough points to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import WrongUse

if TYPE_CHECKING:
    import pandas as pd

# Enough for a smooth line at 1,440 px; areas are computed from all points before thinning.
MAX_POINTS = 400


class Curve(NamedTuple):
    """Corners of a curve: (P,) each; a cell is called positive when its score is at least `threshold`."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    threshold: NDArray[np.float64]

    def at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Heights at other places along x."""
        return np.asarray(np.interp(places, self.x, self.y), np.float64)


def roc_curve(true: ArrayLike, score: ArrayLike, max_points: int = MAX_POINTS) -> Curve:
    """Receiver operating characteristic: share of false alarms and recall, from (0, 0) to (1, 1).

    The first threshold is infinite.

    Args:
        true: (N,) True where the cell belongs to the class.
        score: (N,) score of the class.
        max_points: corners of the curve are thinned to this many.

    Raises:
        WrongUse: there is no positive or no negative cell.
    """
    hits, false, threshold = _steps(true, score)
    keep = _thin(hits, false, max_points)
    return Curve(false[keep] / false[-1], hits[keep] / hits[-1], threshold[keep])


def roc(true: ArrayLike, score: ArrayLike, max_points: int = MAX_POINTS) -> pd.DataFrame:
    """`roc_curve` as a table: columns fpr, tpr, threshold."""
    import pandas as pd

    curve = roc_curve(true, score, max_points)
    return pd.DataFrame({"fpr": curve.x, "tpr": curve.y, "threshold": curve.threshold})


def auc(true: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: chance that a positive cell scores higher than a negative one, ties half.

    Raises:
        WrongUse: there is no positive or no negative cell.
    """
    hits, false, _ = _steps(true, score)
    return float(np.trapezoid(hits, false) / (hits[-1] * false[-1]))


def pr_curve(true: ArrayLike, score: ArrayLike, max_points: int = MAX_POINTS) -> tuple[Curve, float]:
    """Recall and precision, and average precision.

    Average precision is the sum of precision x gain in recall over all thresholds, without interpolation.
    The first point has recall 0 and the precision of the highest scores. Arguments as in `roc_curve`.

    Raises:
        WrongUse: there is no positive or no negative cell.
    """
    hits, false, threshold = _steps(true, score)
    called = hits[1:] + false[1:]
    precision = hits[1:] / called
    recall = hits / hits[-1]
    average = float(np.sum(np.diff(recall) * precision))
    with_start = np.concatenate([precision[:1], precision])
    keep = _thin(hits, false, max_points)
    return Curve(recall[keep], with_start[keep], threshold[keep]), average


def pr(true: ArrayLike, score: ArrayLike, max_points: int = MAX_POINTS) -> tuple[pd.DataFrame, float]:
    """`pr_curve` as a table, columns recall, precision, threshold, and average precision."""
    import pandas as pd

    curve, average = pr_curve(true, score, max_points)
    return pd.DataFrame({"recall": curve.x, "precision": curve.y, "threshold": curve.threshold}), average


def _steps(true: ArrayLike, score: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Positives and negatives called at each falling threshold, starting from none."""
    positive = np.asarray(true, bool)
    values = np.asarray(score, np.float64)
    if positive.all() or not positive.any():
        raise WrongUse(
            "A curve needs cells of the class and cells of other classes.",
            "Give samples of at least two true classes.",
            "E-ONE-CLASS",
        )
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    # Cells with equal scores are called together: a curve never shows an order that scores do not give.
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    hits = np.concatenate([[0], np.cumsum(positive[order])[last]]).astype(np.float64)
    false = np.concatenate([[0], last + 1]) - hits
    return hits, false, np.concatenate([[np.inf], falling[last]])


def _thin(hits: NDArray[Any], false: NDArray[Any], max_points: int) -> NDArray[np.int64]:
    """Indices of corners, evenly spread along the curve's length when there are too many."""
    if len(hits) > 2:
        rise, run = np.diff(hits), np.diff(false)
        straight = ((rise[:-1] == 0) & (rise[1:] == 0)) | ((run[:-1] == 0) & (run[1:] == 0))
        corners = np.concatenate([[0], np.flatnonzero(~straight) + 1, [len(hits) - 1]])
    else:
        corners = np.arange(len(hits))
    if len(corners) <= max_points:
        return corners
    length = hits[corners] / hits[-1] + false[corners] / false[-1]
    wanted = np.linspace(0, length[-1], max_points)
    return np.unique(corners[np.clip(np.searchsorted(length, wanted), 0, len(corners) - 1)])
