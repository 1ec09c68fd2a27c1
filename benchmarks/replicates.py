"""False positives with cells nested in replicates: pooled cells against the tests of nscweb.

Two groups without any true difference. A replicate has its own share of a fate (beta distribution with intra-class
correlation rho); its cells are drawn from it. Each way of testing says "different" when p is below 0.05; it should
do so in at most 5 % of experiments. Bands of time courses are in benchmarks/courses.py.

    python -m benchmarks.replicates [--experiments 4000] [--seed 1]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.equivalence import equivalence_table
from nscweb.evaluation.groups.mixed_model import odds_ratios
from nscweb.evaluation.groups.pair_tests import MOST_GAMES_HOWELL, group_tests
from nscweb.evaluation.groups.spread import adjusted, anova_table
from nscweb.services.compare.staining_counts import Count, compare_with_counts

# name: replicates of the two groups, share, rho of the two groups, cells (low, high; log-uniform)
DESIGNS: dict[str, tuple[tuple[int, int], float, tuple[float, float], tuple[int, int]]] = {
    "3 and 3, 5,000 cells each": ((3, 3), 0.3, (0.01, 0.01), (5000, 5000)),
    "5 and 5, 5,000 cells each": ((5, 5), 0.3, (0.01, 0.01), (5000, 5000)),
    "3 and 3, 50 to 20,000 cells": ((3, 3), 0.3, (0.01, 0.01), (50, 20000)),
    "3 and 6, unequal spread": ((3, 6), 0.3, (0.02, 0.005), (5000, 5000)),
    "3 and 6, unequal spread and cells": ((3, 6), 0.3, (0.005, 0.02), (50, 20000)),
    "4 and 4, rare fate (5 %)": ((4, 4), 0.05, (0.005, 0.005), (5000, 5000)),
}


def draw(name: str, experiments: int, seed: int, groups: str = "ab") -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Replicate rows with one time point per experiment, and positive and all cells (experiments, groups)."""
    sizes, share, rhos, (least, most) = DESIGNS[name]
    rng = np.random.default_rng(seed)
    parts, positive, counted = [], [], []
    for place, group in enumerate(groups):
        replicates, rho = sizes[place % 2], rhos[place % 2]
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
    from nscweb.evaluation.scores.intervals import wilson

    known = p[np.isfinite(p)]
    hits = float((known < 0.05).sum())
    low, high = wilson(hits, float(len(known)))
    return f"{100 * hits / max(1, len(known)):5.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {len(known):,}"


def games_howell(rows: pd.DataFrame) -> np.ndarray:
    """Least p over all pairs of each experiment; a table holds as many pairs as the page computes at once."""
    pairs = rows["group"].nunique() * (rows["group"].nunique() - 1) // 2
    block = rows["time_h"] // (MOST_GAMES_HOWELL // pairs)
    found = [group_tests(part) for _, part in rows.groupby(block)]
    return pd.concat(found).groupby("time_h")["p_games_howell"].min().to_numpy(float)


def at_the_margin(name: str, experiments: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """p of "no worse" and of "equivalent" where the group is worse by exactly the margin."""
    rows, _, _ = draw(name, experiments, seed)
    # Moved after drawing, so that nothing but the mean changes; ratios may become negative where a fate is rare.
    table = equivalence_table(rows.assign(ratio=rows["ratio"] - 0.05 * (rows["group"] == "a")), "b", 0.05)
    return table["p_no_worse"].to_numpy(float), table["p_equivalent"].to_numpy(float)


def one_sample(rows: pd.DataFrame, share: float, group: str) -> np.ndarray:
    """p of the predicted mean against a count that is the truth, one call for all experiments."""
    hours = np.unique(rows["time_h"])
    counts = [Count(group, float(hour), "fate", "", 100 * share, None, "not known", "") for hour in hours]
    return compare_with_counts(rows[rows["group"] == group], counts)["p"].to_numpy(float)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    part = max(200, asked.experiments // 4)
    for name, (sizes, share, _, _) in DESIGNS.items():
        rows, positive, cells = draw(name, asked.experiments, asked.seed)
        four, _, _ = draw(name, part, asked.seed + 1, "abcd")
        fewer = rows[rows["time_h"] < part]
        no_worse, equivalent = at_the_margin(name, asked.experiments, asked.seed)
        print(f"\n{name}: false positives at p < 0.05, Wilson's 95 % interval, experiments")
        for test, p in (
            ("pooled cells (z test)", pooled_p(positive, cells)),
            ("Welch t test on replicates", group_tests(rows, "b")["p"].to_numpy(float)),
            ("Welch ANOVA, four groups", anova_table(four)["p"].to_numpy(float)),
            ("Games-Howell, any pair of four", games_howell(four)),
            ("cells within replicates (odds)", odds_ratios(fewer, "b")["p"].to_numpy(float)),
            ("worse by the margin, 'no worse'", no_worse),
            ("worse by the margin, 'equivalent'", equivalent),
            (f"one-sample t, {sizes[0]} replicates", one_sample(fewer, share, "a")),
            (f"one-sample t, {sizes[1]} replicates", one_sample(fewer, share, "b")),
        ):
            print(f"  {test:34s} {said(p)}", flush=True)
    family, _, _ = draw("3 and 3, 5,000 cells each", 15 * part, asked.seed)
    # Fifteen comparisons without a difference are one experiment each.
    p = group_tests(family, "b")["p"].to_numpy(float).reshape(part, 15)
    holm = np.array([adjusted(row, "holm")[0].min() for row in p])
    print(f"\nAt least one false difference among 15: not adjusted {said(p.min(axis=1))}; Holm {said(holm)}")


if __name__ == "__main__":
    main()
