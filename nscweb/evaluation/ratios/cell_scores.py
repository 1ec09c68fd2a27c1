"""The cells of a run as plain arrays: everything that ratios, sets and intervals are counted from, quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.classes import class_codes

# Samples of a run stand in the order of these columns.
SAMPLE_ORDER: tuple[str, ...] = ("group", "time_h", "replicate", "sample_id")


@dataclass(frozen=True, eq=False)
class CellScores:
    """Scores of the cells of a run, sorted by sample.

    Attributes:
        scores: (N, K) float32 calibrated scores in the order of `classes`.
        predicted: (N,) int64 predicted class, -1 for none of `classes`.
        sample: (N,) int64 index into the per-sample fields.
        flags: (N,) int64 quality flags, see core.flags.
        true: (N,) int64 true class, -1 where not known.
        sample_ids, groups, replicates: (S,) text per sample; "" where not known.
        times_h: (S,) float64 hours per sample, NaN where not known.
        classes: names in order.
    """

    scores: NDArray[np.float32]
    predicted: NDArray[np.int64]
    sample: NDArray[np.int64]
    flags: NDArray[np.int64]
    true: NDArray[np.int64]
    sample_ids: tuple[str, ...]
    groups: tuple[str, ...]
    replicates: tuple[str, ...]
    times_h: NDArray[np.float64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> CellScores:
        """Some cells only; the fields per sample stay whole, so that a sample may be left without cells."""
        return CellScores(
            self.scores[rows],
            self.predicted[rows],
            self.sample[rows],
            self.flags[rows],
            self.true[rows],
            self.sample_ids,
            self.groups,
            self.replicates,
            self.times_h,
            self.classes,
        )


def cell_scores(predictions: pd.DataFrame, classes: Sequence[str]) -> CellScores:
    """Arrays of a prediction table; samples in the order group, time, replicate, name."""
    first = predictions.drop_duplicates("sample_id")[["sample_id", "group", "time_h", "replicate"]]
    for column in ("sample_id", "group", "replicate"):
        first[column] = first[column].astype(str)
    first = first.sort_values(list(SAMPLE_ORDER), kind="stable", ignore_index=True)
    codes = pd.Categorical(predictions["sample_id"].astype(str), categories=first["sample_id"].tolist()).codes
    order = np.argsort(codes, kind="stable")
    columns = [predictions[f"p_{name}"].to_numpy(np.float32)[order] for name in classes]
    return CellScores(
        scores=np.stack(columns, axis=1),
        predicted=np.asarray(class_codes(predictions["predicted"], classes), np.int64)[order],
        sample=np.asarray(codes, np.int64)[order],
        flags=predictions["flags"].to_numpy(np.int64)[order],
        true=np.asarray(class_codes(predictions["true_class"], classes), np.int64)[order],
        sample_ids=tuple(first["sample_id"]),
        groups=tuple(first["group"]),
        replicates=tuple(first["replicate"]),
        times_h=first["time_h"].to_numpy(np.float64),
        classes=tuple(classes),
    )
