"""Schedules, sampling, averages, mixup: each does what its name says, from the seed and the step alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_cells import QUICK, toy_data
from torch.nn import functional

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training import learner
from nscweb.training.augment import AugmentSettings
from nscweb.training.average import Average
from nscweb.training.config import FAMILIES, TrainConfig, recipe_settings
from nscweb.training.data.inputs import Batch, BatchMaker, ahead, mixed_loss
from nscweb.training.data.sampling import batches, epoch_order, steps_per_epoch
from nscweb.training.distributed import ALONE, Team, team_of
from nscweb.training.learner import start_learner
from nscweb.training.rates import class_weight, learning_rate, make_optimiser

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return toy_data(6)


def test_a_small_set_gets_some_thousand_steps_and_a_large_one_about_ten_passes():
    for cells, least, most in ((300, 1900, 4000), (1_500, 4000, 4600), (10_000, 4500, 6000)):
        config = TrainConfig().for_cells(cells)
        assert config.batch == 64
        assert least <= config.epochs * steps_per_epoch(config, cells) <= most
    assert 7 <= TrainConfig().for_cells(100_000).epochs <= 12
    assert TrainConfig().for_cells(1_000_000).epochs == 8
    given = TrainConfig(epochs=3, batch=15, patience=2).for_cells(50_000)
    assert (given.epochs, given.batch, given.patience) == (3, 15, 2)
    assert given.for_cells(10) == given


def test_no_run_stops_before_a_third_of_it_unless_asked():
    assert TrainConfig().for_cells(1_500).patience * 3 >= TrainConfig().for_cells(1_500).epochs
    assert TrainConfig(epochs=6).for_cells(1_500).patience == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"batch": 1},
        {"learning_rate": 0},
        {"learning_rate": math.inf},
        {"patience": -1},
        {"average": 1.0},
        {"label_smoothing": 1.0},
        {"mixup": -0.1},
        {"step_every": 0},
        {"step_factor": 0.0},
        {"balance": 2.0},
        {"least_gain": -1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(WrongUse):
        TrainConfig(**wrong)


def test_the_step_schedule_of_cg_recnet_falls_to_a_tenth_every_seven_epochs():
    config = replace(recipe_settings("cgrecnet2026"), epochs=100)
    rates = [learning_rate(config, epoch * 5 + 4, 5) for epoch in (0, 6, 7, 13, 14)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5])


def test_the_cosine_schedule_warms_up_and_ends_near_nothing_even_in_a_short_run():
    config = TrainConfig(epochs=2, batch=32, learning_rate=1.0, warmup_steps=100)
    rates = [learning_rate(config, step, 20) for step in range(40)]
    assert rates[0] == pytest.approx(0.25)
    assert max(rates) > 0.95
    assert rates[-1] < 0.02


def test_balanced_sampling_shows_every_class_equally_often_and_no_cell_much_more_than_another():
    labels = np.array([0] * 70 + [1] * 20 + [2] * 7)
    rows = np.arange(100, 197)
    config = TrainConfig(sampling="balanced", batch=16)
    order = epoch_order(config, rows, labels, 0)
    counts = np.bincount(labels[order - 100])
    assert len(order) == len(rows) and counts.max() - counts.min() <= 1
    times = np.bincount(order - 100, minlength=97)
    for label in range(3):
        assert np.ptp(times[labels == label]) <= 1
    assert np.array_equal(order, epoch_order(config, rows, labels, 0))
    assert not np.array_equal(order, epoch_order(config, rows, labels, 1))
    natural = epoch_order(replace(config, sampling="natural"), rows, labels, 0)
    assert sorted(natural) == rows.tolist()


def test_batches_can_be_shared_evenly_and_none_is_a_single_cell():
    config = TrainConfig(batch=10)
    assert [len(batch) for batch in batches(config, np.arange(41))] == [10] * 4
    assert [len(batch) for batch in batches(config, np.arange(43), 2)] == [10] * 4
    assert [len(batch) for batch in batches(config, np.arange(45), 2)] == [10, 10, 10, 10, 4]


def test_weights_of_classes_are_one_on_average_and_half_a_balance_lies_between():
    labels = np.array([0] * 90 + [1] * 10)
    none, half, full = (class_weight(TrainConfig(balance=b), labels, 2) for b in (0, 0.5, 1))
    assert none.tolist() == [1, 1]
    assert float(full[1] / full[0]) == pytest.approx(9)
    assert float(half[1] / half[0]) == pytest.approx(3)
    for weight in (half, full):
        assert float(weight[labels].mean()) == pytest.approx(1)
    assert class_weight(TrainConfig(sampling="balanced"), labels, 2).tolist() == [1, 1]


def test_an_average_follows_weights_and_buffers_and_copies_counters():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = Average(model, 0.5)
    start = average.network[0].weight.clone()
    with torch.no_grad():
        model[0].weight += 1
        model[1].running_mean += 4
        model[1].num_batches_tracked += 7
    average.update(100)
    assert torch.allclose(average.network[0].weight, start + 0.5)
    assert torch.allclose(average.network[1].running_mean, torch.full((2,), 2.0))
    assert int(average.network[1].num_batches_tracked) == 7
    average.update(0)  # the decay of the first step is a tenth
    assert torch.allclose(average.network[0].weight, start + 0.95)
    assert not average.network.training


def test_mixup_mixes_inputs_and_labels_by_the_same_share(data):
    rows = np.arange(12)
    still = replace(QUICK, augment=AugmentSettings.off())
    plain = BatchMaker(still, data, CPU)(rows, 3)
    mixed = BatchMaker(replace(still, mixup=0.4), data, CPU)(rows, 3)
    assert 0 < mixed.share < 1 and plain.share == 1
    partner = next(
        other
        for other in range(12)
        if torch.allclose(
            mixed.inputs[0], mixed.share * plain.inputs[0] + (1 - mixed.share) * plain.inputs[other], atol=1e-5
        )
    )
    assert int(mixed.others[0]) == int(plain.labels[partner])
    again = BatchMaker(replace(still, mixup=0.4), data, CPU)(rows, 3)
    assert torch.equal(again.inputs, mixed.inputs)


def test_the_loss_of_mixed_cells_lies_between_those_of_their_labels():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    one, other = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([2, 1, 0, 0, 2])
    weight = torch.tensor([0.5, 1.0, 2.0])
    found = mixed_loss(logits, Batch(logits, one, other, 0.3), weight, 0.1)
    parts = [functional.cross_entropy(logits, y, weight, label_smoothing=0.1) for y in (one, other)]
    assert float(found) == pytest.approx(0.3 * float(parts[0]) + 0.7 * float(parts[1]), rel=1e-5)
    plain = Batch(logits, one, one, 1.0)
    halves = mixed_loss(logits, plain, weight, 0.0, weight[one].sum())
    assert float(halves) == pytest.approx(float(mixed_loss(logits, plain, weight, 0.0)), rel=1e-5)


def test_batches_made_ahead_by_a_thread_are_the_same_and_in_order(data):
    make = BatchMaker(QUICK, data, CPU)
    items = [(np.arange(8) + start, start) for start in range(0, 32, 8)]
    plain, threaded = (list(ahead(lambda item: make(*item), items, threaded=way)) for way in (False, True))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(plain, threaded, strict=True))
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 // number, [1, 0, 2], threaded=True))


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_every_optimiser_spares_batch_norm_from_decay(kind):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    groups = make_optimiser(TrainConfig(optimiser=kind, weight_decay=0.1), model).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [len(group["params"]) for group in groups] == [1, 3]


def test_settings_of_each_paper_are_those_of_the_table_of_facts():
    assert set(FAMILIES) == {line.family for line in ARCHITECTURES.values()} - {"nscweb", "general"}
    zhu, zamani, li, kim = (recipe_settings(name) for name in FAMILIES if name != "parthasarathy2024")
    assert (zhu.optimiser, zhu.learning_rate, zhu.augment) == ("adam", 1e-3, AugmentSettings.off())
    assert (zamani.learning_rate, zamani.batch, zamani.epochs) == (1e-4, 15, 10)
    assert (li.batch, li.epochs, li.schedule, li.step_every, li.step_factor) == (8, 100, "step", 7, 0.1)
    assert (li.augment.crop, li.augment.flip, li.augment.rotation) == (0.08, 0.5, 0.0)
    assert (kim.epochs, kim.patience, kim.optimiser) == (50, 10, "adam")
    assert kim.augment.quarter_turns and kim.augment.flip == 0.5 and kim.augment.noise == 0
    for name in FAMILIES:
        config = recipe_settings(name, seed=9)
        assert config.seed == 9
        assert ARCHITECTURES[config.architecture].family == name
        assert (config.balance, config.average, config.mixup, config.weight_decay) == (0, 0, 0, 0)
    with pytest.raises(WrongUse, match="no published recipe"):
        recipe_settings("nobody1999")


def test_compiling_that_fails_is_left_out_with_a_reason_and_without_a_trace(data, monkeypatch):
    def broken(model):
        def forward(x):
            model(x)
            raise RuntimeError("no compiler on this machine\nmore")

        return forward

    monkeypatch.setattr(learner.torch, "compile", broken)
    weight = torch.ones(2)
    plain, failed = (start_learner(replace(QUICK, compile=way), data, weight, CPU) for way in (False, True))
    assert plain.remark == "" and "no compiler on this machine" in failed.remark
    assert failed.forward is failed.network
    for one, other in zip(plain.network.state_dict().values(), failed.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_imagenet_weights_are_asked_for_by_name_and_refused_where_there_are_none(data, tmp_path):
    with pytest.raises(WrongUse, match="no ImageNet weights"):
        start_learner(replace(QUICK, pretrained="imagenet"), data, torch.ones(2), CPU)
    config = TrainConfig(architecture="parthasarathy2024-resnet18", pretrained="imagenet")
    with pytest.raises(InputRefused, match="not on this computer"):
        start_learner(config, data, torch.ones(2), CPU, pretrained_folder=tmp_path)


def test_a_team_shares_a_batch_evenly_and_one_process_is_no_team():
    rows = np.arange(12)
    parts = [Team(rank, 3).part(rows) for rank in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert sorted(np.concatenate(parts)) == rows.tolist()
    with team_of({}, "cpu") as team:
        assert team == ALONE and team.leads
        assert team.summed([1.5], CPU) == team.told([1.5], CPU) == [1.5]
    model = torch.nn.Linear(1, 1)
    assert ALONE.wrapped(model, CPU) is model
