"""Every network of the table gives the same numbers as ONNX as it does in torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import write_random_model

from nscweb.core.card import CardEntry
from nscweb.inference.onnx_export import check_onnx, onnx_bytes
from nscweb.models.architectures import ARCHITECTURES


@pytest.fixture(scope="module")
def entry(tmp_path_factory) -> CardEntry:
    return write_random_model(tmp_path_factory.mktemp("models") / "random")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_give_the_same_numbers_as_onnx(name, entry):
    architecture = ARCHITECTURES[name]
    torch.manual_seed(3)
    network = architecture.make(1, 3).eval().requires_grad_(False)
    cells = np.random.default_rng(1).normal(size=(3, 1, *architecture.smallest_input)).astype(np.float32)
    with torch.inference_mode():
        logits = network(torch.from_numpy(cells))
        network.classifier.weight.mul_(1.0 / float(logits.std().clamp_min(1e-6)))
    own = replace(entry.card, architecture=name, calibration={"temperature": 1.7})
    data = onnx_bytes(network, name, 1.7, cells)
    check = check_onnx(data, network, CardEntry(entry.folder, own), {"cells": cells})
    assert check["passed"], check
