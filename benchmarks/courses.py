"""Time courses: bands over replicates, the earliest reliable day without any difference, and limits of agreement.

    python benchmarks/courses.py [--experiments 1000] [--seed 1]

Cells are nested in replicates: each has its own share of a fate (beta distribution, intra-class correlation rho),
2,000 cells are drawn from it. What stands in brackets is Wilson's 95 % interval over experiments; time points and
groups of one experiment are drawn independently of one another.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.means import group_means
from nscweb.evaluation.groups.time_course import agreement, time_course
from nscweb.evaluation.scores.intervals import wilson
from nscweb.services.compare.courses import earliest_of
from nscweb.services.compare.headline_tests import group_comparisons

HOURS = (12.0, 24.0, 48.0, 72.0, 120.0)
CELLS = 2000
# name: share and rho; and one of skewed replicates near zero
SHARES = {"30 %, rho 0.01": (0.3, 0.01), "30 %, rho 0.05": (0.3, 0.05), "5 %, rho 0.01": (0.05, 0.01)}


def drawn(
    rng: np.random.Generator, groups: int, replicates: int, share: float, rho: float, hours: tuple[float, ...]
) -> pd.DataFrame:
    """Replicate rows of one experiment."""
    shape = (groups, len(hours), replicates)
    spread = (1 - rho) / rho
    ratio = rng.binomial(CELLS, rng.beta(share * spread, (1 - share) * spread, shape)) / CELLS
    group, time, replicate = np.indices(shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "group": np.array([f"g{number}" for number in range(groups)])[group],
            "time_h": np.asarray(hours)[time],
            "replicate": replicate.astype(str),
            "class": "fate",
            "ratio": ratio.ravel(),
            "cells": CELLS,
        }
    )


def said(hits: float, of: int) -> str:
    """Percent with Wilson's interval."""
    low, high = wilson(float(hits), float(of))
    return f"{100 * hits / max(1, of):.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {of:,}"


def bands(experiments: int, seed: int) -> None:
    """How often a band holds the true mean; each time point of a long course is one experiment."""
    for name, (share, rho) in SHARES.items():
        for replicates in (3, 4, 6):
            rng = np.random.default_rng([seed, replicates, int(1000 * share), int(1000 * rho)])
            rows = drawn(rng, 1, replicates, share, rho, tuple(range(experiments)))
            found = time_course(rows).dropna(subset=["low"])
            held = ((found["low"] <= share) & (share <= found["high"])).sum()
            width = 100 * (found["high"] - found["low"]).mean()
            text = said(held, len(found))
            print(f"band of {replicates} replicates, {name}: {text}, {width:.1f} points wide", flush=True)


def earliest(experiments: int, seed: int) -> None:
    """How often any group, or one group, has an "earliest reliable day" although none differs."""
    for groups in (2, 4, 9):
        rng = np.random.default_rng([seed, groups])
        somewhere = per_group = 0
        for _ in range(experiments):
            rows = drawn(rng, groups, 3, 0.3, 0.01, HOURS).assign(light="green")
            tests = group_comparisons(rows, "g0", "holm")
            means = group_means(rows).assign(cells=CELLS, recovered=True, light="green")
            hits = int(earliest_of(means, tests, "g0", ["fate"])["time_h"].notna().sum())
            somewhere += hits > 0
            per_group += hits
        print(
            f"earliest day, {groups - 1} groups that do not differ, 3 replicates, 5 times: a day in "
            f"{said(somewhere, experiments)} experiments",
            flush=True,
        )


def limits(experiments: int, seed: int) -> None:
    """How often bias and limits of agreement are held by their intervals (normal differences, known truth)."""
    for pairs in (3, 4, 6, 12):
        rng = np.random.default_rng([seed, pairs])
        bias, sd, z = -0.1, 0.08, 1.959963984540054
        found = [agreement(rng.normal(bias, sd, pairs), np.zeros(pairs)) for _ in range(experiments)]
        held = sum(one.bias_low <= bias <= one.bias_high for one in found)
        lower = sum(one.lower_low <= bias - z * sd <= one.lower_high for one in found)
        upper = sum(one.upper_low <= bias + z * sd <= one.upper_high for one in found)
        print(
            f"agreement of {pairs} pairs: bias {said(held, experiments)}, lower limit {said(lower, experiments)}, "
            f"upper limit {said(upper, experiments)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    bands(asked.experiments, asked.seed)
    limits(asked.experiments, asked.seed)
    earliest(asked.experiments // 2, asked.seed)


if __name__ == "__main__":
    main()
