"""Scored simulated cells for `benchmarks/ratios.py`: pure samples, and mixtures recorded as one sample each.

    python benchmarks/ratios_cells.py [--pure 12] [--mixed 40] [--out /tmp/ratio-cells.npz]

The cells are drawn with a seed that no shipped model was trained with, every sample in a light of its own, and scored
by the shipped model. A mixed sample is one acquisition of all fates, as a real culture is: all its classes share the
light. That is what a ratio is corrected for in use, and it is harder than mixing cells of pure samples.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import read_card
from nscweb.inference.classifier import Classifier
from nscweb.simulation.camera import PROFILES, draw_illumination
from nscweb.simulation.sample_cells import draw_sample

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "nsc-simulated-compact"
TIMES = (12.0, 24.0, 72.0)
SEED = 987001
CELLS = {"pure": 60, "mixed": 120}
SINGLES = (1.0, 0.0, 0.0, 0.0)
PROFILE = PROFILES["flowsight"]


def score(model: Classifier, index: int, ratio: list[float], hours: float, cells: int) -> tuple[Any, Any]:
    """Scores (n, 3) and true fates (n,) of one simulated sample."""
    rng = np.random.default_rng([SEED, index])
    light = draw_illumination(rng, PROFILE)
    drawn = list(draw_sample(rng, cells, ratio, hours, PROFILE, light, kind_shares=SINGLES))
    return model.predict([cell.pixels for cell in drawn]), np.array([cell.fate for cell in drawn])


def make(pure: int, mixed: int) -> dict[str, NDArray[Any]]:
    """All samples: scores, labels, sample, time per cell, and the ratio that each sample was drawn with (S, 3)."""
    model = Classifier(read_card(WEIGHTS), threads=1)
    parts: dict[str, list[Any]] = {key: [] for key in ("scores", "labels", "sample", "times")}
    ratios, started = [], time.perf_counter()
    for hours in TIMES:
        plans = [(np.eye(3)[fate].tolist(), CELLS["pure"]) for _ in range(pure) for fate in range(3)]
        draw = np.random.default_rng([SEED, int(hours)])
        plans += [(draw.dirichlet(np.full(3, 1.5)).tolist(), CELLS["mixed"]) for _ in range(mixed)]
        for ratio, cells in plans:
            found, labels = score(model, len(ratios), ratio, hours, cells)
            for key, values in zip(
                parts, (found, labels, np.full(cells, len(ratios)), np.full(cells, hours)), strict=True
            ):
                parts[key].append(values)
            ratios.append(ratio)
        print(f"{hours:g} h: {len(ratios)} samples, {time.perf_counter() - started:.0f} s", flush=True)
    return {**{key: np.concatenate(values) for key, values in parts.items()}, "ratios": np.array(ratios)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pure", type=int, default=12)
    parser.add_argument("--mixed", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("/tmp/ratio-cells.npz"))
    args = parser.parse_args()
    np.savez(args.out, **make(args.pure, args.mixed))
