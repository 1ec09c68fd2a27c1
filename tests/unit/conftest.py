"""A small table of predictions that every figure can be drawn from, and a fresh data folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nscweb.core.classes import ClassScheme
from nscweb.services.context import App, open_app
from nscweb.settings import Settings

NAMES = ("astrocyte", "oligodendrocyte", "neuron")


@pytest.fixture(scope="session")
def classes():
    return ClassScheme(NAMES)


@pytest.fixture(scope="session")
def predictions():
    """Three groups, two or three times, three replicates, 60 cells each."""
    rng = np.random.default_rng(0)
    parts = []
    for group, true, times in (
        ("NT3", 2, (24.0, 72.0, 120.0)),
        ("astrocyte medium", 0, (12.0, 24.0)),
        ("oligodendrocyte medium", 1, (24.0, 72.0)),
    ):
        for hours in times:
            for replicate in "123":
                scores = rng.dirichlet([1, 1, 1], 60)
                scores[:, true] += 0.4
                scores /= scores.sum(axis=1, keepdims=True)
                part = pd.DataFrame({f"p_{name}": scores[:, i] for i, name in enumerate(NAMES)})
                part["predicted"] = np.asarray(NAMES)[scores.argmax(axis=1)]
                part["sample_id"] = f"{group}_{hours:g}h_{replicate}"
                about = {"group": group, "time_h": hours, "replicate": replicate, "true_class": NAMES[true]}
                parts.append(part.assign(**about))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def opened(tmp_path: Path) -> App:
    """An empty data folder without any model."""
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data")
    settings = Settings(**{**vars(settings), "weights_dirs": (settings.data_dir / "models",)})
    return open_app(settings, lambda: "2026-01-02T03:04:05Z")
