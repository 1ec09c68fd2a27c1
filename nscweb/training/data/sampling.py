"""Which cells make which batch: a function of the seed, the epoch and the step alone.

That is why a run that was killed goes on to the same numbers, and why batches can be made ahead of their turn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nscweb.training.config import TrainConfig


def mixed_seed(*numbers: int) -> int:
    """One seed from several numbers, so that neighbouring seeds and epochs share nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(
    config: TrainConfig, rows: NDArray[np.int64], labels: NDArray[np.int64], epoch: int
) -> NDArray[np.int64]:
    """The rows of one epoch in the order in which they are shown; as many as there are training cells.

    Args:
        config: its seed and its way of sampling.
        rows: training rows.
        labels: class index of each of `rows`.
        epoch: from 0.
    """
    generator = np.random.default_rng(mixed_seed(config.seed, epoch, 3))
    if config.sampling == "natural":
        return generator.permutation(rows)
    members = [rows[labels == label] for label in np.unique(labels)]
    turn = np.arange(len(rows)) % len(members)
    drawn = np.empty(len(rows), rows.dtype)
    for label, cells in enumerate(members):
        drawn[turn == label] = _drawn(cells, int((turn == label).sum()), generator)
    return generator.permutation(drawn)


def batches(config: TrainConfig, order: NDArray[np.int64], processes: int = 1) -> Iterator[NDArray[np.int64]]:
    """Batches of one epoch over all processes; each can be cut into equal parts of at least two cells.

    Batch norm cannot learn from a single cell, so a last batch that is too small is left out.
    """
    for start in range(0, len(order), config.batch):
        batch = order[start : start + config.batch]
        whole = len(batch) // processes
        if whole > 1:
            yield batch[: whole * processes]


def steps_per_epoch(config: TrainConfig, cells: int) -> int:
    """Steps of one epoch of so many cells; a last step that is left out is counted as well."""
    return max(1, -(-cells // config.batch))


def _drawn(cells: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`count` of `cells`: each once before any comes twice, the rest at random without a favourite."""
    whole = [generator.permutation(cells) for _ in range(count // len(cells))]
    return np.concatenate([*whole, generator.permutation(cells)[: count % len(cells)]])
