"""Every network in the table keeps the contract; the published one is the published one; the default is cheap."""

from __future__ import annotations

import json

import pytest
import torch

from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import count_cost


def test_the_published_network_has_the_names_and_shapes_of_the_authors_file(shared):
    listed = shared / "data" / "zhu2021" / "published_state_dict_shapes.json"
    published = json.loads(listed.read_text("utf-8"))
    ours = {
        name: list(tensor.shape) for name, tensor in ARCHITECTURES["zhu2021"].make(1, 3).state_dict().items()
    }
    assert len(ours) == 172
    assert ours == published
    assert list(ours) == list(published)


def test_the_published_network_has_its_number_of_parameters():
    assert count_cost(ARCHITECTURES["zhu2021"].make(1, 3), (1, 45, 30)).parameters == 3_992_867


def test_the_default_network_does_at_most_a_quarter_of_the_work_of_the_published_one():
    published = count_cost(ARCHITECTURES["zhu2021"].make(1, 3), (1, 45, 30))
    compact = ARCHITECTURES["compact"]
    ours = count_cost(compact.make(1, 3), (1, *compact.default_input))
    assert ours.macs <= published.macs / 4
    assert ours.mflop < 40


def test_counted_work_equals_what_the_formula_says():
    layer = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(144, 5)
    )
    assert count_cost(layer, (2, 6, 6)).macs == 4 * 36 * 2 * 9 + 144 * 5
    assert not any(module._forward_hooks for module in layer.modules())


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_keeps_the_contract(name, channels):
    line = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = line.make(channels, 4).eval()
    x = torch.randn(2, channels, *line.default_input)
    seen = []
    handle = model.cam_layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.inference_mode():
        features = model.forward_features(x)
        logits = model(x)
        assert torch.equal(model.forward_head(features), logits)
    handle.remove()
    assert logits.shape == (2, 4)
    assert features.ndim == 4
    assert torch.equal(seen[-1], features)
    assert model.classifier.out_features == 4


@pytest.mark.parametrize("name", [name for name, line in ARCHITECTURES.items() if line.closed_form_cam])
def test_a_network_with_closed_form_maps_ends_in_average_pooling_and_one_linear_layer(name):
    model = ARCHITECTURES[name].make(1, 3).eval()
    with torch.inference_mode():
        features = model.forward_features(torch.randn(3, 1, *ARCHITECTURES[name].default_input))
        expected = model.classifier(features.mean(dim=(2, 3)))
        assert torch.allclose(model.forward_head(features), expected, atol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_reach_every_parameter(name):
    model = ARCHITECTURES[name].make(1, 3)
    model(torch.randn(4, 1, 32, 32)).square().sum().backward()
    assert [key for key, value in model.named_parameters() if value.grad is None] == []
