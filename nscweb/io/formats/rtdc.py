"""Image stacks of deformability cytometers: HDF5 with /events/image, opened by path and read a few events at a time.

Layout (the RT-DC file format, `.rtdc`): ``/events/image`` (N, h, w), ``/events/mask`` (M, h, w), bool or 0 and 255, and
scalar features ``/events/<name>`` (N,), which become further columns; ``imaging:pixel size`` in micrometres and
``experiment:sample`` are attributes of the file. ``/basins`` says where features lie that are not in ``/events``.

The HDF5 library ends the process at some damaged files: the program opens `RtdcCells` by `io.decode.rtdc_apart` only.
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
from nscweb.core.findings import Finding, FindingLog
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

_EXPORT_WHOLE = "export the measurement, for example from Shape-Out, into one file that holds its images."
_MOST_BASINS, _MOST_LINES = 20, 1000
# A basin is described by JSON; names of files are taken for messages only and never opened.
_BASIN_PATHS = re.compile(r"[^\s\"'/\\]{1,200}\.(?:rtdc|h5|hdf5)(?=\")", re.IGNORECASE)


def sniff(head: bytes) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n")


class Events:
    """How the events of a file are called, for those who read them here and in a process of their own.

    Attributes:
        name: of the file.
    """

    name: str

    def object_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) object numbers of rows, known without reading them."""
        return rows + 1

    def where(self, row: int) -> str:
        """The event as a finding names it."""
        return f"{self.name} event {row + 1}"


class RtdcCells(Events):
    """The events of one `.rtdc` (see `CellTable`); use it as a context manager.

    Attributes:
        frame: (height, width) of all images.
        cell_bytes: of the pixels of one.
        notes: what is to be told about the file as a whole.

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
            self._refuse_basin()
            raise InputRefused(f"{self.name} is an HDF5 file without an image stack.", _LAYOUT, "E-HDF5-LAYOUT")
        self._images = Slabs(image, self.name, "images", limits)
        shape, dtype = self._images.shape, self._images.dtype
        if len(shape) == 4 and 1 in (shape[1], shape[3]):  # an axis of channels, of which there is one
            shape = (shape[0], *(shape[1:3] if shape[3] == 1 else shape[2:]))
        if len(shape) != 3:
            raise InputRefused(f"The images in {self.name} have the shape {shape}.", _LAYOUT, "E-HDF5-SHAPE")
        self.frame: tuple[int, int] = (shape[1], shape[2])
        check_size(shape[1], shape[2], dtype.itemsize, limits)
        limits.check("max_members", shape[0], f"Cells in {self.name}")
        limits.check("max_total_bytes", int(np.prod(shape, dtype=object)) * dtype.itemsize, "Bytes of all images")
        self.cells = shape[0]
        self.cell_bytes = shape[1] * shape[2] * dtype.itemsize
        self.notes: list[Finding] = []
        self._masks = self._open_masks(events, limits)
        self.has_masks = self._masks is not None
        self._features = self._open_features(events, limits)
        size = _number(self._attribute("imaging:pixel size"))
        self.pixel_size_um: float | None = size if size is not None and 0.0 < size < 1000.0 else None
        self.groups: Mapping[str, NDArray[Any]] = {self._sample(): np.arange(self.cells)}

    def _open_masks(self, events: Any, limits: Limits) -> Slabs | None:
        try:
            mask = child(events, "mask", self.name)
            if mask is None:
                return None
            slabs = Slabs(mask, self.name, "masks", limits)
            if tuple(side for side in slabs.shape[1:] if side > 1) == self.frame and slabs.dtype.kind in "ub":
                if slabs.shape[0] < self.cells:
                    message = "The file has fewer masks than images; the last cells have none."
                    self._note("W-RTDC-MASKS", message, f"{self.name}: {slabs.shape[0]:,} of {self.cells:,}")
                return slabs
            reason = f"they have the shape {slabs.shape} and the type {slabs.dtype}."
        except NscwebError as error:
            reason = error.what
        self._note("W-RTDC-MASKS", f"The masks of the file were left out: {reason}")
        return None

    def _note(self, code: str, message: str, where: str = "") -> None:
        self.notes.append(Finding("warn", code, message, where or self.name))

    def _refuse_basin(self) -> None:
        """Raise where the file says that its images lie somewhere else."""
        if child(self._file, "basin_events", self.name) is not None:
            raise InputRefused(
                f"{self.name} keeps its images apart from its events (in basin_events, an internal basin), which is "
                "not read.",
                f"E{_EXPORT_WHOLE[1:]}",
                "E-HDF5-BASIN",
            )
        with guarded(self.name):
            basins = child(self._file, "basins", self.name)
            known = list(basins)[:_MOST_BASINS] if basins is not None else []
            told = [child(basins, key, self.name) for key in known]
            texts = [b"".join(np.ravel(basin[:_MOST_LINES])).decode("utf-8", "replace") for basin in told]
        if not known:
            return
        names = list(dict.fromkeys(name for text in texts for name in _BASIN_PATHS.findall(text)))
        files = f" ({', '.join(names[:3])})" if names else ""
        raise InputRefused(
            f"{self.name} takes its images from another file{files}, which it calls a basin; other files are never "
            "opened.",
            f"Import that file, or {_EXPORT_WHOLE}",
            "E-HDF5-BASIN",
        )

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
            self._note("W-RTDC-FEATURES", message)
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

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """See `CellTable`; the object number is the number of the event, from 1."""
        names = tuple(name for name in channels if name == CHANNEL)
        for row in rows:
            where = self.where(row)
            try:
                pixels = check_plane(np.array(self._images.row(row)).reshape(self.frame), where, limits, log)
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
            return np.asarray(self._masks.row(row).reshape(1, *self.frame) != 0)
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


def _number(value: Any) -> float | None:
    """A number, also one that was stored as text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        try:
            return float(value.strip().replace(",", "."))
        except ValueError:
            return None
    return float(value) if isinstance(value, (int, float, np.number)) else None


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
