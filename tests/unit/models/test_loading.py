"""Weights are what their card says, or they are refused with a plain sentence; nothing in them is ever run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from random_models import write_random_model
from rounding import score_rounding

from nscweb.core.card import CardEntry, WeightsFile
from nscweb.core.errors import CardInvalid, ModelError, WeightsInvalid
from nscweb.models.loading import load_model, replay_example, weights_sha256
from nscweb.models.weights import read_weights

CODES = {
    "damaged weights": {"E-WEIGHTS-DAMAGED", "E-WEIGHTS-UNSAFE"},
    "empty file": {"E-WEIGHTS-EMPTY"},
    "unsafe weights file": {"E-WEIGHTS-UNSAFE"},
    "weights are not finite": {"E-WEIGHTS-NOT-FINITE"},
    "not a model of this program": {"E-WEIGHTS-NAMES"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> CardEntry:
    return write_random_model(tmp_path_factory.mktemp("models") / "random")


def with_weights(entry: CardEntry, tmp_path: Path, data: bytes) -> CardEntry:
    """The same card with other weights, whose hash is right."""
    folder = tmp_path / "random"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(data)
    weights = WeightsFile("weights.safetensors", hashlib.sha256(data).hexdigest(), "example.npz")
    return CardEntry(folder, replace(entry.card, weights=weights))


def test_a_model_replays_its_own_example(model):
    replay = replay_example(model)
    assert replay.cells == 4
    assert replay.largest_difference < score_rounding(load_model(model))


def test_a_loaded_model_does_not_learn_and_is_in_evaluation_mode(model):
    network = load_model(model)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_weights_that_were_changed_on_disk_are_refused(model, tmp_path):
    data = bytearray(model.weights_path.read_bytes())
    changed = with_weights(model, tmp_path, bytes(data))
    assert weights_sha256(changed) == changed.card.weights.sha256
    data[-3] ^= 1
    changed.weights_path.write_bytes(bytes(data))
    for action in (load_model, weights_sha256):
        with pytest.raises(WeightsInvalid, match="SHA-256") as caught:
            action(changed)
        assert caught.value.code == "E-WEIGHTS-HASH"


def test_missing_weights_are_refused_without_a_path_of_the_server(model, tmp_path):
    entry = CardEntry(tmp_path / "gone", model.card)
    with pytest.raises(WeightsInvalid) as caught:
        load_model(entry)
    assert str(tmp_path) not in str(caught.value)


def hostile_cases() -> list[dict[str, str]]:
    listed = Path(__file__).resolve().parents[4] / "shared" / "hostile" / "expected.json"
    if not listed.is_file():
        return []
    found = json.loads(listed.read_text("utf-8"))
    rows = found if isinstance(found, list) else found["files"]
    return [row for row in rows if row["file"].startswith("weights/")]


@pytest.mark.parametrize("case", hostile_cases(), ids=lambda case: case["file"])
def test_hostile_weights_are_refused_with_the_reason_that_was_promised(case, model, shared, tmp_path):
    path = shared / "hostile" / case["file"]
    expected = load_model(model).state_dict()
    with pytest.raises(WeightsInvalid) as caught:
        read_weights(path, expected)
    assert caught.value.code in CODES[case["reason"]]
    # Under a card with the right hash it is no better.
    with pytest.raises(WeightsInvalid):
        load_model(with_weights(model, tmp_path, path.read_bytes()))
    assert not list(Path.cwd().glob("nscweb_pickle_ran*"))


def test_weights_of_another_architecture_or_shape_are_refused(model, tmp_path):
    state = {name: tensor.clone() for name, tensor in load_model(model).state_dict().items()}
    name = "head.weight"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    wide = safetensors.torch.save({**state, name: torch.zeros(4, state[name].shape[1])})
    with pytest.raises(WeightsInvalid, match="shape"):
        load_model(with_weights(model, tmp_path / "a", wide))
    state[name][0, 0] = float("nan")
    with pytest.raises(WeightsInvalid, match="not finite"):
        load_model(with_weights(model, tmp_path / "b", safetensors.torch.save(state)))


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "resnet9000"},
        {"options": {"width": 10**9}},
        {"options": {"width": "wide"}},
        {"options": {"colour": 3}},
        {"options": {"width": 4096, "depth": 60}},
    ],
)
def test_a_card_that_asks_for_impossible_networks_is_refused_before_memory_is_taken(model, changes):
    with pytest.raises(CardInvalid):
        load_model(CardEntry(model.folder, replace(model.card, **changes)))


@pytest.mark.parametrize("content", [b"", b"not an archive", None])
def test_an_example_that_cannot_be_read_is_a_model_error(model, tmp_path, content):
    entry = with_weights(model, tmp_path, model.weights_path.read_bytes())
    if content is not None:
        (entry.folder / "example.npz").write_bytes(content)
    with pytest.raises(ModelError):
        replay_example(entry)


def test_an_example_with_pickled_objects_is_refused_unopened(model, tmp_path):
    entry = with_weights(model, tmp_path, model.weights_path.read_bytes())
    np.savez(entry.folder / "example.npz", input=np.array([{}], dtype=object), probabilities=np.zeros((1, 3)))
    with pytest.raises(ModelError):
        replay_example(entry)
