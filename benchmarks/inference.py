"""Cells per second of one network run in several ways, in one process, on the same prepared cells.

    python benchmarks/inference.py [--model weights/nsc-simulated-compact] [--cells 2048] [--rounds 3] [--threads 1 2]

The naive way is torch in eager mode, one image per call. Each round runs every way once, and ratios are taken within a
round, so that a machine that is busy for a while slows both sides. Printed: median of the rates, median of the ratios
with the smallest and the largest, and the largest difference of a probability from the naive way.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import CardEntry, read_card
from nscweb.inference.backends import open_classifier
from nscweb.inference.classifier import Classifier
from nscweb.inference.export_files import fast_offered, temperature_of
from nscweb.models.loading import load_model
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.labelled_cells import iter_labelled_cells

Floats = NDArray[np.float32]
Way = Callable[[Floats], Floats]
NAIVE = "torch eager, one by one"
ROOT = Path(__file__).resolve().parents[1]


def eager(entry: CardEntry, batch: int) -> Way:
    """The plain network, batch norm and all."""
    network, temperature = load_model(entry), temperature_of(entry)

    def run(inputs: Floats) -> Floats:
        with torch.no_grad():
            starts = range(0, len(inputs), batch)
            logits = [network(torch.from_numpy(inputs[start : start + batch])) for start in starts]
            return np.asarray(torch.softmax(torch.cat(logits) / temperature, dim=1).numpy())

    return run


def ways(entry: CardEntry, threads: int) -> dict[str, Way]:
    """Every way by its name, the naive one first."""
    found: dict[str, Way] = {NAIVE: eager(entry, 1), "torch eager, batches of 64": eager(entry, 64)}
    options = {"device": "cpu", "threads": threads}
    plain = CardEntry(entry.folder, replace(entry.card, exports={}))
    found["torch folded, channels last"] = open_classifier(plain, **options).predict_prepared
    found["the same in bf16"] = Classifier(entry, precision="bfloat16", **options).predict_prepared
    if entry.card.exports.get("onnx"):
        found["ONNX Runtime fp32 (exact mode)"] = open_classifier(entry, **options).predict_prepared
    if fast_offered(entry)[0]:
        found["int8 + second look (fast mode)"] = open_classifier(entry, mode="fast", **options).predict_prepared
    return found


def race(entry: CardEntry, inputs: Floats, threads: int, rounds: int) -> None:
    """Print the table for one number of threads."""
    torch.set_num_threads(threads)
    known = ways(entry, threads)
    few = max(32, len(inputs) // 16)
    rates: dict[str, list[float]] = {name: [] for name in known}
    expected = known[NAIVE](inputs[:few])
    apart = {name: float(np.abs(way(inputs)[:few] - expected).max()) for name, way in known.items() if name != NAIVE}
    for _ in range(rounds):
        for name, way in known.items():
            part = inputs[:few] if name == NAIVE else inputs
            began = time.perf_counter()
            way(part)
            rates[name].append(len(part) / (time.perf_counter() - began))
    print(f"\n{threads} thread{'s' if threads > 1 else ''}, {len(inputs):,} cells, {rounds} rounds")
    for name, found in rates.items():
        ratios = [rate / base for rate, base in zip(found, rates[NAIVE], strict=True)]
        print(
            f"{name:32} {statistics.median(found):8.0f} /s  x{statistics.median(ratios):5.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f})  differs by {apart.get(name, 0.0):.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "weights" / "nsc-simulated-compact")
    parser.add_argument("--cells", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    entry = read_card(given.model)
    inputs = apply_recipe(entry.card.recipe, [cell.pixels for cell in iter_labelled_cells(3, given.cells)])
    print(f"model {entry.card.name}, inputs {inputs.shape[1:]}, torch {torch.__version__}")
    for threads in given.threads:
        race(entry, inputs, threads, given.rounds)


if __name__ == "__main__":
    main()
