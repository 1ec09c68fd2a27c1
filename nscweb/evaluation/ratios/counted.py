"""Fate ratios: of each sample, and of each inducer group and time point over its replicates.

The biological replicate is the unit. Testing on pooled cells finds differences that are not there in 79 % of
comparisons, testing on replicate means in 3 %; so an interval of a group comes from its replicates, and where
there is only one, the column ``method`` says that the interval is about cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.classes import class_codes
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.scores.intervals import t_quantile, wilson

SAMPLE_COLUMNS = ("sample_id", "group", "time_h", "replicate", "cells", "class", "count", "ratio", "low", "high")
GROUP_COLUMNS = ("group", "time_h", "class", "replicates", "cells", "mean", "sd", "sem", "low", "high", "method")


def sample_ratios(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Share of each class among the cells of each sample, with Wilson's 95 % interval over cells.

    Args:
        predictions: prediction table, or its columns sample_id, group, time_h, replicate, predicted.
        classes: class names in order.

    Returns:
        Columns `SAMPLE_COLUMNS`, one row per sample and class, samples by group, time, replicate.
        ``ratio`` is ``count`` / ``cells``; a cell predicted as none of `classes` counts among the cells only.
    """
    sample, names = pd.factorize(predictions["sample_id"])
    predicted = class_codes(predictions["predicted"], classes)
    width = len(classes) + 1
    table = np.bincount(sample * width + predicted + 1, minlength=len(names) * width).reshape(-1, width)
    first = np.full(len(names), len(sample), np.int64)
    np.minimum.at(first, sample, np.arange(len(sample)))
    about = predictions[["group", "time_h", "replicate"]].iloc[first]
    samples = pd.DataFrame(
        {
            "sample_id": np.asarray(names, dtype=object).astype(str),
            "group": about["group"].astype(str).to_numpy(),
            "time_h": pd.to_numeric(about["time_h"]).to_numpy(np.float64),
            "replicate": about["replicate"].astype(str).to_numpy(),
            "row": np.arange(len(names)),
        }
    ).sort_values(["group", "time_h", "replicate", "sample_id"], kind="stable", ignore_index=True)
    return _per_class(samples, table[samples.pop("row").to_numpy()], classes)


def cell_ratios(cells: CellScores, keep: NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """The same as `sample_ratios` from the arrays of a run; `keep` (N,) chooses cells. Milliseconds for 500,000."""
    width, number = len(cells.classes) + 1, len(cells.sample_ids)
    code = cells.sample * width + cells.predicted + 1
    table = np.bincount(code if keep is None else code[keep], minlength=number * width).reshape(-1, width)
    left = np.flatnonzero(table.sum(axis=1) > 0)
    samples = pd.DataFrame(
        {
            "sample_id": [cells.sample_ids[row] for row in left],
            "group": [cells.groups[row] for row in left],
            "time_h": np.asarray(cells.times_h, np.float64)[left],
            "replicate": [cells.replicates[row] for row in left],
        }
    )
    return _per_class(samples, table[left], cells.classes)


def _per_class(samples: pd.DataFrame, table: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """One row per sample and class; `table` (S, 1 + K) counts, the first of cells that are none of the classes."""
    cells = table.sum(axis=1)
    counts = table[:, 1:].ravel()
    result = samples.loc[samples.index.repeat(len(classes))].reset_index(drop=True)
    result["cells"] = cells.repeat(len(classes))
    result["class"] = np.tile(np.asarray(classes, dtype=object), len(samples))
    result["count"] = counts
    result["ratio"] = counts / result["cells"].to_numpy(np.float64)
    result["low"], result["high"] = wilson(counts, result["cells"].to_numpy())
    return result[list(SAMPLE_COLUMNS)]


def replicate_ratios(samples: pd.DataFrame) -> pd.DataFrame:
    """Samples of the same group, time and replicate joined; a sample without a replicate stands for itself.

    Returns:
        group, time_h, replicate, class, cells, count, ``named`` (False without a replicate name), ratio.
    """
    named = (samples["replicate"] != "").to_numpy(np.bool_)
    keyed = samples.assign(replicate=samples["replicate"].where(named, samples["sample_id"]), named=named)
    keys = ["group", "time_h", "replicate", "class"]
    joined = keyed.groupby(keys, dropna=False, sort=False, observed=True)
    result = joined.agg(cells=("cells", "sum"), count=("count", "sum"), named=("named", "all")).reset_index()
    result["ratio"] = result["count"] / result["cells"]
    return result


def group_ratios(samples: pd.DataFrame) -> pd.DataFrame:
    """Mean share of each class over the replicates of each group and time point, with a 95 % interval.

    Args:
        samples: from `sample_ratios`.

    Returns:
        Columns `GROUP_COLUMNS`. ``mean``, ``sd``, ``sem`` are over replicates, each with the same weight.
        ``low`` and ``high`` are Student's t interval over replicates, clipped to 0..1. With one replicate, or
        replicates that agree exactly, it is Wilson's interval over the pooled cells. ``method`` says which.
    """
    if samples.empty:
        return pd.DataFrame(columns=list(GROUP_COLUMNS))
    replicates = replicate_ratios(samples)
    grouped = replicates.groupby(["group", "time_h", "class"], dropna=False, sort=False, observed=True)
    result = grouped.agg(
        replicates=("ratio", "size"),
        cells=("cells", "sum"),
        count=("count", "sum"),
        mean=("ratio", "mean"),
        sd=("ratio", "std"),
        named=("named", "all"),
    ).reset_index()
    number = result["replicates"].to_numpy()
    deviation = result["sd"].to_numpy(np.float64)
    result["sem"] = deviation / np.sqrt(number)
    result["low"], result["high"], result["method"] = _intervals(result)
    return result[list(GROUP_COLUMNS)]


def _intervals(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    number = table["replicates"].to_numpy()
    mean, sem = table["mean"].to_numpy(np.float64), table["sem"].to_numpy(np.float64)
    low, high = wilson(table["count"].to_numpy(), table["cells"].to_numpy())
    by_t = (number >= 2) & (sem > 1e-12)
    half = t_quantile(number - 1)[by_t] * sem[by_t]
    low[by_t] = np.clip(mean[by_t] - half, 0, 1)
    high[by_t] = np.clip(mean[by_t] + half, 0, 1)
    methods = [_method(*row) for row in zip(number, by_t, table["named"], strict=True)]
    return np.minimum(low, mean), np.maximum(high, mean), methods


def _method(number: int, by_t: bool, named: bool) -> str:
    unit = "replicates" if named else "samples (replicate not given)"
    if by_t:
        return f"t interval over {number} {unit}"
    if number >= 2:
        return f"Wilson interval over cells ({number} {unit} agree exactly)"
    return "Wilson interval over cells (1 replicate: says nothing about the next one)"
