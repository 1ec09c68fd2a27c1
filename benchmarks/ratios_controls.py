"""Control samples of the same experiment against held-out cells of the model; and the page "known mixtures".

    python benchmarks/ratios_controls.py [--worlds 60] [--seeds 20] [--write docs/measured/RATIOS.md]

(d) In an experiment all samples share a part of their light, culture and stain; the rest is of each sample's own. The
held-out cells of a model (three samples of 2,000 / 3 cells per class) come from other experiments, control samples of
known class (500 cells each) from this one. Light moves log odds by 0.2 (standard deviation) between experiments and by
0.15 between samples of one. (e) runs `mixtures.run_mixtures` on the shipped models as the page does, with
other draws of halves and mixtures each time. What stands behind ± is 1.96 standard errors over worlds, or over draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import read_card
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.services.compare.mixtures import run_mixtures

try:
    from benchmarks.ratios import APART, CLASSES, as_cells, scored, spread
except ImportError:  # started as a file
    from ratios import APART, CLASSES, as_cells, scored, spread

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
BETWEEN_EXPERIMENTS, BETWEEN_SAMPLES = 0.2, 0.15
MIXED, CELLS = 40, 500


def pure(rng: np.random.Generator, samples: int, cells: int, here: dict[float, Any] | None) -> HeldOut:
    """Pure samples of every class and time; in the light of the experiment `here`, or each in one of its own."""
    parts: dict[str, list[Any]] = {"scores": [], "labels": [], "samples": [], "times": []}
    for hours, apart in APART.items():
        for label in range(3):
            for _ in range(samples):
                shared = rng.normal(0, BETWEEN_EXPERIMENTS, 3) if here is None else here[hours]
                moved = shared + rng.normal(0, BETWEEN_SAMPLES, 3)
                labels = np.full(cells, label)
                parts["samples"].append(np.full(cells, len(parts["samples"])))
                parts["scores"].append(scored(rng, labels, apart, moved))
                parts["labels"].append(labels)
                parts["times"].append(np.full(cells, hours))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return HeldOut(**joined, classes=CLASSES, simulated=True)


def experiment(
    world: int, controls: tuple[int, ...]
) -> dict[tuple[str, float, str], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """(measure, hours, method) -> inside, error, width of the mixtures of one experiment."""
    rng = np.random.default_rng([world, 77])
    here = {hours: rng.normal(0, BETWEEN_EXPERIMENTS, 3) for hours in APART}
    times = np.repeat(list(APART), MIXED)
    share = rng.dirichlet(np.ones(3), len(times))
    labels = [rng.choice(3, CELLS, p=ratio) for ratio in share]
    scores = [
        scored(rng, own, APART[float(hours)], here[float(hours)] + rng.normal(0, BETWEEN_SAMPLES, 3))
        for own, hours in zip(labels, times, strict=True)
    ]
    sample = np.arange(len(times)).repeat(CELLS)
    cells = as_cells(np.concatenate(scores), np.concatenate(labels), sample, times)
    measures = {"held-out cells of the model": pure(rng, 3, 2000 // 3, None)}
    measures |= {f"{number} controls per class": pure(rng, number, 500, here) for number in controls}
    found = {}
    for name, known in measures.items():
        for method in ("naive", "pacc", "em"):
            table = estimate(cells, known, method, seed=world).table
            low, high, ratio = (table[key].to_numpy() for key in ("low", "high", "ratio"))
            true = share.ravel()
            kept = np.isfinite(ratio)
            for hours in APART:
                rows = kept & (table["time_h"].to_numpy() == hours)
                inside = (low <= true + 1e-12) & (true - 1e-12 <= high)
                found[(name, hours, method)] = inside[rows], np.abs(ratio - true)[rows], (high - low)[rows]
    return found


def controls_table(worlds: int) -> list[str]:
    """Rows of (d)."""
    drawn = [experiment(world, (2, 3, 6)) for world in range(worlds)]
    lines = [
        "| corrected by | h | method | numbers | 95 % interval covers, % | mean error, points | "
        "times better than counting | mean width, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    counted = {
        hours: np.concatenate([one[(name, hours, "naive")][1] for one in drawn]).mean() for name, hours, _ in drawn[0]
    }
    for name, hours, method in drawn[0]:
        if method == "naive" and not name.startswith("held"):
            continue
        parts = [one[(name, hours, method)] for one in drawn]
        inside, error, width = (np.concatenate(values) for values in zip(*parts, strict=True))
        world = np.repeat(np.arange(worlds), [len(part[0]) for part in parts])
        gain = "" if method == "naive" else f"{counted[hours] / error.mean():.1f}"
        lines.append(
            f"| {'nothing' if method == 'naive' else name} | {hours:g} | {method} | {len(error):,} | "
            f"{100 * inside.mean():.1f} ± {196 * spread(inside.astype(float), world):.1f} | "
            f"{100 * error.mean():.2f} ± {196 * spread(error, world):.2f} | {gain} | {100 * width.mean():.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def known_mixtures(seeds: int) -> list[str]:
    """Rows of (e)."""
    lines = [
        "| model | cells | h | numbers | 95 % interval covers, % | mean error, points | counted labels, points | "
        "mean width, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model in ("nsc-simulated-compact", "nsc-simulated-accurate"):
        entry = read_card(WEIGHTS / model)
        for cells in (200, 1000, 5000):
            runs = [
                run_mixtures(entry, cells=cells, mixtures=50, seed=seed).table.assign(seed=seed)
                for seed in range(seeds)
            ]
            whole = pd.concat(runs, ignore_index=True)
            split = {"all": whole}
            if model == "nsc-simulated-compact" and cells == 1000:
                split |= {f"{hours:g}": part for hours, part in whole.groupby("time_h")}
            for hours, table in split.items():
                inside, error = table["inside"].to_numpy(float), (table["recovered"] - table["true"]).abs()
                seed = table["seed"].to_numpy()
                lines.append(
                    f"| {model} | {cells:,} | {hours} | {len(table):,} | "
                    f"{100 * inside.mean():.1f} ± {196 * spread(inside, seed):.1f} | "
                    f"{100 * error.mean():.2f} ± {196 * spread(error.to_numpy(), seed):.2f} | "
                    f"{100 * (table['naive'] - table['true']).abs().mean():.2f} | "
                    f"{100 * (table['high'] - table['low']).mean():.1f} |"
                )
                print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    tables = {"known": known_mixtures(asked.seeds), "controls": controls_table(asked.worlds)}
    if asked.write:
        text = asked.write.read_text("utf-8")
        for mark, lines in tables.items():
            start, stop = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
            before, rest = text.split(start)
            text = f"{before}{start}{chr(10).join(lines)}\n{stop}{rest.split(stop)[1]}"
        asked.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
