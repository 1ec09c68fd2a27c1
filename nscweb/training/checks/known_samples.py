"""What whole samples of known cells look like, for the card: so that a sample that differs is noticed.

Numbers that a network has learnt nothing about (the recording, the prepared image) come from all samples. What the
network sees in cells and how sure it is come from samples that it was not trained on, because it knows the others
too well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nscweb.core.progress import CancelAsked, never_cancelled, stop_if_asked
from nscweb.evaluation.audit.shift import Summary
from nscweb.inference.embeddings import CALIBRATION_KEY, FeatureReference, fit_reference, reference_from
from nscweb.inference.familiarity import FAR_QUANTILE, input_statistics
from nscweb.inference.sample_figures import SAMPLES_KEY, confidences, reference_of_samples, stored_figures, summaries
from nscweb.preprocess.prepare import apply_recipe
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.raw_cells import RawCells
from nscweb.training.splits.plan import Split

# A sample with fewer cells says more about chance than about itself.
_FEWEST_CELLS = 8
# More would only make the card larger.
_MOST_SAMPLES = 240
_MOST_CELLS_OF_SAMPLE = 150


def with_known_samples(
    calibration: dict[str, Any],
    model: nn.Module,
    data: TrainingData,
    split: Split,
    cancel: CancelAsked = never_cancelled,
) -> dict[str, Any]:
    """The calibration of a card with `SAMPLES_KEY`, and with the statistics of inputs where they were missing.

    Args:
        calibration: of the card as it is; without a description of single cells nothing is added.
        model: the network, on the processor, in evaluation mode.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    known = calibration.get(CALIBRATION_KEY, {})
    if data.raw is None or not known.get("embedding"):
        return calibration
    rows = np.concatenate((split.held_out, split.validation))
    unseen = {int(name) for name in np.unique(data.sample_of[rows])}
    # Where one sample is on both sides of the split, its cells are told apart.
    raw = data.raw if split.by_sample else data.raw.among(rows)
    if "input" not in known:
        known = {**known, "input": _described(data, split)}
    references = {kind: reference_from(known[kind]) for kind in ("embedding", "input")}
    temperature = float(calibration.get("temperature", 1.0))
    found: list[dict[str, Summary]] = []
    standardised: dict[str, list[NDArray[Any]]] = {}
    for sample, images in _samples(data, raw, unseen):
        stop_if_asked(cancel)
        figures, values = _sample(model, data, images, temperature, sample in unseen)
        for kind, numbers in values.items():
            figures[kind] = _relative(references[kind], numbers)
            standardised.setdefault(kind, []).append(references[kind].standardised(numbers))
        found.append(summaries(figures))
    if not found:
        return calibration
    described = reference_of_samples(found, standardised, temperature)
    return {**calibration, CALIBRATION_KEY: known, SAMPLES_KEY: described}


def _samples(data: TrainingData, raw: RawCells, unseen: set[int]) -> list[tuple[int, list[NDArray[Any]]]]:
    """Samples with their cells as stored, those that were not trained on first."""
    of_row = data.sample_of[raw.rows]
    names, counts = np.unique(of_row, return_counts=True)
    enough = [int(name) for name, count in zip(names, counts, strict=True) if count >= _FEWEST_CELLS]
    enough.sort(key=lambda name: (name not in unseen, name))
    return [
        (name, [raw.images[int(place)] for place in np.flatnonzero(of_row == name)[:_MOST_CELLS_OF_SAMPLE]])
        for name in enough[:_MOST_SAMPLES]
    ]


def _sample(
    model: nn.Module, data: TrainingData, images: list[NDArray[Any]], temperature: float, unseen: bool
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float32]]]:
    """Plain numbers of the cells of one sample, and those that are compared with a description of known cells."""
    inputs = apply_recipe(data.recipe, images, pixel_size_um=data.pixel_size_um)
    figures, values = stored_figures(images), {"input": input_statistics(inputs)}
    if unseen:
        tensor = torch.from_numpy(np.ascontiguousarray(inputs))
        with torch.inference_mode():
            # A network of ours; nn.Module answers any name with Tensor or Module.
            values["embedding"] = model.forward_features(tensor).mean(dim=(2, 3)).numpy()  # type: ignore[operator]
            logits = model(tensor) / temperature
        figures["confidence"] = confidences(torch.softmax(logits, dim=1).numpy())
    return figures, values


def _relative(reference: FeatureReference, values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(reference.distance(values) / reference.quantiles[FAR_QUANTILE], np.float64)


def _described(data: TrainingData, split: Split) -> dict[str, Any]:
    rows = np.sort(np.concatenate((split.held_out, split.validation)))
    rows = rows[:: max(1, len(rows) // 6000)]
    parts = [input_statistics(data.inputs(part)) for part in np.array_split(rows, len(rows) // 512 + 1)]
    return fit_reference(np.concatenate(parts)).as_dict()
