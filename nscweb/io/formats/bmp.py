"""BMP, as zhu2021 published single cells: 8-bit grey, palette or RGB with equal channels."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.image_pages import ImagePages
from nscweb.io.pixels.pixel_policy import check_plane, check_size, note_two_values, to_grey

# Lengths of the header behind the first 14 bytes, of all versions that were ever written.
_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def sniff(head: bytes) -> bool:
    """A text may begin with "BM" too, so the length of the second header has to fit."""
    return head.startswith(b"BM") and len(head) >= 26 and int.from_bytes(head[14:18], "little") in _HEADERS


def read(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """The one plane of a BMP.

    Raises:
        InputRefused: damaged or cut off.
        LimitExceeded: larger than the limits, judged from the header.
    """
    pixels_at, header_size = struct.unpack_from("<2I", data, 10)
    if header_size < 40 or len(data) < 34:
        raise _damaged("its header is not one that cameras or instruments write")
    width, signed_height, _, bits, packing = struct.unpack_from("<2i2HI", data, 18)
    height = abs(signed_height)
    check_size(height, max(width, 0), max(1, bits // 8), limits)
    if packing in (0, 3) and pixels_at + (width * bits + 31) // 32 * 4 * height > len(data):
        raise _damaged("it is cut off")
    try:
        with Image.open(io.BytesIO(data), formats=("BMP",)) as opened:
            image: Image.Image = opened
            if image.mode == "P":
                image = image.convert("RGB")
            if image.mode == "1":
                note_two_values(where, log)
                image = image.convert("L")
            pixels: NDArray[Any] = np.asarray(image)
    except Exception as error:
        raise _damaged("its pixels cannot be decoded") from error
    if pixels.ndim == 3:
        pixels = to_grey(pixels, where, log, colour="rgba" if pixels.shape[-1] == 4 else "rgb")
    return ImagePages.single(check_plane(pixels, where, limits, log))


def _damaged(detail: str) -> InputRefused:
    return InputRefused(f"The BMP is damaged: {detail}.", "Export or copy it again.", "E-IMG-DAMAGED")
