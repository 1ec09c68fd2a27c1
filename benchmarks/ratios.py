"""Mixtures with known ratios: how far counted and corrected ratios are off, and how often the intervals are right.

    python benchmarks/ratios.py [--worlds 60] [--cells /tmp/ratio-cells.npz] [--write docs/measured/RATIOS.md]

(a) and (b) draw cells from a plain model of three overlapping classes with recalls near those of the shipped model at
12, 24 and 72 h, (a) all alike, (b) with a light of its own for every sample, which moves the scores of all its
classes. The held-out cells are drawn anew for each world, as many as come with the shipped model. (c) is the shipped
model on simulated images; make its cells first with `benchmarks/ratios_cells.py`. Numbers of one world (a, b) or of one
mixed sample (c) hang together: what stands behind ± is 1.96 standard errors over worlds, or over mixed samples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import read_card
from nscweb.evaluation.groups.means import group_estimates, replicate_rows
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.held_out_file import read_held_out

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")
# How far each class lies from the others: recalls near those of the shipped model, 0.78, 0.83, 0.79 at 24 h.
APART = {12.0: (1.0, 1.45, 1.1), 24.0: (1.45, 1.95, 1.6), 72.0: (2.4, 2.9, 2.8)}
HELD_OUT_CELLS = 2000
METHODS = ("naive", "acc", "pacc", "em")
WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "nsc-simulated-compact"


def scored(rng: np.random.Generator, labels: NDArray[Any], apart: Any, moved: Any = 0.0) -> NDArray[np.float32]:
    """Scores of cells: exact posteriors for equal shares, `moved` by the light of their sample."""
    far = np.asarray(apart)
    odds = (rng.normal(size=(len(labels), 3)) + far * np.eye(3)[labels]) * far - far**2 / 2 + moved
    odds = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def held_out(rng: np.random.Generator, light: float, samples: int) -> HeldOut:
    """Pure samples of every class and time point."""
    scores, labels, where, times = [], [], [], []
    each = HELD_OUT_CELLS // samples
    for hours, apart in APART.items():
        for label in range(3):
            for _ in range(samples):
                own = np.full(each, label)
                scores.append(scored(rng, own, apart, rng.normal(0, light, 3)))
                labels.append(own)
                where.append(np.full(each, len(where)))
                times.append(np.full(each, hours))
    joined = [np.concatenate(part) for part in (scores, labels, where, times)]
    return HeldOut(joined[0], joined[1], joined[2], joined[3], CLASSES, simulated=True)


def as_cells(scores: Any, labels: Any, sample: Any, times: Any) -> CellScores:
    """Cells of samples 0..S-1, in order, with the time of each sample."""
    number = len(times)
    return CellScores(
        scores,
        scores.argmax(axis=1),
        sample,
        np.zeros(len(sample), np.int64),
        labels,
        tuple(f"s{index:04d}" for index in range(number)),
        ("mixture",) * number,
        ("",) * number,
        times,
        CLASSES,
    )


def mixtures(rng: np.random.Generator, light: float, each: int, cells: int) -> tuple[CellScores, NDArray[Any]]:
    """`each` mixtures per time point of so many cells, ratios even over all possible ones; and these ratios."""
    share = rng.dirichlet(np.ones(3), each * len(APART))
    times = np.repeat(list(APART), each)
    parts = []
    labels = [rng.choice(3, cells, p=ratio) for ratio in share]
    for own, hours in zip(labels, times, strict=True):
        parts.append(scored(rng, own, APART[float(hours)], rng.normal(0, light, 3)))
    sample = np.arange(len(share)).repeat(cells)
    return as_cells(np.concatenate(parts), np.concatenate(labels), sample, times), share


class Tally:
    """Adds up what was found, by method and time point; `cluster` says which numbers hang together."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, float], list[NDArray[Any]]] = {}

    def add(
        self,
        cells: CellScores,
        known: HeldOut,
        share: NDArray[Any],
        seed: int,
        cluster: NDArray[Any],
        together: bool = True,
    ) -> None:
        for method in METHODS:
            table = estimate(cells, known, method, seed=seed, together=together).table
            true, hours = share.ravel(), table["time_h"].to_numpy()
            low, high, ratio = (table[name].to_numpy() for name in ("low", "high", "ratio"))
            inside = (low <= true + 1e-12) & (true - 1e-12 <= high)
            rows = np.stack([inside, np.abs(ratio - true), high - low, ratio, cluster.repeat(3)])
            for when in np.unique(hours):
                self.found.setdefault((method, float(when)), []).append(rows[:, hours == when])

    def lines(self) -> Iterator[tuple[str, float, NDArray[Any]]]:
        """Method, hours and (5, N) inside, error, width, ratio, cluster; lost ratios left out."""
        for (method, hours), parts in sorted(
            self.found.items(), key=lambda item: (item[0][1], METHODS.index(item[0][0]))
        ):
            rows = np.concatenate(parts, axis=1)
            yield method, hours, rows[:, np.isfinite(rows[3])]


def study(name: str, light: float, cells: int, worlds: int, samples: int) -> list[str]:
    """Rows of the table for one design."""
    tally = Tally()
    for world in range(worlds):
        rng = np.random.default_rng([world, cells, samples, int(1000 * light)])
        known = held_out(rng, light, samples)
        mixed, share = mixtures(rng, light, 40, cells)
        tally.add(mixed, known, share, world, np.full(len(share), world))
    return rows_of(f"{name} | {cells:,}", tally)


def spread(values: NDArray[Any], cluster: NDArray[Any]) -> float:
    """Standard error of the mean of values of which those of one cluster hang together."""
    _, code = np.unique(cluster, return_inverse=True)
    apart = np.bincount(code, values - values.mean())
    return float(np.sqrt((apart**2).sum() * len(apart) / max(1, len(apart) - 1)) / len(values))


def rows_of(name: str, tally: Tally) -> list[str]:
    """Rows of the table, each with the gain over counting at the same time point."""
    counted = {hours: rows[1].mean() for method, hours, rows in tally.lines() if method == "naive"}
    lines = []
    for method, hours, rows in tally.lines():
        inside, error, width = rows[:3].mean(axis=1)
        gain = "" if method == "naive" else f"{counted[hours] / error:.1f}"
        lines.append(
            f"| {name} | {hours:g} | {method} | {rows.shape[1]:,} | "
            f"{100 * inside:.1f} ± {196 * spread(rows[0], rows[4]):.1f} | "
            f"{100 * error:.2f} ± {196 * spread(rows[1], rows[4]):.2f} | {gain} | {100 * width:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def images(path: Path) -> list[str]:
    """(c): the shipped model on mixed simulated samples, corrected by its own held-out cells, or by pure samples."""
    data = np.load(path)
    pure = data["ratios"].max(axis=1) == 1
    mixed = np.flatnonzero(~pure)
    hours = np.array([data["times"][data["sample"] == index][0] for index in mixed])
    rows = ~pure[data["sample"]]
    place = np.searchsorted(mixed, data["sample"][rows])
    cells = as_cells(data["scores"][rows], data["labels"][rows], place, hours)
    share, cluster = data["ratios"][mixed], np.arange(len(mixed))
    name = f"{len(place) // len(mixed)}"
    tally = Tally()
    tally.add(cells, read_held_out(read_card(WEIGHTS)), share, 0, cluster)
    result = rows_of(f"c, held-out cells of the model | {name}", tally)
    # Pure samples come in the order time, replicate, fate.
    number = np.arange(len(pure)) - np.searchsorted(hours_of(data), hours_of(data))
    for controls, splits in ((2, 8), (3, 8), (6, 8), (12, 1)):
        tally = Tally()
        for split in range(splits):
            chosen = np.random.default_rng(split).permutation(12)[:controls]
            used = (pure & np.isin(number // 3, chosen))[data["sample"]]
            known = HeldOut(*(data[key][used] for key in ("scores", "labels", "sample", "times")), CLASSES)
            tally.add(cells, known, share, split, cluster)
        result += rows_of(f"c, {controls} pure samples of 60 cells | {name}", tally)
    return result


def hours_of(data: Any) -> NDArray[Any]:
    """Hours of each sample of the file; samples come by time."""
    first = np.unique(data["sample"], return_index=True)[1]
    return np.asarray(data["times"][first])


def speed() -> list[str]:
    """135 samples, 500,000 cells, 400 rounds."""
    rng = np.random.default_rng(0)
    known = held_out(rng, 0.2, 3)
    cells, _ = mixtures(rng, 0.2, 45, 3704)
    group_estimates(estimate(cells, known, rounds=10))
    rows = []
    for method in METHODS:
        taken = []
        for _ in range(3):
            started = time.process_time()
            found = estimate(cells, known, method)
            middle = time.process_time()
            replicate_rows(found)
            group_estimates(found)
            taken.append((middle - started, time.process_time() - middle))
        best, groups = min(taken)
        rows.append(f"| {method} | {best:.2f} | {groups:.2f} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--cells", type=Path, default=Path("/tmp/ratio-cells.npz"))
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    head = (
        "| design | cells | h | method | numbers | 95 % interval covers, % | mean error, points | "
        "times better than counting | mean width, points |"
    )
    table = [head, "|---|---|---|---|---|---|---|---|---|"]
    for name, light, cells, samples in (
        ("a", 0.0, 20, 3),
        ("a", 0.0, 500, 3),
        ("a", 0.0, 4000, 3),
        ("b", 0.25, 500, 3),
        ("b", 0.25, 500, 2),
        ("b", 0.25, 4000, 6),
    ):
        text = name if name == "a" else f"b, {samples} held-out samples"
        table += study(text, light, cells, args.worlds, samples)
    if args.cells.exists():
        table += images(args.cells)
    times = ["| method | estimates, s of one core | replicates and groups, s |", "|---|---|---|", *speed()]
    if args.write:
        text = args.write.read_text("utf-8")
        for mark, lines in (("mixtures", table), ("speed", times)):
            start, stop = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
            before, rest = text.split(start)
            text = f"{before}{start}{chr(10).join(lines)}\n{stop}{rest.split(stop)[1]}"
        args.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
