"""A look at how a field of view would be cut into cells, before it is imported."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import FindingLog
from nscweb.services.kept import kept
from nscweb.services.study.import_pool import worker_count
from nscweb.words.numbers import count as count_of

if TYPE_CHECKING:
    from nscweb.services.context import App

# A live preview searches at most such a square in the middle of a field, in pixels.
MOST_SIDE = 1024
PICTURE_SIDE = 1000
EXAMPLES = 12
# Side of the picture of one outline that is to be cut, the surroundings shown with it, and points along its rim.
RIM_SIDE = 480
_RIM_MARGIN = 4
RIM_POINTS = 32
_COLOUR = (230, 159, 0)
_CUT_COLOUR = (86, 180, 233)


@dataclass(frozen=True)
class Field:
    """One field of view as read, for previews with several settings.

    Attributes:
        name: its file.
        pixels: (h, w) brightfield at native depth; the middle part of a large field.
        size: (height, width) of the whole field.
        channel: taken as brightfield.
        images: how many images there are in all, each of them a field.
        pixel_size_um: micrometres per pixel when the files say so, else None.
        labels: (h, w) the outlines that a file beside the field gives, None without.
        mask: that file.
        findings: what was noticed about them, in words.
        corner: (left, top) of these pixels in the field.
    """

    name: str
    pixels: NDArray[Any]
    size: tuple[int, int]
    channel: str
    images: int
    pixel_size_um: float | None = None
    labels: NDArray[np.int32] | None = None
    mask: str = ""
    findings: tuple[str, ...] = ()
    corner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class FieldPreview:
    """How a field would be cut.

    Attributes:
        picture: (h, w, 3) uint8, the field with the outlines of its cells, at most 1000 px a side. Blue outlines are
            cells that are left out because the border cuts them.
        n_cells: cells found.
        areas: of these cells, square pixels.
        examples: a few crops (h, w) uint8, as pictures.
        dropped: cells left out at the border.
        sentence: all that in words.
        places: of every outline, by its number in the picture from 1 on: (x, y) of a pixel inside, in pixels of the
            field.
        labels: (h, w) the outlines.
    """

    picture: NDArray[np.uint8]
    n_cells: int
    areas: tuple[int, ...]
    examples: tuple[NDArray[np.uint8], ...]
    dropped: int
    sentence: str
    places: tuple[tuple[float, float], ...]
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class RimView:
    """One outline enlarged, to be cut in two.

    Attributes:
        picture: (h, w, 3) uint8 with the numbered points.
        points: (x, y) of each, by its number from 1 on, in pixels of the field.
    """

    picture: NDArray[np.uint8]
    points: tuple[tuple[float, float], ...]


def preview(
    app: App, paths: Sequence[Path], settings: SegmentationSettings, channel: str | None = None, index: int = 0
) -> FieldPreview:
    """Cut one field of some files, as `import_study` with `fields` would; see `read_field` and `preview_field`."""
    return preview_field(app, read_field(app, paths, channel, index), settings)


def _key(app: App, paths: Sequence[Path], channel: str | None = None, index: int = 0) -> Hashable:
    """With the times of change, so that a file that was replaced is read again."""
    if not all(path.exists() for path in paths):
        return None
    return (tuple((path, path.stat().st_mtime_ns) for path in paths), channel, index)


@kept(4, _key)
def read_field(app: App, paths: Sequence[Path], channel: str | None = None, index: int = 0) -> Field:
    """The first readable image of the files, from the one at position `index` on.

    Args:
        channel: brightfield channel; None takes the guess.

    Raises:
        InputRefused: nothing can be read.
        WrongUse: the images have no such channel.
    """
    from nscweb.io.survey.cut_out import excerpt
    from nscweb.io.survey.survey import survey
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.study_import import chosen_channels

    log = FindingLog()
    with survey(paths, app.settings.limits, log) as found:
        request = ImportRequest(tuple(paths), "", channel=channel or None)
        brightfield, _ = chosen_channels(found, request, FindingLog())
        if found.cells < 1:
            raise InputRefused("No image was found in these files.", "Choose other files.")
        index %= found.cells
        for sample in found.samples:
            if index >= sample.cells:
                index -= sample.cells
                continue
            part = excerpt(found, sample, index, sample.cells, apart=False)
            for cell in part.read(part.samples[0], (brightfield,), log, needed=brightfield):
                said = FindingLog()
                given = part.masks.outlines(cell.source, cell.frame, found.limits, said)
                return Field(
                    cell.source,
                    _middle(cell.channel(brightfield)),
                    cell.frame,
                    brightfield,
                    found.cells,
                    found.pixel_size_um,
                    None if given is None else _middle(given.labels),
                    "" if given is None else given.file,
                    tuple(finding.message for finding in said),
                    (_before(cell.frame[1]), _before(cell.frame[0])),
                )
            index = 0
    wrong = next((finding for finding in log if finding.level == "skip"), None)
    raise InputRefused(
        "None of the images can be read." if wrong is None else f"{wrong.where}: {wrong.message}",
        "Choose other files.",
        "E-NO-IMAGES" if wrong is None else wrong.code,
    )


def _before(side: int) -> int:
    """Pixels that are left out before the middle part."""
    return max(0, (side - MOST_SIDE) // 2)


def _middle(pixels: NDArray[Any]) -> NDArray[Any]:
    """The middle part of a large field, as a copy."""
    top, left = (_before(side) for side in pixels.shape)
    return pixels[top : top + MOST_SIDE, left : left + MOST_SIDE].copy()


def _labels_key(app: App, field: Field, settings: SegmentationSettings) -> Hashable:
    """What is kept around a cell, left out at the border or mended does not change what is found."""
    pixels = hashlib.sha256(np.ascontiguousarray(field.pixels).tobytes()).hexdigest()
    return (field.name, pixels, replace(settings, margin=0, drop_border=True, mendings=()))


@kept(8, _labels_key)
def found_labels(app: App, field: Field, settings: SegmentationSettings) -> tuple[NDArray[np.int32], int]:
    """((h, w) the cells that a method finds in a field, objects that were too large); the learnt one takes seconds."""
    from nscweb.services.study.field_network import labels_of_field, network_of

    threads = worker_count(app.settings.threads)
    larger: list[int] = []
    network = network_of(app, settings)
    labels = labels_of_field(field.pixels, settings, network, threads=threads, too_large=larger.append)
    labels.setflags(write=False)
    return labels, sum(larger)


def preview_field(app: App, field: Field, settings: SegmentationSettings, *, numbered: bool = False) -> FieldPreview:
    """Cut a field that was read, and draw what was found.

    Args:
        numbered: write its number into each outline, so that a person can say which ones to mend.
    """
    from nscweb.preprocess.numbered_objects import inner_points, mend
    from nscweb.preprocess.segmentation import cells_of_field

    if field.pixels.ndim != 2:
        raise WrongUse("A field of view has one brightfield channel.")
    labels, larger = found_labels(app, field, settings) if field.labels is None else (field.labels, 0)
    labels, missed = mend(labels, settings.mendings_of(field.name), *field.corner)
    left, top = field.corner
    places = inner_points(labels)
    found = cells_of_field(field.pixels, labels, settings)
    step = max(1, len(found.cells) // EXAMPLES)
    shown = found.cells[::step][:EXAMPLES]
    low, high = _range(field.pixels)
    return FieldPreview(
        picture=_drawn(_grey(field.pixels, low, high), labels, settings, places if numbered else ()),
        n_cells=len(found.cells),
        areas=tuple(cell.area_px for cell in found.cells),
        examples=tuple(_grey(cell.pixels[0], low, high) for cell in shown),
        dropped=found.dropped,
        sentence=" ".join(
            [_sentence(field, len(found.cells), found.dropped), *field.findings, *_missed(missed), *_larger(larger)]
        ),
        places=tuple((x + left, y + top) for x, y in places),
        labels=labels,
    )


def rim_view(field: Field, seen: FieldPreview, number: int) -> RimView:
    """One outline of a preview, enlarged and with numbered points along its rim; a cut goes from one to another.

    Raises:
        WrongUse: there is no outline of that number.
    """
    import cv2

    from nscweb.preprocess.numbered_objects import rim_points

    mask = seen.labels == number
    if number < 1 or not mask.any():
        raise WrongUse(f"There is no outline {number} in this field.", "Choose another number.")
    ys, xs = np.nonzero(mask)
    top, left = max(0, int(ys.min()) - _RIM_MARGIN), max(0, int(xs.min()) - _RIM_MARGIN)
    part = (slice(top, int(ys.max()) + _RIM_MARGIN + 1), slice(left, int(xs.max()) + _RIM_MARGIN + 1))
    grey = _grey(field.pixels[part], *_range(field.pixels))
    scale = max(1, RIM_SIDE // max(grey.shape))
    size = (grey.shape[1] * scale, grey.shape[0] * scale)
    large = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    picture = np.repeat(large[..., None], 3, axis=2)
    points = rim_points(mask[part], RIM_POINTS)
    for place, (x, y) in enumerate(points, start=1):
        at = (round((x + 0.5) * scale), round((y + 0.5) * scale))
        cv2.circle(picture, at, 2, _COLOUR, -1)
        _write(picture, str(place), at)
    corner = (left + field.corner[0], top + field.corner[1])
    return RimView(picture, tuple((float(x + corner[0]), float(y + corner[1])) for x, y in points))


def _missed(mendings: int) -> list[str]:
    return [f"{mendings} of the mendings found no outline at their place."] if mendings else []


def _larger(objects: int) -> list[str]:
    if not objects:
        return []
    return [f"{count_of(objects, 'object')} larger than the largest area, perhaps cells that touch, left out."]


def _sentence(field: Field, cells: int, dropped: int) -> str:
    height, width = field.pixels.shape
    where = f"in the field {field.name}"
    if field.pixels.shape != field.size:
        where = (
            f"in the middle part ({width:,} x {height:,} of {field.size[1]:,} x {field.size[0]:,} pixels) of the "
            f"field {field.name}"
        )
    said = f"{cells:,} {'cell' if cells == 1 else 'cells'} found {where}."
    if field.mask:
        said = f"{cells:,} {'cell' if cells == 1 else 'cells'} {where}: the outlines in {field.mask}, not searched for."
    if dropped:
        said += f" {dropped:,} more at the border of this part would be left out."
    if not cells and not dropped and not field.mask:
        said += " If it shows cells, lower the threshold or the smallest area."
    return said


def _range(pixels: NDArray[Any]) -> tuple[float, float]:
    some = pixels[:: max(1, pixels.shape[0] // 256), :: max(1, pixels.shape[1] // 256)]
    low, high = (float(value) for value in np.percentile(some, (0.2, 99.8)))
    return low, high if high > low else low + 1.0


def _grey(pixels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """(h, w) of any depth to a picture; the same range for a field and its cells."""
    unit = (pixels.astype(np.float64) - low) / (high - low)
    return np.asarray(np.rint(255 * np.clip(unit, 0, 1)), np.uint8)


def _drawn(
    grey: NDArray[np.uint8],
    labels: NDArray[np.int32],
    settings: SegmentationSettings,
    places: Sequence[tuple[float, float]],
) -> NDArray[np.uint8]:
    """(h, w, 3) with outlines, small fields enlarged so that outlines are thin beside the cells."""
    import cv2

    height, width = grey.shape
    scale = min(PICTURE_SIDE / max(height, width), 2.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    picture = np.repeat(np.asarray(smooth, np.uint8)[..., None], 3, axis=2)
    large = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    # The outermost pixels of each cell and those around it, so that the line is seen at any magnification.
    ring = np.ones((3, 3), np.uint8)
    owner = cv2.dilate(large.astype(np.float32), ring).astype(np.int32)
    edge = owner != cv2.erode(large.astype(np.float32), ring).astype(np.int32)
    cut = np.isin(owner, border[border > 0]) if settings.drop_border else np.zeros(large.shape, bool)
    picture[edge & ~cut] = _COLOUR
    picture[edge & cut] = _CUT_COLOUR
    for number, (x, y) in enumerate(places, start=1):
        _write(picture, str(number), (round(x * scale), round(y * scale)))
    return picture


def _write(picture: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    """White on black, so that it is read on any grey."""
    import cv2

    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (at[0] - 5, at[1] + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, width, cv2.LINE_AA)
