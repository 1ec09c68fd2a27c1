"""How good the predictions of a run are, for the cells whose true class is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.core.runs import Run

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class TimeEvaluation:
    """The same figures for one time point (None: samples without a time)."""

    time_h: float | None
    cells: int
    samples: int
    metrics: tuple[Metric, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
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
        diagonal: per class (share right, low, high), Wilson.
        by_time: the same per time point; empty when only one time point is there.
        roc: class name -> table with ``fpr``, ``tpr`` (rows in drawing order).
        pr: class name -> table with ``recall``, ``precision``.
        average_precision: class name -> area under the precision-recall curve.
        shortcuts: what background, frame size and mean intensity alone can tell; {} when it cannot be measured.
        warnings: sentences that belong beside every figure.
        table: the evaluated rows of the prediction table.
    """

    run: Run
    classes: ClassScheme
    cells: int
    samples: int
    left_out: dict[str, int]
    metrics: tuple[Metric, ...]
    confusion: tuple[tuple[int, ...], ...]
    row_percent: tuple[tuple[float, ...], ...]
    diagonal: tuple[tuple[float, float, float], ...]
    by_time: tuple[TimeEvaluation, ...]
    roc: dict[str, pd.DataFrame]
    pr: dict[str, pd.DataFrame]
    average_precision: dict[str, float]
    shortcuts: dict[str, Any]
    warnings: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)

    def metric(self, name: str, class_name: str = "") -> Metric | None:
        """The overall figure of that name and class, or None."""
        for item in self.metrics:
            if (item.name, item.class_name) == (name, class_name):
                return item
        return None


def evaluate_run(app: App, run: Run | str, *, seed: int = 0) -> Evaluation:
    """Compare a run with the true classes of its samples.

    Raises:
        WrongUse: no sample has a true class that the model knows.
    """
    from nscweb.services.evaluation_figures import evaluate

    return evaluate(app, run, seed)
