"""What further labels would bring, told from how a plain classifier gained on those that are there."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.streams import stream
from nscweb.services.kept import kept
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import labels_mark
from nscweb.services.study.pixels import split_id
from nscweb.services.study.quality import read_quality

if TYPE_CHECKING:
    from nscweb.services.context import App

MORE = 100
"""Labels more that the sentence speaks of."""
_SHARES = (0.25, 0.5, 1.0)
_DRAWS = 4
_LEAST = 8  # cells of the rarest class, so that a quarter of them is still two
_MOST = 2_000


@dataclass(frozen=True)
class ExpectedGain:
    """How right a plain classifier is on labels that it did not see, and what more of them would bring.

    Attributes:
        steps: (labels, accuracy 0 to 1) for a quarter, half and all of the labels.
        points: percentage points that `MORE` labels would bring by the curve through the steps.
        sentence: all of it in words.
    """

    steps: tuple[tuple[int, float], ...]
    points: float
    sentence: str


def _key(app: App, study: str) -> Hashable:
    study_id = app.catalogue.study(study).study_id
    return (app.settings.data_dir, study_id, labels_mark(app, study_id))


@kept(8, _key)
def expected_gain(app: App, study: str) -> ExpectedGain | str:
    """What further labels would bring; a sentence that says why nothing can be told yet.

    A logistic regression on the numbers that are measured at import names labels that it was not fitted to (five
    folds), with a quarter, half and all of the labels. A power law through its errors is drawn out to `MORE`
    labels more.

    Raises:
        StudyNotFound: no such study.
    """
    table = agreed_labels(app, study).table
    counts = table["class"].value_counts()
    if len(counts) < 2 or counts.min() < _LEAST:
        return f"What more labels would bring can be told from {_LEAST} cells of each of two classes on."
    table = table.groupby("class", group_keys=False).head(_MOST // len(counts)).reset_index(drop=True)
    features = _features(app, app.catalogue.study(study).study_id, table["cell_id"])
    labels = np.asarray(np.unique(table["class"].astype(str), return_inverse=True)[1], np.int64)
    samples = np.asarray(np.unique(table["sample"].astype(str), return_inverse=True)[1], np.int64)
    steps = []
    for share in _SHARES:
        right = [_accuracy(features, labels, samples, share, draw) for draw in range(1 if share == 1.0 else _DRAWS)]
        known = [value for value in right if value is not None]
        if known:
            steps.append((round(share * len(table)), float(np.mean(known))))
    if len(steps) < 2:
        return "What more labels would bring cannot be told from these labels yet."
    most = float(table["class"].value_counts(normalize=True).max())
    if steps[-1][1] <= most:
        return (
            "A plain classifier of measured numbers does not tell these classes apart better than one that always "
            f"names the most frequent one ({100 * most:.0f} %), so what more labels would bring cannot be told from it."
        )
    points = _points(steps)
    return ExpectedGain(tuple(steps), points, _sentence(steps, points))


def _features(app: App, study_id: str, cells: pd.Series) -> NDArray[np.float32]:
    """(N, F) numbers measured at import; 0 where one is not known."""
    places = [split_id(str(cell)) for cell in cells]
    tables: dict[str, NDArray[np.float64]] = {}
    for key in {key for key, _ in places}:
        measured = read_quality(app.folder.quality_path(study_id, key)).drop(columns="flags")
        tables[key] = measured.to_numpy(np.float64)
    measured = np.nan_to_num(np.stack([tables[key][row] for key, row in places]))
    return np.asarray(measured, np.float32)


def _accuracy(
    features: NDArray[np.float32], labels: NDArray[np.int64], samples: NDArray[np.int64], share: float, draw: int
) -> float | None:
    from nscweb.evaluation.audit.logistic_probe import deal_folds, out_of_fold

    drawn = stream(draw, "labels of a smaller share", share)
    rows = np.sort(
        np.concatenate(
            [
                drawn.permutation(np.flatnonzero(labels == name))[: max(2, round(share * (labels == name).sum()))]
                for name in np.unique(labels)
            ]
        )
    )
    try:
        fold, _ = deal_folds(labels[rows], samples[rows], seed=draw)
    except InputRefused:
        return None
    scores = out_of_fold(features[rows], labels[rows], fold, int(labels.max()) + 1, seed=draw)
    return float((scores.argmax(axis=1) == labels[rows]).mean())


def _points(steps: list[tuple[int, float]]) -> float:
    """Points that `MORE` labels bring by a power law through the errors; never below 0."""
    sizes = np.log([size for size, _ in steps])
    errors = np.log([max(1 - right, 0.5 / size) for size, right in steps])
    slope = float(np.clip(np.polyfit(sizes, errors, 1)[0], -1.0, 0.0))
    size, right = steps[-1]
    left = float(((size + MORE) / size) ** slope)
    return 100 * (1 - right) * (1 - left)


def _sentence(steps: list[tuple[int, float]], points: float) -> str:
    (few, then), (size, now) = steps[-2:]
    brought = f"about {points:.0f} points" if points >= 1 else "less than one point"
    return (
        f"A plain classifier of measured numbers names {100 * now:.0f} % of {size:,} labels that it did not see; with "
        f"{few:,} of them it named {100 * then:.0f} %. By that curve {MORE} labels more bring {brought}. A network may "
        "gain more or less."
    )
