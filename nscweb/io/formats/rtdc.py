"""Image stacks of deformability cytometers: HDF5 with /events/image, opened by path and read a few events at a time.

Layout (the RT-DC file format, `.rtdc`): ``/events/image`` (N, h, w), ``/events/mask`` (M, h, w), bool or 0 and 255, and
scalar features ``/events/<name>`` (N,), which become further columns; ``imaging:pixel size`` in micrometres and
``experiment:sample`` are attributes of the file.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.hdf5 import Slabs, child, guarded
from nscweb.io.pixels.pixel_policy import check_plane, check_size

CHANNEL = "brightfield"
MOST_COLUMNS = 300
_MOST_MEMBERS = 10_000
# Shape-In numbers its files; then the name of the sample says more than that of the file.
_NUMBERED = re.compile(r"^m\d+([ _-].*)?$", re.IGNORECASE)
_LAYOUT = (
    "An image stack needs /events/image with the axes (events, height, width), as .rtdc files of deformability "
    "cytometers have it; export single cells as TIFF otherwise."
)


def sniff(head: bytes) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n")


class RtdcCells:
    """The events of one `.rtdc` (see `CellTable`); use it as a context manager.

    Raises:
        InputRefused: no HDF5, damaged, another layout, images that lie in other files.
        LimitExceeded: over the limits, judged from the header.
    """

    brightfield = CHANNEL
    channels: tuple[str, ...] = (CHANNEL,)
    labelled = False

    def __init__(self, path: Path, limits: Limits) -> None:
        import h5py

        self.name = path.name
        try:
            # Nothing is written, so no lock is needed: shares that cannot lock would refuse the file.
            self._file = h5py.File(path, "r", locking=False)
        except Exception as error:  # the library raises any of a dozen kinds at damaged bytes
            raise _not_opened(path) from error
        try:
            self._open(limits)
        except BaseException:
            self.close()
            raise

    def _open(self, limits: Limits) -> None:
        events = child(self._file, "events", self.name)
        image = None if events is None else child(events, "image", self.name)
        if image is None:
            raise InputRefused(f"{self.name} is an HDF5 file without an image stack.", _LAYOUT, "E-HDF5-LAYOUT")
        self._images = Slabs(image, self.name, "images", limits)
        shape, dtype = self._images.shape, self._images.dtype
        if len(shape) != 3:
            raise InputRefused(f"The images in {self.name} have the shape {shape}.", _LAYOUT, "E-HDF5-SHAPE")
        check_size(shape[1], shape[2], dtype.itemsize, limits)
        limits.check("max_members", shape[0], f"Cells in {self.name}")
        limits.check("max_total_bytes", int(np.prod(shape, dtype=object)) * dtype.itemsize, "Bytes of all images")
        self.cells = shape[0]
        self._told: list[tuple[str, str]] = []
        self._masks = self._open_masks(events, limits)
        self.has_masks = self._masks is not None
        self._features = self._open_features(events, limits)
        size = self._attribute("imaging:pixel size")
        plausible = isinstance(size, (int, float, np.number)) and 0.0 < float(size) < 1000.0
        self.pixel_size_um: float | None = float(size) if plausible else None
        self.groups: Mapping[str, NDArray[Any]] = {self._sample(): np.arange(self.cells)}

    def _open_masks(self, events: Any, limits: Limits) -> Slabs | None:
        try:
            mask = child(events, "mask", self.name)
            if mask is None:
                return None
            slabs = Slabs(mask, self.name, "masks", limits)
            if len(slabs.shape) == 3 and slabs.shape[1:] == self._images.shape[1:] and slabs.dtype.kind in "ub":
                return slabs
            reason = f"they have the shape {slabs.shape} and the type {slabs.dtype}."
        except NscwebError as error:
            reason = error.what
        self._told.append(("W-RTDC-MASKS", f"The masks of the file were left out: {reason}"))
        return None

    def _open_features(self, events: Any, limits: Limits) -> dict[str, Slabs]:
        found: dict[str, Slabs] = {}
        left_out = 0
        with guarded(self.name):
            names = [] if len(events) > _MOST_MEMBERS else sorted(str(key) for key in events)
        for name in names:
            if name in ("image", "mask"):
                continue
            try:
                member = child(events, name, self.name)
                if getattr(member, "ndim", None) != 1:
                    continue  # traces, contours, background images
                slabs = Slabs(member, self.name, f"values of {name}", limits)
            except NscwebError:
                left_out += 1
                continue
            if slabs.shape[0] < self.cells or len(found) >= MOST_COLUMNS:
                left_out += 1
            else:
                found[name[:200]] = slabs
        if left_out:
            message = f"{left_out} features of the file cannot be read or have too few values; they were left out."
            self._told.append(("W-RTDC-FEATURES", message))
        return found

    def _attribute(self, name: str) -> Any:
        """A single value of the file's attributes, None when there is none that can be read."""
        try:
            with guarded(self.name):
                attributes = self._file.attrs
                if name not in attributes or attributes.get_id(name).shape not in ((), (1,)):
                    return None
                value = attributes[name]
                return value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        except NscwebError:
            return None

    def _sample(self) -> str:
        """The name of the sample, "" when the name of the file stands for it."""
        value = self._attribute("experiment:sample")
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str) or not _NUMBERED.match(Path(self.name).stem):
            return ""
        text = text.strip()
        return text if text.isprintable() and 0 < len(text) <= 200 else ""

    def object_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) object numbers of rows, known without reading them."""
        return rows + 1

    def where(self, row: int) -> str:
        return f"{self.name} event {row + 1}"

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """See `CellTable`; the object number is the number of the event, from 1."""
        for code, message in self._told:
            log.add("warn", code, message, self.name)
        if self._masks is not None and self._masks.shape[0] < self.cells:
            message = "The file has fewer masks than images; the last cells have none."
            log.add("warn", "W-RTDC-MASKS", message, f"{self.name}: {self._masks.shape[0]:,} of {self.cells:,}")
        names = tuple(name for name in channels if name == CHANNEL)
        for row in rows:
            where = self.where(row)
            try:
                pixels = check_plane(np.array(self._images.row(row)), where, limits, log)
                masks, values = self._mask(row, where, log), self._values(row, where, log)
            except NscwebError as error:
                yield row, error
                continue
            yield (
                row,
                CellImage(row + 1, names, pixels[None][: len(names)], where, masks if names else None, (), values),
            )

    def _mask(self, row: int, where: str, log: FindingLog) -> NDArray[np.bool_] | None:
        if self._masks is None or row >= self._masks.shape[0]:
            return None
        try:
            return np.asarray(self._masks.row(row)[None] != 0)
        except NscwebError as error:
            log.add("warn", "W-RTDC-MASK", f"The mask of the cell was left out: {error.what}", where)
            return None

    def _values(self, row: int, where: str, log: FindingLog) -> dict[str, float | str]:
        values: dict[str, float | str] = {}
        for name, slabs in self._features.items():
            try:
                value = float(slabs.row(row))
            except NscwebError as error:
                log.add("warn", "W-RTDC-VALUE", f"A feature of the cell was left out: {error.what}", where)
                continue
            if np.isfinite(value):
                values[name] = value
        return values

    def close(self) -> None:
        with contextlib.suppress(Exception):  # a damaged file may fail once more; there is nothing left to lose
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _not_opened(path: Path) -> InputRefused:
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        return InputRefused(
            f"{path.name} cannot be opened: {error.strerror or error}.",
            "Check that it may be read.",
            "E-FILE-UNREADABLE",
        )
    if not head:
        return InputRefused(f"{path.name} is an empty file.", "Export or copy it again.", "E-IMG-EMPTY")
    if sniff(head):
        return InputRefused(
            f"{path.name} is incomplete or damaged: its HDF5 structure cannot be read.",
            "Copy or export it again.",
            "E-HDF5-DAMAGED",
        )
    return InputRefused(f"{path.name} is not an HDF5 file, whatever its name says.", _LAYOUT, "E-HDF5-NOT-HDF5")
