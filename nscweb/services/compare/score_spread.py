"""How the scores of the counted cells of each group are spread: the light shapes behind the replicates."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.evaluation.ratios.sample_sums import SPREAD_BINS
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.run_sums import counted_sums
from nscweb.services.predict.runs import get_run

if TYPE_CHECKING:
    from nscweb.services.context import App

SCORE_COLUMNS = ("group", "time_h", "class", "low", "high", "cells")


def _key(app: App, run: Run | str, filters: Filters | None = None) -> Hashable:
    return (cells_key(app, run), filters or Filters())


@kept(12, _key)
def score_bins(app: App, run: Run | str, filters: Filters | None = None) -> pd.DataFrame:
    """Cells per bin of their score: columns `SCORE_COLUMNS`, for every group, time point and class."""
    found, chosen = get_run(app, run), filters or Filters()
    sums, _ = counted_sums(app, found, chosen)
    keys = list(zip(sums.groups, np.nan_to_num(sums.times_h, nan=-1.0).tolist(), strict=True))
    names = sorted(set(keys))
    counted = np.zeros((len(names), *sums.spread.shape[1:]), np.int64)
    np.add.at(counted, [names.index(key) for key in keys], sums.spread)
    edges = np.linspace(0, 1, SPREAD_BINS + 1)
    parts = []
    for number, fate in enumerate(sums.classes):
        parts.append(
            pd.DataFrame(
                {
                    "group": np.repeat(np.array([group for group, _ in names], object), SPREAD_BINS),
                    "time_h": np.repeat([np.nan if hours < 0 else hours for _, hours in names], SPREAD_BINS),
                    "class": fate,
                    "low": np.tile(edges[:-1], len(names)),
                    "high": np.tile(edges[1:], len(names)),
                    "cells": counted[:, number].ravel(),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)[list(SCORE_COLUMNS)]
    return table[table.groupby(["group", "time_h"], dropna=False)["cells"].transform("sum") > 0]
