"""The numbers of single cells by which whole samples are compared with known ones.

Training measures them on samples that it has kept as they were stored, prediction on those that it is asked about; both
by these functions, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.evaluation.audit.shift import Known, Pattern, Summary, known, known_of, pattern, pattern_of, summarise
from nscweb.inference.familiarity import reference_of
from nscweb.preprocess.cell_quality import measure_many
from nscweb.preprocess.pixel_steps import full_scale

# Key in the calibration of a card.
SAMPLES_KEY = "known_samples"
# What the network sees, what it is given, and what it answers.
SEEN: tuple[str, ...] = ("embedding", "input", "confidence")
# What the camera stored, before the recipe takes any of it away.
STORED: tuple[str, ...] = ("background", "contrast", "noise", "focus", "area", "slope", "depth")
# Numbers of which factors matter, not differences.
RELATIVE = frozenset({"embedding", "input", "contrast", "focus", "area"})
_TINY = 1e-6


def stored_figures(images: Sequence[NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """`STORED` name -> (N,) numbers of cells (C, h, w) as stored; of the first channel.

    Background in grey values; contrast of the cell in grey values; noise as a share of that contrast; focus as in
    `preprocess.cell_quality`; area in pixels; slope of the light as a share of its level; depth in bits. NaN where the
    image holds no cell.
    """
    planes = [image[0] for image in images]
    rows = measure_many(planes)
    table = {
        name: np.array([getattr(row, name) for row in rows], np.float64)
        for name in ("background", "contrast", "noise", "focus", "area_px", "gradient_x", "gradient_y")
    }
    there = table["area_px"] > 0

    def of_cell(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(there, values, np.nan)

    # A sample has one camera: its brightest pixel tells how deep that is.
    deepest = max((full_scale(plane) for plane in planes), default=1.0)
    return {
        "background": table["background"],
        "contrast": of_cell(table["contrast"]),
        "noise": of_cell(table["noise"] / np.maximum(table["contrast"], _TINY)),
        "focus": of_cell(np.maximum(table["focus"], 0.01)),
        "area": of_cell(table["area_px"]),
        "slope": np.hypot(table["gradient_x"], table["gradient_y"]),
        "depth": np.full(len(planes), np.log2(deepest + 1.0)),
    }


def confidences(
    probabilities: NDArray[np.floating[Any]], temperature: float = 1.0, wanted: float = 1.0
) -> NDArray[np.float64]:
    """(N,) highest probability of scores (N, K) that were made with one temperature, as another would give it."""
    if not len(probabilities):
        return np.zeros(0)
    logarithms = np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-12)) * (temperature / wanted)
    raised = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return np.asarray(1.0 / raised.sum(axis=1), np.float64)


def summaries(figures: Mapping[str, NDArray[Any]]) -> dict[str, Summary]:
    """One summary per number of one sample."""
    return {name: summarise(values) for name, values in figures.items()}


def reference_of_samples(
    samples: Sequence[Mapping[str, Summary]],
    standardised: Mapping[str, Sequence[NDArray[Any]]],
    temperature: float = 1.0,
) -> dict[str, Any]:
    """What a card keeps of known samples, JSON-ready; `known_samples` reads it back.

    Args:
        samples: of each known sample those numbers that are known of it.
        standardised: kind -> of each known sample (n, P) deviations from known cells.
        temperature: that the scores behind ``confidence`` were made with.
    """
    names = [name for name in (*SEEN, *STORED) if any(name in sample for sample in samples)]
    found = {name: known([sample[name] for sample in samples if name in sample], name in RELATIVE) for name in names}
    patterns = {kind: pattern(parts) for kind, parts in standardised.items()}
    return {
        "temperature": temperature,
        "figures": {name: item.as_dict() for name, item in found.items() if item.values},
        "patterns": {kind: item.as_dict() for kind, item in patterns.items() if item is not None},
    }


def known_samples(card: ModelCard) -> dict[str, Known]:
    """Name -> numbers of known samples; empty for cards that were written before these were kept."""
    kept = card.calibration.get(SAMPLES_KEY, {}).get("figures", {})
    return {name: known_of(data) for name, data in kept.items()}


def pattern_chances(card: ModelCard, values: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
    """Kind -> chance that a known sample lies as far out as the cells with these numbers (`familiarity.values_of`)."""
    kept = card.calibration.get(SAMPLES_KEY, {}).get("patterns", {})
    found = {}
    for kind, numbers in values.items():
        reference = reference_of(card, kind)
        if kind in kept and reference is not None:
            known_pattern: Pattern = pattern_of(kept[kind])
            found[kind] = known_pattern.chance(reference.standardised(numbers))
    return found


def temperature_of_samples(card: ModelCard) -> float:
    """The temperature that the card's confidences of known samples were made with."""
    return float(card.calibration.get(SAMPLES_KEY, {}).get("temperature", 1.0))
