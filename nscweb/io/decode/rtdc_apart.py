"""Image stacks in HDF5, read in a process of their own: some damaged files end the process that reads them.

Rows come in batches, so that a cell costs little more than in this process. When the reader ends, a fresh one is asked
for one row at a time, and the row at which it ends again is left out by name.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import error_from_dict
from nscweb.io.decode.guarded_child import GuardedChild, tell
from nscweb.io.formats.rtdc import CHANNEL, Events

CODE = "E-HDF5-READER"
_READER = GuardedChild(
    "nscweb.io.decode.rtdc_child:main",
    (),
    "The HDF5 file is damaged or too large",
    "the reader",
    "Copy or export it again.",
    CODE,
)
atexit.register(_READER.close)
_BATCH_BYTES, _MOST_ROWS = 4_000_000, 512
# Each end of the reader costs the start of another; a file in which it ends more often is given up.
_MOST_ENDS = 3


class RtdcApart(Events):
    """The events of one `.rtdc` as `RtdcCells` gives them, without HDF5 in this process.

    Raises:
        InputRefused: as `RtdcCells`, or with E-HDF5-READER when the reader crashed, took too long or too much memory.
        LimitExceeded: as `RtdcCells`.
    """

    brightfield = CHANNEL
    channels: tuple[str, ...] = (CHANNEL,)
    labelled = False

    def __init__(self, path: Path, limits: Limits, reader: GuardedChild = _READER) -> None:
        self.name, self._path, self._limits, self._reader = path.name, str(path.absolute()), limits, reader
        try:
            said = self._asked({})[0]
        except InputRefused as error:
            if error.code != CODE:
                raise
            # It may have ended at the file before; in a fresh process it is this one.
            try:
                said = self._asked({})[0]
            except InputRefused as again:
                if again.code != CODE:
                    raise
                raise InputRefused(f"{path.name}: {again.what}", again.todo, CODE) from again
        self.cells: int = int(said["cells"])
        size = said["pixel_size_um"]
        self.pixel_size_um: float | None = None if size is None else float(size)
        self.has_masks = bool(said["has_masks"])
        self.groups: Mapping[str, NDArray[Any]] = {str(said["sample"]): np.arange(self.cells)}
        log = FindingLog()
        tell(log, {"findings": said["notes"]})
        self.notes: list[Finding] = list(log)
        self._rows = max(1, min(_MOST_ROWS, _BATCH_BYTES // max(1, int(said["cell_bytes"]))))

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """See `CellTable`; the object number is the number of the event, from 1."""
        ends = 0
        for start in range(0, len(rows), self._rows):
            batch = [int(row) for row in rows[start : start + self._rows]]
            try:
                yield from self._batch(batch, channels, log)
                continue
            except InputRefused as error:
                if error.code != CODE:
                    raise
            for row in batch:
                try:
                    yield from self._batch([row], channels, log)
                except InputRefused as error:
                    ends += error.code == CODE
                    if error.code != CODE or ends >= _MOST_ENDS:
                        raise
                    yield row, error

    def _batch(
        self, rows: list[int], channels: Sequence[str], log: FindingLog
    ) -> list[tuple[int, CellImage | NscwebError]]:
        said, found = self._asked({"rows": rows, "channels": list(channels)}, log)
        features, errors, masked = said["features"], dict(said["errors"]), set(said["masked"])
        names, shape, dtype = tuple(said["channels"]), tuple(said["shape"]), np.dtype(said["dtype"])
        numbers = np.frombuffer(found, np.float64, len(rows) * len(features)).reshape(len(rows), len(features))
        at, count = numbers.nbytes, int(np.prod(shape))
        cells: list[tuple[int, CellImage | NscwebError]] = []
        for place, (row, values) in enumerate(zip(rows, numbers.tolist(), strict=True)):
            if place in errors:
                cells.append((row, error_from_dict(errors[place])))
                continue
            pixels = np.frombuffer(found, dtype, count, at).reshape(shape)
            at += pixels.nbytes
            masks = None
            if place in masked:
                masks = np.frombuffer(found, np.bool_, count, at).reshape(shape)
                at += masks.nbytes
            known = {name: value for name, value in zip(features, values, strict=True) if value == value}
            cells.append((row, CellImage(row + 1, names, pixels, self.where(row), masks, (), known)))
        return cells

    def _asked(self, what: dict[str, Any], log: FindingLog | None = None) -> tuple[dict[str, Any], bytes]:
        said, found = self._reader.ask({"path": self._path, **what}, b"", self._limits)
        tell(FindingLog() if log is None else log, said)
        return said, found

    def close(self) -> None:
        """Let go of the file; a reader that ended has let go of it already."""
        if self._reader.pid is not None:
            with contextlib.suppress(NscwebError):
                self._reader.ask({"close": self._path}, b"", self._limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
