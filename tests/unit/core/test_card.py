"""A card that says something impossible is refused with one sentence that names it."""

from __future__ import annotations

import copy
import json

import pytest

from nscweb.core.card import card_from_dict, card_to_dict, read_card
from nscweb.core.errors import CardInvalid

CARD = {
    "format": 1,
    "name": "nsc-test",
    "version": "1",
    "title": "Test",
    "summary": "A card for tests.",
    "architecture": "compact",
    "options": {"width": 24},
    "classes": {"names": ["astrocyte", "neuron"], "colours": ["#0072B2", "#009E73"], "kind": "fate"},
    "recipe": {
        "channels": ["brightfield"],
        "background": "border-median",
        "field_px": [60, 60],
        "field_um": None,
        "contrast": "deviation",
        "resize": [48, 48],
        "interpolation": "area",
        "divide_by": 1.0,
        "clip": [-8.0, 8.0],
    },
    "weights": {"file": "weights.safetensors", "sha256": "0" * 64, "example": "example.npz"},
    "origin": {
        "data": "simulated",
        "simulated": True,
        "cells": 10,
        "split": "by sample",
        "device": "cpu",
        "seconds": 1.0,
        "seed": 0,
        "command": "nscweb train",
        "licence": "Apache-2.0",
        "created_utc": "2026-01-01T00:00:00Z",
        "versions": {},
        "settings": {},
    },
    "performance": {
        "data": "held-out simulated samples",
        "metrics": [
            {
                "name": "accuracy",
                "value": 0.9,
                "low": 0.85,
                "high": 0.95,
                "cells": 100,
                "samples": 4,
                "class_name": "",
                "time_h": 24.0,
                "interval": "bootstrap over samples",
            }
        ],
        "confusion": [[45, 5], [5, 45]],
        "confusion_by_time": {"24": [[45, 5], [5, 45]]},
        "curves": {},
        "comparison": [],
    },
    "uses": ["tests"],
    "limits": ["Trained on simulated cells."],
    "citation": "",
    "calibration": {},
    "audit": {"passed": True},
    "robustness": [{"change": "blur", "accuracy": 0.5}],
    "exports": {"onnx": {"file": "model.onnx"}},
    "mark": "published",
    "held_out": {"file": "held_out.npz", "sha256": "0" * 64, "cells": 10, "samples": 3},
    "map_tests": {"cells": 120, "area": 0.1, "orders": []},
}


def changed(path, value):
    card = copy.deepcopy(CARD)
    place = card
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return card


def test_a_card_survives_json_and_back():
    card = card_from_dict(CARD)
    assert card_from_dict(json.loads(json.dumps(card_to_dict(card)))) == card
    assert card_to_dict(card) == CARD
    assert card.input_shape == (1, 48, 48)
    assert card.performance.metric("accuracy", time_h=24.0).value == 0.9
    assert card.performance.metric("accuracy") is None


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (["format"], 2, "this program reads format 1"),
        (["name"], "../evil", "characters other than"),
        (["weights", "file"], "../w.safetensors", "files must lie beside the card"),
        (["weights", "file"], "model.pt", "pickled weights are never loaded"),
        (["weights", "sha256"], "abc", "no valid SHA-256"),
        (["weights", "example"], "a/b.npz", "files must lie beside the card"),
        (["limits"], [], "states no limits"),
        (["classes", "names"], ["one"], "at least two different names"),
        (["classes", "colours"], ["#000000"], "one colour per class"),
        (["performance", "confusion"], [[1, 2]], "is not 2 x 2"),
        (["performance", "confusion_by_time"], {"24": [[1]]}, "is not 2 x 2"),
        (["performance", "metrics", 0, "value"], 0.99, "outside its own interval"),
        (["performance", "metrics", 0, "value"], float("nan"), "is not a number"),
        (["performance", "metrics", 0, "class_name"], "microglia", "does not define"),
        (["recipe", "resize"], [4, 4], "8 to 1024"),
        (["recipe", "divide_by"], 0, "not positive"),
        (["recipe", "background"], "magic", "one of none, border-median"),
        (["recipe", "field_um"], [30, 30], "keep one"),
        (["recipe", "channels"], [], "no input channel"),
        (["recipe"], {}, "recipe in the model card cannot be read"),
        (["origin"], {}, r"card cannot be read: origin\.data is missing, and 9 more"),
        (["origin", "surprise"], 1, r"origin\.surprise is not a name"),
        (["classes"], None, "classes is None, where fields with names"),
        (["performance", "metrics", 0, "value"], "high", r"metrics\[0\]\.value is 'high', where a number"),
        (["performance", "confusion"], [[1.5, 2], [3, 4]], r"confusion\[0\]\[0\] is 1.5, where a whole number"),
        (["uses"], "one sentence", "uses is 'one sentence', where a list"),
    ],
)
def test_an_impossible_card_is_refused_with_a_sentence(path, value, sentence):
    with pytest.raises(CardInvalid, match=sentence):
        card_from_dict(changed(path, value))


@pytest.mark.parametrize("data", [None, [], "card", 3])
def test_something_else_than_an_object_is_refused(data):
    with pytest.raises(CardInvalid, match="not a JSON object"):
        card_from_dict(data)


def test_every_missing_field_is_refused():
    optional = {"options", "citation", "calibration", "audit", "robustness", "exports", "mark", "held_out", "map_tests"}
    for key in CARD.keys() - optional:
        with pytest.raises(CardInvalid):
            card_from_dict({name: value for name, value in CARD.items() if name != key})
    for key in optional:
        card_from_dict({name: value for name, value in CARD.items() if name != key})


def test_a_folder_is_read_or_refused(tmp_path):
    with pytest.raises(CardInvalid, match=r"has no card\.json"):
        read_card(tmp_path)
    file = tmp_path / "card.json"
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(CardInvalid, match="cannot be read"):
            read_card(tmp_path)
    file.write_text(json.dumps(CARD), "utf-8")
    entry = read_card(tmp_path)
    assert entry.card.name == "nsc-test" and entry.weights_path == tmp_path / "weights.safetensors"
