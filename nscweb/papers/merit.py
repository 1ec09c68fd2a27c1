"""Figures of merit of finished trainings, each with its interval, as one long table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from nscweb.core.card import Metric
from nscweb.core.classes import ClassScheme
from nscweb.papers.protocol import Output, Protocol
from nscweb.papers.protocol_cells import Cells
from nscweb.papers.trainings import Bench, Result

COLUMNS = (
    "block",
    "model",
    "title",
    "task",
    "variant",
    "split",
    "seed",
    "fold",
    "figure",
    "value",
    "low",
    "high",
    "cells",
)


@dataclass
class Finished:
    """What the outputs are made of.

    Attributes:
        protocol, cells, bench: what was run. results: block -> trainings. seed: of bootstraps. rounds: of bootstraps.
        metrics: one row per training and figure, see `COLUMNS`.
    """

    protocol: Protocol
    cells: Cells
    bench: Bench
    results: dict[str, list[Result]]
    seed: int = 0
    rounds: int = 500
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        rows = [
            row
            for results in self.results.values()
            for result in results
            for row in metric_rows(result, self.protocol, self.seed, self.rounds)
        ]
        self.metrics = pd.DataFrame(rows, columns=list(COLUMNS))

    @property
    def simulated(self) -> bool:
        return self.cells.simulated

    @property
    def paper_split(self) -> str:
        """The paper's own split: the first of the protocol."""
        return next(iter(self.protocol.splits))

    @property
    def numbers(self) -> dict[str, dict[str, float]]:
        """The paper's numbers; none when the cells have other classes."""
        return self.protocol.numbers if self.cells.fits else {}

    def of(self, output: Output) -> list[Result]:
        """Trainings of an output's blocks."""
        return [result for name in output.blocks for result in self.results.get(name, [])]

    def metrics_of(self, output: Output) -> pd.DataFrame:
        return self.metrics[self.metrics["block"].isin(output.blocks)]

    def chosen(self, output: Output) -> list[Result]:
        """Trainings of the model, task and split that an output names; all folds of one seed."""
        found = [
            result
            for result in self.of(output)
            if output.options.get("model", result.unit.model) == result.unit.model
            and result.unit.split == output.options.get("split", self.paper_split)
            and output.options.get("task", result.unit.task) == result.unit.task
        ]
        return [result for result in found if result.unit.seed == found[0].unit.seed] if found else []

    def title_of(self, model: str) -> str:
        return self.protocol.model(model).title

    def split_titles(self) -> dict[str, str]:
        """Words for each split."""
        words = {"cell": "by cell, as the paper"}
        return {
            name: words.get(rule.by, f"by {rule.by}, as it should be") for name, rule in self.protocol.splits.items()
        }


def pooled(results: Iterable[Result]) -> pd.DataFrame:
    """Held-out cells of several folds in one table."""
    return pd.concat([result.scores for result in results], ignore_index=True)


def metric_rows(result: Result, protocol: Protocol, seed: int, rounds: int) -> list[dict[str, Any]]:
    """Figures of one training: overall and per class, plus those that single papers print."""
    from nscweb.evaluation.scores.confusion import classification_metrics, confusion, figures_of

    unit = result.unit
    found = classification_metrics(result.scores, result.classes, seed=seed, rounds=rounds)
    rows = [_row(_name(metric), metric.value, metric.low, metric.high, metric.cells) for metric in found]
    matrix = confusion(result.scores["true_class"], result.scores["predicted"], result.classes)
    own = {name: np.nan_to_num(values[0]) for name, values in figures_of(matrix[None]).items()}
    support, precision, recall, f1 = matrix.sum(axis=1), own["precision"], own["recall"], own["f1"]
    weight = support / support.sum()
    areas = [metric.value for metric in found if metric.name == "auc" and metric.class_name]
    extra = {
        "macro_precision": precision.mean(),
        "weighted_precision": (weight * precision).sum(),
        "weighted_recall": (weight * recall).sum(),
        "weighted_f1": (weight * f1).sum(),
        "f1_first": f1[0],
        "sensitivity": recall[0],
        "specificity": recall[1],
        "macro_auc": float(np.mean(areas)) if areas else np.nan,
        "minutes": result.seconds / 60,
        "prepare_seconds": result.prepare_seconds,
    }
    rows += [_row(name, float(value), np.nan, np.nan, int(support.sum())) for name, value in extra.items()]
    where = {
        "block": unit.block,
        "model": unit.model,
        "title": protocol.model(unit.model).title,
        "task": unit.task,
        "variant": unit.variant,
        "split": unit.split,
        "seed": unit.seed,
        "fold": unit.fold,
    }
    return [{**where, **row} for row in rows]


def metrics_by_time(results: Sequence[Result], seed: int, rounds: int) -> list[Metric]:
    """Accuracy and recall of each time point, over the held-out cells of all `results` together."""
    from nscweb.evaluation.scores.confusion import classification_metrics

    table = pooled(results)
    found = classification_metrics(table, results[0].classes, seed=seed, by_time=True, rounds=rounds)
    return [metric for metric in found if metric.time_h is not None]


def scheme(results: Sequence[Result], kind: str) -> ClassScheme:
    """Classes of some trainings."""
    return ClassScheme(results[0].classes, kind=kind)


def _name(metric: Metric) -> str:
    return f"{metric.name}_{metric.class_name}" if metric.class_name else metric.name


def _row(figure: str, value: float, low: float, high: float, cells: int) -> dict[str, Any]:
    return {"figure": figure, "value": value, "low": low, "high": high, "cells": cells}
