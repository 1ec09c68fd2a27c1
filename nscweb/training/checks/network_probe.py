"""A trained network and held-out cells as they were stored, so that it can be asked "and if they looked otherwise?"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.evaluation.audit.even_choice import in_turn
from nscweb.evaluation.scores.right_answers import RightAnswers
from nscweb.models.cost import count_cost
from nscweb.preprocess.prepare import apply_recipe
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.raw_cells import RawCells
from nscweb.training.data.recordings import Recording, recordings_of
from nscweb.training.jury import Jury

Array = NDArray[Any]

MOST_CELLS, FEWEST_CELLS = 2_000, 100
# Work of all questions together on a processor: about half a minute of one core.
_WORK_MFLOP = 1.6e6
_QUESTIONS = 40
_PIECE = 512


@dataclass(frozen=True)
class Donors:
    """Training cells whose light and frame are lent to others.

    Attributes:
        sizes: (m, 2) height and width of their frames.
        recordings: their light.
        labels, sample_of: (m,) true class index and sample.
    """

    sizes: NDArray[np.int64]
    recordings: tuple[Recording, ...]
    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """Cells and network, and what it says of them as they are.

    Attributes:
        jury: who judges each cell.
        rows: (n,) rows of the cells.
        images: (C, h, w) each, as stored.
        recordings: the light of each.
        labels, sample_of: (n,) true class index and sample.
        probabilities: (n, K) of the cells as they are.
        answers: for figures with intervals.
        donors: cells of the training part.
        device: of the network.
    """

    jury: Jury
    rows: NDArray[np.int64]
    images: tuple[Array, ...]
    recordings: tuple[Recording, ...]
    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    answers: RightAnswers
    donors: Donors
    device: torch.device

    @property
    def data(self) -> TrainingData:
        """Where the cells come from."""
        return self.jury.data

    @property
    def hits(self) -> NDArray[np.bool_]:
        """(n,) True where the network is right about the cell as it is."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    def ask(
        self, change: Callable[[int, Array, Recording], Array], cancel: CancelAsked, pixel_factor: float = 1.0
    ) -> NDArray[np.float32]:
        """(n, K) probabilities of all cells after a change, which gets place, image and light.

        Args:
            pixel_factor: new micrometres per pixel, per old.
        """
        parts = []
        for start in range(0, len(self.images), _PIECE):
            stop_if_asked(cancel)
            places = range(start, min(start + _PIECE, len(self.images)))
            changed = [change(place, self.images[place], self.recordings[place]) for place in places]
            rows = self.rows[start : start + _PIECE]
            parts.append(_probabilities(self.jury, rows, changed, self.device, pixel_factor))
        return np.concatenate(parts)


def probe_of(jury: Jury, seed: int, device: torch.device) -> Probe | None:
    """The network with held-out cells that were kept as stored; None when none were.

    At most `MOST_CELLS`, spread over classes and samples; fewer for a network that needs much work for each
    cell, when there is no accelerator.
    """
    data, split = jury.data, jury.split
    if data.raw is None:
        return None
    raw, lenders = data.raw.among(split.held_out), data.raw.among(split.train)
    if not len(raw) or not len(lenders):
        return None
    shape = (len(data.recipe.channels), *data.recipe.resize)
    most, work = MOST_CELLS, count_cost(jury.kept, shape).mflop
    if device.type == "cpu":
        most = int(np.clip(_WORK_MFLOP / _QUESTIONS / max(work, 1e-3), FEWEST_CELLS, MOST_CELLS))
    raw, lenders = _spread(data, raw, most, seed), _spread(data, lenders, MOST_CELLS, seed)
    labels, sample_of = data.labels[raw.rows], data.sample_of[raw.rows]
    return Probe(
        jury=jury,
        rows=raw.rows,
        images=raw.images,
        recordings=tuple(recordings_of(raw.images)),
        labels=labels,
        sample_of=sample_of,
        probabilities=_probabilities(jury, raw.rows, raw.images, device),
        answers=RightAnswers.of(labels, sample_of, data.classes.names, seed=seed),
        donors=Donors(
            np.array([image.shape[1:] for image in lenders.images], np.int64),
            tuple(recordings_of(lenders.images)),
            data.labels[lenders.rows],
            data.sample_of[lenders.rows],
        ),
        device=device,
    )


def _spread(data: TrainingData, raw: RawCells, most: int, seed: int) -> RawCells:
    """At most `most` of the cells, taken in turn from every sample and class."""
    if len(raw) <= most:
        return raw
    order = np.random.default_rng([seed, 8]).permutation(len(raw))
    key = data.sample_of[raw.rows][order] * len(data.classes) + data.labels[raw.rows][order]
    return raw.at(np.sort(order[in_turn(key, most)]))


def _probabilities(
    jury: Jury, rows: NDArray[np.int64], images: Sequence[Array], device: torch.device, pixel_factor: float = 1.0
) -> NDArray[np.float32]:
    parts, data = [], jury.data
    size = None if data.pixel_size_um is None else data.pixel_size_um * pixel_factor
    for start in range(0, len(images), _PIECE):
        inputs = apply_recipe(data.recipe, images[start : start + _PIECE], pixel_size_um=size)
        logits = torch.from_numpy(jury.logits_of(inputs, rows[start : start + _PIECE], device))
        parts.append(torch.softmax(logits, dim=1).numpy())
    return np.concatenate(parts)
