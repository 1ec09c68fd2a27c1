"""Whole fields of view on their way in: one image becomes the cells that it shows.

How to cut is part of the request; what is said when nothing is found is here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import Finding, FindingLog, Level
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.survey.cell_reader import CellReader
from nscweb.io.survey.field_masks import FieldMasks, FieldOutlines
from nscweb.services.study.field_network import labels_of_field
from nscweb.store.files import atomic_write

# Begins the step of a job that reads fields, so that pages count fields and not cells.
FIELD_STEP = "Finding cells in the fields of"
# Columns with height and width of the field that a cell was cut out of, in pixels.
FIELD_SIZE = ("field_height", "field_width")
TOO_LARGE = "Objects larger than the largest area were left out; they may be cells that touch."
# Longest side of the picture that is kept of a field, and the percentiles that are black and white in it.
PICTURE_SIDE = 1400
_SHOWN = (0.2, 99.8)
# What is said of a large image that was not expected to be a field.
_EXPECTED = frozenset({"W-IMG-FIELD"})


@dataclass(frozen=True)
class FieldCut:
    """How cells are cut out of fields; can be handed to another process.

    Attributes:
        settings: how they are found.
        pixel_size_um: micrometres per pixel, None when not known.
        network: file of the learnt method, None for other methods.
        pictures: folder that gets a picture of each field, None for none.
    """

    settings: SegmentationSettings
    pixel_size_um: float | None = None
    network: Path | None = None
    pictures: Path | None = None


def nothing_found(images: int) -> InputRefused:
    """The error for fields without a single cell."""
    return InputRefused(
        f"No cell was found in any of the {images:,} images that were searched as whole fields of view.",
        "Look at the preview, lower the threshold or the smallest area, and import again.",
        "E-FIELD-EMPTY",
    )


class FieldLog(FindingLog):
    """Hands everything on to another log, except the remark that an image looks like a whole field."""

    def __init__(self, log: FindingLog) -> None:
        super().__init__()
        self._log = log

    def add(self, level: Level, code: str, message: str, where: str = "") -> Finding:
        if code in _EXPECTED:
            return Finding(level, code, message, where)
        return self._log.add(level, code, message, where)

    def extend(self, findings: Iterable[Finding]) -> None:
        self._log.extend(finding for finding in findings if finding.code not in _EXPECTED)


class FieldReader(CellReader):
    """The cells in the fields that another reader gives; files are counted as the other does.

    Cells are numbered from 1 in the order of the fields and, within a field, from top to bottom. Every cell has
    the mask that was found or that a file beside the field gives, in all channels, and the values ``field`` (file),
    ``x`` and ``y`` (centre in pixels from the upper left corner), with a pixel size ``x_um`` and ``y_um``, the size of
    the field (`FIELD_SIZE`), and ``field_border`` (1 when the border of the field cuts the cell, else 0) where such
    cells are kept.

    Attributes:
        fields: that were searched so far.
    """

    def __init__(
        self,
        inner: CellReader,
        cut: FieldCut,
        brightfield: str,
        masks: FieldMasks,
        limits: Limits,
        log: FindingLog,
        cancel: CancelAsked,
    ) -> None:
        super().__init__()
        self._inner, self._cut, self._brightfield = inner, cut, brightfield
        self._masks, self._limits = masks, limits
        self._log, self._cancel = log, cancel
        self._number = 0
        self.fields = 0
        self._count()

    def _count(self) -> None:
        self.images, self.skipped = self._inner.images, self._inner.skipped
        self.ignored = self._inner.ignored

    def __iter__(self) -> Iterator[CellImage]:
        try:
            for field in self._inner:
                stop_if_asked(self._cancel)
                yield from self._cells(field)
                self.fields += 1
                self._count()
        finally:
            self._count()

    def _cells(self, field: CellImage) -> Iterator[CellImage]:
        from nscweb.preprocess.numbered_objects import mend
        from nscweb.preprocess.segmentation import cells_of_field

        settings, size = self._cut.settings, self._cut.pixel_size_um
        given = self._masks.outlines(field.source, field.frame, self._limits, self._log)
        if given is not None:
            labels = given.labels
        else:
            larger: list[int] = []
            labels = labels_of_field(
                field.channel(self._brightfield), settings, self._cut.network, size, too_large=larger.append
            )
            if sum(larger):
                self._log.add("warn", "W-FIELD-LARGE", TOO_LARGE, f"{field.source}: {sum(larger):,} objects")
        labels, missed = mend(labels, settings.mendings_of(field.source))
        if missed:
            message = "Outlines that were mended on the preview were not found again; these mendings were left out."
            self._log.add("warn", "W-FIELD-MEND", message, f"{field.source}: {missed:,}")
        found = cells_of_field(field.pixels, labels, settings)
        self._tell(field.source, len(found.cells), found.dropped, "" if given is None else given.file)
        if found.cells and self._cut.pictures is not None:
            first = found.cells[0]
            name = picture_name(field.source, len(found.cells), first.x, first.y)
            _write_picture(self._cut.pictures / name, field.channel(self._brightfield))
        classes = {} if given is None or not given.classes else _classes(labels, given)
        for cell in found.cells:
            self._number += 1
            values: dict[str, float | str] = {**field.values, "field": field.source, "x": cell.x, "y": cell.y}
            values |= dict(zip(FIELD_SIZE, map(float, field.frame), strict=True))
            if size:
                values |= {"x_um": cell.x * size, "y_um": cell.y * size}
            if not settings.drop_border:
                values["field_border"] = float(cell.at_border)
            masks = np.broadcast_to(cell.mask, cell.pixels.shape)
            drawn_class = classes.get(cell.label, "")
            tags = (*field.tags, drawn_class) if drawn_class else field.tags
            yield CellImage(self._number, field.channels, cell.pixels, field.source, masks, tags, values)

    def _tell(self, where: str, cells: int, dropped: int, file: str) -> None:
        if dropped:
            message = "Cells that the border of the field cuts were left out."
            self._log.add("note", "N-FIELD-BORDER", message, f"{where}: {dropped:,} cells")
        if file:
            message = "The cells of the field are the outlines in a file beside it; nothing was searched for."
            self._log.add("note", "N-FIELD-MASK", message, f"{where}: {cells:,} cells of {file}")
            return
        if cells:
            self._log.add("note", "N-FIELD-CELLS", "Cells were found in a field of view.", f"{where}: {cells:,} cells")
            return
        self._log.add(
            "warn",
            "W-FIELD-EMPTY",
            "No cell was found in the field of view. If it shows cells, lower the threshold or the smallest area.",
            where,
        )


def picture_name(field: str, cells: int, x: float, y: float) -> str:
    """Name of the picture of a field, by what its cells say: their number, and where the first one is.

    So pictures of studies that become one never stand for one another, whatever their files were called.
    """
    return hashlib.sha256(f"{field}\n{cells}\n{x!r}\n{y!r}".encode("utf-8", "replace")).hexdigest()[:32] + ".jpg"


def _write_picture(path: Path, pixels: NDArray[Any]) -> None:
    """The field in 8 bit at most `PICTURE_SIDE` pixels a side: to look at, never to measure."""
    import cv2

    scale = min(1.0, PICTURE_SIDE / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.asarray(cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    low, high = (float(value) for value in np.percentile(small, _SHOWN))
    unit = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    done, data = cv2.imencode(".jpg", np.rint(255 * unit).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if done:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, durable=False) as stream:
            stream.write(data.tobytes())


def _classes(labels: NDArray[np.int32], given: FieldOutlines) -> dict[int, str]:
    """Class of each number, also where outlines were mended: that of the outline which its first pixel had."""
    numbers, first = np.unique(labels, return_index=True)
    old = given.labels.ravel()[first]
    return {
        int(number): given.classes.get(int(before), "") for number, before in zip(numbers, old, strict=True) if number
    }
