"""Inputs made where the network is equal those of prediction; fields in a file equal those in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rounding import network_rounding
from tiny_cells import CLASSES, RECIPE, toy_cells, toy_data

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.models.architectures import ARCHITECTURES
from nscweb.preprocess.prepare import finish_field
from nscweb.training.data import inputs
from nscweb.training.data.dataset import collect
from nscweb.training.data.field_store import FILE, FieldStore
from nscweb.training.data.inputs import finish_tensor, plain_pieces, predict_rows
from nscweb.training.data.sizes import input_size_for
from nscweb.training.loop import predict_logits

CPU = torch.device("cpu")


@pytest.mark.parametrize("contrast", ["deviation", "none"])
@pytest.mark.parametrize("interpolation", ["area", "linear"])
@pytest.mark.parametrize("size", [(48, 48), (24, 24), (45, 30), (40, 17), (90, 64), (224, 224), (13, 60)])
def test_the_quick_part_of_the_recipe_in_torch_equals_that_of_prediction(size, interpolation, contrast):
    recipe = InputRecipe(
        channels=("a", "b"),
        field_px=(40, 34),
        resize=size,
        interpolation=interpolation,
        contrast=contrast,
        divide_by=4.0,
        clip=(-0.6, 0.7),
    )
    fields = np.random.default_rng(0).normal(1, 3, (5, 2, 40, 34)).astype(np.float32)
    fields[0, 0] = 0  # no contrast at all
    fields[1, 1] *= 1e-3
    fields[2] = 0
    fields[2, :, 7, 7] = 50  # one bright pixel: its deviation is small against its largest value
    expected = finish_field(recipe, fields)
    found = finish_tensor(recipe, torch.from_numpy(fields)).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


def test_predictions_made_in_pieces_equal_those_made_at_once(monkeypatch):
    data = toy_data(5)
    model = ARCHITECTURES["compact"].make(1, 2, {"width": 8, "depth": 1}).eval()
    rows = np.arange(len(data))[::-1].copy()
    at_once = predict_logits(model, data.inputs(rows), CPU)
    monkeypatch.setattr(inputs, "_EVALUATION_BYTES", 7 * 4 * 24 * 24)
    pieces = [len(part) for part, _ in plain_pieces(data, rows, CPU)]
    assert max(pieces) == 7 and sum(pieces) == len(rows)
    near = network_rounding(model, float(np.abs(at_once).max()))
    assert np.allclose(predict_rows(model, data, rows, CPU), at_once, rtol=0, atol=near)
    assert predict_rows(model, data, rows[:0], CPU).shape == (0, 2)


def test_fields_beyond_the_limit_lie_in_a_file_and_are_the_same(tmp_path):
    def collected(**given):
        return collect(toy_cells(12), CLASSES, RECIPE, simulated=False, description="", licence="", **given)

    memory, mapped = collected(), collected(folder=tmp_path / "run", memory_limit=1000)
    assert isinstance(mapped.fields, np.memmap)
    assert np.array_equal(memory.fields, mapped.fields)
    assert memory.digest() == mapped.digest()
    rows = np.array([5, 3, 5, 0])
    assert np.array_equal(memory.inputs(rows), mapped.inputs(rows))
    below = collected(folder=tmp_path / "none")
    assert not isinstance(below.fields, np.memmap) and not (tmp_path / "none").exists()


def test_a_wide_piece_widens_what_is_in_the_file_already(tmp_path):
    pieces = [np.full((3, 1, 2, 2), value, kind) for value, kind in ((1.5, "f2"), (2.5, "f2"), (9e4, "f4"))]
    store = FieldStore(tmp_path, 10)
    for piece in pieces:
        store.add(piece)
    found = store.finished()
    assert found.dtype == np.float32 and (tmp_path / FILE).stat().st_size == found.nbytes
    assert np.array_equal(found, np.concatenate(pieces))
    late = FieldStore(tmp_path, 10_000)
    for piece in pieces:
        late.add(piece)
    assert np.array_equal(late.finished(), found)


def test_input_sizes_keep_the_shape_of_the_field_where_the_network_allows_it():
    assert input_size_for("compact", (48, 48)) == (48, 48)
    assert input_size_for("compact", (60, 40)) == (48, 32)
    assert input_size_for("zhu2021", (48, 48)) == (45, 45)
    assert input_size_for("zhu2021") == (45, 30)
    assert input_size_for("zhu2021-mlp", (48, 48)) == (45, 30)
    with pytest.raises(WrongUse):
        input_size_for("nothing", (4, 4))


def test_fields_of_micrometres_and_margins_are_left_to_the_recipe():
    data = replace(toy_data(2), pixel_size_um=0.5)
    um = replace(data, recipe=replace(data.recipe, field_px=None, field_um=(12.0, 12.0)))
    assert np.array_equal(um.inputs(np.arange(4)), data.inputs(np.arange(4)))
