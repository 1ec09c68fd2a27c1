"""Torch and ONNX Runtime give the same answers through one interface; choices are measured and remembered."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from random_models import write_random_model
from rounding import network_rounding

from nscweb.core.card import CardEntry
from nscweb.core.errors import WeightsInvalid, WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.inference import tuning
from nscweb.inference.backends import open_classifier
from nscweb.inference.batches import default_batch, keep_freed_memory
from nscweb.inference.classifier import Classifier
from nscweb.inference.onnx_backend import OnnxClassifier
from nscweb.inference.onnx_export import TOLERANCE, export_onnx
from nscweb.inference.tuning import Choice, Tuning, choices, measure, read_choices, usual_choice
from nscweb.simulation.labelled_cells import iter_labelled_cells


def with_onnx(entry: CardEntry) -> CardEntry:
    return CardEntry(entry.folder, replace(entry.card, exports={"onnx": export_onnx(entry)}))


@pytest.fixture(scope="module")
def cells() -> list[np.ndarray]:
    return [cell.pixels for cell in iter_labelled_cells(5, 45, replicates=1)]


@pytest.fixture(scope="module")
def entry(tmp_path_factory) -> CardEntry:
    return with_onnx(write_random_model(tmp_path_factory.mktemp("models") / "random"))


@pytest.fixture(scope="module")
def torch_one(entry) -> Classifier:
    return Classifier(entry, device="cpu", threads=1)


@pytest.fixture(scope="module", params=[(1, 7), (3, 4)])
def onnx_one(entry, request) -> OnnxClassifier:
    threads, batch = request.param
    return OnnxClassifier(entry, entry.card.exports["onnx"], threads=threads, batch=batch)


def test_onnx_and_torch_agree_whatever_threads_and_batch(torch_one, onnx_one, cells):
    near = network_rounding(torch_one.network)
    assert np.abs(onnx_one.predict(cells) - torch_one.predict(cells)).max() < TOLERANCE
    assert np.allclose(onnx_one.embed(cells), torch_one.embed(cells), rtol=0, atol=near)
    scores, embeddings = onnx_one.predict_and_embed(cells)
    assert np.array_equal(scores, onnx_one.predict(cells))
    assert np.allclose(embeddings, torch_one.embed(cells), rtol=0, atol=near)
    inputs = torch_one.prepare(cells)
    assert np.abs(onnx_one.predict_prepared(inputs) - torch_one.predict_prepared(inputs)).max() < TOLERANCE


@pytest.mark.parametrize("class_index", [None, 1])
def test_maps_come_with_the_probabilities_of_the_export(torch_one, onnx_one, cells, class_index):
    expected, expected_maps = torch_one.predict_with_maps(cells, class_index)
    found, maps = onnx_one.predict_with_maps(cells, class_index)
    assert np.abs(found - expected).max() < TOLERANCE
    assert np.abs(maps - expected_maps).max() < 1e-3


def test_no_cells_give_empty_tables(onnx_one, torch_one):
    assert onnx_one.predict([]).shape == (0, 3)
    assert onnx_one.embed([]).shape == torch_one.embed([]).shape
    assert onnx_one.predict_with_maps([])[1].shape == (0, *onnx_one.card.recipe.resize)


def test_networks_whose_maps_need_gradients_still_draw_them(tmp_path, cells):
    recipe = InputRecipe(field_px=(40, 40), resize=(32, 32))
    name = "parthasarathy2024-resnet18"
    entry = with_onnx(write_random_model(tmp_path / name, architecture=name, recipe=recipe))
    found = OnnxClassifier(entry, entry.card.exports["onnx"], threads=1)
    assert not found.closed_form_cam
    scores, maps = found.predict_with_maps(cells[:2])
    assert np.abs(scores - Classifier(entry, device="cpu", threads=1).predict(cells[:2])).max() < TOLERANCE
    assert maps.shape == (2, 32, 32)


def test_a_network_without_places_has_no_maps(tmp_path, cells):
    recipe = InputRecipe(field_px=(40, 40), resize=(45, 30))
    entry = with_onnx(write_random_model(tmp_path / "mlp", architecture="zhu2021-mlp", recipe=recipe))
    for classifier in (Classifier(entry, device="cpu", threads=1), open_classifier(entry, device="cpu")):
        with pytest.raises(WrongUse) as caught:
            classifier.predict_with_maps(cells[:2])
        assert caught.value.code == "E-NO-CLASS-MAPS"


def test_the_export_is_taken_when_it_fits_and_torch_when_not(entry, tmp_path):
    assert isinstance(open_classifier(entry, device="cpu", threads=1), OnnxClassifier)
    stale = CardEntry(entry.folder, replace(entry.card, calibration={"temperature": 2.0}))
    plain = open_classifier(stale, device="cpu", threads=1)
    assert not isinstance(plain, OnnxClassifier)
    assert plain.settings["mode"] == "exact"
    settings = open_classifier(entry, device="cpu", threads=2, batch=16).settings
    assert (settings["threads"], settings["batch"], settings["mode"]) == (2, 16, "exact")
    assert settings["backend"].startswith("ONNX Runtime")


def test_a_damaged_export_or_weights_file_is_refused(entry, tmp_path):
    for name in ("model.onnx", "weights.safetensors"):
        copy = tmp_path / name.replace(".", "-")
        copy.mkdir()
        for file in entry.folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        damaged = bytearray((copy / name).read_bytes())
        damaged[-5] ^= 255
        (copy / name).write_bytes(damaged)
        with pytest.raises(WeightsInvalid) as caught:
            open_classifier(CardEntry(copy, entry.card), device="cpu")
        assert caught.value.code == "E-WEIGHTS-HASH"


def test_modes_that_are_not_there_are_refused_in_words(entry):
    with pytest.raises(WrongUse) as caught:
        open_classifier(entry, mode="fast")
    assert caught.value.code == "E-NO-FAST-MODE"
    with pytest.raises(WrongUse, match="no mode"):
        open_classifier(entry, mode="warp")


class FakeClassifier:
    """Takes its time by a clock of its own."""

    def __init__(self, rate: float, clock: list[float]) -> None:
        self.rate, self.clock, self.calls = rate, clock, 0

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.clock[0] += len(inputs) / self.rate
        return np.zeros((len(inputs), 3), np.float32)


def test_the_quickest_choice_wins_only_clearly():
    clock = [0.0]
    options = [Choice("onnx", 2, 64), Choice("onnx", 2, 16), Choice("torch", 2, 64)]
    rates = {options[0]: 1000.0, options[1]: 1050.0, options[2]: 500.0}
    inputs = np.zeros((3, 1, 4, 4), np.float32)

    def run() -> Choice:
        return measure(options, lambda c: FakeClassifier(rates[c], clock), inputs, lambda: clock[0])

    assert run().batch == 64
    rates[options[1]] = 2000.0
    best = run()
    assert (best.backend, best.batch) == ("onnx", 16)
    assert best.cells_per_second == pytest.approx(2000, rel=0.01)
    assert clock[0] < 10


def test_measuring_a_slow_network_stops_in_time():
    clock = [0.0]
    made: list[FakeClassifier] = []

    def make(_choice: Choice) -> FakeClassifier:
        made.append(FakeClassifier(1.0, clock))
        return made[-1]

    inputs = np.zeros((3, 1, 4, 4), np.float32)
    measure([Choice("onnx", 1, 4), Choice("torch", 1, 4)], make, inputs, lambda: clock[0])
    assert [item.calls for item in made] == [1]


def test_a_measured_choice_is_remembered_and_damage_is_forgotten(entry, tmp_path, monkeypatch):
    ticks = itertools.count()
    path = tmp_path / "speeds.json"
    asked = Tuning(path, lambda: float(next(ticks)))
    chosen = open_classifier(entry, device="cpu", tuning=asked)
    kept = read_choices(path)
    assert len(kept) == 1
    assert next(iter(kept.values())).threads == chosen.settings["threads"]

    def never(*_: object) -> Choice:
        raise AssertionError("measured again")

    monkeypatch.setattr(tuning, "measure", never)
    open_classifier(entry, device="cpu", tuning=asked)
    for text in ("", "[]", "{", '{"a": 1}', '{"a": {"backend": "gpu", "threads": 1, "batch": 1}}', "[" * 5000):
        path.write_text(text, "utf-8")
        assert read_choices(path) == {}
        assert open_classifier(entry, device="cpu", tuning=Tuning(path, asked.timer, measure=False))
    good = next(iter(kept.values()))
    bad = {"x": {**vars(good), "threads": -3}, "y": vars(good)}
    path.write_text(json.dumps(bad), "utf-8")
    assert read_choices(path) == {"y": good}
    monkeypatch.undo()
    nowhere = Tuning(tmp_path / "missing" / "speeds.json", asked.timer)
    assert open_classifier(entry, device="cpu", tuning=nowhere)


def test_choices_keep_the_threads_that_were_asked_for(entry):
    usual = usual_choice(entry, True, 2)
    assert {choice.threads for choice in choices(usual, 2)} == {2}
    assert {choice.backend for choice in choices(usual, None)} == {"onnx", "torch"}


def test_the_batch_follows_the_work_of_one_cell(entry):
    def batch(mflop: object, device: str = "cpu") -> int:
        origin = replace(entry.card.origin, settings={"mflop_per_cell": mflop})
        return default_batch(replace(entry.card, origin=origin), device=device)

    assert batch(32.3) == 64
    assert batch(320.0) == 8
    assert batch(39_000.0) == 2  # VGG at 224 x 224
    assert batch(39_000.0, "cuda") < batch(32.3, "cuda") == 1024
    assert batch("much") == batch(-1) == batch(True) == 32
    assert isinstance(keep_freed_memory(), bool)
