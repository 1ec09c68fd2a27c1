"""Mixtures with known ratios from real cells: error and coverage of counted and corrected ratios.

    NSCWEB_THREADS=1 python benchmarks/mixtures_real.py [--splits 20] [--trained 3] [--write PAGE]

600 labelled Jurkat cells each of G1, S and G2, in a split of our own: of each class 240 cells train, 40 calibrate (and
decide when to stop), 120 are held out and correct, and from the 200 kept back mixtures of 50 to 300 cells are drawn
without laying any cell back, with ratios even over all possible ones. Two classifiers: a logistic regression on plain
features (those of the architecture ``features``), and the compact network by the program's own training, for few
epochs. Corrections and intervals are the program's own. `--write` writes the whole page.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.rules import EM_MOST_OFF
from nscweb.evaluation.ratios.calibrated import calibration, largest_fault
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.quantification import adjusted_shares, em_shares
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.reliability import reliability
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.feature_fit import measured
from nscweb.training.loop import fit
from nscweb.training.splits.plan import Split
from nscweb.training.temperature import fit_temperature

try:
    from benchmarks.accuracy_real import TILES, jurkat
    from benchmarks.ratios import spread
except ImportError:  # started as a file
    from accuracy_real import TILES, jurkat
    from ratios import spread

CLASSES = ("G1", "S_phase", "G2")
TRAIN, CALIBRATE, HELD_OUT, KEPT = 240, 40, 120, 200
MIXTURES, SMALLEST, LARGEST = 40, 50, 300
METHODS = ("naive", "acc", "pacc", "em")
Scores = Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Parts:
    """Rows of the four parts; `held_out` in the order of drawing, so that its beginning is a smaller part."""

    train: NDArray[np.int64]
    calibrate: NDArray[np.int64]
    held_out: NDArray[np.int64]
    kept: NDArray[np.int64]


def parts_of(labels: NDArray[np.int64], seed: int) -> Parts:
    """The four parts, alike in their classes."""
    rng = np.random.default_rng([seed, 13])
    ends = np.cumsum((TRAIN, CALIBRATE, HELD_OUT, KEPT))
    each = [np.split(rng.permutation(np.flatnonzero(labels == label)), ends)[:4] for label in range(len(CLASSES))]
    return Parts(*(np.concatenate([own[part] for own in each]) for part in range(4)))


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def regression(features: NDArray[Any], labels: NDArray[np.int64], parts: Parts) -> NDArray[np.float64]:
    """Logits of all cells by a logistic regression on plain features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(features[parts.train], labels[parts.train])
    return np.asarray(model.decision_function(features), np.float64)


def network(data: TrainingData, parts: Parts, seed: int, epochs: int) -> NDArray[np.float64]:
    """Logits of all cells by the compact network, trained as the program trains it."""
    split = Split(np.sort(parts.train), np.sort(parts.calibrate), np.sort(parts.held_out), "by cell", False, "cell")
    config = TrainConfig(architecture="compact", seed=seed, threads=1, batch=64, epochs=epochs, patience=epochs)
    with tempfile.TemporaryDirectory() as folder:
        trained = fit(config, data, split, Path(folder))
    return np.asarray(predict_rows(trained.model, data, np.arange(len(data)), torch.device("cpu")), np.float64)


def held_of(scores: NDArray[np.float32], labels: NDArray[np.int64], rows: NDArray[np.int64], each: int) -> HeldOut:
    """The first `each` held-out cells of every class. These data do not name their samples."""
    chosen = np.concatenate([rows[labels[rows] == label][:each] for label in range(len(CLASSES))])
    own = labels[chosen]
    return HeldOut(scores[chosen], own, np.zeros(len(own), np.int64), np.full(len(own), np.nan), CLASSES)


def drawn(labels: NDArray[np.int64], kept: NDArray[np.int64], seed: int) -> tuple[list[NDArray[np.int64]], Any]:
    """Rows of each mixture, and its true shares (M, K), counted from its cells."""
    rng = np.random.default_rng([seed, 29])
    by_class = [kept[labels[kept] == label] for label in range(len(CLASSES))]
    rows: list[NDArray[np.int64]] = []
    while len(rows) < MIXTURES:
        counts = rng.multinomial(rng.integers(SMALLEST, LARGEST + 1), rng.dirichlet(np.ones(len(CLASSES))))
        if counts.max() <= KEPT:
            chosen = [rng.choice(own, size, replace=False) for own, size in zip(by_class, counts, strict=True)]
            rows.append(np.concatenate(chosen))
    share = np.stack([np.bincount(labels[own], minlength=len(CLASSES)) / len(own) for own in rows])
    return rows, share


def cells_of(scores: list[NDArray[np.float32]]) -> CellScores:
    """The mixtures as samples of a run."""
    joined, number = np.concatenate(scores), len(scores)
    names = tuple(f"m{index:03d}" for index in range(number))
    unknown = np.full(len(joined), -1)
    return CellScores(
        scores=joined,
        predicted=joined.argmax(axis=1),
        sample=np.repeat(np.arange(number), [len(own) for own in scores]),
        flags=np.zeros(len(joined), np.int64),
        true=unknown,
        sample_ids=names,
        groups=("mixture",) * number,
        replicates=names,
        times_h=np.full(number, np.nan),
        classes=CLASSES,
    )


class Tally:
    """What was found by classifier, held-out cells per class, and method; a split of the cells is a cluster."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int, str], list[NDArray[Any]]] = {}
        self.notes: dict[str, list[tuple[float, float, float]]] = {}
        self.warped: list[tuple[float, float, float, float, float]] = []

    def add(self, name: str, logits: NDArray[Any], labels: NDArray[np.int64], parts: Parts, seed: int) -> None:
        """Calibrate, correct the mixtures of this split by 30, 60 and 120 held-out cells per class, and keep it."""
        temperature = fit_temperature(logits[parts.calibrate].astype(np.float32), labels[parts.calibrate])
        scores = softmax(logits / temperature)
        rows, share = drawn(labels, parts.kept, seed)
        cells = cells_of([scores[own] for own in rows])
        whole = held_of(scores, labels, parts.held_out, HELD_OUT)
        off = reliability(whole, rounds=200)
        right = float((scores[parts.kept].argmax(axis=1) == labels[parts.kept]).mean())
        self.notes.setdefault(name, []).append((right, off.ece, float(off.honest)))
        for each in (30, 60, HELD_OUT):
            known = held_of(scores, labels, parts.held_out, each)
            for method in METHODS:
                if method != "naive" or each == HELD_OUT:
                    self._keep((name, each, method), cells, known, share, seed)
        self._warp(logits / temperature, labels, parts, rows, share)
        if name.startswith("network"):
            bare = softmax(logits * 3)
            known = held_of(bare, labels, parts.held_out, HELD_OUT)
            over = cells_of([bare[own] for own in rows])
            for method in ("pacc", "em"):
                self._keep((f"{name}, scores three times too sure", HELD_OUT, method), over, known, share, seed)

    def _warp(self, logits: Any, labels: Any, parts: Parts, rows: list[NDArray[np.int64]], share: Any) -> None:
        """Errors of PACC, and of EM on scores as they are and calibrated, beside the fault of many distorted scores."""
        kinds = [logits * factor for factor in (1, 1.5, 3, 1 / 1.5, 1 / 3)]
        kinds += [logits + np.array(lean) for lean in ((0.25, 0, -0.25), (0.5, 0, -0.25), (1.0, 0, -0.5))]
        kinds += [np.sign(logits) * logits**2, logits * np.array((3.0, 1.0, 0.3))]
        own = labels[parts.held_out]
        cells = (own == np.arange(len(CLASSES))[:, None]).astype(np.float64)
        for kind in kinds:
            scores = softmax(kind).astype(np.float64)
            held, mean = scores[parts.held_out], [scores[chosen].mean(axis=0) for chosen in rows]
            better, fault = calibration(held, cells), largest_fault(held, cells)
            matrix = cells @ held / cells.sum(axis=1, keepdims=True)
            found = [
                adjusted_shares(matrix, np.stack(mean)),
                np.stack([em_shares(scores[chosen], tolerance=1e-5) for chosen in rows]),
                np.stack([em_shares(better.of(scores[chosen]), tolerance=1e-5) for chosen in rows]),
            ]
            off = [float(np.abs(item - share).mean()) for item in found]
            self.warped.append((fault, largest_fault(better.of(held), cells), *off))

    def honesty(self) -> list[str]:
        """Rows of the table of honest scores: by the fault before, then by what calibration leaves."""
        table = 100 * np.array(self.warped)
        result = []
        for column, name, ends in (
            (0, "as they are", (0, 5, 10, 15, 20, 100)),
            (1, "calibrated", (0, 2.5, 5, 7.5, 10, 100)),
        ):
            for low, high in pairwise(ends):
                rows = table[(table[:, column] >= low) & (table[:, column] < high)]
                if len(rows):
                    words = f"{low:g} to {high:g}" if high < 100 else f"over {low:g}"
                    pacc, bare, better = rows[:, 2:].mean(axis=0)
                    result.append(f"| {name} | {words} | {len(rows)} | {pacc:.2f} | {bare:.2f} | {better:.2f} |")
        return result

    def _keep(self, key: tuple[str, int, str], cells: CellScores, known: HeldOut, share: Any, seed: int) -> None:
        # Cells of a mixture come from one pool, not from a recording of their own.
        table = estimate(cells, known, key[2], seed=seed, together=False).table
        true = share.ravel()
        low, high, ratio = (table[column].to_numpy() for column in ("low", "high", "ratio"))
        inside = (low <= true + 1e-12) & (true - 1e-12 <= high)
        bias = np.where(np.isfinite(ratio), ratio - true, np.nan)
        self.found.setdefault(key, []).append(
            np.stack([inside, np.abs(bias), high - low, np.full(len(true), seed, float), bias])
        )

    def lines(self) -> list[str]:
        """Rows of the table."""
        result = []
        for (name, each, method), parts in self.found.items():
            rows = np.concatenate(parts, axis=1)
            rows = rows[:, np.isfinite(rows[1])]
            inside, error, width = 100 * rows[:3].mean(axis=1)
            apart, off = (196 * spread(rows[place], rows[3]) for place in (0, 1))
            behind = "" if method == "naive" else f"{each}"
            result.append(
                f"| {name} | {behind} | {method} | {rows.shape[1]:,} | {inside:.1f} ± {apart:.1f} | "
                f"{error:.2f} ± {off:.2f} | {width:.1f} |"
            )
        return result


def three_classes() -> tuple[TrainingData, NDArray[Any]]:
    """The cells of the three large classes, prepared for the compact network, and their plain features."""
    every = jurkat(48)
    rows = np.flatnonzero(every.labels < len(CLASSES))
    data = replace(
        every,
        fields=every.fields[rows],
        labels=every.labels[rows],
        sample_of=every.sample_of[rows],
        classes=ClassScheme(CLASSES, kind="cell cycle phase"),
        nuisance=None,
        raw=None,
    )
    return data, measured(data, np.arange(len(data)))


def page(tally: Tally, splits: int, trained: int, epochs: int) -> str:
    """The page in Markdown."""
    count = len(CLASSES)
    text = [
        "# Corrected ratios on mixtures of real cells",
        "",
        f"Written by `benchmarks/mixtures_real.py --splits {splits} --trained {trained} --epochs {epochs} --write "
        f"docs/measured/MIXTURES_REAL.md`. Cells are real (Jurkat, phases {', '.join(CLASSES)}; 600 of each), mixtures "
        f"are made: {MIXTURES} per split of {SMALLEST} to {LARGEST} cells each, drawn from {KEPT} cells per phase that "
        f"were kept back, with ratios even over all possible ones. Of each phase {TRAIN} cells train, {CALIBRATE} "
        f"calibrate by temperature and {HELD_OUT} are held out for the correction. These data do not name their "
        "samples, so the split is by cell: what another recording does to a ratio is not in these figures. Cells are "
        "not neural, and nothing here says anything of fates.",
        "",
        f"`numbers` counts shares, {count} per mixture. What stands behind ± is 1.96 standard errors over splits; "
        "errors and widths are in percentage points.",
        "",
        "| classifier | held-out cells per class | method | numbers | 95 % interval covers, % | mean error, points | "
        "mean width, points |",
        "|---|---|---|---|---|---|---|",
        *tally.lines(),
        "",
        "| classifier | splits | accuracy on the cells kept back, % | calibration error on held-out cells, points | "
        "splits in which no fault of the scores is seen |",
        "|---|---|---|---|---|",
    ]
    for name, notes in tally.notes.items():
        right, off, honest = np.mean(notes, axis=0)
        text.append(f"| {name} | {len(notes)} | {100 * right:.1f} | {100 * off:.1f} | {round(honest * len(notes))} |")
    text += [
        "",
        "## Scores that maximum likelihood may believe",
        "",
        "The scores of each split were distorted in nine ways besides (too sure, too careful, leaning to a class, "
        "curved, stretched for each class), and EM was asked to recover known mixtures of the held-out cells. The "
        "largest difference is the fault by which the program decides (`nscweb/evaluation/ratios/calibrated.py`): up "
        f"to {100 * EM_MOST_OFF:g} points EM takes scores as they are; above, they are calibrated on held-out cells; "
        "where that leaves more, PACC is used. Errors are mean errors of shares of the mixtures, in points.",
        "",
        "| fault of scores | points | sets of scores | PACC | EM, scores as they are | EM, scores calibrated |",
        "|---|---|---|---|---|---|",
        *tally.honesty(),
    ]
    return "\n".join(text) + "\n"


def main() -> None:
    """Draw, correct, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20, help="splits for the plain features")
    parser.add_argument("--trained", type=int, default=3, help="splits for which the network is trained")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    if not TILES.exists():
        parser.exit(1, "The real cells are not beside the project (../shared).\n")
    torch.set_num_threads(1)
    data, features = three_classes()
    tally = Tally()
    for seed in range(given.splits):
        parts = parts_of(data.labels, seed)
        logits = regression(features, data.labels, parts)
        tally.add("logistic regression on plain features", logits, data.labels, parts, seed)
    for seed in range(given.trained):
        parts = parts_of(data.labels, seed)
        logits = network(data, parts, seed, given.epochs)
        tally.add(f"network compact, {given.epochs} epochs", logits, data.labels, parts, seed)
    text = page(tally, given.splits, given.trained, given.epochs)
    print(text)
    if given.write:
        given.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
