"""How good the predictions of a run are, for the cells whose true class is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.core.errors import StudyError
from nscweb.core.flags import flag, pack
from nscweb.core.run_record import Run
from nscweb.services.compare.dashboard import warnings_of
from nscweb.services.evaluate.counts_and_curves import (
    Matrix,
    as_tuple,
    confusion_matrix,
    curves,
    diagonal_shares,
    refuse_if_trained,
    row_percent,
    shortcuts,
    training_overlap,
)
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import run_key
from nscweb.services.predict.runs import class_scheme, get_run, prediction_table
from nscweb.services.study.gates import gates_of_run

if TYPE_CHECKING:
    from nscweb.services.context import App

# Only images that cannot carry a prediction are left out, and what somebody gated out on purpose. Blurred cells
# and doublets count here, because leaving hard cells out makes figures too good, and because in some classes
# (dividing cells) every cell looks like several.
EVALUATION_EXCLUDED: tuple[str, ...] = ("empty", "saturated", "constant", "size", "shape", "population", "drawn")


@dataclass(frozen=True)
class TimeEvaluation:
    """The same figures for one time point (None: samples without a time)."""

    time_h: float | None
    cells: int
    samples: int
    metrics: tuple[Metric, ...]
    confusion: Matrix


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a run against the true classes of its samples.

    Attributes:
        run: the run.
        classes: ordered classes of the model.
        cells: cells with a true class that the model knows; all figures rest on them.
        samples: samples that they come from.
        left_out: reason in plain words -> number of cells left out for it.
        metrics: accuracy, macro_f1, and precision, recall, f1, auc per class, with 95 % intervals.
        confusion: (K, K) counts, rows true, columns predicted.
        row_percent: the same as per cent of the true class.
        diagonal: per class (share right, low, high), its recall.
        by_time: the same per time point; empty when only one time point is there.
        roc: class name -> table with ``fpr``, ``tpr`` (rows in drawing order).
        pr: class name -> table with ``recall``, ``precision``.
        average_precision: class name -> area under the precision-recall curve.
        shortcuts: what background, frame size and mean intensity alone can tell; {} when it cannot be
            measured.
        warnings: sentences that belong beside every figure.
        table: the evaluated rows of the prediction table.
        gates: which cells were left out for their quality, in plain words.
        gates_brief: the same in short.
        mark: belongs beside every figure when most of the cells trained the model, else "".
    """

    run: Run
    classes: ClassScheme
    cells: int
    samples: int
    left_out: dict[str, int]
    metrics: tuple[Metric, ...]
    confusion: Matrix
    row_percent: tuple[tuple[float, ...], ...]
    diagonal: tuple[tuple[float, float, float], ...]
    by_time: tuple[TimeEvaluation, ...]
    roc: dict[str, pd.DataFrame]
    pr: dict[str, pd.DataFrame]
    average_precision: dict[str, float]
    shortcuts: dict[str, Any]
    warnings: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)
    gates: str = ""
    gates_brief: str = ""
    mark: str = ""

    def metric(self, name: str, class_name: str = "") -> Metric | None:
        """The overall figure of that name and class, or None."""
        for item in self.metrics:
            if (item.name, item.class_name) == (name, class_name):
                return item
        return None


@kept(4, run_key)
def evaluate_run(
    app: App,
    run: Run | str,
    *,
    exclude_flags: tuple[str, ...] = EVALUATION_EXCLUDED,
    seed: int = 0,
    even_if_trained_on: bool = True,
) -> Evaluation:
    """Compare a run with the true classes of its samples.

    Args:
        exclude_flags: cells with one of these quality flags are left out and counted.
        seed: of the bootstrap.
        even_if_trained_on: give figures, with a mark, when most of the cells trained the model.

    Raises:
        StudyError: no cell has a true class that the model knows, or most of the cells trained the model and
            `even_if_trained_on` is False.
    """
    from nscweb.evaluation.scores.confusion import classification_metrics

    found = get_run(app, run)
    classes = class_scheme(found)
    table, left_out = evaluated_rows(prediction_table(app, found), classes, exclude_flags)
    mark = refuse_if_trained(app, found, even_if_trained_on, table)
    metrics = classification_metrics(table, classes.names, seed=seed)
    matrix = confusion_matrix(table, classes)
    roc, pr, average = curves(table, classes)
    shortcut, remark = shortcuts(app, found, table, seed)
    warnings = [*warnings_of(app, found), *training_overlap(app, found, table), *_few_samples(table, classes)]
    return Evaluation(
        run=found,
        classes=classes,
        cells=len(table),
        samples=int(table["sample_id"].nunique()),
        left_out=left_out,
        metrics=tuple(metrics),
        confusion=as_tuple(matrix),
        row_percent=row_percent(matrix),
        diagonal=diagonal_shares(metrics, classes),
        by_time=_by_time(table, classes, seed),
        roc=roc,
        pr=pr,
        average_precision=average,
        shortcuts=shortcut,
        warnings=tuple(warnings + remark),
        table=table,
        gates=gates_of_run(found).sentence(exclude_flags),
        gates_brief=gates_of_run(found).brief(exclude_flags),
        mark=mark,
    )


def evaluated_rows(
    table: pd.DataFrame, classes: ClassScheme, exclude_flags: tuple[str, ...] = EVALUATION_EXCLUDED
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows that can be judged, and why the others cannot."""
    truth = table["true_class"].astype(str)
    known = truth.isin(classes.names)
    left_out: dict[str, int] = {}
    for name, count in truth[~known].value_counts().items():
        reason = (
            "no true class in the sample sheet" if name == "" else f'true class "{name}" is not a class of the model'
        )
        left_out[reason] = int(count)
    flagged = (table["flags"].to_numpy() & pack(exclude_flags)) > 0
    dropped = int((flagged & known.to_numpy()).sum())
    if dropped:
        there = int(np.bitwise_or.reduce(table["flags"].to_numpy()[flagged & known.to_numpy()]))
        labels = ", ".join(flag(name).label for name in exclude_flags if flag(name).bit & there)
        left_out[f"quality flag ({labels})"] = dropped
    kept = table[known.to_numpy() & ~flagged].copy()
    if kept.empty:
        raise StudyError(
            "No cell of this run has a true class that the model knows, so there is nothing to compare with.",
            f"Fill the column true class of the sample sheet with: {', '.join(classes.names)}.",
            "E-NO-TRUTH",
        )
    for column in ("true_class", "predicted", "sample_id"):
        kept[column] = kept[column].astype(str)
    return kept, left_out


def _by_time(table: pd.DataFrame, classes: ClassScheme, seed: int) -> tuple[TimeEvaluation, ...]:
    from nscweb.evaluation.scores.confusion import classification_metrics

    if table["time_h"].nunique(dropna=False) < 2:
        return ()
    parts = []
    times = table["time_h"].to_numpy(np.float64)
    for hours in np.unique(times):
        rows = table[np.isnan(times) if np.isnan(hours) else times == hours]
        parts.append(
            TimeEvaluation(
                None if np.isnan(hours) else float(hours),
                len(rows),
                int(rows["sample_id"].nunique()),
                tuple(classification_metrics(rows, classes.names, seed=seed)),
                as_tuple(confusion_matrix(rows, classes)),
            )
        )
    return tuple(parts)


def _few_samples(table: pd.DataFrame, classes: ClassScheme) -> list[str]:
    samples = table.groupby("true_class")["sample_id"].nunique()
    single = [name for name in classes.names if samples.get(name, 0) == 1]
    if not single:
        return []
    return [
        f"Only one sample for: {', '.join(single)}. The intervals then say how sure the figures are for "
        "these very samples, not for the next experiment."
    ]
