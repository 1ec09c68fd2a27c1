"""The numbers of single cells in which a change of the recording shows, and what a card keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.evaluation.audit.change_tests import Amount, ChangeTests, Unexplained, change_tests_from
from nscweb.inference.familiarity import CHANGES_KEY, STATISTICS_PER_CHANNEL, reference_of
from nscweb.inference.sample_figures import stored_figures

_STORED = ("contrast", "grain", "focus", "area", "slope")
_TINY = 1e-3
# Steps of this many times the noise belong to a cell at the border, not to the noise.
_CLIP = 4.0


def change_names(channels: int, seen: int) -> tuple[str, ...]:
    """Of the columns of `change_figures`, for so many channels and so many axes of what the network sees."""
    plain = (f"input_{place}" for place in range(channels * STATISTICS_PER_CHANNEL))
    return (*_STORED, "grey_steps", *plain, *(f"seen_{place}" for place in range(seen)))


def change_figures(
    images: Sequence[NDArray[Any]],
    statistics: NDArray[Any],
    seen: NDArray[Any] | None = None,
    names: Sequence[str] = (),
) -> NDArray[np.float64]:
    """(N, d) numbers of cells (C, h, w) as stored and of their prepared inputs, named by `change_names`.

    Logarithms where factors matter; NaN where the image holds no cell.

    Args:
        statistics: (N, 15 C), from `familiarity.input_statistics` of these cells.
        seen: (N, P) of `embeddings.FeatureReference.standardised` of what the network sees in them.
        names: columns in the order that a card keeps them; () takes `change_names`. Cards up to 0.6 measured noise by
            another rule, under the name ``noise``.
    """
    stored = stored_figures(images)
    of_noise = "noise" if "noise" in names else "grain"
    if of_noise == "grain":
        stored["grain"] = np.array([grain(image[0]) for image in images], np.float64) / np.maximum(
            stored["contrast"], _TINY
        )
    columns = [np.log(np.maximum(stored[of_noise if name == "grain" else name], _TINY)) for name in _STORED]
    steps = np.array([grey_step(image[0]) for image in images], np.float64)
    columns.append(np.log(np.maximum(stored["contrast"], _TINY) / np.maximum(steps, 1e-9)))
    more = [] if seen is None else [np.asarray(seen, np.float64)]
    return np.column_stack([*columns, np.asarray(statistics, np.float64), *more])


def grain(plane: NDArray[Any]) -> float:
    """Noise of a frame (h, w) in grey values, from the steps between neighbours along its border; 0 for tiny frames.

    Where noise is less than a grey value, the deviation from the middle grey value depends on where between two grey
    values the light lies: of a noise of 0.3 it gives 0.01 to 0.35, and a lamp that drifts by half a grey value looks
    like another noise. Squares of steps give 0.32 to 0.50.
    """
    border = [np.asarray(side, np.float64) for side in (plane[0], plane[-1], plane[:, 0], plane[:, -1])]
    steps = np.abs(np.concatenate([np.diff(side) for side in border]))
    if not len(steps):
        return 0.0
    # Four in five steps may be 0, so the least reach is that of a noise of half a grey value.
    reach = _CLIP * max(float(np.quantile(steps, 0.8)), grey_step(plane) / 2)
    return float(np.sqrt(np.mean(np.minimum(steps, reach) ** 2) / 2))


def grey_step(plane: NDArray[Any]) -> float:
    """Typical step between neighbouring grey values that occur; 1 for a camera whose every value is used."""
    steps = np.diff(np.unique(plane).astype(np.float64))
    return float(np.median(steps)) if len(steps) else 1.0


def amounts_of(
    card: ModelCard, images: Sequence[NDArray[Any]], values: Mapping[str, NDArray[np.float32]]
) -> tuple[list[Amount], Unexplained | None]:
    """How much a sample shows of each change that harms the model of a card, and what no mixture of classes explains.

    Nothing, and None, where the card keeps no tests.

    Args:
        images: (C, h, w) cells that are looked at, as stored, at the pixel size of the model.
        values: of these cells, from `familiarity.values_of`.
    """
    tests = change_tests_of(card)
    if tests is None or not len(images) or "input" not in values:
        return [], None
    seen = None
    if any(name.startswith("seen_") for name in tests.names):
        reference = reference_of(card, "embedding")
        if reference is None:
            return [], None
        seen = reference.standardised(values["embedding"])
    numbers = change_figures(images, values["input"], seen, tests.names)
    return tests.amounts(numbers), tests.unexplained(numbers)


def change_tests_of(card: ModelCard) -> ChangeTests | None:
    """What the card keeps to test a sample for changes that harm its model; None for cards without it."""
    kept = card.calibration.get(CHANGES_KEY)
    return change_tests_from(kept) if kept else None
