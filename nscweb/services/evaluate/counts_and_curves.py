"""Parts of an evaluation: counts, curves, the shortcut check, overlap with training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.core.errors import ModelError, NscwebError, StudyError
from nscweb.core.run_record import Run
from nscweb.services.predict.runs import model_of_run
from nscweb.services.predict.seen_cells import TrainedCells, trained_cells
from nscweb.services.study.pixels import split_id

if TYPE_CHECKING:
    from nscweb.services.context import App

Matrix = tuple[tuple[int, ...], ...]

# Beyond this share of trained cells an evaluation is refused.
MOST_TRAINED = 0.5

# What the shortcut check may see: nothing of the cell itself, only how it was recorded.
SHORTCUT_FEATURES: tuple[str, ...] = ("background", "height", "width", "mean_intensity")


def confusion_matrix(table: pd.DataFrame, classes: ClassScheme) -> NDArray[np.int64]:
    """(K, K) counts, rows true, columns predicted."""
    from nscweb.evaluation.scores.confusion import confusion

    return np.asarray(confusion(table["true_class"], table["predicted"], classes.names), np.int64)


def as_tuple(matrix: NDArray[np.int64]) -> Matrix:
    """(K, K) counts that cannot be changed."""
    return tuple(tuple(int(count) for count in row) for row in matrix)


def row_percent(matrix: NDArray[np.int64]) -> tuple[tuple[float, ...], ...]:
    """(K, K) counts as per cent of the true class; a class without cells gives zeros."""
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return tuple(tuple(float(share) for share in row) for row in 100.0 * matrix / totals)


def diagonal_shares(metrics: Sequence[Metric], classes: ClassScheme) -> tuple[tuple[float, float, float], ...]:
    """Per class the share of its cells that are right, its recall: (share, low, high); 0, 0 and 1 without cells."""
    found = {item.class_name: (item.value, item.low, item.high) for item in metrics if item.name == "recall"}
    return tuple(found.get(name, (0.0, 0.0, 1.0)) for name in classes.names)


def curves(
    table: pd.DataFrame, classes: ClassScheme
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], dict[str, float]]:
    """ROC and precision-recall curves of each class against the rest, and average precision.

    Classes without a positive or without a negative cell have no curve.
    """
    from nscweb.evaluation.scores.curves import pr, roc

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
    from nscweb.evaluation.audit.shortcuts import shortcut_check

    features = quality_of(app, run, table)
    if features is None:
        return {}, []
    try:
        report = shortcut_check(
            features[list(SHORTCUT_FEATURES)], table["true_class"].to_numpy(), table["sample_id"].to_numpy(), seed
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


def training_overlap(app: App, run: Run, table: pd.DataFrame | None = None) -> list[str]:
    """A warning when cells of this run were among the training cells of the model.

    Args:
        table: the rows that are judged; all of the run when None.
    """
    found = trained_on(app, run, table)
    return [overlap_sentence(found, run.model)] if found is not None and found.trained else []


def refuse_if_trained(app: App, run: Run, allow: bool, table: pd.DataFrame | None = None) -> str:
    """Refuse to judge a model by the cells that it was trained on.

    Args:
        allow: the user asked for the figures all the same; then they are marked.
        table: the rows that are judged; all of the run when None.

    Returns:
        The mark that belongs beside every figure; "" when half of the cells or fewer were trained on.

    Raises:
        StudyError: more than half of the cells were, and `allow` is False.
    """
    found = trained_on(app, run, table)
    if found is None or found.share <= MOST_TRAINED:
        return ""
    what = overlap_sentence(found, run.model)
    if not allow:
        raise StudyError(
            what,
            "Evaluate on another study. To see the figures all the same, add --even-if-trained-on; they are then "
            "marked.",
            "E-TRAINED-ON-IT",
        )
    return f"Scored on training cells ({100 * found.share:.0f} %): too good"


def trained_on(app: App, run: Run, table: pd.DataFrame | None = None) -> TrainedCells | None:
    """How many of the judged cells the model was trained on; None when that cannot be told.

    By the pixels of single cells where the model keeps their fingerprints, else by digests of whole cell files.

    Raises:
        StoreError: the fingerprints are damaged.
    """
    from nscweb.services.predict.runs import prediction_table

    try:
        entry = model_of_run(app, run)
    except ModelError:
        return None
    judged = prediction_table(app, run) if table is None else table
    found = trained_cells(app, run, entry.folder, judged["cell_id"].astype(str).tolist())
    if found is not None:
        return found
    trained = set(entry.card.origin.settings.get("training_cells_sha256", ()))
    scored = run.extra.get("cell_files_sha256", ())
    both = sum(digest in trained for digest in scored)
    if not trained or not scored:
        return None
    share = both / len(scored)
    return TrainedCells(len(judged), round(share * len(judged)), len(scored), both, False)


def overlap_sentence(found: TrainedCells, model: str) -> str:
    """What was trained on, and why the figures are then worth little."""
    cells = (
        f"{found.trained:,} of {found.cells:,} cells, in {found.trained_samples} of {found.samples} samples of this "
        "study,"
        if found.by_pixels
        else f"{found.trained_samples} of {found.samples} samples of this study"
    )
    return (
        f"{cells} were used to train the model {model}. Figures on training cells come out too good; evaluate on "
        "a study that the model has never seen."
    )
