"""Batch norm folded into the convolution before it: the same function, less work.

In evaluation mode batch norm is a fixed scale and shift per channel, which the convolution can take over:
``w' = w * gamma / sqrt(var + eps)``, ``b' = beta - mean * gamma / sqrt(var + eps)`` (the convolutions here
have no bias of their own, or it is carried along).
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nscweb.models.architectures.contract import CellNetwork


class BothHalves(nn.Module):
    """(N, C, H, W) to features (N, F, h, w) and logits (N, K) in one pass."""

    def __init__(self, network: CellNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.forward_features(x)
        return features, self.network.forward_head(features)


def fold_batch_norm(network: CellNetwork) -> fx.GraphModule:
    """A copy of `network` for evaluation, as `BothHalves`, with batch norm folded into convolutions.

    The original is not changed.
    """
    traced = fx.symbolic_trace(BothHalves(network).eval())
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        source: Any = node.args[0] if node.args else None
        if not (_calls(node, modules, nn.BatchNorm2d) and _calls(source, modules, nn.Conv2d)):
            continue
        if len(source.users) > 1:
            continue
        _set(traced, source.target, fuse_conv_bn_eval(modules[source.target], modules[node.target]))
        node.replace_all_uses_with(source)
        traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced.eval().requires_grad_(False)


def _calls(node: Any, modules: dict[str, Any], kind: type[nn.Module]) -> bool:
    return isinstance(node, fx.Node) and node.op == "call_module" and type(modules[str(node.target)]) is kind


def _set(root: nn.Module, path: str, module: nn.Module) -> None:
    parent_path, _, name = path.rpartition(".")
    setattr(operator.attrgetter(parent_path)(root) if parent_path else root, name, module)


def run_both(folded: nn.Module, batch: Tensor, bfloat16: bool = False) -> tuple[Tensor, Tensor]:
    """Features and logits as float32; with `bfloat16` the convolutions run at that precision."""
    with torch.inference_mode(), torch.autocast(batch.device.type, torch.bfloat16, enabled=bfloat16):
        features, logits = folded(batch)
    return features.float(), logits.float()
