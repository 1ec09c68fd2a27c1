"""Is the network ever waiting for its cells? Cells per second of the loader alone, of the step alone, and of both.

    python benchmarks/training.py [--architectures compact accurate] [--cells N] [--batch B] [--seconds S]
        [--device auto] [--threads T] [--precision auto] [--mapped FOLDER] [--compile]

The loader reads stored fields, augments them and finishes the recipe; a step is forward, backward and optimiser.
On a GPU the loader's work is done there too and a thread prepares the next batch; on a CPU both share its cores, so
"both" is at best 1 / (1 / loader + 1 / step), which is printed as what to expect. The loader holds the network up when
it takes more than a third of the time of both, or on a GPU when it is slower than the step.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.inference.device import choose_device, describe_device
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect
from nscweb.training.data.inputs import Batch, BatchMaker, ahead
from nscweb.training.data.sizes import input_size_for
from nscweb.training.learner import Learner, start_learner

_FIELD = (48, 48)


def noise_cells(cells: int, architecture: str, folder: Path | None) -> TrainingData:
    """Cells of pure noise; what is in them does not matter for speed. With a folder they lie in a file."""
    images = np.random.default_rng(0).normal(600, 20, (64, 1, 60, 56)).astype(np.uint16)
    stream = (LabelledCell(SampleLabel(f"s{number % 9}"), number % 3, images[number % 64]) for number in range(cells))
    return collect(
        stream,
        ClassScheme(("a", "b", "c")),
        InputRecipe(field_px=_FIELD, resize=input_size_for(architecture, _FIELD)),
        simulated=True,
        description="noise",
        licence="none",
        folder=folder,
        memory_limit=0,
    )


def rate(work: Iterable[int], seconds: float, device: torch.device) -> float:
    """Cells per second of an endless stream of work, after a warm-up of three pieces."""
    stream = iter(work)
    for _ in range(3):
        next(stream)
    wait(device)
    began, cells = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        cells += next(stream)
    wait(device)
    return cells / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(architecture: str, given: argparse.Namespace, device: torch.device) -> dict[str, object]:
    """One row."""
    data = noise_cells(given.cells, architecture, given.mapped)
    config = TrainConfig(
        architecture=architecture, batch=given.batch, precision=given.precision, compile=given.compile, average=0.99
    ).for_cells(given.cells)
    make = BatchMaker(config, data, device)
    learner = start_learner(config, data, torch.ones(3), device)
    learner.network.train()

    def rows() -> Iterable[tuple[np.ndarray, int]]:
        generator, step = np.random.default_rng(1), 0
        while True:
            yield generator.choice(len(data), config.batch, replace=False), step
            step += 1

    def load(item: tuple[np.ndarray, int]) -> Batch:
        return make(*item)

    fixed = load(next(iter(rows())))
    loader = rate((len(load(item).labels) for item in rows()), given.seconds, device)
    step = rate((_step(learner, fixed) for _ in rows()), given.seconds, device)
    threaded = device.type == "cuda"
    both = rate((_step(learner, batch) for batch in ahead(load, rows(), threaded=threaded)), given.seconds, device)
    return {
        "architecture": architecture,
        "input": list(data.recipe.resize),
        "batch": config.batch,
        "precision": "bfloat16" if learner.half else "float32",
        "fields": "memory-mapped file" if isinstance(data.fields, np.memmap) else "memory",
        "loader": round(loader, 1),
        "step": round(step, 1),
        "both": round(both, 1),
        "expected": round(min(loader, step) if threaded else 1 / (1 / loader + 1 / step), 1),
        "loader_is_bottleneck": loader < (1 if threaded else 2) * step,
        **({"compile": learner.remark or "used"} if given.compile else {}),
    }


def _step(learner: Learner, batch: Batch) -> int:
    learner.step(batch, 1e-3, 1)
    return len(batch.labels)


def printed(row: dict[str, object], say: Callable[[str], None] = print) -> None:
    """A row in words."""
    say(
        f"{row['architecture']}: loader alone {row['loader']} cells/s, step alone {row['step']}, both {row['both']} "
        f"(expected {row['expected']}). "
        + ("The loader holds the network up." if row["loader_is_bottleneck"] else "The loader is no bottleneck.")
    )
    say(json.dumps(row))


def main() -> None:
    """Measure each network that was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", default=["compact", "accurate"], choices=list(ARCHITECTURES))
    parser.add_argument("--cells", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of the three rates")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--mapped", type=Path, help="folder for the file that fields are read from")
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    device = choose_device(given.device, given.threads)
    print(f"{describe_device(device)}, torch {torch.__version__}")
    for name in given.architectures:
        printed(measure(name, given, device))


if __name__ == "__main__":
    main()
