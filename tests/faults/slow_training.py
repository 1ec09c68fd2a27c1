"""A training run that tells of each epoch and then takes its time, so that a test can kill it between two.

python slow_training.py FOLDER MARKS SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.training.augment import AugmentSettings
from nscweb.training.card_writer import CardText
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect
from nscweb.training.make_model import train

CONFIG = TrainConfig(
    options={"width": 8, "depth": 1},
    epochs=4,
    batch=16,
    seed=3,
    device="cpu",
    threads=1,
    precision="float32",
    average=0.9,
    mixup=0.2,
    sampling="balanced",
    label_smoothing=0.05,
    augment=AugmentSettings(shift=2),
)
TEXT = CardText("Toys", "Bright or dark.", "python x", "2026-01-02T03:04:05Z")


def data() -> TrainingData:
    """96 cells of two classes in eight samples."""
    generator = np.random.default_rng(1)
    cells = []
    for sample in range(8):
        label = SampleLabel(f"s{sample}", time_h=24.0)
        for _ in range(12):
            pixels = generator.normal(100, 5, (1, 26, 26))
            pixels[:, 9:17, 9:17] += 40 if sample % 2 else -40
            cells.append(LabelledCell(label, sample % 2, pixels.astype(np.uint8)))
    return collect(
        cells,
        ClassScheme(("dark", "bright")),
        InputRecipe(field_px=(24, 24), resize=(24, 24)),
        simulated=False,
        description="Toys.",
        licence="CC0-1.0",
    )


def run(folder: Path, marks: Path, seconds: float) -> str:
    """Train; returns the SHA-256 of the weights."""

    def after_epoch(row: dict[str, float]) -> None:
        (marks / f"{int(row['epoch'])}").touch()
        time.sleep(seconds)

    marks.mkdir(parents=True, exist_ok=True)
    entry = train(CONFIG, data(), folder, TEXT, checks=False, after_epoch=after_epoch)
    return entry.card.weights.sha256


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
