"""The parts of CG-RecNet and of the vision transformer compute what their equations say."""

from __future__ import annotations

import math

import torch
from rounding import network_rounding
from torch.nn import functional

from nscweb.models.architectures.cgrecnet2026 import GatedBlock
from nscweb.models.architectures.cgrecnet2026_others import VisionTransformer
from nscweb.models.architectures.parts.attention_fusion import (
    CrossCovarianceAttention,
    LinAngularXcaFusion,
    LinearAngularAttention,
)


def test_linear_angular_attention_equals_its_quadratic_form():
    torch.manual_seed(0)
    layer = LinearAngularAttention(16).eval()
    x = torch.randn(2, 16, 3, 4)
    tokens = layer.norm(x.flatten(2).transpose(1, 2))
    query, key, value = layer.to_qkv(tokens).chunk(3, dim=-1)
    mixed = []
    for head in range(8):
        part = slice(2 * head, 2 * head + 2)
        q, k = (functional.normalize(plane[..., part], dim=-1) for plane in (query, key))
        similarity = 0.5 + q @ k.transpose(1, 2) / math.pi
        mixed.append(similarity @ value[..., part] / 12)
    texture = layer.texture(value.transpose(1, 2).reshape(x.shape)).flatten(2).transpose(1, 2)
    expected = x + layer.project(
        torch.cat([functional.layer_norm(item, (2,)) for item in mixed], dim=-1) + texture
    ).transpose(1, 2).reshape(x.shape)
    # Normalising two numbers that are nearly equal stretches their rounding.
    both = torch.stack(mixed).detach()
    stretched = float(both.abs().max() / (both.var(dim=-1, unbiased=False) + 1e-5).sqrt().min())
    assert torch.allclose(layer(x), expected, rtol=0, atol=network_rounding(layer, stretched))


def test_cross_covariance_attention_mixes_channels_and_not_places():
    torch.manual_seed(0)
    layer = CrossCovarianceAttention(16).eval()
    x = torch.randn(1, 16, 2, 5)
    order = torch.randperm(10)
    shuffled = x.flatten(2)[..., order].reshape(x.shape)
    expected = layer(x).flatten(2)[..., order]
    near = network_rounding(layer, float(expected.detach().abs().max()))
    assert torch.allclose(layer(shuffled).flatten(2), expected, rtol=0, atol=near)


def test_the_fusion_weighs_the_spatial_branch_by_less_than_one():
    torch.manual_seed(0)
    module = LinAngularXcaFusion(16).eval()
    x = torch.randn(2, 16, 5, 4)
    with torch.inference_mode():
        spatial, fused = module.angular(x), module(x)
    share = fused / spatial
    assert fused.shape == x.shape
    assert float(share.min()) > 0
    assert float(share.max()) < 1


def test_a_closed_gate_leaves_the_features_as_they_are():
    torch.manual_seed(0)
    block = GatedBlock(16).eval()
    x = torch.randn(2, 16, 4, 3)
    assert not torch.allclose(block(x), x)
    with torch.no_grad():
        block.fc1.weight[: block.sizes[0]] = 0
        block.fc1.bias[: block.sizes[0]] = 0
    expected = x + block.fc2.bias[:, None, None]
    assert torch.allclose(
        block(x), expected, rtol=0, atol=network_rounding(block, float(expected.detach().abs().max()))
    )


def test_only_the_context_of_the_gated_block_sees_its_neighbours():
    torch.manual_seed(0)
    block = GatedBlock(16).eval()
    x = torch.randn(1, 16, 20, 20)
    changed = x.clone()
    changed[:, :8, 10, 10] += 3
    with torch.inference_mode():
        moved = (block(changed) - block(x)).abs().amax(dim=(0, 1)) > network_rounding(block, float(changed.max()))
    rows, columns = moved.nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 13, 7, 13)


def test_the_vision_transformer_equals_the_original_up_to_its_head():
    torch.manual_seed(0)
    model = VisionTransformer(3, 3).eval()
    model.encoder.layers = model.encoder.layers[:1]
    x = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        patches = model.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = model.encoder(torch.cat((model.class_token, patches), dim=1))
        features = model.forward_features(x)
    assert features.shape == (1, 768, 14, 14)
    near = network_rounding(model, float(tokens.abs().max()))
    assert torch.allclose(features.flatten(2).transpose(1, 2), tokens[:, 1:], rtol=0, atol=near)
