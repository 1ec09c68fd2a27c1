"""The file beside a card with the scores of its held-out cells: how it is laid out, and how it is read back safely.

A ``.npz`` without pickles. Scores are kept as natural logarithms in half precision: that is small on disk, exact to
about 0.0001 everywhere, and keeps the ratio of scores near 0 and near 1, which intervals and sets are made from.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelError
from nscweb.evaluation.scores.held_out import HeldOut

HELD_OUT = "held_out.npz"
_MOST_BYTES = 100_000_000
# exp(-60) is far below anything that a softmax in single precision tells apart from 0.
_LEAST_LOG = -60.0
_AGAIN = (
    "Make it again with: nscweb models audit NAME (it asks the model again about the cells it has never seen), or copy "
    "the model folder again from where it came from."
)


def pack_held_out(held_out: HeldOut, sample_names: Sequence[str]) -> bytes:
    """The bytes of the file; the same for the same cells.

    Args:
        held_out: its `samples` count up from 0.
        sample_names: one for each of its samples.
    """
    hours = np.full(len(sample_names), np.nan)
    hours[held_out.samples] = held_out.times
    floor = np.float32(np.exp(_LEAST_LOG))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        log_scores=np.log(np.maximum(held_out.scores, floor)).astype(np.float16),
        labels=held_out.labels.astype(np.uint8),
        samples=held_out.samples.astype(np.uint32),
        sample_names=np.asarray(sample_names, np.str_),
        sample_times_h=hours,
        classes=np.asarray(held_out.classes, np.str_),
    )
    return buffer.getvalue()


def held_out_record(held_out: HeldOut, data: bytes, *, by_sample: bool) -> dict[str, object]:
    """What a card keeps of the file.

    Args:
        held_out: the cells in it.
        data: its bytes.
        by_sample: False when other cells of the same samples were trained on.
    """
    return {
        "file": HELD_OUT,
        "sha256": hashlib.sha256(data).hexdigest(),
        "cells": len(held_out),
        "samples": int(held_out.samples.max(initial=-1)) + 1,
        "by_sample": by_sample,
    }


def read_held_out(entry: CardEntry) -> HeldOut | None:
    """The held-out cells of a model with the scores that it gives them; None for a model that came without.

    Raises:
        ModelError: the file is missing, damaged, or not the one that the card describes; with what to do.
    """
    read = _read(entry)
    return None if read is None else read[0]


def held_out_names(entry: CardEntry) -> tuple[str, ...]:
    """Names of the held-out samples in the order of their numbers; () for a model that came without.

    Raises:
        ModelError: as `read_held_out`.
    """
    read = _read(entry)
    return () if read is None else read[1]


def _read(entry: CardEntry) -> tuple[HeldOut, tuple[str, ...]] | None:
    card, record = entry.card, entry.card.held_out
    if not record:
        return None
    path = entry.folder / str(record.get("file", HELD_OUT))
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _damaged(entry, "it is larger than 100 MB")
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(entry, error.strerror or str(error)) from error
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise _damaged(entry, "it is not the one that the card describes (its SHA-256 differs)")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            logs = np.asarray(arrays["log_scores"], np.float32)
            labels = np.asarray(arrays["labels"], np.int64)
            samples = np.asarray(arrays["samples"], np.int64)
            hours = np.asarray(arrays["sample_times_h"], np.float64)
            names = tuple(str(name) for name in arrays["sample_names"])
            classes = tuple(str(name) for name in arrays["classes"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise _damaged(entry, str(error)) from error
    size = len(card.classes)
    fits = (
        classes == card.classes.names
        and logs.shape == (len(labels), size)
        and samples.shape == labels.shape
        and hours.shape == (len(names),)
        and labels.max(initial=0) < size
        and samples.max(initial=-1) < len(names)
        and bool(np.isfinite(logs).all())
    )
    if not fits:
        raise _damaged(entry, "what is in it does not fit the card")
    held = HeldOut(
        _scores(logs), labels, samples, hours[samples], classes, _source(entry, len(labels)), card.origin.simulated
    )
    return held, names


def _scores(logs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores whose rows add to 1 again after rounding."""
    scores = np.exp(logs)
    normed: NDArray[np.float32] = scores / np.maximum(scores.sum(axis=1, keepdims=True), np.float32(1e-30))
    return normed


def _source(entry: CardEntry, cells: int) -> str:
    card = entry.card
    kind = "simulated " if card.origin.simulated else ""
    samples = int(card.held_out.get("samples", 0))
    if card.held_out.get("by_sample", True):
        return f"{cells:,} {kind}cells of {samples} samples that {card.name} has never seen"
    return f"{cells:,} {kind}cells that {card.name} has never seen, of samples that it was trained on"


def _damaged(entry: CardEntry, why: str) -> ModelError:
    return ModelError(
        f"The scores of the held-out cells of {entry.card.name} ({entry.card.held_out.get('file', HELD_OUT)}) cannot "
        f"be used: {why}.",
        _AGAIN.replace("NAME", entry.card.name),
        "E-HELD-OUT",
    )
