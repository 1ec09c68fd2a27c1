"""A model that is there is asked again: its own held-out cells are found, and only its card is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asked import predict_study
from predicted import fresh_app
from ready_folders import ready_copy
from small_studies import simulated_study

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.familiarity import CHANGES_KEY
from nscweb.inference.held_out_file import held_out_names, read_held_out
from nscweb.services.predict.runs import prediction_table
from nscweb.services.train.model_audit import audit_model, figures_again, light_tests_again, map_tests_again
from nscweb.training.augment import AugmentSettings
from nscweb.training.card_figures import with_figures
from nscweb.training.card_writer import CardText
from nscweb.training.config import TrainConfig
from nscweb.training.data.simulated import simulated_data
from nscweb.training.make_model import train

SMALL = TrainConfig(
    options={"width": 8, "depth": 1},
    epochs=1,
    batch=32,
    seed=5,
    device="cpu",
    threads=1,
    precision="float32",
    augment=AugmentSettings.off(),
)


def simulated_model(folder: Path, command: str) -> CardEntry:
    """Trained once; a copy with that command in its card."""
    ready_copy(folder, _train, "audited model")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["origin"]["command"] = command
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return read_card(folder)


def _train(folder: Path) -> None:
    text = CardText("Small", "Small.", "replaced", "2026-01-02T03:04:05Z")
    made = train(SMALL, simulated_data(900, 5), folder / "small", text, checks=False)
    for file in made.folder.iterdir():
        file.rename(folder / file.name)
    made.folder.rmdir()


def test_a_model_of_simulated_cells_is_asked_again_from_its_command(tmp_path):
    app = fresh_app(tmp_path)
    command = "nscweb train --simulated 900 --seed 5 --out x"
    entry = simulated_model(tmp_path / "models" / "small", command)
    assert entry.card.audit == {}
    weights = entry.weights_path.read_bytes()
    steps: list[str] = []
    before = read_held_out(entry)
    again = audit_model(app, entry, progress=lambda done, total, step="": steps.append(step))
    assert again.card == read_card(entry.folder).card
    assert {"passed", "sentence", "swaps", "alone"} <= set(again.card.audit)
    assert again.card.robustness[0]["change"] == "unchanged"
    assert again.card.performance == entry.card.performance
    # Cells are kept as float16: where float32 is rounded another way on some processors (seen with AVX-512), a pixel
    # may move by one step of it (5e-4), a score by about as much, and the hash of their file with it.
    after = read_held_out(again)
    assert before is not None and after is not None
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-3)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert {**again.card.held_out, "sha256": ""} == {**entry.card.held_out, "sha256": ""}
    # A model from before held-out scores were kept gets them.
    (entry.folder / "held_out.npz").unlink()
    older = replace(entry, card=replace(entry.card, held_out={}))
    assert read_held_out(audit_model(app, older)) is not None
    assert entry.weights_path.read_bytes() == weights
    assert any("Robustness" in step for step in steps)


def test_maps_alone_are_tested_again_and_nothing_else_changes(tmp_path):
    app = fresh_app(tmp_path)
    entry = simulated_model(tmp_path / "models" / "small", "nscweb train --simulated 900 --seed 5")
    assert entry.card.map_tests == {}
    again = map_tests_again(app, entry).card
    assert [row["order"] for row in again.map_tests["orders"]][:2] == ["grad-cam", "integrated-gradients"]
    assert replace(again, map_tests={}) == entry.card


def test_other_cells_than_those_of_the_card_are_refused(tmp_path):
    app = fresh_app(tmp_path)
    entry = simulated_model(tmp_path / "models" / "small", "nscweb train --simulated 900")
    before = (entry.folder / "card.json").read_bytes()
    moved = tuple(tuple(reversed(row)) for row in entry.card.performance.confusion)
    wrong = replace(entry.card, performance=replace(entry.card.performance, confusion=moved))
    with pytest.raises(InputRefused, match="not those"):
        audit_model(app, replace(entry, card=wrong))
    wrong = replace(entry.card, origin=replace(entry.card.origin, split="By hand."))
    with pytest.raises(InputRefused, match="cannot be told"):
        audit_model(app, replace(entry, card=wrong))
    wrong = replace(entry.card, origin=replace(entry.card.origin, command="nscweb train a"))
    with pytest.raises(WrongUse, match="not here"):
        audit_model(app, replace(entry, card=wrong))
    assert (entry.folder / "card.json").read_bytes() == before


def test_a_model_of_studies_finds_its_cells_by_their_digests(tmp_path):
    from nscweb.services.train.request import TrainRequest
    from nscweb.services.train.train import train_model

    app = fresh_app(tmp_path)
    simulated_study(app, "other", cells=60, seed=8)
    simulated_study(app, "training", cells=240, seed=3, replicates=4)
    request = TrainRequest(("training",), "compact", tmp_path / "models" / "mine", epochs=1, folds=1)
    entry = train_model(app, request)
    again = audit_model(app, entry)
    assert again.card == entry.card
    assert audit_model(app, entry, ["training"]).card == entry.card
    with pytest.raises(InputRefused):
        audit_model(app, entry, ["other"])
    # A card from before there were tests of the lights gets them, and the pixel size; nothing else of it changes.
    kept = {key: value for key, value in entry.card.calibration.items() if key != CHANGES_KEY}
    recipe = replace(entry.card.recipe, pixel_size_um=None)
    older = replace(entry, card=replace(entry.card, calibration=kept, recipe=recipe))
    assert light_tests_again(app, older).card == entry.card
    assert entry.card.recipe.pixel_size_um == app.catalogue.study("training").pixel_size_um
    with pytest.raises(InputRefused):
        light_tests_again(app, older, ["other"])


def test_a_cross_fitted_model_is_measured_again_by_the_networks_that_judged(tmp_path):
    from nscweb.services.train.request import TrainRequest
    from nscweb.services.train.train import train_model

    app = fresh_app(tmp_path)
    study = simulated_study(app, "training", cells=240, seed=3, replicates=4)
    small = {"options": {"width": 8, "depth": 1}, "members": 1}
    entry = train_model(
        app, TrainRequest(("training",), "compact", tmp_path / "models" / "mine", epochs=2, settings=small)
    )
    card = entry.card
    assert card.origin.split.startswith("Cross-fitted") and card.origin.cells == study.cells == card.held_out["cells"]
    assert set(card.exports) >= {"onnx"} and "baseline" in card.audit and card.robustness
    # Every sample was trained on, and the card remembers it.
    assert len(card.origin.settings["training_cells_sha256"]) == len(study.samples)
    again = audit_model(app, entry)
    assert again.card == card
    (entry.folder / "judges.safetensors").unlink()
    with pytest.raises(WrongUse, match="not kept"):
        audit_model(app, entry)


def test_a_card_shows_the_figures_that_evaluate_shows_for_the_same_cells(tmp_path):
    from nscweb.services.evaluate.evaluate import evaluate_run
    from nscweb.services.train.request import TrainRequest
    from nscweb.services.train.train import train_model

    app = fresh_app(tmp_path)
    simulated_study(app, "training", cells=960, seed=3, replicates=8)
    request = TrainRequest(("training",), "compact", tmp_path / "models" / "mine", epochs=1, folds=1, checks=False)
    entry = train_model(app, request)
    names = {name.split(": ")[-1] for name in held_out_names(entry)}
    simulated_study(app, "held", cells=960, seed=3, replicates=8, only=names)
    run = predict_study(app, "held", "mine")
    shown = evaluate_run(app, run)
    # The scores of this prediction: those at training came another way, and two cells that are as good as equal may
    # stand in the other order there, which moves an area by one pair of cells.
    cells = prediction_table(app, run)
    held = read_held_out(entry)
    assert held is not None
    own = HeldOut(
        cells[[f"p_{name}" for name in held.classes]].to_numpy(np.float32),
        np.array([held.classes.index(name) for name in cells["true_class"]]),
        pd.factorize(cells["sample_id"])[0],
        cells["time_h"].to_numpy(float),
        held.classes,
        held.source,
        held.simulated,
    )
    card = with_figures(entry.card.performance, own)
    assert shown.cells == card.metrics[0].cells == entry.card.performance.metrics[0].cells == len(held)
    assert shown.confusion == card.confusion
    assert "samples with Student's t" in shown.metrics[0].interval
    parts = [(None, shown.metrics), *((part.time_h, part.metrics) for part in shown.by_time)]
    for hours, item in ((hours, item) for hours, metrics in parts for item in metrics):
        kept, first = card.metric(item.name, item.class_name, hours), entry.card.performance.metric(item.name)
        assert kept is not None
        assert first is None or first.interval == shown.metrics[0].interval
        assert (kept.cells, kept.samples, kept.interval) == (item.cells, item.samples, item.interval)
        # Cards keep five digits.
        assert (kept.value, kept.low, kept.high) == pytest.approx((item.value, item.low, item.high), abs=2e-5)
    repeated = {"alone": {"figures": [{"figure": "accuracy", "network": {"value": 0.1, "low": 0.0, "high": 0.2}}]}}
    again = figures_again(replace(entry, card=replace(entry.card, audit=repeated)))
    network = again.card.audit["alone"]["figures"][0]["network"]
    assert network["low"] == again.card.performance.metric("accuracy").low
    assert again.weights_path.read_bytes() == entry.weights_path.read_bytes()
    assert again.card.performance.metric("accuracy").interval == shown.metrics[0].interval
