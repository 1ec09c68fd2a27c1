"""A search for settings: held-out cells are out of reach, it goes on after a kill as if unbroken, and stays quiet."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.errors import InputRefused, JobCancelled, ModelError, WrongUse
from nscweb.core.progress import stop_if_asked
from nscweb.services.context import App
from nscweb.services.train.request import TrainRequest, TuneRequest
from nscweb.services.train.train import config_of
from nscweb.services.train.training_data import collect_data
from nscweb.services.train.tune import search, tune, without_held_out
from nscweb.services.train.tune_files import BEST, FACTS, TRIALS, read_trials
from nscweb.services.train.tune_space import SPACE, Choices, Range, defaults_in, read_space, settings_of, with_settings
from nscweb.training import loop
from nscweb.training.config import TrainConfig
from nscweb.training.splits.plan import split_by_sample

SMALL = {"options": {"width": 8, "depth": 1}, "precision": "float32", "warmup_steps": 2}
FEW: dict[str, Range | Choices] = {"learning_rate": Range(1e-4, 1e-1, log=True), "batch": Choices((16, 32))}


def request(out: Path, **changes: object) -> TuneRequest:
    values = {
        "studies": (),
        "architecture": "compact",
        "out": out,
        "trials": 3,
        "epochs": 2,
        "settings": SMALL,
        "simulated": 90,
        "device": "cpu",
        "space": FEW,
        **changes,
    }
    return TuneRequest(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory):
    """Config, data and split of one small simulated set."""
    wanted = TrainRequest((), "compact", Path("x"), epochs=2, settings=SMALL, simulated=90, device="cpu")
    no_app: App = None  # type: ignore[assignment]
    data = collect_data(no_app, wanted, lambda *_: None, lambda: False).data
    return config_of(wanted, 1), data, split_by_sample(data, 0)


def test_a_search_leaves_settings_facts_and_a_table(opened: App, tmp_path: Path, capfd) -> None:
    steps: list[str] = []
    told = tune(opened, request(tmp_path / "s"), progress=lambda done, total, step="": steps.append(step))
    settings = json.loads((tmp_path / "s" / BEST).read_text("utf-8"))
    facts = json.loads((tmp_path / "s" / FACTS).read_text("utf-8"))
    rows = list(csv.DictReader((tmp_path / "s" / TRIALS).read_text("utf-8").splitlines()))
    assert settings == told.settings and set(settings) == {"learning_rate", "batch"}
    assert [row["trial"] for row in rows] == ["1", "2", "3"] and read_trials(tmp_path / "s") == rows
    assert facts["trials"] == 3 and facts["validation_loss"] == min(row.loss for row in told.trials)
    assert told.trials[0].point == {"learning_rate": 2e-3, "batch": 32}  # the default, as near as the space allows
    assert any(step.startswith("Trial 3 of 3: Epoch 2 of 2") for step in steps)
    assert capfd.readouterr() == ("", "")
    config = config_of(TrainRequest((), "compact", tmp_path, settings=settings, simulated=1), None)
    assert (config.learning_rate, config.batch) == (settings["learning_rate"], settings["batch"])


def test_held_out_cells_are_out_of_reach_of_the_search(cells, tmp_path: Path) -> None:
    config, data, split = cells
    clean = search(request(tmp_path / "a"), config, *without_held_out(data, split))
    spoiled_fields = data.fields.copy()
    spoiled_fields[split.held_out] = np.nan
    spoiled_labels = data.labels.copy()
    spoiled_labels[split.held_out] = 0
    spoiled = replace(data, fields=spoiled_fields, labels=spoiled_labels)
    smaller, places = without_held_out(spoiled, split)
    assert len(smaller) == len(data) - len(split.held_out) and len(places.held_out) == 0
    np.testing.assert_array_equal(smaller.fields[places.train], data.fields[split.train])
    np.testing.assert_array_equal(smaller.labels[places.validation], data.labels[split.validation])
    again = search(request(tmp_path / "b"), config, smaller, places)
    assert [row.loss for row in again.trials] == [row.loss for row in clean.trials]


def scripted_fit(config, data, split, folder, progress, cancel, after_epoch) -> None:
    """A training of no cost: the loss falls from epoch to epoch to a value that the learning rate decides."""
    off = abs(math.log10(config.learning_rate / 2e-3)) + config.batch / 1000
    for epoch in range(1, config.epochs + 1):
        stop_if_asked(cancel)
        if config.learning_rate > 1:
            raise ModelError("Training failed: the loss is no longer a number.")
        after_epoch(
            {"epoch": float(epoch), "validation_loss": off + 1 / epoch, "validation_accuracy": 0.5, "seconds": 1.0}
        )


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_a_search_that_was_stopped_goes_on_to_the_same_trials(
    cells, tmp_path: Path, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "fit", scripted_fit)
    config, data, split = cells
    data, split = without_held_out(data, split)
    whole = search(request(tmp_path / "whole", trials=9, sampler=sampler), config, data, split)
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 14

    broken = request(tmp_path / "broken", trials=9, sampler=sampler)
    with pytest.raises(JobCancelled):
        search(broken, config, data, split, cancel=cancel)
    assert 0 < len(read_trials(broken.out)) < 9
    after = search(broken, config, data, split)
    assert after.trials == whole.trials
    assert not list((broken.out / "trials").glob("*"))


def test_a_trial_that_is_worse_than_the_others_ends_early_and_one_that_diverges_is_told(
    cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "fit", scripted_fit)
    config, data, split = cells
    space = {"learning_rate": Range(1e-5, 1e3, log=True)}
    asked = request(tmp_path / "s", trials=12, epochs=4, space=space)
    told = search(asked, replace(config, epochs=4), *without_held_out(data, split))
    assert {row.state for row in told.trials} == {"finished", "ended early", "diverged"}
    assert all(2 <= row.epochs < 4 for row in told.trials if row.state == "ended early")
    # What the sampler chose after the six trials at random is nearer to the best rate than those were.
    far = [abs(math.log10(row.point["learning_rate"] / 2e-3)) for row in told.trials]
    assert np.median(far[6:]) < np.median(far[1:6])
    assert told.best.number == 1 or far[told.best.number - 1] < 0.5


def test_another_search_in_the_same_folder_is_refused(cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "fit", scripted_fit)
    config, data, split = cells
    small = without_held_out(data, split)
    search(request(tmp_path / "s", trials=1), config, *small)
    with pytest.raises(WrongUse, match="another"):
        search(request(tmp_path / "s", trials=1), replace(config, epochs=3), *small)
    with pytest.raises(WrongUse, match="another"):
        search(request(tmp_path / "s", trials=1, sampler="tpe"), config, *small)
    assert len(search(request(tmp_path / "s", trials=2), config, *small).trials) == 2


def test_the_space_is_declared_and_settings_follow_from_a_point(tmp_path: Path) -> None:
    config = TrainConfig(batch=64)
    point = defaults_in(SPACE, config)
    assert with_settings(config, settings_of(config, point)) == config
    doubled = with_settings(config, settings_of(config, {**point, "augmentation": 2.0, "mixup": 0.3}))
    assert doubled.augment.blur == pytest.approx(2 * config.augment.blur)
    assert doubled.augment.rotation == config.augment.rotation and doubled.mixup == 0.3
    path = tmp_path / "space.json"
    path.write_text('{"batch": {"choices": [8, 16]}, "mixup": {"low": 0, "high": 0.5}}')
    assert read_space(path) == {"batch": Choices((8, 16)), "mixup": Range(0.0, 0.5)}
    for wrong in ('{"colour": {"low": 0, "high": 1}}', "[]", '{"mixup": {"low": 1, "high": 0}}', "no JSON"):
        path.write_text(wrong)
        with pytest.raises(InputRefused):
            read_space(path)


@pytest.mark.parametrize("changes", [{"trials": 0}, {"sampler": "grid"}, {"architecture": "none"}, {"simulated": 0}])
def test_requests_that_make_no_sense_are_refused(opened: App, tmp_path: Path, changes: dict) -> None:
    with pytest.raises(WrongUse):
        tune(opened, request(tmp_path / "s", **changes))


def test_optuna_is_not_imported_before_a_search() -> None:
    code = "import sys, nscweb.services.train.tune; assert 'optuna' not in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
