"""Quality of a cell image: measured per cell, judged per sample.

`measure` gives numbers that mean the same for any camera depth; `quality_flags` turns the numbers of a whole
sample into the flags of `core.flags`, because "out of focus" only makes sense beside the other cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.frame_light import measure_illumination
from nscweb.preprocess.gating import quality_flags
from nscweb.preprocess.inside import measure_inside
from nscweb.preprocess.pixel_steps import Array, Float32, full_scale
from nscweb.preprocess.shape import find_objects, measure_shape, objects_of, touching

if TYPE_CHECKING:
    import pandas as pd  # training, which measures images as well, runs on machines without it


class QualityFeatures(NamedTuple):
    """Numbers of one brightfield image (h, w). The object is the largest one, or that of the file's mask.

    New numbers are appended, so that tables of older versions stay readable (`complete`). Shares of the grey level
    (`gradient_rms`, `gradient_x` to `stripes_y`) are NaN for an image with values below 0, whose level is not known.

    Attributes:
        background: median of the border ring, grey values.
        noise: spread of the border ring as a standard deviation, grey values (`border_background`).
        contrast: root mean square distance from the background inside the object, grey values; 0 when empty.
        focus: share of fine detail: root mean square of the image minus its Gaussian blur (1.5 px) inside the
            object, divided by `contrast`, noise taken off. Sharp cells 0.3 to 0.7, blurred ones below 0.2.
        area_px: pixels of the object, holes filled.
        n_objects: objects of cell size, touching ones told apart by their necks.
        border_contact: share of the border ring that the object covers, 0..1.
        saturated_share: share of pixels at 0 or at full scale of the camera, 0..1; of an image with negative values,
            at its lowest or highest value.
        mean_intensity: of the whole frame, grey values.
        height, width: of the frame, pixels.
        perimeter_px: length of the outline, pixels.
        major_axis_px, minor_axis_px: axes of the ellipse with the same second moments, pixels.
        aspect_ratio: minor / major axis, 0..1; 1 is round.
        circularity: 4 pi area / perimeter squared, 0..1; 1 is a disc, a rough outline has less.
        eccentricity: of that ellipse, 0..1; 0 is round.
        gradient_rms: root mean square difference of neighbouring pixels inside the object, noise taken off, per
            cent of the mean grey value there. High when sharp, as the feature "Gradient RMS" of instruments;
            the numbers are not on their scale.
        object_intensity: mean of the object minus the background, grey values.
        gradient_x, gradient_y: background on the right minus on the left, at the bottom minus at the top, as a
            share of its level.
        stripes_x, stripes_y: standard deviation of upright stripes (along x) and of level ones (along y), as a
            share of the background; below 0 where chance made the sides differ.
    """

    background: float
    noise: float
    contrast: float
    focus: float
    area_px: float
    n_objects: int
    border_contact: float
    saturated_share: float
    mean_intensity: float
    height: int
    width: int
    perimeter_px: float = 0.0
    major_axis_px: float = 0.0
    minor_axis_px: float = 0.0
    aspect_ratio: float = 0.0
    circularity: float = 0.0
    eccentricity: float = 0.0
    gradient_rms: float = 0.0
    object_intensity: float = 0.0
    gradient_x: float = 0.0
    gradient_y: float = 0.0
    stripes_x: float = 0.0
    stripes_y: float = 0.0


FEATURE_NAMES: tuple[str, ...] = QualityFeatures._fields

# A share of pixels that needs no second look.
_FEW = 0.002
# Images measured together: small enough that all of them stay in the cache of the processor.
BATCH = 64
_QUICK = frozenset(np.dtype(kind) for kind in (np.uint8, np.uint16, np.int16, np.float32))


def measure(pixels: Array, mask: NDArray[np.bool_] | None = None) -> QualityFeatures:
    """Features of one brightfield image (h, w) of any depth; see `measure_many`."""
    return measure_many([pixels], [mask])[0]


def measure_many(
    images: Sequence[Array], masks: Sequence[NDArray[np.bool_] | None] | None = None
) -> list[QualityFeatures]:
    """Features of brightfield images (h, w) of any depth and size. Many at once are much faster than one by one.

    Args:
        masks: (h, w) each, True inside the cell, as the file gives it; the program finds the cell itself where
            there is none, or where it is empty or covers the whole frame.
    """
    rows: list[QualityFeatures] = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        rows += _measure(part, masks[start : start + BATCH] if masks is not None else [None] * len(part))
    return rows


def _measure(images: Sequence[Array], masks: Sequence[NDArray[np.bool_] | None]) -> list[QualityFeatures]:
    lights = measure_illumination(images)
    signals = [_signal(image, light.background) for image, light in zip(images, lights, strict=True)]
    given = [mask is not None and 0 < np.count_nonzero(mask) < mask.size for mask in masks]
    unknown = [place for place, known in enumerate(given) if not known]
    looked_for = iter(find_objects([signals[place] for place in unknown], [lights[place].noise for place in unknown]))
    found = [
        objects_of(mask) if known and mask is not None else next(looked_for)
        for mask, known in zip(masks, given, strict=True)
    ]
    lowest = [image.min() for image in images]
    saturated = [_saturated_share(image, low) for image, low in zip(images, lowest, strict=True)]
    means = [float(cv2.mean(signal)[0]) for signal in signals]
    shapes = [measure_shape(objects) for objects in found]
    counts = [objects.others + touching(objects) for objects in found]
    insides = measure_inside(signals, lights, found)
    rows = zip(images, lights, found, counts, saturated, means, shapes, insides, lowest, strict=True)
    return [
        QualityFeatures._make(
            (
                light.background,
                light.noise,
                inside.contrast,
                inside.focus,
                objects.area_px,
                count,
                inside.border_contact,
                share,
                mean + light.background,
                image.shape[0],
                image.shape[1],
                *shape,
                # Shares of a level that nobody knows where there are values below 0.
                inside.gradient_rms if low >= 0 else np.nan,
                inside.intensity,
                *(light[2:] if low >= 0 else (np.nan,) * len(light[2:])),
            )
        )
        for image, light, objects, count, share, mean, shape, inside, low in rows
    ]


def _signal(image: Array, background: float) -> Float32:
    # Small integers are exact as float32; all others are brought near 0 before they lose digits.
    work = np.float32 if image.dtype in _QUICK else np.float64
    return np.subtract(image, work(background), dtype=work).astype(np.float32, copy=False)


def _saturated_share(pixels: Array, lowest: Any) -> float:
    """Share of pixels at black or white: 0 and full scale, or where there are negative values, the image's own ends.

    Below 0 nobody says where black lies.
    """
    highest = pixels.max()
    if lowest < 0:
        return (_clipped(pixels, lowest) + _clipped(pixels, highest)) / pixels.size
    scale = full_scale(pixels)
    hit = 0
    if highest >= scale:
        hit += int(np.count_nonzero(pixels >= scale))
    if lowest == 0:
        hit += int(np.count_nonzero(pixels == 0))
    return hit / pixels.size


def _clipped(pixels: Array, end: Any) -> int:
    """Pixels with the lowest or highest value, where clipping piled them up there.

    Of few grey levels the outermost has many pixels too, but fewer than the one before it.
    """
    hit = pixels == end
    count = int(np.count_nonzero(hit))
    if count <= _FEW * pixels.size or count == pixels.size or _is_limit_of_type(pixels, end):
        return count
    others = pixels[~hit]
    beside = others.max() if end > others[0] else others.min()
    return count if count > np.count_nonzero(others == beside) else 0


def _is_limit_of_type(pixels: Array, end: Any) -> bool:
    return pixels.dtype.kind == "i" and end in (np.iinfo(pixels.dtype).min, np.iinfo(pixels.dtype).max)


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """A quality table with all columns of `FEATURE_NAMES`; numbers that an older version did not measure are NaN."""
    missing = [name for name in FEATURE_NAMES if name not in table]
    return table.assign(**dict.fromkeys(missing, np.nan)) if missing else table


def measure_all(images: Iterable[Array], masks: Sequence[NDArray[np.bool_] | None] | None = None) -> pd.DataFrame:
    """Feature table of a sample: one row per image (h, w), columns `FEATURE_NAMES` and ``flags``."""
    import pandas as pd

    table = pd.DataFrame(measure_many(list(images), masks), columns=list(FEATURE_NAMES))
    table["flags"] = quality_flags(table)
    return table
