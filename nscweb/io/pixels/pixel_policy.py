"""What may be analysed: sizes are judged from the header, pixels after decoding (see the promises on images)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits

Pixels = NDArray[Any]

# ITU-R BT.601 weights of red, green, blue for a grey value.
_LUMA = np.array([0.299, 0.587, 0.114])
_UNUSUAL_RATIO = 8
_TRACES_OF_COLOUR = 0.03
# A bar that was drawn into an image: all at the limit, level, this many times longer than high.
_BAR_RATIO, _BAR_SHARE, _BAR_SMALLEST_SIDE = 4, 0.04, 128


def check_size(height: int, width: int, bytes_per_pixel: int, limits: Limits) -> None:
    """Judge an image by its header, before memory is taken for it.

    Raises:
        InputRefused: a side too small for a cell.
        LimitExceeded: a side or the decoded size over its limit.
    """
    if min(height, width) < limits.min_side:
        raise InputRefused(
            f"The image is {width} x {height} pixels, too small to be a cell.",
            f"A cell image has at least {limits.min_side} pixels per side.",
            "E-IMG-SMALL",
        )
    limits.check("max_image_side", max(height, width), "Longest side that the image says it has, in pixels")
    limits.check("max_member_bytes", height * width * bytes_per_pixel, "Bytes of the decoded image")


def note_transparency(where: str, log: FindingLog) -> None:
    """Warn that how transparent pixels are was not looked at."""
    log.add("warn", "W-IMG-ALPHA", "The image has a transparency channel, which was ignored.", where)


def note_two_values(where: str, log: FindingLog) -> None:
    """Warn about an image of one bit a pixel."""
    log.add("warn", "W-IMG-1BIT", "The image is black and white without grey values.", where)


def cmyk() -> InputRefused:
    """The error for an image in colours of printing."""
    return InputRefused("The image is CMYK, a colour mode of printing.", "Export grey values.", "E-IMG-CMYK")


def to_grey(pixels: Pixels, where: str, log: FindingLog, *, colour: str = "rgb") -> Pixels:
    """(h, w, s) to (h, w): equal channels silently, unequal ones by their luminance and with a warning.

    Args:
        colour: ``rgb``, ``rgba`` or ``la``; a last channel of transparency is dropped with a warning.
    """
    if colour.endswith("a"):
        note_transparency(where, log)
        pixels = pixels[..., :-1]
    if pixels.shape[-1] == 1:
        return np.asarray(pixels[..., 0])
    filled = [part for part in np.moveaxis(pixels, -1, 0) if part.any()]
    first = filled[0] if filled else pixels[..., 0]
    if 0 < len(filled) < pixels.shape[-1] and all(np.array_equal(first, part) for part in filled):
        message = "The image is drawn in one colour; its values were taken as grey values."
        log.add("note", "N-IMG-ONE-COLOUR", message, where)
        return np.ascontiguousarray(first)
    if all(np.array_equal(first, pixels[..., i]) for i in range(1, pixels.shape[-1])):
        return np.ascontiguousarray(first)
    if _nearly_grey(pixels):
        message = (
            "The colours of the image are only traces (of JPEG, or of a mark drawn into it); it was taken as grey."
        )
        log.add("note", "N-IMG-NEARLY-GREY", message, where)
    else:
        note_colour(where, log)
    grey: Pixels = pixels[..., :3].astype(np.float64) @ _LUMA
    whole = pixels.dtype.kind in "ui"
    return np.asarray(np.rint(grey) if whole else grey, pixels.dtype)


def _nearly_grey(pixels: Pixels) -> bool:
    """The colours of a pixel differ by a few hundredths of its brightness in the mean."""
    highest, lowest = pixels.max(axis=-1).astype(np.float64), pixels.min(axis=-1).astype(np.float64)
    return bool((highest - lowest).mean() <= _TRACES_OF_COLOUR * highest.mean())


def note_unchecked(kind: str, where: str, log: FindingLog) -> None:
    """Warn that damage inside the file would not be noticed."""
    message = f"The file is {kind}; whether its pixels were damaged on the way cannot be known."
    log.add("warn", "W-IMG-UNCHECKED", message, where)


def note_colour(where: str, log: FindingLog) -> None:
    """Warn that colours became grey values."""
    message = "The image has colours; it was turned into grey values, which a brightfield image should not need."
    log.add("warn", "W-IMG-COLOUR", message, where)


def check_plane(pixels: Pixels, where: str, limits: Limits, log: FindingLog) -> Pixels:
    """Judge decoded pixels (h, w) and give them back in native byte order.

    Raises:
        InputRefused: complex, NaN or infinite pixels.
    """
    if pixels.dtype.kind == "c":
        raise InputRefused("The pixels are complex numbers.", "Export intensities.", "E-IMG-COMPLEX")
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    if pixels.dtype.kind not in "uif":
        raise InputRefused("The pixels are not numbers that can be analysed.", "", "E-IMG-DTYPE")
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputRefused(
            "The pixels are not all finite numbers (NaN or infinite).", "Export raw intensities.", "E-IMG-NAN"
        )
    if pixels.dtype.kind == "i":
        log.add("warn", "W-IMG-SIGNED", "The image has signed pixel values; they were kept as they are.", where)
    elif pixels.dtype.kind == "f" and pixels.min() < 0:
        log.add("warn", "W-IMG-NEGATIVE", "The image has negative values; they were kept as they are.", where)
    note_look(pixels, where, limits, log)
    if min(pixels.shape) >= _BAR_SMALLEST_SIDE and _has_bar(pixels):
        message = (
            "A bar of one value is drawn into the image, most likely a scale bar. It changes the contrast of the "
            "picture and covers what lies under it."
        )
        log.add("warn", "W-IMG-SCALE-BAR", message, where)
    return pixels


def _has_bar(pixels: Pixels) -> bool:
    """A level, filled rectangle at the highest or lowest value, apart from others of that value."""
    low, high = float(pixels.min()), float(pixels.max())
    # JPEG leaves values near the limit.
    slack = 0.02 * (high - low)
    for bright in (True, False):
        hit = pixels >= high - slack if bright else pixels <= low + slack
        if not 0 < hit.mean() < 0.05:
            continue
        count, _, boxes, _ = cv2.connectedComponentsWithStats(hit.astype(np.uint8), connectivity=4)
        for left, top, width, height, area in boxes[1:count].tolist():
            level = width >= _BAR_RATIO * height and width >= _BAR_SHARE * pixels.shape[1]
            if level and height >= 2 and area >= 0.9 * width * height and min(left, top) > 0:
                return True
    return False


def note_look(pixels: Pixels, where: str, limits: Limits, log: FindingLog) -> None:
    """Warnings that need no second look at all pixels: whole fields, odd shapes, blank images."""
    height, width = pixels.shape
    if max(height, width) > limits.field_side:
        log.add(
            "warn",
            "W-IMG-FIELD",
            f"The image is larger than {limits.field_side:,} pixels: it looks like a whole field of view, "
            "not one cell. If it shows many cells, delete the study and import again with the option “These images "
            "are whole fields of view” ticked (on the command line: --fields).",
            where,
        )
    elif max(height, width) > _UNUSUAL_RATIO * min(height, width):
        log.add("warn", "W-IMG-SHAPE", "The image has an unusual shape for a single cell.", where)
    first = pixels[0, 0]
    # Two corners differ in nearly every real image, so the whole is rarely compared.
    if first == pixels[-1, -1] and first == pixels[height // 2, width // 2] and (pixels == first).all():
        full = pixels.dtype.kind == "u" and first == np.iinfo(pixels.dtype).max
        if full:
            log.add("warn", "W-IMG-SATURATED", "Every pixel has the highest value: the image is saturated.", where)
        else:
            log.add("warn", "W-IMG-BLANK", "Every pixel has the same value: the image is blank.", where)
