"""Reads HDF5 data sets a few rows at a time and decodes their chunks itself, so that memory stays bounded.

The HDF5 library follows links to other files and lets a packed chunk grow without bound. Here only hard links are
followed, data sets that lie in other files are refused, and each chunk is unpacked up to the size it must have.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.limits import Limits

_DEFLATE, _SHUFFLE, _FLETCHER, _LZF, _ZSTD = 1, 2, 3, 32000, 32015
_FILTERS = frozenset({_DEFLATE, _SHUFFLE, _FLETCHER, _LZF, _ZSTD})
# Rows of data that are not packed are read this many bytes at a time.
_PART = 4_000_000
_MOST_CHUNKS_PER_SLAB = 4096


@contextmanager
def guarded(name: str) -> Iterator[None]:
    """Turn whatever the HDF5 library raises at damaged files into one refusal."""
    try:
        yield
    except NscwebError:
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except Exception as error:  # the library raises any of a dozen kinds at damaged bytes
        raise InputRefused(
            f"{name} is damaged: its HDF5 structure cannot be read.", "Copy or export it again.", "E-HDF5-DAMAGED"
        ) from error


def child(group: Any, key: str, file_name: str) -> Any:
    """The member `key` of a group, None when there is none.

    Raises:
        InputRefused: a link, which may lead into another file.
    """
    import h5py

    with guarded(file_name):
        if not isinstance(group, h5py.Group):
            return None
        try:
            link = group.get(key, getlink=True)
        except (TypeError, ValueError) as error:  # a kind of link that a program defined for itself
            raise _elsewhere(file_name) from error
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _elsewhere(file_name)
        return group[key]


def _elsewhere(file_name: str) -> InputRefused:
    return InputRefused(
        f"{file_name} takes its data from another place (a link or a virtual data set); other files are never opened.",
        "Export the measurement into one file with all its images.",
        "E-HDF5-LINK",
    )


class Slabs:
    """A data set (N, ...) of numbers, read by row; the rows of one slab are decoded together and kept.

    Args:
        dataset: of h5py.
        file_name: for messages.
        what: it is, for messages, such as "images".

    Attributes:
        shape, dtype: as the file says.

    Raises:
        InputRefused: data in other files, no numbers, a way of packing that is not supported, nothing stored.
        LimitExceeded: what must be in memory at once is over the limit.
    """

    def __init__(self, dataset: Any, file_name: str, what: str, limits: Limits) -> None:
        import h5py

        self._name, self._what = file_name, what
        with guarded(file_name):
            if not isinstance(dataset, h5py.Dataset):
                raise self._refused("are not stored as an array", "E-HDF5-SHAPE")
            if dataset.is_virtual or dataset.external:
                raise _elsewhere(file_name)
            if dataset.dtype.kind not in "uifb" or not dataset.shape or 0 in dataset.shape:
                raise self._refused(f"have the type {dataset.dtype} and no rows of numbers", "E-HDF5-SHAPE")
            self._dataset = dataset
            self.shape: tuple[int, ...] = tuple(int(side) for side in dataset.shape)
            self.dtype: np.dtype[Any] = np.dtype(dataset.dtype)
            self._chunk: tuple[int, ...] | None = dataset.chunks
            row_bytes = int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize
            if self._chunk is None:
                if dataset.id.get_storage_size() < row_bytes * self.shape[0]:
                    raise self._refused("are listed, but were never written", "E-HDF5-EMPTY")
                self._rows = max(1, _PART // max(1, row_bytes))
            else:
                self._open_chunks(limits)
                self._rows = self._chunk[0]
        limits.check("max_member_bytes", row_bytes * min(self._rows, self.shape[0]), f"Bytes of {what}")
        self._begin = -1
        self._slab: NDArray[Any] | NscwebError = np.empty(0)

    def _open_chunks(self, limits: Limits) -> None:
        assert self._chunk is not None
        self._chunk_bytes = int(np.prod(self._chunk, dtype=object)) * self.dtype.itemsize
        limits.check("max_member_bytes", self._chunk_bytes, f"Bytes of a chunk of {self._what}")
        across = [-(-side // part) for side, part in zip(self.shape[1:], self._chunk[1:], strict=True)]
        if int(np.prod(across, dtype=object)) > _MOST_CHUNKS_PER_SLAB:
            raise self._refused("are cut into far too many pieces", "E-HDF5-CHUNKS")
        plist = self._dataset.id.get_create_plist()
        # The order of writing; reading goes backwards.
        self._filters = [int(plist.get_filter(i)[0]) for i in range(plist.get_nfilters())]
        unknown = [number for number in self._filters if number not in _FILTERS]
        if unknown or len(set(self._filters)) < len(self._filters):
            shown = ", ".join(str(number) for number in unknown) or "one twice"
            raise InputRefused(
                f"The {self._what} in {self._name} are packed in a way that is not supported (filter {shown}).",
                "Write the file again with gzip, for example with h5repack -f GZIP=5.",
                "E-HDF5-FILTER",
            )

    def _refused(self, what: str, code: str) -> InputRefused:
        return InputRefused(f"The {self._what} in {self._name} {what}.", "Export the measurement again.", code)

    def row(self, row: int) -> NDArray[Any]:
        """The values (...) of one row.

        Raises:
            InputRefused: damaged, or a part that was never written.
        """
        begin = row // self._rows * self._rows
        if begin != self._begin:
            self._slab, self._begin = np.empty(0), begin
            try:
                with guarded(self._name):
                    self._slab = self._read(begin)
            except NscwebError as error:
                self._slab = error  # and is not tried again for each of its rows
        if isinstance(self._slab, NscwebError):
            raise self._slab
        values: NDArray[Any] = self._slab[row - begin]
        return values

    def _read(self, begin: int) -> NDArray[Any]:
        end = min(self.shape[0], begin + self._rows)
        if self._chunk is None:
            return np.asarray(self._dataset[begin:end])
        slab = np.empty((end - begin, *self.shape[1:]), self.dtype)
        starts = [range(0, side, part) for side, part in zip(self.shape[1:], self._chunk[1:], strict=True)]
        for inner in itertools.product(*starts):
            piece = self._decoded((begin, *inner))
            if piece is None:
                raise self._refused("are partly missing: they were never written", "E-HDF5-MISSING")
            there = tuple(slice(at, at + part) for at, part in zip(inner, self._chunk[1:], strict=True))
            target = slab[(slice(None), *there)]
            target[...] = piece[tuple(slice(0, side) for side in target.shape)]
        return slab

    def _decoded(self, at: tuple[int, ...]) -> NDArray[Any] | None:
        """One chunk, unpacked; None when it was never written."""
        assert self._chunk is not None
        try:
            info = self._dataset.id.get_chunk_info_by_coord(at)
        except (OSError, RuntimeError, ValueError):
            return None
        if info.byte_offset is None or not info.size:
            return None
        # What does not shrink is stored a little larger at most.
        if info.size > self._chunk_bytes * 2 + 4096:
            raise self._refused("are damaged: a part is larger than it can be", "E-HDF5-DAMAGED")
        mask, data = self._dataset.id.read_direct_chunk(at)
        for position in reversed(range(len(self._filters))):
            if not mask >> position & 1:  # a bit that is set: this filter was left out
                data = self._undo(position, data)
        if len(data) != self._chunk_bytes:
            raise self._refused("are damaged: a part has the wrong size", "E-HDF5-DAMAGED")
        return np.frombuffer(data, self.dtype).reshape(self._chunk)

    def _undo(self, position: int, data: bytes) -> bytes:
        number = self._filters[position]
        # A checksum that was added before this step lies behind the values.
        most = self._chunk_bytes + 4 * (_FLETCHER in self._filters[:position])
        if number == _DEFLATE:
            unpacker = zlib.decompressobj()
            return unpacker.decompress(data, most + 1)
        if number == _ZSTD:
            import pyarrow as pa

            unpacked: bytes = pa.decompress(data, decompressed_size=most, codec="zstd", asbytes=True)
            return unpacked
        if number == _LZF:
            import imagecodecs

            return bytes(imagecodecs.lzf_decode(data, out=most))
        if number == _SHUFFLE:
            whole = len(data) // self.dtype.itemsize * self.dtype.itemsize
            parts = np.frombuffer(data[:whole], np.uint8).reshape(self.dtype.itemsize, -1)
            return parts.T.tobytes() + data[whole:]
        content, stored = data[:-4], data[-4:]
        if int.from_bytes(stored, "little") not in _fletcher32(content):
            raise self._refused("are damaged: a checksum is wrong", "E-HDF5-CHECKSUM")
        return content


def _fletcher32(data: bytes) -> tuple[int, ...]:
    """The checksums that mean these bytes.

    Fletcher's sum of 16-bit words, big end first, modulo 65535, as the HDF5 File Format Specification has it. Its
    running sums never fall back to 0 once they left it, so 65535 stands for 0; old writers swapped the bytes.
    """
    even = data + b"\0" if len(data) % 2 else data
    words = np.frombuffer(even, ">u2").astype(np.uint64)
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % 65535
    first = int(words.sum() % 65535)
    second = int((words * weights % 65535).sum() % 65535)
    if words.any():
        first, second = first or 65535, second or 65535
    plain = second << 16 | first
    swapped = int.from_bytes(first.to_bytes(2, "little"), "big")
    swapped |= int.from_bytes(second.to_bytes(2, "little"), "big") << 16
    return plain, swapped
