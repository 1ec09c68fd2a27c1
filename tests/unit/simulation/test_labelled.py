"""Labelled cells in memory: evenly spread, told by the seed alone, and those that the shipped weights come from."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from nscweb.simulation.labelled_cells import TIMES_H, LabelledCell, iter_labelled_cells
from nscweb.simulation.traits import FATES

# Cells 1, 41, 81, 121 and 161 of the training set of the shipped weights (seed 7, 150,000 cells): object number,
# height, mean and deviation of the pixels. Whoever changes the drawing has to train the weights again.
TRAINING_CELLS = (
    (1, 55, 151.992, 2.816),
    (50, 39, 152.476, 5.236),
    (109, 37, 153.060, 8.706),
    (163, 44, 151.515, 3.516),
    (212, 38, 147.725, 10.686),
)


def drawn(seed: int, cells: int = 90) -> list[LabelledCell]:
    return list(iter_labelled_cells(seed, cells, replicates=2))


def same(one: LabelledCell, other: LabelledCell) -> bool:
    return one.pixels.shape == other.pixels.shape and bool((one.pixels == other.pixels).all())


def test_the_training_cells_of_the_shipped_weights_can_be_drawn_again() -> None:
    chosen = islice(iter_labelled_cells(7, 150_000), 0, 200, 40)
    for cell, (number, height, mean, deviation) in zip(chosen, TRAINING_CELLS, strict=True):
        assert (cell.sample, cell.object_number) == ("astrocyte_0.5d_rep1", number)
        assert cell.pixels.shape == (1, height, 60)
        # Another processor may round a few pixels the other way.
        assert cell.pixels.mean() == pytest.approx(mean, abs=0.02)
        assert cell.pixels.std() == pytest.approx(deviation, abs=0.02)


def test_the_seed_alone_decides_the_cells() -> None:
    first, again, other = drawn(5), drawn(5), drawn(6)
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not any(same(a, b) for a, b in zip(first, other, strict=True))


def test_cells_are_spread_evenly_over_fates_times_and_replicates() -> None:
    cells = drawn(1, 95)
    per_sample = Counter(cell.sample for cell in cells)
    assert len(cells) == 95 and len(per_sample) == len(FATES) * len(TIMES_H) * 2
    assert set(per_sample.values()) == {3, 4}
    for cell in cells:
        assert cell.sample == f"{FATES[cell.fate]}_{cell.time_h / 24:g}d_rep{cell.replicate}"


def test_object_numbers_ascend_within_a_sample() -> None:
    numbers = [cell.object_number for cell in iter_labelled_cells(2, 300, times_h=(24.0,), replicates=1)]
    by_sample = np.array(numbers).reshape(len(FATES), 100)
    assert (np.diff(by_sample, axis=1) > 0).all() and by_sample.min() >= 1


def test_every_labelled_cell_is_there_and_none_is_debris() -> None:
    """An empty frame or a speck of debris would leave next to nothing above the noise."""
    for cell in iter_labelled_cells(3, 300, replicates=1):
        image = cell.pixels[0].astype(np.float64)
        assert image.std() > 1.5 * image[:4].std() or image.std() > 3


def test_channels_share_the_frame_and_come_in_the_order_asked_for() -> None:
    cells = list(iter_labelled_cells(4, 30, times_h=(120.0,), replicates=1, channels=("Ch11", "Ch1")))
    assert {cell.pixels.shape[0] for cell in cells} == {2}
    dark, bright = (np.mean([np.median(cell.pixels[i]) for cell in cells]) for i in (0, 1))
    assert dark < 20 < 90 < bright
