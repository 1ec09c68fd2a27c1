"""How much the error of the correction, which all samples share, matters for differences between groups.

Two groups are drawn, scored and corrected with the same held-out cells again and again. The held-out samples and the
samples of the run differ in light by `--shift` (standard deviation of what is added to the scores' evidence). Told
are: how often the 95 % interval of a difference holds the planned one, and how often p is below 0.05 where a fate
does not differ; with the spread of replicates alone, and with the shared error beside it.

    python -m benchmarks.shared_error [--experiments 300] [--seed 1]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.evaluation.groups.group_errors import GroupErrors
from nscweb.evaluation.groups.means import replicate_rows
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.shared_error import shared_error
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.scores.held_out import HeldOut

FATES = ("astrocyte", "oligodendrocyte", "neuron")
# name: planned shares of both groups, replicates, spread between them (log odds), held-out cells per class
DESIGNS: dict[str, tuple[tuple[float, ...], tuple[float, ...], int, float, int]] = {
    "no difference, 3 replicates": ((0.3, 0.2, 0.5), (0.3, 0.2, 0.5), 3, 0.15, 300),
    "30 points, 3 replicates": ((0.5, 0.2, 0.3), (0.2, 0.2, 0.6), 3, 0.15, 300),
    "30 points, 5 replicates": ((0.5, 0.2, 0.3), (0.2, 0.2, 0.6), 5, 0.15, 300),
    "60 points, 5 replicates": ((0.7, 0.2, 0.1), (0.1, 0.2, 0.7), 5, 0.15, 300),
    "60 points, 6 alike, 100 held-out": ((0.7, 0.2, 0.1), (0.1, 0.2, 0.7), 6, 0.05, 100),
    "60 points, 6 alike, 2,000 held-out": ((0.7, 0.2, 0.1), (0.1, 0.2, 0.7), 6, 0.05, 2000),
}


def scored(
    labels: NDArray[np.int64], samples: NDArray[np.int64], rng: np.random.Generator, sharp: float, shift: float
) -> NDArray[np.float32]:
    """(N, 3) scores: evidence for each class, moved as a whole in each sample."""
    moved = rng.normal(0, shift, (int(samples.max()) + 1, 3))[samples]
    value = rng.normal(size=(len(labels), 3)) + sharp * np.eye(3)[labels] + moved
    odds = np.exp(sharp * (value - value.max(axis=1, keepdims=True)))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def experiment(name: str, rng: np.random.Generator, sharp: float, shift: float) -> pd.DataFrame:
    """One row per fate: low, high, p of a minus b, alone and with the shared error, and the planned difference."""
    one, other, replicates, spread, known = DESIGNS[name]
    labels = np.repeat(np.arange(3), known)
    pots = labels * 3 + np.tile(np.arange(known) % 3, 3)
    held = HeldOut(
        scored(labels, pots, rng, sharp, shift), labels, pots, np.full(len(labels), 24.0), FATES, "drawn", True
    )
    truth, sample = [], []
    for number in range(2 * replicates):
        odds = np.log(one if number < replicates else other) + rng.normal(0, spread, 3)
        share = np.exp(odds) / np.exp(odds).sum()
        truth.append(rng.choice(3, 1000, p=share))
        sample.append(np.full(1000, number))
    true, where = np.concatenate(truth), np.concatenate(sample)
    scores = scored(true, where, rng, sharp, shift)
    count = 2 * replicates
    cells = CellScores(
        scores=scores,
        predicted=scores.argmax(axis=1),
        sample=where,
        flags=np.zeros(len(where), np.int64),
        true=np.full(len(where), -1),
        sample_ids=tuple(f"s{number}" for number in range(count)),
        groups=tuple("a" if number < replicates else "b" for number in range(count)),
        replicates=tuple(str(number % replicates) for number in range(count)),
        times_h=np.full(count, 24.0),
        classes=FATES,
    )
    found = estimate(cells, held, rounds=100, seed=int(rng.integers(2**31)))
    rows = replicate_rows(found)
    tables = {
        "alone": group_tests(rows, "b"),
        "with it": group_tests(rows, "b", errors=GroupErrors(shared_error(found))),
    }
    planned = dict(zip(FATES, np.subtract(one, other), strict=True))
    return pd.concat(
        table[["class", "difference", "low", "high", "p"]].assign(how=how, planned=table["class"].map(planned))
        for how, table in tables.items()
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sharp", type=float, nargs="*", default=[1.0, 1.8])
    parser.add_argument("--shift", type=float, nargs="*", default=[0.0, 0.15])
    asked = parser.parse_args()
    for sharp in asked.sharp:
        for shift in asked.shift:
            print(f"\nsharpness {sharp:g}, samples differ by {shift:g}")
            for name in DESIGNS:
                rng = np.random.default_rng(asked.seed)
                every = [experiment(name, rng, sharp, shift) for _ in range(asked.experiments)]
                found = pd.concat(every).dropna(subset=["low"])
                for how, part in found.groupby("how", sort=True):
                    inside = (part["low"] <= part["planned"]) & (part["high"] >= part["planned"])
                    equal = part[part["planned"].abs() < 1e-9]
                    wrong = 100 * (equal["p"] < 0.05).mean()
                    differ = part[part["planned"].abs() >= 1e-9]
                    held = 100 * inside[part["planned"].abs() >= 1e-9].mean() if len(differ) else np.nan
                    print(
                        f"  {name:36s} {how:8s} inside {100 * inside.mean():5.1f} % (fates that differ {held:5.1f} %), "
                        f"width {100 * (part['high'] - part['low']).mean():5.1f} points, p < 0.05 where equal "
                        f"{wrong:4.1f} % of {len(equal)}"
                    )


if __name__ == "__main__":
    main()
