"""The small TIFF of simulated cells: the layout of IDEAS exports, one strip, uncompressed."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Every image and the zip comment carry these bytes, so that an import knows simulated cells.
SIMULATED_MARK = b"nscweb simulation"

_SHORT, _LONG, _ASCII = 3, 4, 2


@lru_cache(maxsize=4096)
def _header(height: int, width: int, item: int, channel: str) -> bytes:
    text = (
        SIMULATED_MARK + b': <OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        b'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint%d" SizeX="%d" '
        b'SizeY="%d" SizeZ="1" SizeC="1" SizeT="1">'
        b'<Channel ID="Channel:0" Name="%s"/></Pixels></Image></OME>\x00'
        % (8 * item, width, height, channel.encode("ascii"))
    )
    text += b"\x00" * (len(text) % 2)
    entries = 12
    text_at = 8 + 2 + entries * 12 + 4
    software_at = text_at + len(text)
    software = SIMULATED_MARK + b"\x00"
    pixels_at = software_at + len(software)
    pixels_at += pixels_at % 2
    fields = [
        (256, _SHORT, 1, width),
        (257, _SHORT, 1, height),
        (258, _SHORT, 1, 8 * item),
        (259, _SHORT, 1, 1),
        (262, _SHORT, 1, 1),
        # IDEAS writes the invalid fill order 0; readers have to live with it, so our exports teach them to.
        (266, _SHORT, 1, 0),
        (270, _ASCII, len(text), text_at),
        (273, _LONG, 1, pixels_at),
        (277, _SHORT, 1, 1),
        (278, _SHORT, 1, height),
        (279, _LONG, 1, height * width * item),
        (305, _ASCII, len(software), software_at),
    ]
    body = struct.pack("<2sHLH", b"II", 42, 8, entries)
    body += b"".join(struct.pack("<HHLL", *field) for field in fields) + struct.pack("<L", 0)
    return (body + text + software).ljust(pixels_at, b"\x00")


def tiff_bytes(pixels: NDArray[np.generic], channel: str) -> bytes:
    """A TIFF file of one plane (h, w) of uint8 or uint16."""
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return _header(pixels.shape[0], pixels.shape[1], pixels.dtype.itemsize, channel) + little.tobytes()
