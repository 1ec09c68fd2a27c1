"""PNG at native depth. The file is walked chunk by chunk first: checksums, size, colour type, animation.

Only the chunks that make pixels reach the decoder, so that text chunks (which may unpack to gigabytes) never do.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.image_pages import ImagePages
from nscweb.io.pixels.pixel_policy import check_plane, check_size, note_transparency, note_two_values, to_grey

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def sniff(head: bytes) -> bool:
    return head.startswith(SIGNATURE)


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    bits: int
    colour: int
    animated: bool
    transparent: bool
    pixel_chunks: bytes


def read(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """The one plane of a PNG.

    Raises:
        InputRefused: damaged or cut off.
        LimitExceeded: larger than the limits, judged from the header.
    """
    header = _walk(data, limits)
    if header.animated:
        log.add("warn", "W-IMG-ANIMATED", "The PNG is animated; its first image was taken.", where)
    pixels = _decode(header)
    if header.bits == 1:
        note_two_values(where, log)
    if pixels.ndim == 3:
        pixels = to_grey(pixels, where, log, colour={2: "la", 4: "rgba"}.get(pixels.shape[-1], "rgb"))
    elif header.transparent:
        note_transparency(where, log)
    return ImagePages.single(check_plane(pixels, where, limits, log))


def _damaged(detail: str) -> InputRefused:
    return InputRefused(f"The PNG is damaged: {detail}.", "Export or copy it again.", "E-IMG-DAMAGED")


def _walk(data: bytes, limits: Limits) -> _Header:
    position = len(SIGNATURE)
    kept = [SIGNATURE]
    header: tuple[int, int, int, int] | None = None
    animated = transparent = ended = False
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _damaged("it is cut off")
        if kind in _PIXEL_CHUNKS:
            chunk = data[position:end]
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                raise _damaged("a checksum is wrong")
            kept.append(chunk)
        if kind == b"IHDR":
            if length != 13 or header is not None:
                raise _damaged("its header is wrong")
            width, height, bits, colour = struct.unpack_from(">IIBB", data, position + 8)
            check_size(height, width, max(1, bits // 8) * _SAMPLES.get(colour, 1), limits)
            header = (width, height, bits, colour)
        animated |= kind == b"acTL"
        transparent |= kind == b"tRNS"
        if kind == b"IEND":
            ended = True
            break
        position = end
    if header is None or not ended:
        raise _damaged("it is cut off")
    return _Header(*header, animated, transparent, b"".join(kept))


def _decode(header: _Header) -> NDArray[Any]:
    try:
        if header.bits == 16 and header.colour != 0:
            # Pillow would reduce 16-bit colours to 8 bit.
            pixels = np.asarray(imagecodecs.png_decode(header.pixel_chunks))
        else:
            with Image.open(io.BytesIO(header.pixel_chunks), formats=("PNG",)) as opened:
                image: Image.Image = opened
                if image.mode == "P":
                    image = image.convert("RGBA" if header.transparent else "RGB")
                pixels = np.asarray(image)
    except Exception as error:
        raise _damaged("its pixels cannot be decoded") from error
    if pixels.dtype == np.int32:  # mode I of older Pillow: 16-bit values in 32 bits
        pixels = pixels.astype(np.uint16)
    if pixels.shape[:2] != (header.height, header.width):
        raise _damaged("its pixels have another size than its header says")
    return pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
