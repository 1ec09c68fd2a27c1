"""Counted labels: how many cells of each sample were predicted as which class, and their share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.evaluation.ratios.sample_sums import SampleSums

SAMPLE_COLUMNS = ("sample_id", "group", "time_h", "replicate", "cells", "class", "count", "ratio")


def counted_ratios(sums: SampleSums) -> pd.DataFrame:
    """Share of each class among the counted cells of each sample.

    Returns:
        Columns `SAMPLE_COLUMNS`, one row per class of each sample that has cells, samples as in `sums`. ``ratio``
        is ``count`` / ``cells``; a cell predicted as none of the classes counts among the cells only.
    """
    table = sums.labels
    left = np.flatnonzero(table.sum(axis=1) > 0)
    samples = pd.DataFrame(
        {
            "sample_id": [sums.sample_ids[row] for row in left],
            "group": [sums.groups[row] for row in left],
            "time_h": np.asarray(sums.times_h, np.float64)[left],
            "replicate": [sums.replicates[row] for row in left],
            "cells": table[left].sum(axis=1),
        }
    )
    result = samples.loc[samples.index.repeat(len(sums.classes))].reset_index(drop=True)
    result["class"] = np.tile(np.asarray(sums.classes, dtype=object), len(samples))
    result["count"] = table[left, 1:].ravel()
    result["ratio"] = result["count"] / result["cells"].astype(np.float64)
    return result[list(SAMPLE_COLUMNS)]
