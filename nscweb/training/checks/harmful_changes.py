"""What a card keeps so that a sample can be tested for the changes that its own robustness table calls harmful.

Known cells are recorded otherwise once more, as for the table, and what that does to the plain numbers of cells is kept
as one measure per change (`nscweb.evaluation.audit.change_tests`), which is judged on cells that it was not made from.
What the network sees in a cell is part of the numbers where enough cells are there that it was not trained on, because
it knows the others too well. Else plain numbers of all cells have to do, of which a network has learnt nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.evaluation.audit.change_tests import Harm, KnownCells, cost_of, make_tests
from nscweb.evaluation.audit.even_choice import in_turn
from nscweb.inference.change_figures import change_figures, change_names
from nscweb.inference.embeddings import FeatureReference
from nscweb.inference.familiarity import CHANGES_KEY, input_statistics, reference_of
from nscweb.models.architectures.contract import CellNetwork
from nscweb.preprocess.prepare import apply_recipe
from nscweb.training.checks.robustness import Change, planned_changes
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.raw_cells import RawCells
from nscweb.training.data.recordings import recordings_of
from nscweb.training.jury import Jury

# Known cells, and those of them that are recorded otherwise, which need fewer: a change moves all cells alike.
_MOST_CELLS, _MOST_CHANGED, _FEWEST_CHANGED = 4_000, 400, 120
# Work of the network for all changes together: about half a minute of one core.
_WORK_MFLOP = 8e5
# Changes of these kinds are told apart from harmful ones where no row of theirs is harmful.
_TOLD_APART = ("gradient", "light", "contrast")
_PIECE = 512


@dataclass(frozen=True)
class _Measuring:
    """How cells become numbers: by a recipe, and by a network where its features are known."""

    data: TrainingData
    model: CellNetwork
    seen: FeatureReference | None
    cancel: CancelAsked

    @property
    def names(self) -> tuple[str, ...]:
        return change_names(len(self.data.recipe.channels), 0 if self.seen is None else len(self.seen.axes))

    def of(self, images: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        parts = []
        for start in range(0, len(images), _PIECE):
            stop_if_asked(self.cancel)
            some = images[start : start + _PIECE]
            inputs = apply_recipe(self.data.recipe, some, pixel_size_um=self.data.pixel_size_um)
            embedded = None
            if self.seen is not None:
                with torch.inference_mode():
                    tensor = torch.from_numpy(np.ascontiguousarray(inputs))
                    features = self.model.forward_features(tensor).mean(dim=(2, 3))
                embedded = self.seen.standardised(features.numpy())
            parts.append(change_figures(some, input_statistics(inputs), embedded))
        return np.concatenate(parts)


def with_harmful_changes(
    card: ModelCard, jury: Jury, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> ModelCard:
    """The card with `CHANGES_KEY` in its calibration; without it where nothing harms, or no cells were kept.

    Args:
        card: with its robustness table, and the description of known cells in its calibration.
        jury: the network and who judges its cells, on the processor. Where it learned from all of them, what it sees
            in them says nothing of new ones, and plain numbers of cells have to do.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    data, split = jury.data, jury.split
    kept = {key: value for key, value in card.calibration.items() if key != CHANGES_KEY}
    rows = rows_of(card.robustness)
    if data.raw is None or not len(data.raw) or not any(harm.counts for harm in rows.values()):
        return replace(card, calibration=kept)
    seed = card.origin.seed
    seen = None if jury.crossed else reference_of(card, "embedding")
    raw = data.raw if seen is None else data.raw.among(split.unseen)
    raw = _some(data, raw, _MOST_CELLS, seed)
    measuring = _Measuring(data, jury.kept, seen, cancel)
    known = KnownCells(measuring.of(raw.images), measuring.names, data.labels[raw.rows], data.sample_of[raw.rows])
    listed = planned_changes(raw.images[0], data.pixel_size_um)
    planned = {(change.kind, round(change.amount, 6)): change for change in listed}
    kinds = {harm.kind for harm in rows.values() if harm.counts} | {change.kind for change in listed} - {*_TOLD_APART}
    found = [(harm, planned[key]) for key, harm in rows.items() if key in planned and harm.kind in kinds]
    calm = [change for change in listed if change.kind in _TOLD_APART and change.kind not in kinds]
    few = _some(data, raw, _cells_changed(card, seen, len(found) + len(calm)), seed)
    lights, places = recordings_of(few.images), np.searchsorted(raw.rows, few.rows)

    def changed(change: Change, number: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        progress(number, len(found) + len(calm), f"What shows {change.name}, {change.strength}")
        rng = np.random.default_rng([seed, 13, number])
        images = [change.make(image, own, rng, change.amount) for image, own in zip(few.images, lights, strict=True)]
        return measuring.of(images), places

    tests = make_tests(
        known,
        [(harm, *changed(change, number)) for number, (harm, change) in enumerate(found)],
        [changed(change, len(found) + number) for number, change in enumerate(calm)],
        np.random.default_rng([seed, 14]),
    )
    return replace(card, calibration={**kept, CHANGES_KEY: tests.as_dict()} if tests is not None else kept)


def _cells_changed(card: ModelCard, seen: FeatureReference | None, questions: int) -> int:
    if seen is None:
        return _MOST_CHANGED
    work = float(card.origin.settings.get("mflop_per_cell", 0.0))
    return int(np.clip(_WORK_MFLOP / max(questions, 1) / max(work, 1e-3), _FEWEST_CHANGED, _MOST_CHANGED))


def rows_of(robustness: Sequence[dict[str, Any]]) -> dict[tuple[str, float], Harm]:
    """(kind, amount) -> change, of the rows of a card's robustness table but the first, that of unchanged cells."""
    return {
        (str(row["kind"]), round(float(row["amount"]), 6)): Harm(
            str(row["kind"]), str(row["change"]), str(row["strength"]), round(cost_of(row), 4)
        )
        for row in robustness
        if row["kind"] != "none"
    }


def _some(data: TrainingData, raw: RawCells, most: int, seed: int) -> RawCells:
    """At most `most` of the cells, taken in turn from every sample and class."""
    if len(raw) <= most:
        return raw
    order = np.random.default_rng([seed, 15]).permutation(len(raw))
    key = data.sample_of[raw.rows][order] * len(data.classes) + data.labels[raw.rows][order]
    return raw.at(np.sort(order[in_turn(key, most)]))
