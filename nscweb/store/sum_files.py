"""Sums per sample of a run, in one file beside its prediction table, and what they were made of."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StoreError
from nscweb.core.flags import FLAGS
from nscweb.evaluation.ratios.sample_sums import SPREAD_BINS, SampleSums, ScoreBins
from nscweb.store.files import atomic_write

_FORMAT = 1
# What NumPy and the reader of archives raise at a file that was cut, altered or is something else; zipfile says of a
# way of packing that it does not know that it is not implemented.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_TEXTS = ("sample_ids", "groups", "replicates", "classes", "excluded")
_ARRAYS = ("times_h", "cells", "flagged", "dropped", "labels", "usable", "total", "outer", "spread")
_BINS = ("sample", "code", "count", "total")
_REALS = ("times_h", "total", "outer", "bins_total")
# Its columns' statistics and places lie at the end of a Parquet file, so they differ when any value does.
_END = 65_536


def table_end(path: Path) -> str:
    """Size of a prediction table and a digest of its end: changes when the table does, not when it is copied.

    Raises:
        OSError: there is no such file.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _END))
        return f"{size}-{hashlib.sha256(stream.read()).hexdigest()[:32]}"


def write_sums(path: Path, sums: SampleSums, made_of: Mapping[str, str]) -> None:
    """Write sums with their bins; the file appears when it is complete.

    Args:
        made_of: what they were made of, handed back by `read_sums`.
    """
    if sums.bins is None:
        raise ValueError("sums are stored with their bins")
    head = {"format": _FORMAT, "made_of": dict(made_of), **{name: list(getattr(sums, name)) for name in _TEXTS}}
    arrays: dict[str, NDArray[Any]] = {name: getattr(sums, name) for name in _ARRAYS}
    arrays |= {f"bins_{name}": getattr(sums.bins, name) for name in _BINS}
    words = np.frombuffer(json.dumps(head).encode("utf-8"), np.uint8)
    with atomic_write(path) as stream:
        np.savez_compressed(stream, allow_pickle=False, head=words, **arrays)


def read_sums(path: Path, *, bins: bool = False) -> tuple[SampleSums, dict[str, str]]:
    """Sums, and what they were made of.

    Args:
        bins: read the bins too; they are most of the file.

    Raises:
        StoreError: the file is missing, damaged, or of another version of the program.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            head = json.loads(file["head"].tobytes())
            if head["format"] != _FORMAT:
                raise ValueError("another format")
            arrays = {name: _as_number(name, file[name]) for name in _ARRAYS}
            texts = {name: tuple(map(str, head[name])) for name in _TEXTS}
            made_of = {str(name): str(value) for name, value in head["made_of"].items()}
            found = None
            if bins:
                found = ScoreBins(*(_as_number(f"bins_{name}", file[f"bins_{name}"]) for name in _BINS))
        sums = SampleSums(**texts, **arrays, bins=found)  # type: ignore[arg-type]  # the names are the fields
        _check(sums)
    except _DAMAGED as error:
        raise StoreError(
            f"The sums of the run {path.parent.name} ({path.name}) are missing or damaged.",
            "They are made again from the prediction table of the run.",
            "E-SUMS",
        ) from error
    return sums, made_of


def _as_number(name: str, values: NDArray[Any]) -> NDArray[Any]:
    wanted = np.float64 if name in _REALS else np.int64
    if values.dtype != np.dtype(wanted):
        raise ValueError(f"{name} is of another kind")
    return values


def _check(sums: SampleSums) -> None:
    """ValueError where the parts do not fit together."""
    number, size = len(sums.sample_ids), len(sums.classes)
    shapes = {
        "times_h": (number,),
        "cells": (number,),
        "flagged": (number, len(FLAGS)),
        "dropped": (number, len(sums.excluded) + 1),
        "labels": (number, size + 1),
        "usable": (number, size + 1),
        "total": (number, size),
        "outer": (number, size, size),
        "spread": (number, size, SPREAD_BINS),
    }
    fits = all(getattr(sums, name).shape == shape for name, shape in shapes.items())
    fits &= len(sums.groups) == len(sums.replicates) == number
    if sums.bins is not None:
        lines = len(sums.bins.sample)
        fits &= sums.bins.code.shape == sums.bins.count.shape == (lines,) and sums.bins.total.shape == (lines, size)
        fits &= not lines or (sums.bins.sample.min() >= 0 and sums.bins.sample.max() < number)
    if not fits:
        raise ValueError("the parts do not fit together")
