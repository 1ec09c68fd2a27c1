"""Fits the architecture ``features``: measures cells, standardises, and puts a classifier into the network.

Everything is chosen on the rows that are given (`nscweb.evaluation.audit.plain_classifier`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.evaluation.audit.plain_classifier import FeatureOptions, fit_classifier
from nscweb.models.architectures.feature_measures import FURTHEST, Features, measures
from nscweb.training.data.dataset import TrainingData

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

# Key of ARCHITECTURES.
FEATURES = "features"
_BATCH = 128
_LEAST_SPREAD = 3e-3


@dataclass(frozen=True)
class FittedFeatures:
    """What came out.

    Attributes:
        network: in evaluation mode.
        options: what a card needs to build it.
        chosen: the settings in words.
        inner: mean of accuracy and macro F1 in the inner folds, of every setting that was tried.
    """

    network: Features
    options: dict[str, Any]
    chosen: str
    inner: dict[str, float]


def options_for(balance: float) -> FeatureOptions:
    """How features are classified in a training with this `TrainConfig.balance`: 1 balances, less does nothing.

    The part balance that networks have by default made features of real cells no better for rare classes (macro F1
    0.640 against 0.662 over five folds of seven phases) and not more often right (0.737 against 0.738).
    """
    return FeatureOptions(balance=1.0 if balance >= 1 else 0.0)


def measured(
    data: TrainingData,
    rows: Labels,
    scale: Floats | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Floats:
    """(n, F) plain features of some cells, not standardised; `scale` (C,) divides the channels before."""
    parts = []
    divisor = 1.0 if scale is None else scale[None, :, None, None]
    for start in range(0, len(rows), _BATCH):
        stop_if_asked(cancel)
        inputs = np.asarray(data.inputs(rows[start : start + _BATCH]) / divisor, np.float32)
        with torch.inference_mode():
            parts.append(measures(torch.from_numpy(inputs)).numpy())
        progress(min(start + _BATCH, len(rows)), len(rows), "Measuring features")
    return np.concatenate(parts)


def channel_scale(data: TrainingData, rows: Labels) -> Floats:
    """(C,) root mean square of usual cells, so that features do not depend on the units of the input."""
    inputs = data.inputs(rows[:: max(1, len(rows) // 512)]).astype(np.float64)
    usual = np.median(np.sqrt((inputs**2).mean(axis=(2, 3))), axis=0)
    return np.asarray(np.where(usual > 0, usual, 1.0), np.float32)


def fit_features(
    data: TrainingData,
    rows: Labels,
    *,
    options: FeatureOptions | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> FittedFeatures:
    """Fit plain features and a classifier on some rows; no other row is looked at.

    Raises:
        WrongUse: the rows hold fewer than two classes.
        JobCancelled: somebody asked to stop.
    """
    labels = data.labels[rows]
    if not len(labels):
        raise WrongUse("Plain features need cells to learn from.")
    scale = channel_scale(data, rows)
    raw = measured(data, rows, scale, progress, cancel).astype(np.float64)
    middle, spread = raw.mean(axis=0), raw.std(axis=0)
    # What hardly changes from cell to cell is partly rounding, which must not be made large.
    spread = np.maximum(spread, _LEAST_SPREAD * np.maximum(1.0, np.abs(middle)))
    features = np.clip((raw - middle) / spread, -FURTHEST, FURTHEST)
    classes, channels = len(data.classes), len(data.recipe.channels)
    found = fit_classifier(
        features,
        labels,
        data.sample_of[rows],
        classes,
        options=options or FeatureOptions(),
        seed=seed,
        progress=progress,
        cancel=cancel,
    )
    vectors = 0 if found.kernel is None else len(found.kernel.vectors)
    network = Features(channels, classes, vectors=vectors)
    numbers: dict[str, Any] = {
        "scale": scale[None, :, None, None],
        "middle": middle,
        "spread": spread,
        "final.weight": found.weight,
        "final.bias": found.offset,
    }
    if found.kernel is not None:
        numbers |= {"vectors": found.kernel.vectors, "weights": found.kernel.weights}
        numbers |= {"offsets": found.kernel.offsets, "gamma": found.kernel.gamma}
    network.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in numbers.items()})
    options_of_card = {"vectors": vectors} if vectors else {}
    return FittedFeatures(network.eval().requires_grad_(False), options_of_card, found.words, found.inner)
