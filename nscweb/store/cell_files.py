"""Cell files: the imported cells of one sample in one memory-mapped Arrow file.

One row per cell: object number, frame, depth, source, and one binary column per channel with the pixels as they
were stored by the instrument. Needs pyarrow and NumPy only, because training reads these files on bare machines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import StoreError
from nscweb.store.files import atomic_write

Pixels = NDArray[Any]
BATCH = 256
_FIXED = ("object_number", "height", "width", "dtype", "source")


class CellWriter:
    """Writes one cell file; use it as a context manager. An error inside leaves no file.

    Args:
        path: final name.
        channels: channels that cells may have; a cell may lack some.
        meta: anything JSON can hold, kept in the file.
        masks: keep the masks of the cells too, a bit per pixel.
        durable: wait for the disk at the end (see `store.files.atomic_write`).
    """

    def __init__(
        self,
        path: Path,
        channels: Sequence[str],
        meta: dict[str, Any] | None = None,
        *,
        masks: bool = False,
        durable: bool = True,
    ) -> None:
        self._path, self._durable = path, durable
        self.channels = tuple(channels)
        self.masks = masks
        fields = [("object_number", pa.int64()), ("height", pa.int32()), ("width", pa.int32())]
        fields += [("dtype", pa.string()), ("source", pa.string())]
        fields += [(_column(name), pa.large_binary()) for name in self.channels]
        fields += [(_mask_column(name), pa.large_binary()) for name in self.channels if masks]
        head = {"channels": list(self.channels), "meta": meta or {}, "masks": masks}
        self._schema = pa.schema(fields, metadata={b"nscweb": json.dumps(head).encode("utf-8")})
        self._rows: list[CellImage] = []
        self._stack = ExitStack()
        self.count = 0

    def __enter__(self) -> Self:
        stream = self._stack.enter_context(atomic_write(self._path, durable=self._durable))
        self._writer = self._stack.enter_context(pa.ipc.new_file(stream, self._schema))
        return self

    def add(self, cell: CellImage) -> None:
        """Append one cell. Its pixels are copied within the next few hundred cells."""
        self._rows.append(cell)
        self.count += 1
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        columns: list[Any] = [
            pa.array([cell.object_number for cell in rows], pa.int64()),
            pa.array([cell.frame[0] for cell in rows], pa.int32()),
            pa.array([cell.frame[1] for cell in rows], pa.int32()),
            pa.array([_little(cell.pixels).dtype.str for cell in rows], pa.string()),
            pa.array([cell.source for cell in rows], pa.string()),
        ]
        for name in self.channels:
            column = [_little(cell.channel(name)).tobytes() if name in cell.channels else None for cell in rows]
            columns.append(pa.array(column, pa.large_binary()))
        for name in self.channels if self.masks else ():
            columns.append(pa.array([_packed_mask(cell, name) for cell in rows], pa.large_binary()))
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._flush()
            except BaseException as inner:
                self._stack.__exit__(type(inner), inner, inner.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)


class CellFile:
    """The cells of one sample, memory-mapped: opening reads nothing but the index.

    Attributes:
        channels: names of the channels in the file.
        meta: what the writer was given.
        object_numbers: (N,) int64.
        frames: (N, 2) int32, height and width in pixels.
        has_masks: the cells came with masks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._map = pa.memory_map(str(path))
            reader = pa.ipc.open_file(self._map)
            self._table = reader.read_all()
            head = json.loads(reader.schema.metadata[b"nscweb"])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"The cell file {path.name} is missing or damaged.", "Import the study again.") from error
        self.channels: tuple[str, ...] = tuple(head["channels"])
        self.meta: dict[str, Any] = head["meta"]
        self.has_masks = bool(head.get("masks", False))
        self.object_numbers: NDArray[np.int64] = self._table["object_number"].to_numpy()
        sizes = [self._table[name].to_numpy() for name in ("height", "width")]
        self.frames: NDArray[np.int32] = np.stack(sizes, axis=1).reshape(-1, 2)
        self._dtypes: list[str] = self._table["dtype"].to_pylist()
        self._columns: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._dtypes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the map. Arrays handed out before stay valid."""
        self._columns.clear()
        self._map.close()

    @property
    def dtypes(self) -> list[str]:
        """NumPy dtype of every cell, such as ``|u1`` or ``<u2``."""
        return list(self._dtypes)

    def sources(self, start: int = 0, stop: int | None = None) -> NDArray[np.object_]:
        """Source file of each cell from `start` to `stop`, (n,) of str."""
        return np.asarray(self._table["source"].slice(start, self._length(start, stop)).to_pylist(), dtype=object)

    def images(self, channels: str | Sequence[str], start: int = 0, stop: int | None = None) -> list[Pixels | None]:
        """Pixels (C, h, w) of the cells from `start` to `stop` at native depth; None where a channel is missing.

        Single channels are read-only views into the file.
        """
        return self.take(range(start, start + self._length(start, stop)), channels)

    def take(self, rows: Sequence[int], channels: str | Sequence[str]) -> list[Pixels | None]:
        """Pixels (C, h, w) of the cells in `rows`, in that order; None where a channel is missing."""
        names = (channels,) if isinstance(channels, str) else tuple(channels)
        if any(name not in self.channels for name in names):
            return [None] * len(rows)
        columns = [self._buffers(name) for name in names]
        result: list[Pixels | None] = []
        for row in rows:
            chunk, inside = self._place(int(row))
            shape = (int(self.frames[row, 0]), int(self.frames[row, 1]))
            planes = [_plane(column[chunk], inside, self._dtypes[row], shape) for column in columns]
            if any(plane is None for plane in planes):
                result.append(None)
            elif len(planes) == 1 and planes[0] is not None:
                result.append(planes[0][None])
            else:
                result.append(np.stack([plane for plane in planes if plane is not None]))
        return result

    def masks(self, rows: Sequence[int], channel: str) -> list[NDArray[np.bool_] | None]:
        """Masks (h, w) of one channel for the cells in `rows`; None where there is none."""
        if not self.has_masks or channel not in self.channels:
            return [None] * len(rows)
        parts = self._buffers_of(_mask_column(channel))
        found: list[NDArray[np.bool_] | None] = []
        for row in rows:
            chunk, inside = self._place(int(row))
            bounds, data, valid = parts[chunk]
            height, width = int(self.frames[row, 0]), int(self.frames[row, 1])
            if not valid[inside]:
                found.append(None)
                continue
            packed = np.frombuffer(data, np.uint8, (height * width + 7) // 8, int(bounds[inside]))
            found.append(np.unpackbits(packed, count=height * width).reshape(height, width).astype(bool))
        return found

    def sha256(self) -> str:
        """Digest of object numbers, frames, depths and pixels: equal for equal cells, whatever their names."""
        digest = hashlib.sha256()
        digest.update(json.dumps(list(self.channels)).encode("utf-8"))
        digest.update(np.ascontiguousarray(self.object_numbers, "<i8").tobytes())
        digest.update(np.ascontiguousarray(self.frames, "<i4").tobytes())
        digest.update(",".join(self._dtypes).encode("ascii"))
        for name in self.channels:
            for offsets, data, valid in self._buffers(name):
                digest.update(np.ascontiguousarray(np.diff(offsets)).tobytes())
                digest.update(data[int(offsets[0]) : int(offsets[-1])] if len(offsets) else b"")
                digest.update(np.packbits(valid).tobytes())
        return digest.hexdigest()

    def _length(self, start: int, stop: int | None) -> int:
        return max(0, min(len(self), len(self) if stop is None else stop) - start)

    def _place(self, row: int) -> tuple[int, int]:
        """Which record batch a row lies in, and where. All batches but the last have the same length."""
        return divmod(row, BATCH)

    def _buffers(self, name: str) -> list[Any]:
        """(offsets, bytes, valid) of every record batch of a channel, without copying pixels."""
        return self._buffers_of(_column(name))

    def _buffers_of(self, name: str) -> list[Any]:
        if name not in self._columns:
            parts = []
            for chunk in self._table[name].chunks:
                _, offsets, data = chunk.buffers()
                bounds = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
                parts.append((bounds, memoryview(data) if data else b"", chunk.is_valid().to_numpy(False)))
            self._columns[name] = parts
        return self._columns[name]


def _plane(part: tuple[Any, Any, Any], row: int, dtype: str, shape: tuple[int, int]) -> Pixels | None:
    bounds, data, valid = part
    if not valid[row]:
        return None
    start, count = int(bounds[row]), shape[0] * shape[1]
    return np.frombuffer(data, np.dtype(dtype), count, start).reshape(shape)


def _column(channel: str) -> str:
    # A channel may be called like one of the fixed columns.
    return f"pixels:{channel}"


def _mask_column(channel: str) -> str:
    return f"mask:{channel}"


def _packed_mask(cell: CellImage, channel: str) -> bytes | None:
    if cell.masks is None or channel not in cell.channels:
        return None
    return np.packbits(cell.masks[cell.channels.index(channel)]).tobytes()


def _little(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
