"""A trained network as an ONNX file beside its weights: probabilities, embeddings and class maps in one pass.

The file holds everything from prepared inputs to calibrated probabilities, so that no other program can forget the
temperature. It is written only when ONNX Runtime gives the numbers of the plain network with it.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.nn import functional

from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelError
from nscweb.inference.export_files import export_record, read_example, temperature_of, write_export
from nscweb.inference.folding import fold_batch_norm
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.loading import load_model

Floats = NDArray[np.float32]
ONNX_FILE = "model.onnx"
OPSET = 17
INPUT = "images"
PROBABILITIES, EMBEDDINGS, MAPS = "probabilities", "embeddings", "maps"
# Largest difference of a probability from the plain network.
TOLERANCE = 1e-4
# Embeddings and maps have no unit: largest difference as a share of their largest value.
_RELATIVE_TOLERANCE = 1e-3
_RANDOM_CELLS = 12


class ForExport(nn.Module):
    """(N, C, H, W) to probabilities (N, K), embeddings (N, F) and, in closed form, class maps (N, K, h, w).

    A class map is the sum of the last features, each times its weight for the class (Zhou et al. 2016, equation 2).
    """

    def __init__(self, network: CellNetwork, closed_form: bool, temperature: float) -> None:
        super().__init__()
        self.folded = fold_batch_norm(network)
        self.closed_form = closed_form
        self.temperature = temperature
        self.register_buffer("weight", network.map_weight.detach().clone())

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features, logits = self.folded(x)
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        embeddings = features.mean(dim=(2, 3))
        if not self.closed_form:
            return probabilities, embeddings
        weight: Any = self.weight
        return probabilities, embeddings, functional.conv2d(features, weight[:, :, None, None])


class FixedPool(nn.Module):
    """Adaptive average pooling of one input size as two matrices: (N, C, h, w) to (N, C, rows, columns).

    ONNX has no adaptive pooling whose output does not divide the input.
    """

    def __init__(self, inside: tuple[int, int], outside: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("rows", _averaging(inside[0], outside[0]))
        self.register_buffer("columns", _averaging(inside[1], outside[1]).T.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        rows: Any = self.rows
        columns: Any = self.columns
        pooled: Tensor = rows @ x @ columns
        return pooled


def _averaging(inside: int, outside: int) -> Tensor:
    matrix = torch.zeros(outside, inside)
    for index in range(outside):
        start, stop = index * inside // outside, -(-(index + 1) * inside // outside)
        matrix[index, start:stop] = 1.0 / (stop - start)
    return matrix


def onnx_bytes(network: CellNetwork, architecture: str, temperature: float, sample: Floats) -> bytes:
    """The network as ONNX for inputs shaped like `sample` (n, C, H, W), with any number of cells.

    Raises:
        ModelError: the network has a part that ONNX cannot express.
    """
    closed = ARCHITECTURES[architecture].closed_form_cam
    module = ForExport(network, closed, temperature).eval()
    example = torch.from_numpy(np.ascontiguousarray(sample[:2]))
    _replace_pools(module.folded, example)
    outputs = [PROBABILITIES, EMBEDDINGS, *([MAPS] if closed else [])]
    buffer: Any = io.BytesIO()  # the exporter by tracing writes to streams as well, which its types leave out
    try:
        with _quietly(), torch.no_grad():
            # The exporter by tracing: it keeps batch norm folded and is ten times as quick as the one by torch.export.
            torch.onnx.export(
                module,
                (example,),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=outputs,
                dynamic_axes={name: {0: "cells"} for name in (INPUT, *outputs)},
            )
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"The network {architecture} cannot be written as ONNX: {str(error).splitlines()[0]}.",
            "It still predicts with torch.",
            "E-ONNX-EXPORT",
        ) from error
    return bytes(buffer.getvalue())


def export_onnx(entry: CardEntry, seed: int = 0) -> dict[str, Any]:
    """Write ``model.onnx`` beside the weights and return what the card should say about it.

    Raises:
        ModelError: the network cannot be expressed, or gives other numbers as ONNX; no file is written then.
    """
    data, check = checked_onnx(entry, seed)
    write_export(entry.folder / ONNX_FILE, data)
    return {**export_record(entry, data, ONNX_FILE, check), "opset": OPSET}


def checked_onnx(entry: CardEntry, seed: int = 0) -> tuple[bytes, dict[str, Any]]:
    """The network of a model as ONNX, and how far it was compared with the plain network; nothing is written.

    Raises:
        ModelError: as `export_onnx`.
    """
    network = load_model(entry)
    inputs = read_example(entry)
    rng = np.random.default_rng(seed)
    scale = float(inputs.std()) or 1.0
    drawn = rng.normal(float(inputs.mean()), scale, (_RANDOM_CELLS, *inputs.shape[1:])).astype(np.float32)
    data = onnx_bytes(network, entry.card.architecture, temperature_of(entry), drawn)
    check = check_onnx(data, network, entry, {"example": inputs, "random": drawn})
    if not check["passed"]:
        raise ModelError(
            f"The model {entry.card.name} gives other probabilities as ONNX (by up to "
            f"{check['largest_difference']:.2g}), so no ONNX file was written.",
            "It still predicts with torch.",
            "E-ONNX-DIFFERS",
        )
    return data, check


def check_onnx(data: bytes, network: CellNetwork, entry: CardEntry, cells: dict[str, Floats]) -> dict[str, Any]:
    """Largest differences from the plain network on prepared inputs, batch by batch and one by one."""
    from nscweb.inference.onnx_session import open_session, run_session

    closed = ARCHITECTURES[entry.card.architecture].closed_form_cam
    session = open_session(data)
    largest, relative, count = 0.0, 0.0, 0
    for inputs in cells.values():
        expected = _expected(network, inputs, temperature_of(entry), closed)
        found = run_session(session, inputs, list(expected))
        alone = run_session(session, inputs[:1], list(expected))
        for name, values in expected.items():
            difference = max(_apart(found[name], values), _apart(alone[name], values[:1]))
            if name == PROBABILITIES:
                largest = max(largest, difference)
            else:
                relative = max(relative, difference / max(float(np.abs(values).max(initial=0.0)), 1e-6))
        count += len(inputs)
    passed = largest <= TOLERANCE and relative <= _RELATIVE_TOLERANCE
    return {
        "passed": bool(passed),
        "cells": count,
        "largest_difference": float(f"{largest:.3g}"),
        "largest_relative_difference_of_features": float(f"{relative:.3g}"),
    }


def _expected(network: CellNetwork, inputs: Floats, temperature: float, closed: bool) -> dict[str, Floats]:
    """The same outputs from the plain network, batch norm and all."""
    with torch.inference_mode():
        features = network.forward_features(torch.from_numpy(inputs))
        scores = torch.softmax(network.forward_head(features) / temperature, dim=1)
        found = {PROBABILITIES: scores, EMBEDDINGS: features.mean(dim=(2, 3))}
        if closed:
            found[MAPS] = torch.einsum("nfhw,kf->nkhw", features, network.map_weight)
        return {name: values.numpy() for name, values in found.items()}


def _apart(one: Floats, other: Floats) -> float:
    difference = float(np.abs(one - other).max(initial=0.0))
    return difference if np.isfinite(difference) else float("inf")


def _replace_pools(folded: fx.GraphModule, example: Tensor) -> None:
    """Put `FixedPool` for adaptive pools whose output does not divide their input."""
    sizes: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {}
    pools = {name: part for name, part in folded.named_modules() if isinstance(part, nn.AdaptiveAvgPool2d)}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            inside, outside = tuple(inputs[0].shape[2:]), tuple(output.shape[2:])
            sizes[name] = ((inside[0], inside[1]), (outside[0], outside[1]))

        return hook

    hooks = [part.register_forward_hook(note(name)) for name, part in pools.items()]
    with torch.inference_mode():
        folded(example)
    for handle in hooks:
        handle.remove()
    for name, (inside, outside) in sizes.items():
        if any(long % short for long, short in zip(inside, outside, strict=True)):
            folded.set_submodule(name, FixedPool(inside, outside))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's notes about its own future and its print of the graph; plain attention operators."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
