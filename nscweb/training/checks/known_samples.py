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

from nscweb.core.progress import CancelAsked, never_cancelled, stop_if_asked
from nscweb.evaluation.audit.shift import Summary
from nscweb.inference.embeddings import CALIBRATION_KEY, FeatureReference, fit_reference, reference_from
from nscweb.inference.familiarity import FAR_QUANTILE, input_statistics
from nscweb.inference.sample_figures import SAMPLES_KEY, confidences, reference_of_samples, stored_figures, summaries
from nscweb.models.architectures.contract import CellNetwork
from nscweb.preprocess.prepare import apply_recipe
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.raw_cells import RawCells
from nscweb.training.jury import Jury, embeddings, some_rows
from nscweb.training.splits.plan import Split

# A sample with fewer cells says more about chance than about itself.
_FEWEST_CELLS = 8
# More would only make the card larger.
_MOST_SAMPLES = 240
_MOST_CELLS_OF_SAMPLE = 150


def with_known_samples(
    calibration: dict[str, Any], jury: Jury, cancel: CancelAsked = never_cancelled
) -> dict[str, Any]:
    """The calibration of a card with `SAMPLES_KEY`, and with the statistics of inputs where they were missing.

    Args:
        calibration: of the card as it is; without a description of single cells nothing is added.
        jury: the network and who judges its cells, on the processor.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    data, split = jury.data, jury.split
    known = calibration.get(CALIBRATION_KEY, {})
    if data.raw is None or not known.get("embedding"):
        return calibration
    unseen = {int(name) for name in np.unique(data.sample_of[split.unseen])}
    # Where one sample is on both sides of the split, its cells are told apart.
    raw = data.raw if split.by_sample else data.raw.among(split.unseen)
    if "input" not in known:
        known = {**known, "input": described_inputs(data, split)}
    inputs = reference_from(known["input"])
    views = _views(jury, reference_from(known["embedding"]))
    temperature = float(calibration.get("temperature", 1.0))
    found: list[dict[str, Summary]] = []
    standardised: dict[str, list[NDArray[Any]]] = {}
    for sample, cells in _samples(data, raw, unseen):
        stop_if_asked(cancel)
        images = list(cells.images)
        figures = stored_figures(images)
        prepared = apply_recipe(data.recipe, images, pixel_size_um=data.pixel_size_um)
        numbers = input_statistics(prepared)
        figures["input"] = _relative(inputs, numbers)
        standardised.setdefault("input", []).append(inputs.standardised(numbers))
        if sample in unseen:
            asked = _asked(views, jury.judge_of[cells.rows], prepared, temperature)
            figures["embedding"], figures["confidence"], own = asked
            # Each network has axes of its own; only one network's can be laid over each other.
            if not jury.crossed:
                standardised.setdefault("embedding", []).append(own)
        found.append(summaries(figures))
    if not found:
        return calibration
    described = reference_of_samples(found, standardised, temperature)
    return {**calibration, CALIBRATION_KEY: known, SAMPLES_KEY: described}


def _samples(data: TrainingData, raw: RawCells, unseen: set[int]) -> list[tuple[int, RawCells]]:
    """Samples with their cells as stored, those that were not trained on first."""
    of_row = data.sample_of[raw.rows]
    names, counts = np.unique(of_row, return_counts=True)
    enough = [int(name) for name, count in zip(names, counts, strict=True) if count >= _FEWEST_CELLS]
    enough.sort(key=lambda name: (name not in unseen, name))
    return [(name, raw.at(np.flatnonzero(of_row == name)[:_MOST_CELLS_OF_SAMPLE])) for name in enough[:_MOST_SAMPLES]]


def _views(jury: Jury, kept: FeatureReference) -> list[tuple[CellNetwork, FeatureReference]]:
    """Each judge with what embeddings look like to it: distances are told in units of those of unseen cells."""
    if not jury.crossed:
        return [(jury.kept, kept)]
    found = []
    for index, judge in enumerate(jury.judges):
        rows = some_rows(np.flatnonzero(jury.judge_of == index))
        found.append((judge, fit_reference(embeddings(judge, jury.data, rows))))
    return found


def _asked(
    views: list[tuple[CellNetwork, FeatureReference]],
    judge_of: NDArray[np.int64],
    prepared: NDArray[np.float32],
    temperature: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Relative distances (n,) and confidences (n,) of cells by their judges, and their standardised features (n, P)."""
    far, sure = np.zeros(len(prepared)), np.zeros(len(prepared))
    own = np.zeros((len(prepared), 0), np.float32)
    for index, (judge, reference) in enumerate(views):
        places = np.flatnonzero(judge_of == index)
        if not len(places):
            continue
        tensor = torch.from_numpy(np.ascontiguousarray(prepared[places]))
        with torch.inference_mode():
            features = judge.forward_features(tensor).mean(dim=(2, 3)).numpy()
            probabilities = torch.softmax(judge(tensor) / temperature, dim=1).numpy()
        far[places] = _relative(reference, features)
        sure[places] = confidences(probabilities)
        if len(views) == 1:
            own = reference.standardised(features)
    return far, sure, own


def _relative(reference: FeatureReference, values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(reference.distance(values) / reference.quantiles[FAR_QUANTILE], np.float64)


def described_inputs(data: TrainingData, split: Split) -> dict[str, Any]:
    """What prepared images of known cells look like in plain numbers, JSON-ready."""
    rows = some_rows(split.unseen)
    parts = [input_statistics(data.inputs(part)) for part in np.array_split(rows, len(rows) // 512 + 1)]
    return fit_reference(np.concatenate(parts)).as_dict()
