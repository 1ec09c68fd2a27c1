"""How unlike its training cells a sample looks to a network.

The card of a model keeps the mean and spread of its pooled features over held-out cells, and quantiles of the
distance that such cells have themselves. A cell far outside them is one the network was not made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard

Floats = NDArray[np.float32]
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
CALIBRATION_KEY = "training_features"
_COMPONENTS = 24


@dataclass(frozen=True)
class FeatureReference:
    """What the embeddings of known cells look like.

    Attributes:
        mean: (F,) of the pooled features.
        axes: (P, F) leading directions of spread, orthonormal.
        spread: (P,) standard deviation along each.
        rest: standard deviation outside the axes, per direction.
        quantiles: distance below which that share of known cells lies.
        cells: known cells behind these numbers.
    """

    mean: Floats
    axes: Floats
    spread: Floats
    rest: float
    quantiles: dict[float, float]
    cells: int

    def distance(self, embeddings: Floats) -> Floats:
        """Distance (N,) of embeddings (N, F): 1 for a usual cell.

        Root of the mean squared standardised deviation: Mahalanobis distance under a covariance of P
        leading directions and one variance for all others.
        """
        centred = np.asarray(embeddings, np.float64) - self.mean
        along = centred @ self.axes.T
        outside = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        total = ((along / self.spread) ** 2).sum(axis=1) + outside / self.rest**2
        return np.asarray(np.sqrt(total / centred.shape[1]), np.float32)

    def standardised(self, embeddings: Floats) -> Floats:
        """(N, P) deviation of embeddings (N, F) along each axis, in standard deviations of known cells."""
        centred = np.asarray(embeddings, np.float64) - self.mean
        return np.asarray(centred @ self.axes.T / self.spread, np.float32)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to five digits; `feature_reference` reads it back from a card."""
        return {
            "mean": _rounded(self.mean),
            "axes": [_rounded(axis) for axis in self.axes],
            "spread": _rounded(self.spread),
            "rest": float(f"{self.rest:.5g}"),
            "quantiles": {str(share): float(f"{value:.5g}") for share, value in self.quantiles.items()},
            "cells": self.cells,
        }


def fit_reference(embeddings: Floats) -> FeatureReference:
    """Describe embeddings (N, F) of known cells, N larger than 30.

    Source: probabilistic principal components (Tipping and Bishop 1999): the variance that the leading
    directions leave is shared equally by all others.
    """
    values = np.asarray(embeddings, np.float64)
    count, width = values.shape
    mean = values.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(values - mean, rowvar=False))
    kept = min(_COMPONENTS, width - 1)
    floor = max(float(variances.max()) * 1e-6, 1e-12)
    rest = float(np.sqrt(max(variances[: width - kept].mean(), floor)))
    reference = FeatureReference(
        mean=mean.astype(np.float32),
        axes=vectors[:, width - kept :].T.astype(np.float32),
        spread=np.sqrt(np.maximum(variances[width - kept :], floor)).astype(np.float32),
        rest=rest,
        quantiles={},
        cells=count,
    )
    distances = reference.distance(embeddings)
    quantiles = {share: float(np.quantile(distances, share)) for share in QUANTILES}
    return FeatureReference(reference.mean, reference.axes, reference.spread, reference.rest, quantiles, count)


def feature_reference(card: ModelCard) -> FeatureReference | None:
    """The description that a card keeps of its known cells, None when it has none."""
    data = card.calibration.get(CALIBRATION_KEY, {}).get("embedding")
    return reference_from(data) if data else None


def reference_from(data: Mapping[str, Any]) -> FeatureReference:
    """Read back what `FeatureReference.as_dict` wrote."""
    return FeatureReference(
        mean=np.asarray(data["mean"], np.float32),
        axes=np.asarray(data["axes"], np.float32),
        spread=np.asarray(data["spread"], np.float32),
        rest=float(data["rest"]),
        quantiles={float(share): float(value) for share, value in data["quantiles"].items()},
        cells=int(data["cells"]),
    )


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
