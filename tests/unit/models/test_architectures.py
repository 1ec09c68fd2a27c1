"""Every network in the table keeps the contract: shapes, channels, batches, class maps, saving, export."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from rounding import network_rounding
from torch import nn

from nscweb.core.errors import WrongUse
from nscweb.inference.folding import fold_batch_norm
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import Architecture, CellNetwork
from nscweb.models.cost import count_cost

# Tests run all networks on one or two cores: what the big ones show on numbers the small ones show as well.
_SMALL = 6_000_000
_EXPORTED = (
    "compact",
    "accurate",
    "features",
    "zhu2021",
    "zhu2021-mlp",
    "zhu2021-vgg",
    "parthasarathy2024-mobilenet",
    "zamani2023-alexnet",
)


def on_meta(line: Architecture, channels: int = 1, classes: int = 4) -> CellNetwork:
    """The network without memory for its numbers."""
    with torch.device("meta"):
        return line.make(channels, classes)


def filled(line: Architecture, channels: int = 1, classes: int = 4) -> CellNetwork:
    """The network with plain random numbers; much quicker than the initial weights of the big ones."""
    model = on_meta(line, channels, classes).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.ndim > 1:
                value.uniform_(-1, 1, generator=generator).mul_(math.sqrt(6 / max(1, value[0].numel())))
            else:
                value.fill_(0 if name.endswith(("bias", "running_mean", "num_batches_tracked")) else 1)
    return model.eval()


# By name: to count the numbers of all networks takes seconds, in each process that collects tests.
_SMALL_ONES = (
    "compact",
    "accurate",
    "features",
    "zhu2021",
    "zhu2021-smaller",
    "zhu2021-larger",
    "zhu2021-15x10",
    "zhu2021-mlp",
    "parthasarathy2024-mobilenet",
    "zamani2023-googlenet",
    "cgrecnet2026-mobilenetv2",
    "efficientnet-lite0",
)
# And those of the big ones whose layers are made here.
_NUMBERS = (*_SMALL_ONES, "cgrecnet2026", "cgrecnet2026-vit", "kim2023-xception", "zhu2021-inception")


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def line(request) -> Architecture:
    return ARCHITECTURES[request.param]


@pytest.fixture(scope="module")
def network(line) -> CellNetwork:
    return filled(line)


@pytest.fixture(scope="module")
def batch(line) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 1, *line.smallest_input)


def test_the_small_ones_are_all_that_are_small(line):
    assert (sum(part.numel() for part in on_meta(line).parameters()) <= _SMALL) == (line.name in _SMALL_ONES)


def test_two_halves_make_the_network_and_the_map_layer_gives_the_features(line, network, batch):
    seen = []
    with torch.inference_mode():
        if line.class_maps != "none":
            network.cam_layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        features = network.forward_features(batch)
        logits = network(batch)
        assert torch.equal(network.forward_head(features), logits)
    assert logits.shape == (2, 4)
    assert torch.isfinite(logits).all()
    assert features.ndim == 4
    assert network.classifier.out_features == 4
    if line.class_maps != "none":
        network.cam_layer._forward_hooks.clear()
        assert torch.equal(seen[-1], features)


def test_cells_do_not_depend_on_their_company(network, batch):
    with torch.inference_mode():
        together, alone = network(batch), network(batch[1:])
    near = network_rounding(network, float(together.abs().max()))
    assert torch.allclose(together[1:], alone, rtol=0, atol=near)


def test_class_maps_are_what_the_table_says(line, network, batch):
    if line.class_maps == "none":
        with pytest.raises(WrongUse, match="no class maps"):
            _ = network.cam_layer
        return
    with torch.inference_mode():
        features = network.forward_features(batch)
        if features.shape[1] == network.classifier.in_features:
            pooled = network.classifier(features.mean(dim=(2, 3)))
            near = network_rounding(network.classifier, float(pooled.abs().max()))
            same = torch.allclose(network.forward_head(features), pooled, rtol=0, atol=near)
        else:
            same = False
    assert same == line.closed_form_cam


def test_weights_survive_a_file(line, network, batch):
    """Of big ones the names are compared, of small ones the scores."""
    if line.name not in _SMALL_ONES:
        fresh = on_meta(line)
        missing = fresh.load_state_dict(network.state_dict(), strict=True, assign=True)
        assert not missing.missing_keys
        return
    data = safetensors.torch.save({name: v.contiguous() for name, v in network.state_dict().items()})
    copy = on_meta(line).eval()
    copy.load_state_dict(safetensors.torch.load(data), strict=True, assign=True)
    with torch.inference_mode():
        found, expected = copy(batch), network(batch)
    assert all(torch.equal(value, copy.state_dict()[name]) for name, value in network.state_dict().items())
    # The tensors of a file lie at other places in memory, where a processor may sum in another order.
    assert torch.allclose(found, expected, rtol=0, atol=network_rounding(network, float(expected.abs().max())))


@pytest.mark.parametrize("channels", [1, 2, 3, 12])
def test_any_set_of_channels_fits_at_the_size_of_the_paper(line, channels):
    model = on_meta(line, channels, 3).eval()
    x = torch.zeros(2, channels, *line.default_input, device="meta")
    assert model(x).shape == (2, 3)


def test_prediction_can_trace_and_fold_every_network(line):
    with torch.device("meta"):
        folded = fold_batch_norm(on_meta(line))
        features, logits = folded(torch.zeros(3, 1, *line.default_input))
    assert features.shape[0] == 3
    assert logits.shape == (3, 4)


@pytest.mark.parametrize("name", _NUMBERS)
def test_folding_keeps_the_scores(name):
    model = filled(ARCHITECTURES[name])
    x = torch.randn(2, 1, *ARCHITECTURES[name].smallest_input)
    with torch.inference_mode():
        expected = model(x)
        found = fold_batch_norm(model)(x)[1]
    assert torch.allclose(found, expected, rtol=0, atol=network_rounding(model, float(expected.abs().max())))


@pytest.mark.parametrize("name", _EXPORTED)
def test_small_networks_can_be_exported(name):
    line = ARCHITECTURES[name]
    model = on_meta(line).eval()
    x = torch.zeros(2, 1, *line.default_input, device="meta")
    exported = torch.export.export(model, (x,))
    assert exported.module()(x).shape == (2, 4)


@pytest.mark.parametrize("name", _NUMBERS)
def test_gradients_reach_every_parameter(name):
    line = ARCHITECTURES[name]
    model = line.make(1, 3)
    side = max(32, *line.smallest_input)
    size = (side, side) if line.class_maps != "none" else line.default_input
    model(torch.randn(4, 1, *size)).square().sum().backward()
    assert [key for key, value in model.named_parameters() if value.grad is None] == []


def test_a_line_has_the_name_of_its_key_and_a_card_cannot_change_its_preset(line):
    assert ARCHITECTURES[line.name] is line
    assert line.title and line.source
    for key in line.preset:
        with pytest.raises(TypeError):
            line.make(1, 3, {key: 1})


def test_listing_networks_does_not_import_torchvision():
    code = (
        "import sys; from nscweb.models.architectures import ARCHITECTURES;"
        "sys.exit(any(name.split('.')[0] == 'torchvision' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_counted_work_equals_what_the_formula_says():
    layer = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Flatten(), nn.Linear(144, 5))
    assert count_cost(layer, (2, 6, 6)).macs == 4 * 36 * 2 * 9 + 144 * 5
    assert not any(module._forward_hooks for module in layer.modules())


def test_attention_is_counted_alike_with_and_without_numbers():
    def layer() -> nn.Module:
        class Attend(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                tokens = x.flatten(2).transpose(1, 2)
                out: torch.Tensor = self.attend(tokens, tokens, tokens, need_weights=False)[0]
                return out

        return Attend()

    with torch.device("meta"):
        bare = count_cost(layer(), (8, 3, 4))
    # Four projections of 12 tokens, then 12 x 12 similarities and as many weighted sums.
    assert bare.macs == 4 * 12 * 8 * 8 + 2 * 12 * 12 * 8
    assert count_cost(layer(), (8, 3, 4)) == bare
