"""Parts of an evaluation: counts, curves, the shortcut check, overlap with training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import NscwebError
from nscweb.core.runs import Run
from nscweb.services.explain import model_of_run
from nscweb.services.pixels import split_id

if TYPE_CHECKING:
    from nscweb.services.context import App

Matrix = tuple[tuple[int, ...], ...]

# What the shortcut check may see: nothing of the cell itself, only how it was recorded.
SHORTCUT_FEATURES: tuple[str, ...] = ("background", "height", "width", "mean_intensity")


def confusion_matrix(table: pd.DataFrame, classes: ClassScheme) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted."""
    from nscweb.evaluation.confusion import confusion

    return np.asarray(confusion(table["true_class"], table["predicted"], classes.names), np.int64)


def as_tuple(matrix: NDArray[np.int64]) -> Matrix:
    """(K, K) counts that cannot be changed."""
    return tuple(tuple(int(count) for count in row) for row in matrix)


def row_percent(matrix: NDArray[np.int64]) -> tuple[tuple[float, ...], ...]:
    """(K, K) counts as per cent of the true class; a class without cells gives zeros."""
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return tuple(tuple(float(share) for share in row) for row in 100.0 * matrix / totals)


def diagonal_shares(matrix: NDArray[np.int64]) -> tuple[tuple[float, float, float], ...]:
    """Per class the share of its cells that are right, with its Wilson interval: (share, low, high)."""
    from nscweb.evaluation.intervals import wilson

    result = []
    for index, row in enumerate(matrix):
        total, right = int(row.sum()), int(row[index])
        low, high = wilson(right, total) if total else (0.0, 1.0)
        result.append((right / total if total else 0.0, float(low), float(high)))
    return tuple(result)


def curves(
    table: pd.DataFrame, classes: ClassScheme
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], dict[str, float]]:
    """ROC and precision-recall curves of each class against the rest, and average precision.

    Classes without a positive or without a negative cell have no curve.
    """
    from nscweb.evaluation.curves import pr, roc

    receiver: dict[str, pd.DataFrame] = {}
    precision: dict[str, pd.DataFrame] = {}
    average: dict[str, float] = {}
    for name in classes.names:
        positive = (table["true_class"] == name).to_numpy()
        if positive.all() or not positive.any():
            continue
        score = table[f"p_{name}"].to_numpy(float)
        receiver[name] = roc(positive, score)
        found = pr(positive, score)
        precision[name], average[name] = found
    return receiver, precision, average


def shortcuts(app: App, run: Run, table: pd.DataFrame, seed: int) -> tuple[dict[str, Any], list[str]]:
    """What recording conditions alone tell about the class, and the sentence for the warnings."""
    from nscweb.evaluation.shortcuts import shortcut_check

    features = quality_of(app, run, table)
    if features is None:
        return {}, []
    try:
        report = shortcut_check(
            features[list(SHORTCUT_FEATURES)],
            table["true_class"].to_numpy(),
            table["sample_id"].to_numpy(),
            seed,
        )
    except NscwebError:
        return {}, []
    return report.as_dict(), [] if report.verdict == "little" else [report.sentence]


def quality_of(app: App, run: Run, table: pd.DataFrame) -> pd.DataFrame | None:
    """Quality features of the rows of a prediction table, in their order; None when the study has none."""
    places = [split_id(str(cell_id)) for cell_id in table["cell_id"]]
    keys = pd.Series([key for key, _ in places])
    rows = pd.Series([row for _, row in places])
    parts = []
    for key in keys.unique():
        path = app.folder.quality_path(run.study_id, key)
        if not path.exists():
            return None
        positions = keys.index[keys == key]
        features = pd.read_parquet(path)
        if rows[positions].max() >= len(features):
            return None
        part = features.iloc[rows[positions].to_numpy()]
        part.index = positions
        parts.append(part)
    return pd.concat(parts).sort_index() if parts else None


def training_overlap(app: App, run: Run) -> list[str]:
    """A warning when cells of this study were among the training cells of the model."""
    try:
        card = model_of_run(app, run).card
    except NscwebError:
        return []
    trained = set(card.origin.settings.get("training_cells_sha256", ()))
    scored = set(run.extra.get("cell_files_sha256", ()))
    both = len(trained & scored)
    if not both:
        return []
    return [
        f"{both} of {len(scored)} samples of this study were used to train the model {card.name}. Figures on "
        "training cells come out too good; evaluate on a study that the model has never seen."
    ]
