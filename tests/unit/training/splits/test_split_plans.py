"""Splits by donor, day, instrument...: whole groups, alike in their classes, refused in words when impossible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.training.data.dataset import SampleLabel
from nscweb.training.splits.folds import folds
from nscweb.training.splits.grouping import CHOICES, deal, lacking, value_of
from nscweb.training.splits.plan import SplitPlan, make_split, split_by_cell, split_by_sample


@dataclass(frozen=True)
class Cells:
    """Labels and samples without pixels."""

    labels: np.ndarray
    sample_of: np.ndarray
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme
    judges: np.ndarray | None = None


def study(donors: int = 6, per_donor: int = 4, cells: int = 30, mixed: bool = False, seed: int = 0) -> Cells:
    """Two classes, one donor per day, two instruments; sizes of samples differ by a factor of three."""
    rng = np.random.default_rng(seed)
    samples, labels, sample_of = [], [], []
    for donor in range(donors):
        for number in range(per_donor):
            name = f"d{donor}s{number}"
            tool = "FlowSight" if donor % 2 else "ImageStream"
            samples.append(
                SampleLabel(name, "N" if number % 2 else "A", 24.0, str(number), f"D{donor}", f"day {donor}", tool)
            )
            count = int(rng.integers(cells // 2, cells * 3 // 2))
            labels.append(rng.integers(0, 2, count) if mixed else np.full(count, number % 2))
            sample_of.append(np.full(count, len(samples) - 1))
    return Cells(
        np.concatenate(labels).astype(np.int64),
        np.concatenate(sample_of).astype(np.int64),
        tuple(samples),
        ClassScheme(("A", "N")),
    )


def keys(data: Cells, rows: np.ndarray, by: str) -> set[str]:
    return {value_of(data.samples[index], by) for index in np.unique(data.sample_of[rows])}


@pytest.mark.parametrize("by", ["sample", "replicate", "donor", "day", "instrument"])
@pytest.mark.parametrize("mixed", [False, True])
def test_whole_groups_are_held_out_and_named(by, mixed):
    data = study(mixed=mixed)
    split = make_split(data, SplitPlan(by), 3)
    rows = np.concatenate((split.train, split.validation, split.held_out))
    assert np.array_equal(np.sort(rows), np.arange(len(data.labels)))
    seen = np.concatenate((split.train, split.validation))
    assert keys(data, split.held_out, by) == set(split.groups)
    assert not keys(data, seen, by) & set(split.groups)
    for part in (split.train, split.validation, split.held_out):
        assert set(data.labels[part]) == {0, 1}
    again = make_split(data, SplitPlan(by), 3)
    assert np.array_equal(split.train, again.train)
    assert (split.by, split.by_sample) == (by, True)
    assert f"({len(split.held_out):,}" in split.sentence
    if by != "sample":
        assert split.groups[0] in split.sentence


def test_shares_and_classes_are_kept_and_another_seed_holds_out_others():
    data = study(donors=20, mixed=True)
    held = set()
    for seed in range(6):
        split = make_split(data, SplitPlan("donor"), seed)
        assert abs(len(split.held_out) / len(data.labels) - 0.2) < 0.05
        assert abs(len(split.validation) / len(data.labels) - 0.1) < 0.05
        share = data.labels[split.held_out].mean() - data.labels.mean()
        assert abs(share) < 0.06
        held.add(split.groups)
    assert len(held) == 6


def test_with_two_instruments_one_is_held_out_and_whole_samples_of_the_other_watch():
    data = study()
    split = make_split(data, SplitPlan("instrument"), 0)
    assert len(split.groups) == 1
    assert "whole samples" in split.sentence
    assert not keys(data, split.train, "sample") & keys(data, split.validation, "sample")


def test_a_plan_without_validation_gives_two_parts():
    split = make_split(study(), SplitPlan("donor", validation=0, held_out=0.3), 0)
    assert len(split.validation) == 0
    assert "decided" not in split.sentence


def test_a_donor_that_is_not_known_is_named_with_what_to_fill_in():
    data = study()
    samples = tuple(replace(s, donor="") if s.name in ("d1s1", "d2s0") else s for s in data.samples)
    with pytest.raises(InputRefused, match="2 samples: d1s1, d2s0") as caught:
        make_split(replace(data, samples=samples), SplitPlan("donor"), 0)
    assert "column donor" in caught.value.todo
    with pytest.raises(InputRefused, match=r"24 samples: .* and 19 more"):
        folds(replace(data, samples=tuple(replace(s, time_h=None) for s in data.samples)), "time", 2, 0)


@pytest.mark.parametrize(("by", "word"), [("group", "1 group only"), ("time", "1 time only")])
def test_a_class_in_one_group_is_refused_with_a_way_out(by, word):
    with pytest.raises(InputRefused, match=word) as caught:
        make_split(study(), SplitPlan(by), 0)
    assert "split by sample" in caught.value.todo


def test_plans_that_make_no_sense_are_refused():
    for changes in ({"by": "moon"}, {"held_out": 0.0}, {"validation": -0.1}, {"validation": 0.5, "held_out": 0.5}):
        with pytest.raises(WrongUse):
            SplitPlan(**changes)
    for by, k in (("donor", 1), ("donor", -2), ("cell", 0)):
        with pytest.raises(WrongUse):
            folds(study(), by, k, 0)
    with pytest.raises(InputRefused, match="there are 6"):
        folds(study(), "donor", 7, 0)


def test_old_names_are_the_new_plans():
    data = study()
    for old, by in ((split_by_sample, "sample"), (split_by_cell, "cell")):
        assert np.array_equal(old(data, 5).held_out, make_split(data, SplitPlan(by), 5).held_out)
    assert not make_split(data, SplitPlan("cell"), 0).by_sample


@pytest.mark.parametrize("by", [by for by in CHOICES if by not in ("cell", "group", "time")])
@pytest.mark.parametrize("k", [0, 2])
def test_each_cell_is_held_out_once(by, k):
    data = study(mixed=True)
    made = folds(data, by, k, 1)
    assert np.array_equal(np.sort(np.concatenate([s.held_out for s in made])), np.arange(len(data.labels)))
    assert len(made) == (k or len({value_of(s, by) for s in data.samples}))
    for split in made:
        assert not keys(data, split.held_out, by) & keys(data, np.r_[split.train, split.validation], by)
        assert set(data.labels[split.train]) == {0, 1}
        assert len(split.validation)


def test_folds_by_cell_are_equally_large_and_say_that_they_are_too_good():
    data = study()
    made = folds(data, "cell", 5, 0)
    sizes = [len(split.held_out) for split in made]
    assert max(sizes) - min(sizes) <= 1
    assert all("too good" in split.sentence for split in made)


def test_a_class_that_would_vanish_from_training_is_moved_apart():
    # Two donors alone have the second class; both in one fold would leave nothing to learn it from.
    counts = np.array([[50, 1], [1, 1], [40, 0], [45, 0], [60, 0], [55, 0]])
    for seed in range(30):
        part_of = deal(counts, (0.5, 0.5), np.random.default_rng(seed), lacking)
        assert part_of[0] != part_of[1]
