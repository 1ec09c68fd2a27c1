"""Other forms of a network beside its card: where they lie, and how they are known to be the right ones.

An export speaks for one set of weights and one temperature. Where the card has changed since, it is stale and is
not used. The bytes that are hashed are the bytes that are loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import CardInvalid, WeightsInvalid, WrongUse

MAX_EXPORT_BYTES = 2_000_000_000
_AGAIN = "Make it again with: nscweb models export NAME, or copy the model folder again."


def temperature_of(entry: CardEntry) -> float:
    """What the scores are divided by before softmax; 1 for an uncalibrated model."""
    return entry.card.temperature


def export_record(entry: CardEntry, data: bytes, file: str, check: dict[str, Any]) -> dict[str, Any]:
    """What a card keeps of an export."""
    return {
        "file": file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "weights_sha256": entry.card.weights.sha256,
        "temperature": temperature_of(entry),
        "check": check,
    }


def usable_export(entry: CardEntry, kind: str) -> dict[str, Any] | None:
    """The record of an export that was made from these weights and this calibration; None where there is none."""
    record = entry.card.exports.get(kind)
    if not record or record.get("weights_sha256") != entry.card.weights.sha256:
        return None
    if record.get("temperature") != temperature_of(entry) or not record.get("check", {}).get("passed"):
        return None
    return record if (entry.folder / str(record.get("file", ""))).is_file() else None


def read_export(entry: CardEntry, record: dict[str, Any]) -> bytes:
    """The bytes of an export, checked by size and hash.

    Raises:
        WeightsInvalid: it cannot be read, or is not the file that the card describes.
    """
    path = entry.folder / str(record["file"])
    try:
        if path.stat().st_size > MAX_EXPORT_BYTES:
            raise WeightsInvalid(f"The file {path.name} of {entry.card.name} is larger than 2 GB.")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsInvalid(
            f"The file {path.name} of {entry.card.name} cannot be read: {error.strerror or error}.", _AGAIN
        ) from error
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise WeightsInvalid(
            f"The file {path.name} of {entry.card.name} is not the one that its card describes (its SHA-256 differs).",
            _AGAIN,
            "E-WEIGHTS-HASH",
        )
    return data


def write_export(path: Path, data: bytes) -> None:
    """Write so that the final name always holds a complete file."""
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_example(entry: CardEntry) -> NDArray[np.float32]:
    """Prepared inputs (n, C, H, W) that ship with a model.

    Raises:
        CardInvalid: they cannot be read or do not fit the card.
    """
    try:
        with np.load(entry.folder / entry.card.weights.example, allow_pickle=False) as arrays:
            inputs = np.asarray(arrays["input"], np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise CardInvalid(f"The example of {entry.card.name} cannot be read: {error}.") from error
    if inputs.ndim != 4 or not len(inputs) or inputs.shape[1:] != entry.card.input_shape:
        raise CardInvalid(f"The example of {entry.card.name} has the shape {inputs.shape}, not that of the card.")
    return inputs


def check_fast_offered(entry: CardEntry) -> None:
    """Raise `WrongUse` with the reason when a model has no fast mode that passed its check."""
    offered, reason = fast_offered(entry)
    if not offered:
        raise WrongUse(
            f"The model {entry.card.name} has no fast mode. {reason}",
            "Predict in exact mode, or make the fast form with: nscweb models export NAME.",
            "E-NO-FAST-MODE",
        )


def fast_offered(entry: CardEntry) -> tuple[bool, str]:
    """Whether a model may be run in fast mode, and if not, why, as a sentence."""
    if not has_runtime():
        return False, "It needs the package onnxruntime, which is not installed."
    if usable_export(entry, "onnx") and usable_export(entry, "fast"):
        return True, ""
    refused = entry.card.origin.settings.get("fast_mode")
    reason = refused.get("reason") if isinstance(refused, dict) else ""
    return False, str(reason or "It was not made yet, or the model was changed since.")


def has_runtime() -> bool:
    """Whether ONNX Runtime is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnxruntime", "onnx"))
