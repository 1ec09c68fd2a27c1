"""One NumPy array of many cells in a `.npy`: mapped and not read, never unpickled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits
from nscweb.io.formats.npz import NpzCells, npy_header


def sniff(head: bytes) -> bool:
    return head.startswith(b"\x93NUMPY")


class NpyCells(NpzCells):
    """The cells of one `.npy`, (N, h, w) or (N, C, h, w); see `NpzCells`."""

    sequential = False

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.name
        with path.open("rb") as stream:
            head = stream.read(4096)
            size = stream.seek(0, 2)
        if not sniff(head):
            raise InputRefused(
                f"{path.name} is not a NumPy array, whatever its name says.", "Save it again.", "E-NPZ-DAMAGED"
            )
        self._accept(path.name, *npy_header(head, path.name), limits)
        total = int(np.prod(self._shape, dtype=object)) * self._dtype.itemsize
        limits.check("max_total_bytes", total, f"Bytes of {path.name}")
        if size < self._data_at + total:
            raise InputRefused(f"The array in {path.name} is cut off.", "Copy it again.", "E-NPZ-CUT")
        self._path = path
        self.groups = {"": np.arange(self.cells)}
        self.labelled = False

    def _pixels(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[Any]]]:
        try:
            mapped = np.memmap(self._path, self._dtype, "r", self._data_at, self._shape)
        except (OSError, ValueError) as error:
            raise InputRefused(
                f"{self.name} cannot be read any more.", "Check that it is still there.", "E-FILE-UNREADABLE"
            ) from error
        for row in wanted.tolist():
            pixels = np.array(mapped[row], self._native)
            yield row, pixels.reshape(len(self.channels), *self._shape[-2:])

    def close(self) -> None:
        return None
