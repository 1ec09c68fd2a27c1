"""The networks that Li et al. 2026 compare CG-RecNet with: MobileNetV2, DenseNet, VGG and a vision transformer.

The paper gives no depths. Taken are VGG-16, which it names once with 138 M parameters (that is VGG-16 with a
thousand classes; 134 M with three), DenseNet-121 and ViT-B/16, the smallest of their papers. All keep
their own heads, but for ViT: its scores come from the mean of the patches and not from the class
token (Beyer et al. 2022 find both equally good), so that the features are a map of places, as the contract
asks, and class maps have a closed form. The class token stays among the tokens, so published weights fit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, dense_4096, pooled_linear
from nscweb.models.architectures.parts.first_layer import fit_channels
from nscweb.models.torchvision_compat import ensure_torchvision

_DROPOUT = {"mobilenet_v2": 0.2, "densenet121": 0.0}


class PatchMap(nn.Module):
    """Tokens (N, 1 + h * w, F), the class token first, and patches (N, F, h, w), to the tokens as such a map."""

    def forward(self, tokens: Tensor, patches: Tensor) -> Tensor:
        return tokens[:, 1:].transpose(1, 2).reshape(patches.shape)


class VisionTransformer(CellNetwork):
    """ViT-B/16 (Dosovitskiy et al. 2021): (N, C, H, W) to (N, 768, H/16, W/16) to (N, K) logits.

    Learnt positions are those of 14 x 14 patches (224 x 224 pixels); for other sizes they are interpolated.
    """

    def __init__(self, n_channels: int, n_classes: int) -> None:
        super().__init__()
        ensure_torchvision()
        from torchvision import models

        made: Any = models.vit_b_16(weights=None)
        self.grid = (14, 14)
        self.conv_proj = fit_channels(made.conv_proj, n_channels)
        self.class_token: Tensor = made.class_token
        self.encoder: Any = made.encoder
        self.patch_map = PatchMap()
        self.final = nn.Linear(768, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        patches = self.conv_proj(x)
        positions = self.encoder.pos_embedding
        grid = positions[:, 1:].transpose(1, 2).unflatten(2, self.grid)
        size = (patches.shape[2], patches.shape[3])
        grid = functional.interpolate(grid, size=size, mode="bicubic", align_corners=False)
        tokens = (patches + grid).flatten(2).transpose(1, 2)
        first = (self.class_token + positions[:, :1]).expand(patches.shape[0], -1, -1)
        tokens = self.encoder.dropout(torch.cat((first, tokens), dim=1))
        features: Tensor = self.patch_map(self.encoder.ln(self.encoder.layers(tokens)), patches)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.final(features.mean(dim=(2, 3)))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.patch_map

    @property
    def classifier(self) -> nn.Linear:
        return self.final


def build(n_channels: int, n_classes: int, *, backbone_name: str) -> CellNetwork:
    """One of the four.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        backbone_name: ``mobilenet_v2``, ``densenet121``, ``vgg16`` or ``vit_b_16``.
    """
    if backbone_name == "vit_b_16":
        return VisionTransformer(n_channels, n_classes)
    features = FEATURES[backbone_name]
    if backbone_name == "vgg16":
        head = dense_4096(features, n_classes, (7, 7), dropout_first=False)
    else:
        head = pooled_linear(features, n_classes, _DROPOUT[backbone_name])
    return BodyAndHead(backbone(backbone_name, n_channels), head)
