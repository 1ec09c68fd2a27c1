"""Tests of maps have known answers for maps that know nothing of the network, and enter the card at training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_cells import QUICK, toy_data

from nscweb.core.card import card_from_dict, card_to_dict
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.card_writer import CardText
from nscweb.training.checks.map_tests import RIVALS, judge_maps
from nscweb.training.make_model import train

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z", limits=("A limit.",))
OPTIONS = {"width": 8, "depth": 1}


def network():
    torch.manual_seed(0)
    return ARCHITECTURES["compact"].make(1, 2, OPTIONS).eval()


def of_the_image(network, inputs, classes, background):
    """Looks like an explanation and knows nothing of the network: where the cell is dark."""
    return np.abs(inputs[:, 0])


def of_the_frame(network, inputs, classes, background):
    """The same for every cell and network."""
    return np.broadcast_to(np.random.default_rng(0).random(inputs.shape[2:]), (len(inputs), *inputs.shape[2:]))


def of_the_weights(network, inputs, classes, background):
    """Nothing but weights: those of the last layer, laid over the frame."""
    weight = network.classifier.weight.detach().numpy().ravel()
    return np.broadcast_to(np.resize(weight, inputs.shape[2:]), (len(inputs), *inputs.shape[2:]))


@pytest.fixture(scope="module")
def judged():
    inputs = toy_data(2).inputs(np.arange(24))
    told: list[tuple[int, int]] = []
    methods = {"image": of_the_image, "frame": of_the_frame, "weights": of_the_weights}
    found = judge_maps(
        network(),
        "compact",
        OPTIONS,
        inputs,
        methods=methods,
        seed=1,
        progress=lambda done, total, step="": told.append((done, total)),
    )
    assert told == [(done, 15) for done in range(16)]
    return found, {row["order"]: row for row in found["orders"]}


def test_what_does_not_look_at_the_network_stays_when_weights_are_drawn_anew(judged):
    _, rows = judged
    for name in ("image", "frame"):
        assert rows[name]["last_layer"]["low"] == rows[name]["all_layers"]["low"] == 1.0
    assert abs(rows["weights"]["last_layer"]["value"]) < 0.5
    assert abs(rows["weights"]["all_layers"]["value"]) < 0.5


def test_what_moves_with_the_cell_is_steady_and_what_stays_on_the_frame_is_not(judged):
    _, rows = judged
    assert rows["image"]["shift_1px"]["value"] == rows["image"]["shift_2px"]["value"] == 1.0
    assert abs(rows["frame"]["shift_1px"]["value"]) < 0.3


def test_a_map_that_is_a_rival_in_disguise_does_not_beat_it(judged):
    found, rows = judged
    assert [row["order"] for row in found["orders"]] == ["image", "frame", "weights", *RIVALS]
    against = rows["image"]["against"]
    assert set(against) == set(RIVALS) and set(rows["weights"]["against"]) == {*RIVALS, "image", "frame"}
    # The background of a prepared cell is about 0, so the order is that of contrast but for a few pixels.
    for figure in against["contrast"].values():
        assert figure["value"] == pytest.approx(0, abs=0.01)
    # More of it lies in the cell than the cell covers, but the frame has just that share there.
    assert rows["image"]["inside"]["low"] > 1.5 * found["area"]
    assert rows["frame"]["inside"]["value"] == pytest.approx(found["area"], abs=0.05)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return train(replace(QUICK, epochs=1), toy_data(10), tmp_path_factory.mktemp("models") / "toys", TEXT).card


def test_training_keeps_the_table_in_the_card(card):
    tests = card.map_tests
    assert [row["order"] for row in tests["orders"]] == ["grad-cam", "integrated-gradients", *RIVALS]
    assert tests["cells"] > 20 and tests["samples"] >= 2 and 0 < tests["area"] < 1
    for row in tests["orders"]:
        for key in ("deletion", "insertion"):
            assert 0 <= row[key]["low"] <= row[key]["value"] <= row[key]["high"] <= 1
    assert card_from_dict(card_to_dict(card)) == card


def test_a_card_from_before_there_were_tests_opens(card):
    older = {key: value for key, value in card_to_dict(card).items() if key != "map_tests"}
    assert card_from_dict(older).map_tests == {}
