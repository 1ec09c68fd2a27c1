"""False positives with cells nested in replicates: pooled cells against the tests of nscweb.

Two groups without any true difference. A replicate has its own share of a fate (beta distribution with intra-class
correlation rho); its cells are drawn from it. Each way of testing says "different" when p is below 0.05; it should
do so in at most 5 % of experiments. Also: how often bands and intervals hold the truth.

    python -m benchmarks.replicates [--experiments 4000] [--seed 1]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from nscweb.evaluation.equivalence import equivalence_table
from nscweb.evaluation.group_summary import anova_table
from nscweb.evaluation.group_tests import group_tests
from nscweb.evaluation.mixed_model import odds_ratios
from nscweb.evaluation.time_course import time_course

# name: replicates of the two groups, share, rho of the two groups, cells (low, high; log-uniform)
DESIGNS: dict[str, tuple[tuple[int, int], float, tuple[float, float], tuple[int, int]]] = {
    "3 and 3, 5,000 cells each": ((3, 3), 0.3, (0.01, 0.01), (5000, 5000)),
    "5 and 5, 5,000 cells each": ((5, 5), 0.3, (0.01, 0.01), (5000, 5000)),
    "3 and 3, 50 to 20,000 cells": ((3, 3), 0.3, (0.01, 0.01), (50, 20000)),
    "3 and 6, unequal spread": ((3, 6), 0.3, (0.02, 0.005), (5000, 5000)),
    "3 and 6, unequal spread and cells": ((3, 6), 0.3, (0.005, 0.02), (50, 20000)),
    "4 and 4, rare fate (5 %)": ((4, 4), 0.05, (0.005, 0.005), (5000, 5000)),
}


def draw(name: str, experiments: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Replicate rows with one time point per experiment, and positive and all cells (experiments, 2)."""
    sizes, share, rhos, (least, most) = DESIGNS[name]
    rng = np.random.default_rng(seed)
    parts, positive, counted = [], [], []
    for group, replicates, rho in zip("ab", sizes, rhos, strict=True):
        shape = (experiments, replicates)
        cells = np.exp(rng.uniform(np.log(least), np.log(most), shape)).astype(int)
        spread = (1 - rho) / rho
        hits = rng.binomial(cells, rng.beta(share * spread, (1 - share) * spread, shape))
        experiment, number = np.indices(shape).reshape(2, -1)
        parts.append(
            pd.DataFrame(
                {
                    "group": group,
                    "time_h": experiment.astype(float),
                    "replicate": number.astype(str),
                    "class": "fate",
                    "ratio": hits.ravel() / cells.ravel(),
                    "cells": cells.ravel(),
                }
            )
        )
        positive.append(hits.sum(axis=1))
        counted.append(cells.sum(axis=1))
    return pd.concat(parts, ignore_index=True), np.stack(positive, 1), np.stack(counted, 1)


def pooled_p(positive: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Two-sample z test on pooled cells, as if each cell were a replicate."""
    from scipy.stats import norm

    share = positive / cells
    joined = positive.sum(axis=1) / cells.sum(axis=1)
    error = np.sqrt(joined * (1 - joined) * (1 / cells).sum(axis=1))
    return 2 * norm.sf(np.abs(share[:, 0] - share[:, 1]) / error)


def said(p: np.ndarray) -> str:
    """Share of p below 0.05 with its 95 % interval."""
    from nscweb.evaluation.intervals import wilson

    known = p[np.isfinite(p)]
    hits = float((known < 0.05).sum())
    low, high = wilson(hits, float(len(known)))
    return f"{100 * hits / max(1, len(known)):5.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {len(known):,}"


def equivalence_at_the_margin(experiments: int, seed: int) -> np.ndarray:
    """p of "no worse" where the group is worse by exactly the margin: at most 5 % below 0.05."""
    rows, _, _ = draw("5 and 5, 5,000 cells each", experiments, seed)
    rows = rows.assign(ratio=rows["ratio"] - 0.05 * (rows["group"] == "a"))
    return equivalence_table(rows, "b", 0.05)["p_no_worse"].to_numpy(float)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for name, (_, share, _, _) in DESIGNS.items():
        rows, positive, cells = draw(name, asked.experiments, asked.seed)
        tests = group_tests(rows, "b")
        fewer = rows[rows["time_h"] < max(200, asked.experiments // 4)]
        print(f"\n{name}: false positives at p < 0.05")
        print(f"  pooled cells (z test)           {said(pooled_p(positive, cells))}")
        print(f"  Welch t test on replicates      {said(tests['p'].to_numpy(float))}")
        print(f"  Welch ANOVA on replicates       {said(anova_table(fewer)['p'].to_numpy(float))}")
        print(f"  cells within replicates (odds)  {said(odds_ratios(fewer, 'b')['p'].to_numpy(float))}")
        band = time_course(fewer, rounds=400, seed=asked.seed)
        for group in "ab":
            part = band[(band["group"] == group) & band["low"].notna()]
            held = ((part["low"] <= share) & (part["high"] >= share)).mean()
            print(f"  band of {part['n'].iloc[0]} replicates holds the truth in {100 * held:.1f} %")
    worse = equivalence_at_the_margin(asked.experiments // 4, asked.seed)
    print(f"\nWorse by exactly the margin, yet called no worse: {said(worse)}")
    pairs = 400
    family = pd.concat([draw("3 and 3, 5,000 cells each", 15 * pairs, asked.seed)[0]])
    # Fifteen comparisons without a difference are one experiment each.
    p = group_tests(family, "b")["p"].to_numpy(float).reshape(pairs, 15)
    from nscweb.evaluation.group_summary import adjusted

    holm = np.array([adjusted(row, "holm")[0].min() for row in p])
    print(f"At least one false difference among 15: not adjusted {said(p.min(axis=1))}; Holm {said(holm)}")


if __name__ == "__main__":
    main()
