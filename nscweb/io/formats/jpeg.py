"""JPEG, 8 bit. Orientation notes of cameras are not applied: an instrument's pixels are what they are."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.image_pages import ImagePages
from nscweb.io.pixels.jpeg_entropy import EntropyError, check_entropy, frame_size
from nscweb.io.pixels.pixel_policy import check_plane, check_size, cmyk, note_unchecked, to_grey


def sniff(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def read(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """The one plane of a JPEG.

    Raises:
        InputRefused: damaged, cut off, or CMYK.
        LimitExceeded: larger than the limits, judged from the header.
    """
    frame = frame_size(data)
    if frame is None:
        raise _damaged("it has no frame header")
    height, width, components = frame
    check_size(height, width, components, limits)
    if components == 4:
        raise cmyk()
    if b"\xff\xd9" not in data[-4096:]:
        raise _damaged("it is cut off")
    try:
        if not check_entropy(data):
            note_unchecked("a progressive JPEG", where, log)
    except EntropyError as error:
        raise _damaged(str(error)) from error
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            pixels: NDArray[Any] = np.asarray(image)
    except Exception as error:
        raise _damaged("its pixels cannot be decoded") from error
    if pixels.ndim == 3:
        pixels = to_grey(pixels, where, log)
    return ImagePages.single(check_plane(pixels, where, limits, log))


def _damaged(detail: str) -> InputRefused:
    return InputRefused(f"The JPEG is damaged: {detail}.", "Export or copy it again.", "E-IMG-DAMAGED")
