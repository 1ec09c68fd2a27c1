"""A killed run goes on to the same weights; the folder is complete; nothing of the app is needed."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import safetensors.torch
import torch
from rounding import score_rounding
from tiny_cells import QUICK, toy_data

from nscweb.core.card import read_card
from nscweb.core.errors import InputRefused, JobCancelled, WrongUse
from nscweb.inference.classifier import Classifier
from nscweb.inference.embeddings import feature_reference
from nscweb.inference.familiarity import reference_of
from nscweb.models.loading import load_model, replay_example
from nscweb.training.__main__ import main
from nscweb.training.augment import AugmentSettings
from nscweb.training.card_writer import CardText
from nscweb.training.config import TrainConfig, published_settings, recipe_settings
from nscweb.training.loop import CHECKPOINT, fit
from nscweb.training.make_model import train
from nscweb.training.options import config_of, parser
from nscweb.training.splits.plan import split_by_sample

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z")
# What an import of training, or a run of it, must not need.
APP_PACKAGES = ("sqlalchemy", "pandas", "sklearn", "streamlit", "plotly", "typer", "PIL", "tifffile")


@pytest.fixture(scope="module")
def data():
    return toy_data(40)


def test_a_card_describes_known_cells_to_the_network_and_in_plain_statistics(tmp_path):
    known = train(replace(QUICK, epochs=1), toy_data(80), tmp_path / "toys", TEXT).card
    for kind in ("embedding", "input"):
        reference = reference_of(known, kind)
        assert reference is not None
        assert reference.quantiles[0.5] < reference.quantiles[0.99]


@pytest.fixture(scope="module")
def entry(data, tmp_path_factory):
    return train(replace(QUICK, epochs=6), data, tmp_path_factory.mktemp("models") / "toys", TEXT)


class StopAfter:
    """Asks to stop at the n-th question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def weights(folder) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "weights.safetensors")


def test_a_network_learns_what_can_be_learnt(entry):
    assert entry.card.performance.metric("accuracy").value > 0.9


def test_the_folder_is_complete_and_replays_its_example(entry):
    card, folder = entry.card, entry.folder
    names = {path.name for path in folder.iterdir()}
    assert names == {"card.json", "weights.safetensors", "example.npz", "curves.json", "history.csv", "held_out.npz"}
    assert replay_example(entry).largest_difference < score_rounding(load_model(entry))
    assert card.name == "toys"
    assert card.origin.settings["optimiser"] == "adamw"
    assert card.origin.settings["augment"]["rotation"] == 90
    assert card.origin.device == "CPU, 1 thread"
    assert card.origin.cells + sum(map(sum, card.performance.confusion)) < 640
    assert set(card.performance.confusion_by_time) == {"24", "48"}
    assert card.performance.metric("accuracy", time_h=48.0) is not None
    assert card.performance.metric("recall", "long") is not None
    assert set(card.performance.curves) == {"history", "roc", "pr"}
    with (folder / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == card.origin.settings["epochs_run"]
    assert json.loads((folder / "curves.json").read_text())["history"][0]["epoch"] == 1


def test_a_trained_model_predicts_cells_of_any_frame(entry):
    scores = Classifier(entry, device="cpu", threads=1).predict(
        [np.full((1, 30, 50), 90, np.uint8), np.full((1, 18, 90), 9, np.uint16)]
    )
    assert np.isfinite(scores).all()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data, tmp_path):
    found = [
        train(replace(QUICK, epochs=1, seed=seed), data, tmp_path / name / "toys", TEXT)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    digests = [item.card.weights.sha256 for item in found]
    assert digests[0] == digests[1] != digests[2]


EVERYTHING = replace(
    QUICK,
    average=0.9,
    mixup=0.3,
    sampling="balanced",
    label_smoothing=0.1,
    schedule="step",
    step_every=1,
    optimiser="sgd",
    learning_rate=0.02,
)


@pytest.mark.parametrize(("config", "questions"), [(QUICK, 15), (QUICK, 22), (EVERYTHING, 15)])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(data, tmp_path, config, questions):
    unbroken = train(config, data, tmp_path / "a" / "toys", TEXT, checks=False)
    with pytest.raises(JobCancelled):
        train(config, data, tmp_path / "b" / "toys", TEXT, checks=False, cancel=StopAfter(questions))
    checkpoint = tmp_path / "b" / "toys" / CHECKPOINT
    assert checkpoint.is_file()
    assert not (tmp_path / "b" / "toys" / "card.json").exists()
    seen = []
    resumed = train(
        config,
        data,
        tmp_path / "b" / "toys",
        TEXT,
        checks=False,
        progress=lambda done, total, step="": seen.append(step),
    )
    assert not any(step.startswith("Epoch 1 ") for step in seen)
    assert resumed.card.weights.sha256 == unbroken.card.weights.sha256
    history = [
        [
            {key: value for key, value in row.items() if key != "seconds"}
            for row in item.card.performance.curves["history"]
        ]
        for item in (unbroken, resumed)
    ]
    assert history[0] == history[1]
    assert not checkpoint.exists()


def test_an_unfinished_run_of_another_kind_is_not_mixed_in(data, tmp_path):
    with pytest.raises(JobCancelled):
        train(QUICK, data, tmp_path / "toys", TEXT, cancel=StopAfter(15))
    with pytest.raises(WrongUse, match="other data or with other settings"):
        train(replace(QUICK, learning_rate=1e-4), data, tmp_path / "toys", TEXT)
    (tmp_path / "toys" / CHECKPOINT).write_bytes(b"half a file")
    with pytest.raises(WrongUse, match="damaged"):
        train(QUICK, data, tmp_path / "toys", TEXT)


def test_a_model_that_is_there_is_not_overwritten(data, entry):
    with pytest.raises(WrongUse, match="already"):
        train(QUICK, data, entry.folder, TEXT)


def test_training_stops_when_validation_no_longer_gets_better_and_keeps_the_best(data, tmp_path):
    # A learning rate that harms: the best epoch comes early.
    config = replace(QUICK, epochs=30, patience=2, learning_rate=0.3, schedule="constant")
    trained = fit(config, data, split_by_sample(data, 4), tmp_path)
    assert len(trained.history) < 30
    losses = [row["validation_loss"] for row in trained.history]
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) - trained.best_epoch == 2


def test_what_is_kept_and_validated_is_the_average(data, tmp_path):
    split = split_by_sample(data, 4)
    plain, slow = (
        fit(replace(QUICK, epochs=1, average=decay), data, split, tmp_path / str(decay)) for decay in (0.0, 0.99)
    )
    assert plain.history[0]["train_loss"] == slow.history[0]["train_loss"]
    assert plain.history[0]["validation_loss"] != slow.history[0]["validation_loss"]
    one, other = (item.model.state_dict()["head.weight"] for item in (plain, slow))
    assert not torch.equal(one, other)


def test_a_gain_that_is_too_small_does_not_keep_a_run_going(data, tmp_path):
    config = replace(QUICK, epochs=30, patience=2, least_gain=10.0)
    trained = fit(config, data, split_by_sample(data, 4), tmp_path)
    assert len(trained.history) == 3
    assert trained.best_epoch == int(np.argmin([row["validation_loss"] for row in trained.history])) + 1


def test_without_cells_that_decide_the_last_epoch_is_kept_and_held_out_cells_are_only_looked_at(data, tmp_path):
    split = replace(split_by_sample(data, 4), validation=np.zeros(0, np.int64))
    trained = fit(replace(QUICK, patience=1), data, split, tmp_path / "a")
    assert trained.best_epoch == len(trained.history) == QUICK.epochs
    assert all("validation_loss" in row for row in trained.history)
    other = replace(split, held_out=split.held_out[::3])
    again = fit(replace(QUICK, patience=1), data, other, tmp_path / "b")
    ours, theirs = trained.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(WrongUse, match="learn from"):
        fit(QUICK, data, replace(split, train=split.train[:0]), tmp_path / "c")


def test_the_card_holds_the_numbers_that_were_chosen(tmp_path):
    config = replace(QUICK, epochs=1, batch=0)
    settings = train(config, toy_data(5), tmp_path / "toys", TEXT, checks=False).card.origin.settings
    assert (settings["batch"], settings["epochs"], settings["patience"]) == (64, 1, 5)


def test_every_option_of_the_bare_command_reaches_the_settings():
    words = (
        "--simulated 9 --out x --architecture accurate --pretrained none --epochs 5 --batch 16 --optimiser sgd "
        "--learning-rate 0.1 --weight-decay 0.3 --clip-gradient 0 --schedule step --warmup-steps 4 --step-every 3 "
        "--step-factor 0.5 --sampling balanced --balance 0.25 --label-smoothing 0.2 --mixup 0.4 --average 0.9 "
        "--patience 7 --least-gain 0.01 --seed 8 --device cpu --threads 2 --precision float32 --compile "
        "--quarter-turns --crop 0.5 --members 3 --plain-features never"
    )
    config = config_of(parser("").parse_args(words.split()))
    untouched = {"options", "pretrained", "augment"}
    for item in fields(TrainConfig):
        if item.name not in untouched:
            assert getattr(config, item.name) != getattr(TrainConfig(), item.name), item.name
    assert config.augment == replace(AugmentSettings(), quarter_turns=True, rotation=0.0, crop=0.5)
    paper = config_of(parser("").parse_args(["--simulated", "9", "--out", "x", "--recipe", "kim2023", "--seed", "3"]))
    assert paper == recipe_settings("kim2023", seed=3)
    still = config_of(parser("").parse_args(["--simulated", "9", "--out", "x", "--no-augment"]))
    assert still.augment == AugmentSettings.off()


def test_settings_of_the_paper_are_adam_at_a_thousandth():
    config = published_settings()
    assert (config.architecture, config.optimiser, config.learning_rate) == ("zhu2021", "adam", 1e-3)
    assert config.schedule == "constant"


def test_mixed_precision_learns_as_well(data, tmp_path):
    half = fit(replace(QUICK, epochs=6, precision="bfloat16"), data, split_by_sample(data, 4), tmp_path)
    assert half.precision == "bfloat16"
    assert max(row["validation_accuracy"] for row in half.history) > 0.85


def test_a_split_by_cell_is_among_the_limits_of_the_card(tmp_path):
    few = toy_data(40, 1)
    with pytest.raises(InputRefused):
        train(QUICK, few, tmp_path / "toys", TEXT)
    entry = train(replace(QUICK, epochs=1), few, tmp_path / "toys", TEXT, split_by="cell")
    assert any("same acquisitions" in line for line in entry.card.limits)


def test_the_bare_entry_point_needs_nothing_of_the_app(tmp_path):
    """Runs with the app's packages made impossible to import, and leaves a whole model."""
    code = (
        "import sys\n"
        f"for name in {APP_PACKAGES!r}: sys.modules[name] = None\n"
        "from nscweb.training.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    out = tmp_path / "sim"
    words = ["--simulated", "720", "--out", str(out), "--epochs", "1", "--seed", "3", "--threads", "1", "--no-checks"]
    words += ["--folds", "1"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    card = read_card(out).card
    assert card.origin.simulated
    assert card.origin.command.startswith("python -m nscweb.training --simulated 720")
    assert any("no known accuracy on real cells" in line for line in card.limits)
    assert "accuracy on held-out cells" in done.stdout
    assert feature_reference(card) is None


def test_the_bare_entry_point_answers_wrong_use_with_a_sentence(tmp_path, entry, capsys):
    assert main(["--simulated", "10", "--out", str(entry.folder)]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["--cells", str(tmp_path / "none.json"), "--out", str(tmp_path / "x")]) == 1
    assert "cannot be read" in capsys.readouterr().err
