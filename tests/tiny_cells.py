"""A few hundred toy cells of two classes that a small network can tell apart; not simulated fates, only dots."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.training.augment import AugmentSettings
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect

CLASSES = ClassScheme(("round", "long"))
RECIPE = InputRecipe(field_px=(24, 24), resize=(24, 24))
QUICK = TrainConfig(
    options={"width": 8, "depth": 1, "dropout": 0.1},
    epochs=3,
    batch=32,
    seed=4,
    device="cpu",
    threads=1,
    precision="float32",
    warmup_steps=5,
    augment=AugmentSettings(rotation=90, shift=2),
)


def toy_cells(per_sample: int = 12, replicates: int = 4, seed: int = 0) -> Iterator[LabelledCell]:
    """Cells 26 x 30 pixels, 8 bit; one class per sample, two time points."""
    generator = np.random.default_rng(seed)
    ys, xs = np.mgrid[:26, :30]
    for label, name in enumerate(CLASSES.names):
        for time_h in (24.0, 48.0):
            for replicate in range(1, replicates + 1):
                sample = SampleLabel(f"{name}_{time_h:g}_{replicate}", "toy", time_h, str(replicate))
                for _ in range(per_sample):
                    y, x = generator.uniform(11, 15, 2)
                    wide = 4.0 if label == 0 else 8.0
                    body = np.exp(-(((ys - y) / 4.0) ** 2) - ((xs - x) / wide) ** 2)
                    noisy = 120 - 60 * body + generator.normal(0, 4, ys.shape)
                    yield LabelledCell(sample, label, np.clip(noisy, 0, 255).astype(np.uint8)[None])


def toy_data(per_sample: int = 12, replicates: int = 4, seed: int = 0) -> TrainingData:
    """The same, prepared."""
    return collect(
        toy_cells(per_sample, replicates, seed),
        CLASSES,
        RECIPE,
        simulated=False,
        description="Toy cells.",
        licence="CC0-1.0",
    )
