"""CG-RecNet of Li et al. 2026 and its ablations: ResNet50 with attention and a gate after its second stage.

Section 2.4: the fusion module (`parts.attention_fusion`; alone it makes ResCMNet) and the gated CNN block (alone:
ResGDNet) stand behind the second residual stage, where the map has 512 channels at an eighth of the input.

Numbers beside those of the paper (its table 3; 224 x 224, three planes, three classes). The paper does not say how
it counts work; here G is 10^9 multiply-adds, which many tools print as "GFLOPs":

    network     parameters here, paper    multiply-adds here, GFLOPs paper
    CG-RecNet   28.02 M    28.02 M        7.77 G    8.40
    ResGDNet    25.89 M    25.89 M        5.95 G    7.73
    ResCMNet    25.64 M    27.69 M        5.91 G    8.19
    ResNet50    23.51 M    25.51 M        4.09 G    6.13

Why they differ. With the thousand classes of ImageNet ours has 27.69 M as ResCMNet and 25.56 M as ResNet50, so these
two rows of the paper seem to have been counted with the head of ImageNet, and the two others with three classes.
(25.51 for 25.56 stays unexplained; 23.51 with three classes differs from it by one digit.) The work of ResNet50 at
224 x 224 is 4.1 G multiply-adds, 8.2 G operations; 6.13 is neither, and the other rows of the paper lie 0.6 to
2.3 above ours, with no single rule that gives all four.

The sizes that the paper does not print were chosen to agree with its text and with these counts: 8 heads; the
gated block triples the channels (an "inverted bottleneck") and its depthwise convolution is 7 x 7 on half of
the input's channels, as in ConvNeXt, which the paper cites (Liu et al. 2022).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from nscweb.models.architectures.parts.attention_fusion import LinAngularXcaFusion
from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, pooled_linear

_STAGE_2 = 512


class GatedBlock(nn.Module):
    """Equations 4 and 5: (N, F, h, w) to the same shape.

    LayerNorm over channels, expansion by FC1, split into gate, information and context, depthwise convolution of
    the context, GELU of the gate times both others, FC2 back, residual.
    """

    def __init__(self, width: int, *, expansion: int = 3, kernel: int = 7) -> None:
        super().__init__()
        hidden, context = expansion * width, width // 2
        self.sizes = [hidden, hidden - context, context]
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * hidden)
        self.depthwise = nn.Conv2d(context, context, kernel, padding=kernel // 2, groups=context)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        places = x.permute(0, 2, 3, 1)
        gate, information, context = self.fc1(self.norm(places)).split(self.sizes, dim=-1)
        context = self.depthwise(context.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        content = functional.gelu(gate) * torch.cat((information, context), dim=-1)
        back: Tensor = self.fc2(content).permute(0, 3, 1, 2)
        return x + back


def build(n_channels: int, n_classes: int, *, attention: bool = True, gate: bool = True) -> BodyAndHead:
    """CG-RecNet, or what is left of it without attention or without the gate.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        attention: with the fusion module. gate: with the gated CNN block. Without both it is ResNet50.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in backbone("resnet50", n_channels).named_children():
        layers[name] = child
        if name == "layer2":
            if attention:
                layers["fusion"] = LinAngularXcaFusion(_STAGE_2)
            if gate:
                layers["gated"] = GatedBlock(_STAGE_2)
    return BodyAndHead(nn.Sequential(layers), pooled_linear(FEATURES["resnet50"], n_classes))
