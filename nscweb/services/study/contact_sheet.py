"""A contact sheet: some cells of a sample as grey pictures that compare with one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StudyError, WrongUse

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.store.cell_files import CellFile

Scaling = Literal["percentile", "full range", "per cell"]
SCALINGS: tuple[Scaling, ...] = ("percentile", "full range", "per cell")
# Outside these percentiles lie dead pixels and specks, which would make every cell look flat.
LOW_PERCENTILE, HIGH_PERCENTILE = 0.2, 99.8


@dataclass(frozen=True)
class DisplayScale:
    """How pixel values became grey.

    Attributes:
        scaling: one of `SCALINGS`.
        low, high: values shown black and white; of the first cell when every cell has its own.
        bits: depth that the values use: 8, 10, 12, 14 or 16; 0 for floating point images.
        sentence: the same in words, for the caption.
    """

    scaling: Scaling
    low: float
    high: float
    bits: int
    sentence: str


@dataclass(frozen=True)
class ContactSheet:
    """Pictures of some cells.

    Attributes:
        images: one (h, w) uint8 per cell, at its own size; (h, w, 3) with outlines.
        object_numbers: as the instrument numbered them.
        scale: how they were made visible.
        channel: channel shown.
        cells: cells in the sample.
        flags: bit mask of core.flags per shown cell.
        masks_from_file: the outlines are those of the file and not found by the program.
    """

    images: list[NDArray[np.uint8]]
    object_numbers: list[int]
    scale: DisplayScale
    channel: str
    cells: int
    flags: list[int]
    masks_from_file: bool = False


def contact_sheet(
    app: App,
    study: str,
    sample: str,
    n: int = 24,
    scaling: Scaling = "percentile",
    *,
    channel: str | None = None,
    seed: int | None = None,
    outlines: bool = False,
) -> ContactSheet:
    """The first `n` cells of a sample, or `n` drawn at random when a `seed` is given.

    Args:
        outlines: draw the outline of each cell, from the file's masks where it has some, else as the program finds
            it in the brightfield channel.

    Raises:
        StudyNotFound: no such study.
        StudyError: no such sample or channel.
        WrongUse: unknown scaling.
    """
    from nscweb.services.study.quality import flags_of
    from nscweb.store.cell_files import CellFile

    if scaling not in SCALINGS:
        raise WrongUse(f"There is no display scaling {scaling!r}.", f"Known are: {', '.join(SCALINGS)}.")
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    if sample not in keys:
        raise StudyError(f"The study {found.name} has no sample {sample!r}.", "", "E-SAMPLE-NOT-FOUND")
    shown = channel or found.channel
    if shown not in found.channels:
        raise StudyError(
            f"The study {found.name} has no channel {shown!r}.",
            f"It has: {', '.join(found.channels)}.",
            "E-CHANNEL-NOT-FOUND",
        )
    key = keys[sample]
    with CellFile(app.folder.cells_path(found.study_id, key)) as cells:
        total = len(cells)
        rows = chosen_rows(total, n, seed)
        taken = list(zip(rows, cells.take(rows, [shown]), strict=True))
        planes = [np.array(image[0]) for _, image in taken if image is not None]
        there = [row for row, image in taken if image is not None]
        numbers = [int(cells.object_numbers[row]) for row in there]
        drawn = _outlines(cells, there, found.channel) if outlines else None
        masked = outlines and cells.has_masks
    flags = flags_of(app, found.study_id, key, total)
    images, scale = to_grey(planes, scaling)
    if drawn is not None:
        from nscweb.preprocess.outline import draw_outline

        images = [draw_outline(image, outline) for image, outline in zip(images, drawn, strict=True)]
    return ContactSheet(images, numbers, scale, shown, total, [int(flags[row]) for row in there], masked)


def _outlines(cells: CellFile, rows: list[int], channel: str) -> list[NDArray[np.int32] | None]:
    from nscweb.preprocess.outline import outline_of

    pairs = zip(cells.take(rows, [channel]), cells.masks(rows, channel), strict=True)
    return [None if image is None else outline_of(image[0], mask) for image, mask in pairs]


def chosen_rows(total: int, n: int, seed: int | None) -> list[int]:
    """Rows to show, ascending: the first ones, or a random draw that the same seed repeats."""
    count = max(0, min(n, total))
    if seed is None:
        return list(range(count))
    return sorted(int(row) for row in np.random.default_rng(seed).choice(total, count, replace=False))


def to_grey(
    planes: Sequence[NDArray[Any]], scaling: Scaling = "percentile"
) -> tuple[list[NDArray[np.uint8]], DisplayScale]:
    """Images (h, w) of any depth to uint8 for people.

    ``percentile`` takes the 0.2nd and 99.8th percentile of all images together, so that brightness compares
    between cells and a 12-bit image in a 16-bit file is not black. ``full range`` shows 0 to the highest
    value of the depth that is really used; ``per cell`` stretches each image by itself.
    """
    if not planes:
        return [], DisplayScale(scaling, 0.0, 0.0, 0, "No cell to show.")
    bits = depth(planes)
    if scaling == "per cell":
        spans = [_percentiles([plane]) for plane in planes]
        said = "Each cell is stretched by itself; brightness does not compare between cells."
    elif scaling == "full range" and bits:
        spans = [(0.0, float(2**bits - 1))] * len(planes)
        said = f"Black is 0, white is {2**bits - 1:,} ({bits} bit)."
    else:
        span = _percentiles(planes)
        spans = [span] * len(planes)
        said = f"Black is {span[0]:,.6g}, white is {span[1]:,.6g}, the same for all cells shown" + (
            f" ({bits} bit data)." if bits else "."
        )
    images = [_stretch(plane, *span) for plane, span in zip(planes, spans, strict=True)]
    return images, DisplayScale(scaling, *spans[0], bits, said)


def depth(planes: Sequence[NDArray[Any]]) -> int:
    """Bits that the values use: 8, 10, 12, 14, 16 or 32; 0 for floating point. Cameras store 12 bit in 16."""
    if any(plane.dtype.kind == "f" for plane in planes):
        return 0
    highest = max(int(plane.max()) for plane in planes)
    return next((bits for bits in (8, 10, 12, 14, 16) if highest < 2**bits), 32)


def _percentiles(planes: Sequence[NDArray[Any]]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(plane, np.float64).ravel() for plane in planes])
    low, high = np.percentile(values, [LOW_PERCENTILE, HIGH_PERCENTILE])
    return float(low), float(high)


def _stretch(plane: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    if not high > low:
        return np.full(plane.shape, 128, np.uint8)
    scaled = (np.asarray(plane, np.float64) - low) * (255.0 / (high - low))
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), np.uint8)
