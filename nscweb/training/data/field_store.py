"""Prepared fields, in memory while they are few and in a memory-mapped file when they are many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = "fields.bin"
# Above this, fields go to a file when there is a folder for it.
MEMORY_LIMIT = 4 * 2**30
_COPY_CELLS = 4096


class FieldStore:
    """Takes pieces (n, C, h, w) of float16 or float32 and gives back one array of all of them.

    Args:
        folder: where the file may be made; None keeps everything in memory.
        limit: bytes above which the file is used. A float32 piece among float16 ones makes all of them float32.
    """

    def __init__(self, folder: Path | None = None, limit: int = MEMORY_LIMIT) -> None:
        self._path = None if folder is None else folder / FILE
        self._limit = limit
        self._parts: list[NDArray[Any]] = []
        self._bytes = 0
        self._written = 0
        self._dtype = np.dtype(np.float16)
        self._shape: tuple[int, ...] = ()

    def add(self, piece: NDArray[Any]) -> None:
        """Take the next piece."""
        self._shape = piece.shape[1:]
        self._parts.append(piece)
        self._bytes += piece.nbytes
        if self._path is not None and self._bytes > self._limit:
            self._spill()

    def finished(self) -> NDArray[Any]:
        """(N, C, h, w) of all pieces: an array, or a memory map that is only read."""
        if not self._written:
            return joined(self._parts)
        self._spill()
        assert self._path is not None
        return np.memmap(self._path, self._dtype, "r", shape=(self._written, *self._shape))

    def _spill(self) -> None:
        """Move what is in memory to the end of the file."""
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        wanted = np.result_type(self._dtype, *{part.dtype for part in self._parts})
        if self._written and wanted != self._dtype:
            self._widen(wanted)
        self._dtype = wanted
        with self._path.open("ab" if self._written else "wb") as stream:
            for part in self._parts:
                stream.write(np.ascontiguousarray(part, wanted).data)
                self._written += len(part)
        self._parts, self._bytes = [], 0

    def _widen(self, wanted: np.dtype[Any]) -> None:
        """Write the file again with wider numbers."""
        assert self._path is not None
        wider = self._path.with_suffix(".part")
        before = np.memmap(self._path, self._dtype, "r", shape=(self._written, *self._shape))
        with wider.open("wb") as stream:
            for start in range(0, self._written, _COPY_CELLS):
                stream.write(np.ascontiguousarray(before[start : start + _COPY_CELLS], wanted).data)
        del before
        wider.replace(self._path)


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """One array; pieces are given free as they are copied, so that memory never holds the data twice."""
    dtype = np.result_type(*{part.dtype for part in parts})
    result = np.empty((sum(len(part) for part in parts), *parts[0].shape[1:]), dtype)
    end = len(result)
    while parts:
        part = parts.pop()
        result[end - len(part) : end] = part
        end -= len(part)
    return result
