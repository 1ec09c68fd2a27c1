"""Weights files: read without running anything in them, checked against what the network needs.

Only safetensors is read: a header of names, types and offsets, then numbers. Pickled files (``.pt``,
``.pth``) can run code when opened and are refused unread. The bytes that are hashed are the bytes that are
loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from nscweb.core.errors import WeightsInvalid

MAX_WEIGHTS_BYTES = 2_000_000_000
_MAX_HEADER_BYTES = 10_000_000
REPLACE = "Copy the model folder again from where it came from."


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file, 64 hexadecimal digits, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_weights(path: Path, expected: Mapping[str, Tensor], sha256: str | None = None) -> dict[str, Tensor]:
    """Tensors of a safetensors file, checked by hash, name, shape and value.

    Args:
        path: the file.
        expected: state dict of the network, on any device (``meta`` will do); gives names, shapes and types.
        sha256: what the card says; None skips that check.

    Raises:
        WeightsInvalid: with one sentence that says what is wrong with the file.
    """
    data = _read_bytes(path)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise WeightsInvalid(
            f"The weights file {path.name} is not the one that its card describes (its SHA-256 differs).",
            REPLACE,
            "E-WEIGHTS-HASH",
        )
    _check_header(path, data)
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError, OverflowError) as error:
        raise WeightsInvalid(
            f"The weights file {path.name} is damaged: {_plain(error)}.", REPLACE, "E-WEIGHTS-DAMAGED"
        ) from error
    _check_tensors(path, tensors, expected)
    return {name: tensors[name].to(expected[name].dtype) for name in expected}


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_WEIGHTS_BYTES:
            raise WeightsInvalid(
                f"The weights file {path.name} has {size / 1e9:.1f} GB; at most 2 GB are read.", code="E-WEIGHTS-LIMIT"
            )
        data = path.read_bytes()
    except OSError as error:
        raise WeightsInvalid(
            f"The weights file {path.name} cannot be opened: {error.strerror or error}.", REPLACE
        ) from error
    if not data:
        raise WeightsInvalid(f"The weights file {path.name} is an empty file.", REPLACE, "E-WEIGHTS-EMPTY")
    return data


def _check_header(path: Path, data: bytes) -> None:
    """Say plainly what a wrong file is before the parser sees it."""
    pickled = data[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or data[:4] == b"PK\x03\x04"
    if pickled or path.suffix in (".pt", ".pth", ".pkl", ".bin", ".ckpt"):
        raise WeightsInvalid(
            f"The file {path.name} is an unsafe weights file: pickled files can run code when opened, "
            "so it was not opened.",
            "Ask for the weights as .safetensors.",
            "E-WEIGHTS-UNSAFE",
        )
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise WeightsInvalid(
            f"The weights file {path.name} is damaged: it is cut short or not a safetensors file.",
            REPLACE,
            "E-WEIGHTS-DAMAGED",
        )
    try:
        header = json.loads(data[8 : 8 + length])
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise WeightsInvalid(
            f"The weights file {path.name} is damaged: its list of tensors cannot be read.",
            REPLACE,
            "E-WEIGHTS-DAMAGED",
        ) from error
    if not isinstance(header, dict):
        raise WeightsInvalid(
            f"The weights file {path.name} is damaged: it has no list of tensors.", REPLACE, "E-WEIGHTS-DAMAGED"
        )


def _check_tensors(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsInvalid(
                f"The weights file {path.name} has weights that are not finite numbers (in {name[:80]}).",
                REPLACE,
                "E-WEIGHTS-NOT-FINITE",
            )
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        example = f"{(missing or extra)[0][:80]} is {'missing' if missing else 'too much'}"
        raise WeightsInvalid(
            f"The weights file {path.name} is not a model of this program, or of another architecture: "
            f"{len(missing)} tensors are missing and {len(extra)} too many ({example}).",
            code="E-WEIGHTS-NAMES",
        )
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape:
            raise WeightsInvalid(
                f"The weights file {path.name} does not fit its card: {name} has the shape "
                f"{tuple(tensors[name].shape)}, the network needs {tuple(tensor.shape)}.",
                code="E-WEIGHTS-SHAPES",
            )
        if tensors[name].is_floating_point() != tensor.is_floating_point():
            raise WeightsInvalid(
                f"The weights file {path.name} does not fit its card: {name} is {tensors[name].dtype}.",
                code="E-WEIGHTS-SHAPES",
            )


def _plain(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.rstrip(".")[:160]
