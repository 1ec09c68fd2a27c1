"""Every network gives the same numbers as ONNX; an export that does not fit its card is never used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from random_models import write_random_model

from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelError, WeightsInvalid
from nscweb.inference import onnx_export
from nscweb.inference.export_files import read_export, usable_export
from nscweb.inference.onnx_export import FixedPool, check_onnx, export_onnx, onnx_bytes
from nscweb.inference.onnx_session import open_session


def as_entry(entry: CardEntry, **changes: object) -> CardEntry:
    return CardEntry(entry.folder, replace(entry.card, **changes))


@pytest.fixture(scope="module")
def entry(tmp_path_factory) -> CardEntry:
    return write_random_model(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def exported(entry) -> CardEntry:
    return as_entry(entry, exports={"onnx": export_onnx(entry)})


def test_pooling_by_matrices_is_adaptive_pooling():
    x = torch.randn(2, 3, 7, 5)
    expected = torch.nn.AdaptiveAvgPool2d((6, 4))(x)
    assert torch.allclose(FixedPool((7, 5), (6, 4))(x), expected, atol=1e-6)
    assert torch.allclose(FixedPool((1, 1), (3, 2))(x[:, :, :1, :1]), x[:, :, :1, :1].expand(2, 3, 3, 2))


def test_an_export_says_what_it_was_checked_on(exported):
    record = exported.card.exports["onnx"]
    assert record["file"] == "model.onnx"
    assert record["opset"] == onnx_export.OPSET
    assert record["check"]["passed"] is True
    assert record["check"]["largest_difference"] <= 1e-4
    assert record["check"]["cells"] == 16
    assert usable_export(exported, "onnx") == record
    assert len(read_export(exported, record)) == (exported.folder / "model.onnx").stat().st_size
    assert not list(exported.folder.glob("*.part"))


def test_the_temperature_is_inside(entry):
    cold = as_entry(entry, calibration={"temperature": 3.0})
    network = onnx_export.load_model(entry)
    cells = np.random.default_rng(1).normal(size=(4, *entry.card.input_shape)).astype(np.float32)
    data = onnx_bytes(network, entry.card.architecture, 3.0, cells)
    assert check_onnx(data, network, cold, {"cells": cells})["passed"]
    assert not check_onnx(data, network, entry, {"cells": cells})["passed"]


def test_an_export_with_other_numbers_is_not_written(entry, tmp_path, monkeypatch):
    other = write_random_model(tmp_path / "other", seed=5)
    right = onnx_export.onnx_bytes
    wrong = onnx_export.load_model(entry)
    monkeypatch.setattr(onnx_export, "onnx_bytes", lambda network, *rest: right(wrong, *rest))
    with pytest.raises(ModelError) as caught:
        export_onnx(other)
    assert caught.value.code == "E-ONNX-DIFFERS"
    assert not (other.folder / "model.onnx").exists()


def test_a_stale_or_missing_export_is_not_usable(exported, tmp_path):
    assert usable_export(as_entry(exported, calibration={"temperature": 2.0}), "onnx") is None
    assert usable_export(as_entry(exported, exports={}), "onnx") is None
    assert usable_export(CardEntry(tmp_path, exported.card), "onnx") is None
    record = exported.card.exports["onnx"]
    for wrong in ({"weights_sha256": "0" * 64}, {"check": {"passed": False}}):
        assert usable_export(as_entry(exported, exports={"onnx": {**record, **wrong}}), "onnx") is None


def test_a_changed_file_is_refused(exported, tmp_path):
    data = bytearray((exported.folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(WeightsInvalid) as caught:
        read_export(CardEntry(tmp_path, exported.card), exported.card.exports["onnx"])
    assert caught.value.code == "E-WEIGHTS-HASH"


def test_files_that_reach_for_other_files_or_operators_are_refused(exported):
    model = onnx.load_model(exported.folder / "model.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    with pytest.raises(WeightsInvalid, match="other files"):
        open_session(model.SerializeToString())
    model = onnx.load_model(exported.folder / "model.onnx")
    model.graph.node[0].domain = "somewhere.else"
    with pytest.raises(WeightsInvalid, match="operators"):
        open_session(model.SerializeToString())
    with pytest.raises(WeightsInvalid, match="damaged"):
        open_session(b"no model at all")
