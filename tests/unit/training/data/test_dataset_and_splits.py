"""Training sees what prediction sees; samples never lie on both sides of a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_cells import CLASSES, RECIPE, toy_cells, toy_data

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, JobCancelled, WrongUse
from nscweb.preprocess.prepare import apply_recipe
from nscweb.store.cell_files import CellWriter
from nscweb.training.data.cell_list import read_cell_list, write_cell_list
from nscweb.training.data.dataset import CellFileSource, SampleLabel, classes_of, collect, read_cell_files
from nscweb.training.splits.plan import Split, split_by_cell, split_by_sample


@pytest.fixture(scope="module")
def data():
    return toy_data()


def test_inputs_of_training_equal_those_of_prediction(data):
    rows = np.arange(0, len(data), 17)
    cells = list(toy_cells())
    expected = apply_recipe(RECIPE, [cells[row].pixels for row in rows])
    assert np.abs(data.inputs(rows) - expected).max() < 2e-2
    assert data.fields.dtype == np.float16


def test_deep_images_keep_their_range():
    cells = [replace(cell, pixels=cell.pixels.astype(np.uint16) * 257) for cell in toy_cells(1, 3)]
    cells[0].pixels[0, 12, 12] = 65535
    deep = collect(cells, CLASSES, RECIPE, simulated=False, description="", licence="")
    expected = apply_recipe(RECIPE, [cell.pixels for cell in cells])
    assert np.isfinite(deep.fields.astype(np.float32)).all()
    assert np.abs(deep.inputs(np.arange(len(cells))) - expected).max() < 2e-2


def test_nothing_to_train_on_is_refused_and_cancel_is_heard():
    with pytest.raises(InputRefused):
        collect([], CLASSES, RECIPE, simulated=False, description="", licence="")
    with pytest.raises(JobCancelled):
        collect(toy_cells(), CLASSES, RECIPE, simulated=False, description="", licence="", cancel=lambda: True)


def test_the_fingerprint_tells_data_apart(data):
    assert data.digest() == toy_data().digest()
    assert data.digest() != toy_data(seed=1).digest()
    assert data.digest() != replace(data, labels=1 - data.labels).digest()


def whole(split: Split, size: int) -> None:
    rows = np.concatenate((split.train, split.validation, split.held_out))
    assert np.array_equal(np.sort(rows), np.arange(size))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), replicates=st.integers(3, 7))
def test_a_sample_is_on_one_side_only_and_every_class_on_all_sides(seed, replicates):
    few = toy_data(per_sample=2, replicates=replicates)
    split = split_by_sample(few, seed)
    whole(split, len(few))
    sides = [set(few.sample_of[rows].tolist()) for rows in (split.train, split.validation, split.held_out)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    for rows in (split.train, split.validation, split.held_out):
        assert set(few.labels[rows].tolist()) == {0, 1}
    assert np.array_equal(split.train, split_by_sample(few, seed).train)


def test_shares_are_kept_over_strata_and_said_in_the_sentence():
    many = toy_data(per_sample=1, replicates=25)
    split = split_by_sample(many, 0)
    assert abs(len(split.held_out) - 20) <= 1
    assert abs(len(split.validation) - 10) <= 1
    assert "never by cell" in split.sentence
    assert f"{len(split.held_out)}" in split.sentence


def test_two_samples_of_a_class_are_refused_with_a_way_out():
    with pytest.raises(InputRefused, match="at least three") as caught:
        split_by_sample(toy_data(per_sample=3, replicates=1), 0)
    assert "replicates" in caught.value.todo


def test_a_split_by_cell_says_that_its_figures_are_too_good(data):
    split = split_by_cell(data, 0)
    whole(split, len(data))
    assert not split.by_sample
    assert "too good" in split.sentence


def cell_files(folder) -> list[CellFileSource]:
    samples: dict[SampleLabel, list] = {}
    for cell in toy_cells(3, 3):
        samples.setdefault(cell.sample, []).append(cell)
    sources = []
    for index, (sample, cells) in enumerate(samples.items()):
        path = folder / f"c{index:06}.arrow"
        with CellWriter(path, ("Ch1", "Ch2")) as writer:
            for number, cell in enumerate(cells):
                writer.add(CellImage(number, ("Ch1",), cell.pixels))
            writer.add(CellImage(99, ("Ch2",), cells[0].pixels))
        sources.append(CellFileSource(path, ("Ch1",), sample, CLASSES.names[cells[0].class_index]))
    return sources


def test_cell_files_of_a_study_give_the_same_data_and_skip_cells_without_the_channel(tmp_path):
    sources = cell_files(tmp_path)
    assert classes_of(sources).names == ("long", "round")
    read = collect(read_cell_files(sources, CLASSES), CLASSES, RECIPE, simulated=False, description="", licence="")
    assert read.digest() == toy_data(3, 3).digest()
    with pytest.raises(WrongUse, match="true class"):
        list(read_cell_files([replace(sources[0], true_class="flat")], CLASSES))
    with pytest.raises(WrongUse, match="two classes"):
        classes_of(sources[:1])


def test_a_list_of_cell_files_comes_back_and_moves_with_its_folder(tmp_path):
    (tmp_path / "a" / "cells").mkdir(parents=True)
    sources = cell_files(tmp_path / "a" / "cells")
    write_cell_list(tmp_path / "a" / "list.json", sources, simulated=True, description="Toy.")
    (tmp_path / "a").rename(tmp_path / "b")
    back, simulated, description = read_cell_list(tmp_path / "b" / "list.json")
    assert [item.sample for item in back] == [item.sample for item in sources]
    assert all(item.path.is_file() for item in back)
    assert (simulated, description) == (True, "Toy.")
    back[0].path.unlink()
    with pytest.raises(InputRefused, match="1 of the cell files"):
        read_cell_list(tmp_path / "b" / "list.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "samples": [1]}'])
def test_a_list_that_cannot_be_read_is_refused(tmp_path, text):
    (tmp_path / "list.json").write_text(text, "utf-8")
    with pytest.raises(InputRefused):
        read_cell_list(tmp_path / "list.json")
