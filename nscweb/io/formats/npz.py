"""NumPy `.npz` with many cells: read in parts and without pickle, through the same checks as any zip.

Arrays: ``x``, ``images``, ``tiles`` or ``array`` (N, h, w), (N, h, w, 1) or (N, C, h, w); ``y``, ``labels`` or
``label`` (N,), or (N, K) with a single 1 per row, with ``classes`` or ``class_names`` (K,) when known. Names may be in
capitals. Parts called ``x_train``, ``x_val``, ``x_test`` follow one another. With labels every class becomes a sample
of its own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.archive import Archive
from nscweb.io.pixels.pixel_policy import check_plane, check_size

IMAGE_KEYS = ("x", "images", "tiles", "array", "arr_0")
LABEL_KEYS = ("y", "labels", "label")
CLASS_KEYS = ("classes", "class_names", "names")
PARTS = ("train", "val", "valid", "validation", "test")
MOST_CLASSES = 1000
# Axes of this length at the end are colours or channels, and no side of a cell.
_CHANNELS_LAST = 4


def sniff(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04") and b".npy" in head[:200]


class NpzCells:
    """The cells of one `.npz`; use it as a context manager.

    Attributes:
        name: of the file.
        groups: class name ("" without labels) -> row numbers of its cells.
        channels: ``("Ch1",)``, or one per channel of (N, C, h, w).
        cells: N.
        brightfield, pixel_size_um, has_masks: the file says nothing about them.
        labelled: it has labels, so that every group is a true class.

    Raises:
        InputRefused: no image array, a shape that makes no sense, pickled content, labels that do not fit.
        LimitExceeded: over the limits, judged from headers.
    """

    brightfield = ""
    pixel_size_um: float | None = None
    has_masks = False
    # Packed bytes have no middle to begin at: reading in parts would unpack the beginning again and again.
    sequential = True

    def __init__(self, path: Path, limits: Limits) -> None:
        # One array may hold all cells of a study, so the limit of an import applies and not that of one image.
        self.name = path.name
        self.notes: list[Finding] = []
        self._parts: tuple[str, ...] = ()
        self._lengths: list[int] = []
        within = Limits(**{**vars(limits), "max_member_bytes": limits.max_total_bytes, "max_ratio": 1_000_000})
        self._archive = Archive(path, within)
        try:
            names = ((self._archive.member_name(i).removesuffix(".npy"), i) for i in range(len(self._archive)))
            self._members = dict(sorted(names, reverse=True))
            # Where names differ in capitals only, the one without them counts.
            self._members = {name.lower(): index for name, index in self._members.items()} | self._members
            self._open(path.name, limits)
        except BaseException:
            self._archive.close()
            raise

    def _open(self, name: str, limits: Limits) -> None:
        self._arrays = self._image_arrays(name)
        kinds = []
        for index in self._arrays:
            shape, fortran, dtype, data_at = npy_header(self._archive.head(index, 4096), name)
            kinds.append((shape[1:], fortran, dtype, data_at))
            if kinds[-1] != kinds[0]:
                raise InputRefused(
                    f"The arrays of images in {name} differ in the size or the type of their images.",
                    "Store one array called x.",
                    "E-NPZ-SHAPE",
                )
            self._lengths.append(shape[0] if shape else 0)
        shape, fortran, dtype, data_at = npy_header(self._archive.head(self._arrays[0], 4096), name)
        self._accept(name, (sum(self._lengths), *shape[1:]), fortran, dtype, data_at, limits)
        self.groups: Mapping[str, NDArray[Any]] = self._labelled_groups(name)
        self.labelled = "" not in self.groups
        if self._parts:
            shown = ", ".join(self._parts)
            message = "The arrays of images in the file were read one after the other, as one set of cells."
            self.notes.append(Finding("note", "N-NPZ-PARTS", message, f"{name}: {shown}"))

    def _image_arrays(self, name: str) -> list[int]:
        """Members that hold images, in the order of their rows."""
        key = next((key for key in IMAGE_KEYS if key in self._members), None)
        if key is not None:
            return [self._members[key]]
        for key in IMAGE_KEYS:
            self._parts = tuple(part for part in PARTS if f"{key}_{part}" in self._members)
            if self._parts:
                return [self._members[f"{key}_{part}"] for part in self._parts]
        raise InputRefused(
            f"{name} holds no images.", f"Name the array one of {', '.join(IMAGE_KEYS)}.", "E-NPZ-NO-IMAGES"
        )

    def _accept(
        self, name: str, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], data_at: int, limits: Limits
    ) -> None:
        """Judge the array of images by its header."""
        self._data_at = data_at
        side = limits.min_side
        if len(shape) == 4 and shape[3] == 1 and min(shape[1:3]) >= side:
            shape = shape[:3]  # an axis of channels, of which there is one
        if len(shape) == 3 and shape[2] == 1 and min(shape[:2]) >= side:
            shape = (1, *shape[:2])  # a single image
        if len(shape) == 3 and shape[2] <= _CHANNELS_LAST and min(shape[:2]) >= side:
            raise InputRefused(
                f"The array in {name} has the shape {shape}; its last axis may be cells or channels, which it does not "
                "say.",
                "Order the axes (cells, height, width) or (cells, channels, height, width).",
                "E-NPZ-SHAPE",
            )
        if len(shape) == 4 and shape[1] > 32 and shape[3] <= _CHANNELS_LAST:
            raise InputRefused(
                f"The images in {name} have the shape {shape}.",
                "Order the axes (cells, channels, height, width).",
                "E-NPZ-SHAPE",
            )
        if len(shape) not in (3, 4) or fortran or dtype.kind not in "uif" or 0 in shape:
            raise InputRefused(
                f"The images in {name} have the shape {shape} and the type {dtype}.",
                "Store numbers as (cells, height, width) or (cells, channels, height, width).",
                "E-NPZ-SHAPE",
            )
        self._shape, self._dtype, self._native = shape, dtype, dtype.newbyteorder("=")
        check_size(shape[-2], shape[-1], dtype.itemsize * (shape[1] if len(shape) == 4 else 1), limits)
        limits.check("max_members", shape[0], f"Cells in {name}")
        self.cells = shape[0]
        self.channels = tuple(f"Ch{i + 1}" for i in range(shape[1] if len(shape) == 4 else 1))

    def _labelled_groups(self, name: str) -> dict[str, NDArray[np.int64]]:
        labels = self._labels(name)
        if labels is None:
            return {"": np.arange(self.cells)}
        if labels.shape != (self.cells,):
            raise InputRefused(
                f"{name} has {self.cells} images and labels of the shape {labels.shape}.",
                "Store one label per image.",
                "E-NPZ-LABELS",
            )
        names = self._small_array(CLASS_KEYS, name)
        values = np.unique(labels)
        if len(values) > MOST_CLASSES:
            raise InputRefused(
                f"{name} has {len(values):,} different labels, so they are no classes.",
                f"Store one of at most {MOST_CLASSES} labels per image, or no labels.",
                "E-NPZ-LABELS",
            )
        texts = {value: str(value) for value in values.tolist()}
        if names is not None and labels.dtype.kind in "ui":
            if names.ndim != 1 or values.min() < 0 or values.max() >= len(names):
                raise InputRefused(
                    f"{name} has labels without a class name.", "Store one name per class.", "E-NPZ-LABELS"
                )
            texts = {value: str(names[value]) for value in values.tolist()}
        return {texts[value]: np.flatnonzero(labels == value) for value in values.tolist()}

    def _labels(self, name: str) -> NDArray[Any] | None:
        """(N,) labels, None where there are none."""
        if not self._parts:
            found = self._small_array(LABEL_KEYS, name)
            return None if found is None else _one_per_image(found)
        pieces = []
        for part in self._parts:
            piece = self._small_array(tuple(f"{key}_{part}" for key in LABEL_KEYS), name)
            if piece is None:
                return None
            pieces.append(_one_per_image(piece))
        return np.concatenate(pieces) if all(piece.ndim == 1 for piece in pieces) else pieces[0]

    def _small_array(self, keys: tuple[str, ...], name: str) -> NDArray[Any] | None:
        key = next((key for key in keys if key in self._members), None)
        if key is None:
            return None
        index = self._members[key]
        if int(self._archive.directory.sizes[index]) > 64_000_000:
            raise InputRefused(f"The array {key} in {name} is too large for labels.", "", "E-NPZ-LABELS")
        data = self._archive.read(index)
        try:
            # NumPy parses headers as Python text, which may fail in any way; so may text that is no text.
            array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
            if array.dtype.kind == "S":
                array = np.char.decode(array, "utf-8")
            if array.dtype.kind == "U":
                "".join(array.ravel().tolist()).encode("utf-8")
            elif array.dtype.kind not in "uifb" or not np.isfinite(array).all():
                raise ValueError("neither numbers nor text")
        except Exception as error:
            raise InputRefused(
                f"The array {key} in {name} cannot be read; pickled arrays are never loaded.",
                "Store numbers or text.",
                "E-NPZ-PICKLE",
            ) from error
        return array

    def object_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) object numbers of rows, known without reading them."""
        return rows + 1

    def where(self, row: int) -> str:
        return f"{self.name} row {row + 1}"

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """See `CellTable`; the object number is the row in the file, from 1."""
        positions = [self.channels.index(name) for name in channels]
        names, whole = tuple(channels), positions == list(range(len(self.channels)))
        for row, pixels in self._pixels(np.asarray(rows, np.int64)):
            where = self.where(row)
            try:
                for position in positions:
                    check_plane(pixels[position], where, limits, log)
            except NscwebError as error:
                yield row, error
                continue
            yield row, CellImage(row + 1, names, pixels if whole else pixels[positions], where)

    def _pixels(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[Any]]]:
        """(row, pixels (C, h, w)) of the wanted rows in ascending order, holding only a few at a time."""
        size = int(np.prod(self._shape[1:])) * self._dtype.itemsize
        channels = len(self.channels)
        targets = iter(wanted.tolist())
        target = next(targets, None)
        first = 0
        for index, length in zip(self._arrays, self._lengths, strict=True):
            if target is not None and target < first + length:
                for row, block in enumerate(self._archive.blocks(index, self._data_at, size), first):
                    if target is None:
                        return
                    if row == target:
                        pixels = np.frombuffer(block, self._dtype).astype(self._native, copy=False)
                        yield row, pixels.reshape(channels, *self._shape[-2:])
                        target = next(targets, None)
            first += length
        if target is not None:
            raise InputRefused("The array of images is cut off.", "Save it again.", "E-NPZ-CUT")

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _one_per_image(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels (N, 1), or (N, K) with a single 1 in each row, as (N,); others as they are."""
    if labels.ndim != 2:
        return labels
    if labels.shape[1] == 1:
        return np.asarray(labels[:, 0])
    if labels.dtype.kind in "uifb" and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return np.asarray(labels.argmax(axis=1))
    return labels


def npy_header(head: bytes, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, True for Fortran order, type, where the data begin).

    Raises:
        InputRefused: damaged.
    """
    stream = io.BytesIO(head)
    try:  # NumPy parses headers as Python text, which may fail in any way
        version = npy.read_magic(stream)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except Exception as error:
        raise InputRefused(f"The array of images in {name} is damaged.", "Save it again.", "E-NPZ-DAMAGED") from error
    return tuple(int(side) for side in shape), bool(fortran), dtype, stream.tell()
