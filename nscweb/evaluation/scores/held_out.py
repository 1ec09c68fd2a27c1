"""Held-out cells of known class and the scores that a model gave them: what every correction of a ratio rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Cells that a model was not trained on, with their true class.

    Attributes:
        scores: (N, K) float32, the calibrated scores of the model, rows sum to 1.
        labels: (N,) int64 true class, index into `classes`.
        samples: (N,) int64 sample of each cell, 0 to S - 1.
        times: (N,) float64 hours since induction, NaN where not known.
        classes: names in the order of the card.
        source: a sentence for people: which cells these are.
        simulated: True when they are simulated.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    samples: NDArray[np.int64]
    times: NDArray[np.float64]
    classes: tuple[str, ...]
    source: str = ""
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> HeldOut:
        """The cells of some rows only; samples keep their numbers."""
        return HeldOut(
            self.scores[rows],
            self.labels[rows],
            self.samples[rows],
            self.times[rows],
            self.classes,
            self.source,
            self.simulated,
        )
