"""Does a model fit these cells? Warnings that are stored with a run and shown beside every number."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.samples import Study

# A sample is called unlike the training data when this many times more cells than in training lie far out...
RATIO = 3.0
# ...and chance would give such a share in fewer than one of a thousand samples.
P_VALUE = 0.001


@dataclass(frozen=True)
class SampleFitness:
    """How far the cells of one sample lie from the training cells in the last features of the network.

    Attributes:
        sample_id: name of the sample, "" for loose images.
        cells: cells measured.
        far: cells farther out than the 99th percentile of held-out training cells.
        expected: share of such cells among held-out training cells.
        median: median distance divided by the median of held-out training cells; 1 is typical.
        unlike: True when the sample is unlike the training data.
        sentence: plain words with the numbers, "" when there is nothing to say.
    """

    sample_id: str
    cells: int
    far: int
    expected: float
    median: float
    unlike: bool
    sentence: str = ""

    @property
    def share(self) -> float:
        """Share of far cells, 0..1."""
        return self.far / self.cells if self.cells else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "share": self.share}
