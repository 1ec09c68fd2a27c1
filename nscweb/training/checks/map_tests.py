"""What the maps of a network are worth, asked of held-out cells: a table for the card.

Four questions (Petsiuk et al. 2018, Adebayo et al. 2018): does the score fall when the pixels that a map marks are
taken away, and rise when they are given back, more than in plain orders that know no network? How much of the map lies
in the cell? Does it change when the weights are drawn anew, as it must when it shows what was learnt? Does it stay when
the cell moves by a pixel or two?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.streams import stream
from nscweb.evaluation.audit.even_choice import in_turn
from nscweb.evaluation.audit.map_curves import Floats, areas, centre_first, contrast_first, curves, ranks_of
from nscweb.evaluation.audit.map_figures import in_both, inside_share, likeness, shifted, with_interval
from nscweb.inference.map_methods import draw_maps, methods_for, probabilities, randomised
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.cost import count_cost
from nscweb.preprocess.outline import mask_of
from nscweb.preprocess.pixel_steps import border_levels
from nscweb.training.data.dataset import TrainingData
from nscweb.training.jury import Jury
from nscweb.training.splits.plan import Split

# Network, prepared cells, class of each and background to maps (N, H, W) in 0..1.
Draw = Callable[[CellNetwork, Floats, NDArray[np.int64], NDArray[Any]], Floats]

_MOST_CELLS, _FEWEST_CELLS = 200, 40
# Work of all questions together on a processor, about a minute of one core, and passes of the network that they need.
_WORK_MFLOP, _PASSES = 3e6, 250
# Cells whose maps are drawn once more and more for moved cells and other weights, which are alike from cell to cell.
MOST_AGAIN = 40
_DRAWS = 3
_MOVES: dict[str, tuple[tuple[int, int], ...]] = {"shift_1px": ((1, 0), (0, -1)), "shift_2px": ((2, 0), (0, -2))}
RIVALS = ("centre", "contrast", "random")


def with_map_tests(
    card: ModelCard,
    jury: Jury,
    *,
    device: torch.device,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ModelCard:
    """The card with the table as `judge_maps` makes it, and ``cells``, ``samples`` and ``interval``.

    Args:
        card: of the network.
        jury: the network, with data and split; it comes back to the processor in evaluation mode. A map is judged by
            what its own network says, so the kept network is asked, of cells that it has learned from as well.
        device: where it is asked.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    seed, model, data, split = card.origin.seed, jury.kept, jury.data, jury.split
    rows = _drawn(data, split, _cells_for(model, data, device), seed)
    if not len(rows):
        return replace(card, map_tests={})
    model = model.to(device).eval()
    try:
        found = judge_maps(
            model,
            card.architecture,
            card.options,
            data.inputs(rows),
            temperature=card.temperature,
            seed=seed,
            # Occlusion asks the model more than a hundred times for a map.
            again=MOST_AGAIN if methods_for(card.architecture) != ("occlusion",) else MOST_AGAIN // 4,
            progress=progress,
            cancel=cancel,
        )
    finally:
        model.cpu().eval()
    samples = len(np.unique(data.sample_of[rows]))
    described = {"cells": len(rows), "samples": samples, "interval": "bootstrap over cells"}
    return replace(card, map_tests={**described, **found})


def judge_maps(
    model: CellNetwork,
    architecture: str,
    options: dict[str, Any],
    inputs: Floats,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    methods: Mapping[str, Draw] | None = None,
    again: int = MOST_AGAIN,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> dict[str, Any]:
    """Maps of the predicted class of prepared cells (N, C, H, W), judged beside plain orders.

    Args:
        methods: name -> way of drawing; None takes those of the architecture.
        again: cells at most whose maps are drawn again for other weights and moved cells.

    Returns:
        ``area``: share of the field that the cell covers, which is what a map that knows nothing has inside.
        ``orders``: a row for each method and for each of `RIVALS`, with ``order``, ``kind`` (``map`` or ``rival``),
        ``deletion`` and ``insertion`` (areas under the score, 0 to 1), each with ``value``, ``low``, ``high``. Rows of
        maps have also ``inside`` (share of the map in the cell), ``last_layer`` and ``all_layers`` (likeness to the map
        of the same network with these weights drawn anew), ``shift_1px`` and ``shift_2px`` (likeness to the map of the
        moved cell, moved back), and ``against``: for each rival and each method before, ``deletion`` and ``insertion``,
        how much better the map is.
    """
    methods = methods or {name: partial(draw_maps, name) for name in methods_for(architecture)}
    score = probabilities(model, temperature)
    classes = score(inputs).argmax(axis=1).astype(np.int64)
    background = border_levels(list(inputs))
    masks = _masks(inputs)
    cells, size = len(inputs), (inputs.shape[2], inputs.shape[3])
    steps = len(RIVALS) + 4 * len(methods)
    done = 0

    def told(text: str) -> None:
        nonlocal done
        stop_if_asked(cancel)
        progress(done, steps, f"Maps on {cells:,} cells: {text}")
        done += 1

    def areas_of(marks: NDArray[Any], name: str) -> NDArray[np.float64]:
        ranks = ranks_of(marks, stream(seed, "equal marks of", name))
        return areas(curves(score, inputs, classes, ranks, background))

    def row(name: str, kind: str, found: NDArray[np.float64]) -> dict[str, Any]:
        both = {"deletion": with_interval(found[0], seed), "insertion": with_interval(found[1], seed)}
        return {"order": name, "kind": kind, **both}

    marks = {
        "centre": centre_first(cells, size),
        "contrast": contrast_first(inputs, background),
        "random": stream(seed, "random order").random((cells, *size)),
    }
    others: dict[str, NDArray[np.float64]] = {}
    for name in RIVALS:
        told(f"{name} first" if name != "random" else "in random order")
        others[name] = areas_of(marks[name], name)
    some = np.arange(min(cells, again))
    few, wanted, level = inputs[some], classes[some], background[some]
    rows = []
    for method, draw in methods.items():
        told(f"{method} is drawn")
        maps = draw(model, inputs, classes, background)
        told(f"{method} against plain orders")
        found = areas_of(maps, method)
        made = row(method, "map", found)
        made["inside"] = with_interval(inside_share(maps, masks), seed)
        told(f"{method} with other weights")
        for key, whole in (("last_layer", False), ("all_layers", True)):
            alike = np.zeros(len(some))
            for number in range(_DRAWS):
                other = randomised(model, architecture, options, few, seed + number, whole=whole)
                alike += likeness(maps[some], draw(other, few, wanted, level))
            made[key] = with_interval(alike / _DRAWS, seed)
        told(f"{method} of moved cells")
        for key, moves in _MOVES.items():
            alike = np.zeros(len(some))
            for by in moves:
                moved = draw(model, shifted(few, by, level), wanted, level)
                alike += likeness(*in_both(maps[some], moved, by))
            made[key] = with_interval(alike / len(moves), seed)
        made["against"] = {
            name: {
                "deletion": with_interval(other[0] - found[0], seed),
                "insertion": with_interval(found[1] - other[1], seed),
            }
            for name, other in others.items()
        }
        others[method] = found
        rows.append(made)
    told("done")
    rows += [row(name, "rival", others[name]) for name in RIVALS]
    return {"area": round(float(masks.mean()), 4), "orders": rows}


def _cells_for(model: CellNetwork, data: TrainingData, device: torch.device) -> int:
    if device.type != "cpu":
        return _MOST_CELLS
    work = count_cost(model, (len(data.recipe.channels), *data.recipe.resize)).mflop
    return int(np.clip(_WORK_MFLOP / _PASSES / max(work, 1e-3), _FEWEST_CELLS, _MOST_CELLS))


def _drawn(data: TrainingData, split: Split, most: int, seed: int) -> NDArray[np.int64]:
    """Rows of held-out cells, taken in turn from every sample and class."""
    rows = stream(seed, "cells whose maps are tested").permutation(split.held_out)
    key = data.sample_of[rows] * len(data.classes) + data.labels[rows]
    return np.asarray(rows[in_turn(key, most)], np.int64)


def _masks(inputs: Floats) -> NDArray[np.bool_]:
    """(N, H, W) True in the cell, found in the first channel; nowhere where nothing stands out."""
    found = np.zeros((len(inputs), *inputs.shape[2:]), bool)
    for place, cell in enumerate(inputs):
        mask = mask_of(cell[0])
        if mask is not None:
            found[place] = mask
    return found
