"""Plain statistics of prepared inputs: what cells look like before any network has seen them.

A network may map very unlike images to usual features, because it was never asked to tell them apart. So a
card describes its known cells twice: by the pooled features of the network and by these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.rules import FAR_OUT
from nscweb.inference.embeddings import CALIBRATION_KEY, FeatureReference, feature_reference

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier

# Key in the calibration of a card of the tests for changes that harm its model.
CHANGES_KEY = "harmful_changes"
KINDS: tuple[str, ...] = ("embedding", "input")
# A cell is far out beyond this quantile of the distances of known cells.
FAR_QUANTILE = 1 - FAR_OUT
# Rings of spatial frequency, cycles per pixel of the network's input; from the shape of the cell to the grain.
BANDS: tuple[tuple[float, float], ...] = (
    (0.02, 0.06),
    (0.06, 0.10),
    (0.10, 0.16),
    (0.16, 0.24),
    (0.24, 0.34),
    (0.34, 0.72),
)
STATISTICS_PER_CHANNEL = 9 + len(BANDS)
_TINY = 1e-6


def input_statistics(batch: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """(N, C, H, W) prepared inputs to (N, 15 C): skewness, kurtosis, extent, noise of the border, mean, stripes,
    tails, brightest, darkest, and the logarithm of the power in six rings of spatial frequency.
    """
    count, channels, height, width = batch.shape
    planes = np.asarray(batch, np.float64).reshape(count * channels, height, width)
    flat = planes.reshape(len(planes), height * width)
    mean = flat.mean(axis=1)
    unit = (flat - mean[:, None]) / (flat.std(axis=1)[:, None] + _TINY)
    border = np.concatenate([planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]], axis=1)
    squared = unit * unit  # NumPy's powers of floats are ten times as slow as products
    steps = [np.abs(np.diff(planes, axis=axis)).mean(axis=(1, 2)) + _TINY for axis in (1, 2)]
    columns = [
        np.clip((squared * unit).mean(axis=1), -5, 5),
        np.log((squared * squared).mean(axis=1) + 1e-3),
        np.log(_extent(planes)),
        np.log(border.std(axis=1) + 1e-3),
        mean,
        np.log(steps[0] / steps[1]),
        np.log((np.abs(unit) > 1).mean(axis=1) + 0.01),
        unit.max(axis=1),
        unit.min(axis=1),
        *_bands(planes),
    ]
    return np.stack(columns, axis=1).reshape(count, channels * STATISTICS_PER_CHANNEL).astype(np.float32)


def _extent(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) root mean square distance of the signal's energy from its centre, pixels."""
    _, height, width = planes.shape
    energy = planes**2
    total = energy.sum(axis=(1, 2)) + _TINY
    rows, columns = energy.sum(axis=2), energy.sum(axis=1)
    spread = np.zeros(len(planes))
    for weight, length in ((rows, height), (columns, width)):
        place = np.arange(length)
        centre = weight @ place / total
        spread += np.maximum(weight @ place**2 / total - centre**2, 0.0)
    return np.asarray(np.sqrt(spread) + _TINY, np.float64)


def _bands(planes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    _, height, width = planes.shape
    spectrum = np.fft.rfft2(planes)
    power = (spectrum.real**2 + spectrum.imag**2).reshape(len(planes), -1)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    rings = np.stack([((radius >= low) & (radius < high)).ravel() for low, high in BANDS], axis=1)
    counts = rings.sum(axis=0)
    levels = np.log(power @ rings.astype(np.float64) / np.maximum(counts, 1) + _TINY)
    # A small input may have no frequency in a ring; a constant then tells nothing and harms nothing.
    return [level if count else np.zeros(len(planes)) for level, count in zip(levels.T, counts, strict=True)]


def reference_of(card: ModelCard, kind: str) -> FeatureReference | None:
    """What a card keeps of its known cells: ``embedding`` for pooled features, ``input`` for `input_statistics`."""
    data = card.calibration.get(CALIBRATION_KEY, {}).get(kind)
    if not data:
        return None
    return feature_reference(replace(card, calibration={CALIBRATION_KEY: {"embedding": data}}))


def relative_distances(
    classifier: Classifier, images: Sequence[NDArray[Any]], pixel_size_um: float | None = None
) -> dict[str, NDArray[np.float64]]:
    """Kind -> (N,) distance of cells (C, h, w) from the known cells; 1 is the 95th percentile of known cells.

    A kind that the card does not describe is missing.
    """
    if reference_of(classifier.card, "embedding") is None:
        return {}
    return distances_of(classifier, images, classifier.embed(images, pixel_size_um), pixel_size_um)


def distances_of(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    embeddings: NDArray[np.float32],
    pixel_size_um: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Same as `relative_distances` where the embeddings (N, F) came with the prediction."""
    return distances_from(classifier.card, values_of(classifier, images, embeddings, pixel_size_um))


def values_of(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    embeddings: NDArray[np.float32],
    pixel_size_um: float | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Kind -> (N, F) numbers of cells that the card describes: `embeddings`, and `input_statistics`."""
    if not len(images):
        return {}
    found = {"embedding": embeddings} if reference_of(classifier.card, "embedding") else {}
    if reference_of(classifier.card, "input") or CHANGES_KEY in classifier.card.calibration:
        found["input"] = input_statistics(classifier.prepare(images, pixel_size_um))
    return found


def distances_from(card: ModelCard, values: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float64]]:
    """Same as `relative_distances` of numbers that are at hand (`values_of`)."""
    found: dict[str, NDArray[np.float64]] = {}
    for kind, numbers in values.items():
        reference = reference_of(card, kind)
        if reference is not None:
            found[kind] = np.asarray(reference.distance(numbers) / reference.quantiles[FAR_QUANTILE], np.float64)
    return found
