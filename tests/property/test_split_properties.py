"""Whatever the data look like: each cell is held out once, groups stay together, every class can be trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused
from nscweb.training.data.dataset import SampleLabel
from nscweb.training.splits.folds import folds
from nscweb.training.splits.plan import SplitPlan, make_split


@dataclass(frozen=True)
class Cells:
    labels: np.ndarray
    sample_of: np.ndarray
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme
    judges: np.ndarray | None = None


@st.composite
def any_data(draw):
    """Samples of any sizes and mixtures of classes, from a few donors."""
    classes = draw(st.integers(2, 4))
    samples = []
    labels: list[int] = []
    sample_of: list[int] = []
    for index in range(draw(st.integers(3, 14))):
        samples.append(SampleLabel(f"s{index}", donor=f"D{draw(st.integers(0, 6))}"))
        mixture = draw(st.lists(st.integers(0, 6), min_size=classes, max_size=classes))
        for label, count in enumerate(mixture):
            labels += [label] * count
            sample_of += [index] * count
    labels += list(range(classes))
    sample_of += [0] * classes
    return Cells(
        np.asarray(labels, np.int64),
        np.asarray(sample_of, np.int64),
        tuple(samples),
        ClassScheme(tuple("abcd"[:classes])),
    )


def donors(data: Cells, rows: np.ndarray) -> set[str]:
    return {data.samples[index].donor for index in np.unique(data.sample_of[rows])}


@settings(max_examples=120, deadline=None)
@given(
    data=any_data(), k=st.sampled_from([0, 2, 3, 4]), by=st.sampled_from(["donor", "sample"]), seed=st.integers(0, 9)
)
def test_each_cell_is_held_out_exactly_once(data, k, by, seed):
    try:
        made = folds(data, by, k, seed)
    except InputRefused as error:
        assert error.todo
        return
    held = np.concatenate([split.held_out for split in made])
    assert np.array_equal(np.sort(held), np.arange(len(data.labels)))
    for split in made:
        rows = np.concatenate((split.train, split.validation, split.held_out))
        assert np.array_equal(np.sort(rows), np.arange(len(data.labels)))
        assert len(split.held_out)
        if by == "donor":
            assert not donors(data, split.held_out) & donors(data, np.r_[split.train, split.validation])
        assert set(data.labels[split.train]) == set(range(len(data.classes)))


@settings(max_examples=120, deadline=None)
@given(
    data=any_data(),
    by=st.sampled_from(["donor", "sample", "cell"]),
    held_out=st.sampled_from([0.1, 0.2, 0.5]),
    validation=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 9),
)
def test_three_parts_are_the_whole_and_share_no_group(data, by, held_out, validation, seed):
    try:
        split = make_split(data, SplitPlan(by, validation, held_out), seed)
    except InputRefused as error:
        assert error.todo
        return
    rows = np.concatenate((split.train, split.validation, split.held_out))
    assert np.array_equal(np.sort(rows), np.arange(len(data.labels)))
    if by == "cell":
        return
    assert set(data.labels[split.train]) == set(range(len(data.classes)))
    if by == "donor":
        assert not donors(data, split.held_out) & donors(data, np.r_[split.train, split.validation])
        assert donors(data, split.held_out) == set(split.groups)
