"""Samples joined into biological replicates, with their rounds: what group estimates and comparisons share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.ratios.estimates import Estimates

Float64 = NDArray[np.float64]

_KEYS = ["group", "time_h", "replicate"]


@dataclass(frozen=True, eq=False)
class JoinedReplicates:
    """Samples joined into R replicates.

    Attributes:
        about: R rows: group, time_h, replicate, named (False where a sample stands for itself), cells.
        weight: (R, S) share of each sample in its replicate.
        classes: names in order.
        ratio, naive, low, high: (R, K); NaN where one of the samples is not recovered.
    """

    about: pd.DataFrame
    weight: Float64
    classes: tuple[str, ...]
    ratio: Float64
    naive: Float64
    low: Float64
    high: Float64

    def rounds(self, drawn: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, R, K) rounds of replicates out of those of samples (B, S, K); 0 for what is not recovered."""
        known = np.nan_to_num(drawn)
        if len(self.weight) == self.weight.shape[1]:
            return known  # every sample is a replicate of its own, in the same order
        return np.moveaxis(np.tensordot(self.weight.astype(np.float32), known, axes=(1, 1)), 0, 1)


def replicate_names(samples: pd.DataFrame) -> pd.Series:
    """The replicate that each sample counts as: a sample without a replicate name stands for itself."""
    named: pd.Series = samples["replicate"].astype(str)
    return named.where(named != "", samples["sample_id"].astype(str))


def joined_replicates(estimates: Estimates) -> JoinedReplicates:
    """Replicates of a table that has rows; a sample without a replicate name stands for itself."""
    classes = tuple(str(name) for name in estimates.table["class"].unique())
    size = len(classes)
    samples = estimates.table.iloc[::size].reset_index(drop=True)
    named = (samples["replicate"] != "").to_numpy(np.bool_)
    samples = samples.assign(replicate=replicate_names(samples), named=named)
    code = samples.groupby(_KEYS, dropna=False, sort=False).ngroup().to_numpy(np.int64)
    number = int(code.max()) + 1
    cells = samples["cells"].to_numpy(np.float64)
    weight = np.zeros((number, len(code)))
    weight[code, np.arange(len(code))] = cells
    total = weight.sum(axis=1)
    weight /= total[:, None]
    about = samples.drop_duplicates(_KEYS)[[*_KEYS, "named"]].reset_index(drop=True)
    about["cells"] = total.astype(np.int64)

    def mixed(name: str) -> Float64:
        values = estimates.table[name].to_numpy(np.float64).reshape(len(code), size)
        lost = np.bincount(code, ~np.isfinite(values).all(axis=1), number) > 0
        result: Float64 = weight @ np.nan_to_num(values)
        result[lost] = np.nan
        return result

    return JoinedReplicates(about, weight, classes, mixed("ratio"), mixed("naive"), mixed("low"), mixed("high"))
