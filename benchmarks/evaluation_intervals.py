"""How often the intervals of the page Evaluate hold the truth, with few samples of a class.

Cells of three classes are scored in samples that differ (standard deviation of the log odds of a class between
samples), judged, and the 95 % intervals compared with the figure of 4,000 samples of each class.

    python -m benchmarks.evaluation_intervals [--experiments 300] [--seed 1]
"""

from __future__ import annotations

import argparse

import numpy as np

from nscweb.evaluation.scores.confusion import judged_metrics
from nscweb.evaluation.scores.known_cells import Judged

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")
_EVIDENCE = np.array([[1.6, 0.0, -0.3], [0.2, 1.2, 0.0], [-0.4, 0.1, 2.0]])
# name: (times the evidence, deviation between samples)
DESIGNS: dict[str, tuple[float, float]] = {
    "70 % right, samples alike": (1.0, 0.3),
    "66 % right, samples differ": (1.0, 0.8),
    "97 % right, samples alike": (3.0, 0.3),
    "95 % right, samples differ": (3.0, 0.8),
}
FIGURES = ("accuracy", "macro_f1", "recall", "precision", "auc")


def drawn(rng: np.random.Generator, samples: int, cells: int, sharp: float, spread: float) -> Judged:
    """`samples` of each class with `cells` each."""
    number = len(CLASSES) * samples
    sample = np.repeat(np.arange(number), cells)
    true = sample // samples
    logits = sharp * _EVIDENCE[true] + rng.normal(0, spread, (number, len(CLASSES)))[sample]
    logits += rng.gumbel(size=logits.shape)
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return Judged(scores, true, scores.argmax(axis=1), sample, CLASSES)


def coverage(samples: int, sharp: float, spread: float, experiments: int, seed: int) -> dict[str, tuple[float, float]]:
    """Figure -> (share of intervals that hold the truth, mean width)."""
    rng = np.random.default_rng(seed)
    whole = judged_metrics(drawn(rng, 4000, 40, sharp, spread), seed=0, rounds=2)
    truth = {(item.name, item.class_name): item.value for item in whole}
    held: dict[str, list[tuple[bool, float]]] = {name: [] for name in FIGURES}
    for number in range(experiments):
        cells = drawn(rng, samples, 150, sharp, spread)
        for item in judged_metrics(cells, seed=number, rounds=400):
            inside = item.low <= truth[item.name, item.class_name] <= item.high
            if item.name in held:
                held[item.name].append((inside, item.high - item.low))
    return {
        name: (float(np.mean([inside for inside, _ in found])), float(np.mean([wide for _, wide in found])))
        for name, found in held.items()
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("| cells | samples of a class | " + " | ".join(name.replace("_", " ") for name in FIGURES) + " |")
    print("|---|---|" + "---|" * len(FIGURES))
    for name, (sharp, spread) in DESIGNS.items():
        for samples in (2, 3, 6, 12):
            found = coverage(samples, sharp, spread, asked.experiments, asked.seed)
            told = " | ".join(f"{100 * found[key][0]:.0f} % ({100 * found[key][1]:.0f})" for key in FIGURES)
            print(f"| {name} | {samples} | {told} |", flush=True)


if __name__ == "__main__":
    main()
