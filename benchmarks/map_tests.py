"""Which way of drawing class maps tells most? Many ways, judged as the card judges maps, on three networks.

    python benchmarks/map_tests.py [--cells 100] [--again 16] [--model FOLDER] [--only SET ...] [--out FILE.json]

Sets: the two shipped models on fresh simulated cells, and a compact network trained here for some minutes on
`shared/data/jurkat_cycle` (seven phases of the cell cycle, real cells), on its held-out cells. The shares of time are
processor seconds of one thread. The table is `docs/measured/CLASS_MAPS.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nscweb.core.card import CardEntry, read_card
from nscweb.inference.cam import finish_maps
from nscweb.inference.map_methods import MAP_METHODS, draw_maps
from nscweb.models.loading import load_model
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.training.card_writer import CardText
from nscweb.training.checks.map_tests import Draw, judge_maps
from nscweb.training.config import TrainConfig
from nscweb.training.make_model import train
from nscweb.training.splits.plan import split_by_cell

try:
    from benchmarks import map_methods as tried
    from benchmarks.accuracy_real import jurkat
except ImportError:  # started as a file
    import map_methods as tried
    from accuracy_real import jurkat

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
SIDE = 48
SETS = ("nsc-simulated-compact", "nsc-simulated-accurate", "jurkat")
_SEED = 1


def ways() -> dict[str, Draw]:
    """Those of the program, then those that were tried beside them."""
    others = {
        "Grad-CAM++": tried.of_layer("plus"),
        "Grad-CAM, layer twice as fine": tried.of_layer("cam", 2),
        "LayerCAM, four times as fine": tried.of_layer("layer", 4),
        "SmoothGrad": tried.smooth_grad,
        "integrated gradients, no blur": tried.integrated(steps=8),
        "integrated gradients, blur 1.5 px": tried.integrated(1.5, steps=8),
        "occlusion 6 px every 3": tried.occluded(6, 3, odds=False),
        "occlusion 12 px every 6": tried.occluded(12, 6, odds=False),
    }
    return {**{name: partial(draw_maps, name) for name in MAP_METHODS}, **{k: shown(v) for k, v in others.items()}}


def shown(make: tried.Maker) -> Draw:
    """Maps cut off and scaled as the program shows them."""

    def draw(network: Any, inputs: Any, classes: Any, background: Any) -> Any:
        return finish_maps(make(network, inputs, classes, np.asarray(background, np.float32)), inputs.shape[2:])

    return draw


def jurkat_model(folder: Path, epochs: int) -> CardEntry:
    """A compact network of real cells, trained here unless it lies there."""
    if not (folder / "card.json").exists():
        config = TrainConfig(architecture="compact", seed=_SEED, threads=1, batch=64, epochs=epochs, patience=epochs)
        text = CardText("Jurkat", "Phases of the cell cycle.", "benchmarks/map_tests.py", "2026-01-01T00:00:00Z")
        train(config, jurkat(SIDE), folder, text, split_by="cell", checks=False)
    return read_card(folder)


def cells_of(name: str, cells: int, models: Path, epochs: int) -> tuple[CardEntry, np.ndarray]:
    """A model and prepared cells that it has not seen."""
    if name == "jurkat":
        entry, data = jurkat_model(models / "jurkat", epochs), jurkat(SIDE)
        held_out = split_by_cell(data, _SEED).held_out
        return entry, data.inputs(np.random.default_rng(_SEED).permutation(held_out)[:cells])
    entry = read_card(WEIGHTS / name)
    return entry, apply_recipe(entry.card.recipe, [cell.pixels for cell in iter_labelled_cells(99, cells)])


def timed(draw: Draw, seconds: dict[str, float], name: str) -> Draw:
    """The same; the first call, which draws every cell once, is timed."""

    def wrapped(*given: Any) -> Any:
        began = time.process_time()
        found = draw(*given)
        seconds.setdefault(name, (time.process_time() - began) / len(found))
        return found

    return wrapped


def table(found: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    """Markdown, one row for each way."""
    lines = [
        "| way | deletion | insertion | in the cell | last layer anew | all layers anew | moved 1 px | moved 2 px "
        "| ms a cell |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["orders"]:
        parts = [_figure(row, key, 3) for key in ("deletion", "insertion")]
        parts += [_figure(row, key, 2) for key in ("inside", "last_layer", "all_layers", "shift_1px", "shift_2px")]
        took = f"{1000 * seconds[row['order']]:.0f}" if row["order"] in seconds else ""
        lines.append(f"| {row['order']} | {' | '.join(parts)} | {took} |")
    return "\n".join(lines)


def _figure(row: Mapping[str, Any], key: str, digits: int) -> str:
    item = row.get(key)
    return f"{item['value']:.{digits}f} ({item['low']:.{digits}f} to {item['high']:.{digits}f})" if item else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--again", type=int, default=16, help="cells for other weights and moved cells")
    parser.add_argument("--only", nargs="*", choices=SETS, default=SETS)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained network")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--ways", nargs="*", choices=tuple(ways()), default=tuple(ways()))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    written = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            entry, inputs = cells_of(name, given.cells, given.models or Path(folder), given.epochs)
            seconds: dict[str, float] = {}
            card = entry.card
            found = judge_maps(
                load_model(entry),
                card.architecture,
                card.options,
                inputs,
                temperature=card.temperature,
                seed=_SEED,
                again=given.again,
                methods={key: timed(draw, seconds, key) for key, draw in ways().items() if key in given.ways},
            )
            written[name] = {**found, "cells": len(inputs), "seconds": seconds}
            print(f"\n{name}, {len(inputs)} cells; the cell covers {100 * found['area']:.0f} % of the field\n")
            print(table(found, seconds), flush=True)
            if given.out:
                given.out.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
