"""Networks of papers have the number of parameters, the names and the work that their papers print."""

from __future__ import annotations

import json

import pytest
import torch

from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import Cost, count_cost

# Parameters of the original networks with a thousand classes and three planes, as torchvision and Keras list them.
_KNOWN = {
    "zamani2023-alexnet": 61_100_840,
    "zamani2023-resnet18": 11_689_512,
    "zamani2023-googlenet": 6_624_904,
    "cgrecnet2026-resnet50": 25_557_032,
    "cgrecnet2026-mobilenetv2": 3_504_872,
    "cgrecnet2026-densenet": 7_978_856,
    "cgrecnet2026-vgg": 138_357_544,
    "cgrecnet2026-vit": 86_567_656,
    "efficientnet-lite0": 4_652_008,
}


def cost(name: str, channels: int = 1, classes: int = 3) -> Cost:
    line = ARCHITECTURES[name]
    with torch.device("meta"):
        return count_cost(line.make(channels, classes), (channels, *line.default_input))


def test_the_published_network_has_the_names_and_shapes_of_the_authors_file(shared):
    listed = shared / "data" / "zhu2021" / "published_state_dict_shapes.json"
    published = json.loads(listed.read_text("utf-8"))
    ours = {name: list(tensor.shape) for name, tensor in ARCHITECTURES["zhu2021"].make(1, 3).state_dict().items()}
    assert len(ours) == 172
    assert ours == published
    assert list(ours) == list(published)


def test_the_published_network_has_its_number_of_parameters_at_both_resolutions():
    assert cost("zhu2021").parameters == cost("zhu2021-15x10").parameters == 3_992_867


@pytest.mark.parametrize(("name", "share"), [("zhu2021-smaller", 0.7), ("zhu2021-larger", 1.3)])
def test_the_variants_of_the_published_network_are_30_percent_off(name, share):
    assert cost(name).parameters == pytest.approx(share * 3_992_867, rel=0.01)


def test_the_perceptron_has_two_layers_of_512():
    assert cost("zhu2021-mlp").parameters == 45 * 30 * 512 + 512 + 512 * 512 + 512 + 512 * 3 + 3


@pytest.mark.parametrize("name", _KNOWN)
def test_known_networks_have_their_known_number_of_parameters(name):
    assert cost(name, 3, 1000).parameters == _KNOWN[name]


def test_xception_has_the_parameters_that_keras_trains():
    head = 2048 * 64 + 64 + 2 * 64 + 64 * 3 + 3
    assert cost("kim2023-xception", 3).parameters - head == 20_806_952


@pytest.mark.parametrize("name", ["cgrecnet2026", "cgrecnet2026-resgdnet"])
def test_cg_recnet_and_its_gated_half_have_the_printed_number_of_parameters(name):
    published = ARCHITECTURES[name].published.parameters_m
    assert round(cost(name, 3).parameters / 1e6, 2) == published


def test_the_other_two_have_it_with_a_thousand_classes_or_nearly():
    assert round(cost("cgrecnet2026-rescmnet", 3, 1000).parameters / 1e6, 2) == 27.69
    assert cost("cgrecnet2026-resnet50", 3, 1000).parameters / 1e6 == pytest.approx(25.51, abs=0.05)


def test_the_weights_of_efficientnet_lite0_have_296_entries_with_its_names():
    names = list(ARCHITECTURES["efficientnet-lite0"].make(3, 1000).state_dict())
    assert len(names) == 296
    assert names[0] == "_conv_stem.weight"
    assert "_blocks.15._project_conv.weight" in names
    assert names[-2:] == ["_fc.weight", "_fc.bias"]


def test_the_default_network_does_at_most_a_quarter_of_the_work_of_the_published_one():
    published, ours = cost("zhu2021"), cost("compact")
    assert ours.macs <= published.macs / 4
    assert ours.mflop < 40


def test_the_accurate_network_does_a_quarter_of_the_published_and_a_hundredth_of_cg_recnets_work():
    ours = cost("accurate")
    assert ours.macs <= cost("zhu2021").macs / 4
    assert ours.macs <= cost("cgrecnet2026").macs / 100
