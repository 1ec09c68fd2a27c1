"""Pixels and masks of `.cif` and `.rif` files, decoded by whole arrays; strict, so that no pixel is ever made up.

Grey values (TIFF compression 30817) are nibbles, low nibble first: 3 data bits each, little end first, bit 3 says that
more follow, and bit 2 of the last nibble is the sign. They give height x width differences; a pixel is its
difference + upper + left - upper left neighbour (FACTS section 2), hence two running sums. Masks (30818) are pairs of
(value, run length - 1). Uncompressed (1) is row after row, little endian.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused

NONE, GREY, BITMASK = 1, 30817, 30818
# 10 nibbles are 30 bits, so that sums stay within 32 bits; pixels of 16 bits need 7 at most.
_MOST_NIBBLES = 10
_LAST = np.array([0, 1, 2, 3, -4, -3, -2, -1, 0, 0, 0, 0, 0, 0, 0, 0], np.int32)
# Both nibbles of a byte as two bytes, in the order of the stream.
_NIBBLES = np.array([(byte & 15) | (byte >> 4) << 8 for byte in range(256)], "<u2")


def damaged(reason: str) -> InputRefused:
    """The error of an object that cannot be read; it is given for that row and the others are kept."""
    return InputRefused(f"The object is damaged: {reason}", "Copy or export the file again.", "E-CIF-OBJECT")


def decode_grey(data: bytes | memoryview, height: int, width: int, bits: int = 16) -> NDArray[np.uint16]:
    """Differences in nibbles to (height, width) pixels.

    Raises:
        InputRefused: not exactly height x width differences, or a pixel that does not fit into `bits`.
    """
    count = height * width
    packed = np.frombuffer(data, np.uint8)
    if 2 * len(packed) < count:
        raise damaged("its pixels are cut off.")
    if len(packed) > count * _MOST_NIBBLES // 2 + 1:
        raise damaged("it holds more data than pixels.")
    nibbles = _NIBBLES[packed].view(np.uint8)
    ends = np.flatnonzero(nibbles < 8)
    if len(ends) == count + 1 and ends[-2] == len(nibbles) - 2 and not nibbles[-1]:
        ends = ends[:-1]  # an odd number of nibbles is filled up to a byte
    elif len(ends) and ends[-1] != len(nibbles) - 1:
        raise damaged("its last pixel is cut off.")
    if len(ends) != count:
        raise damaged("it does not have as many pixels as its size says.")
    values = _LAST[nibbles[ends]]
    _add_lower_bits(values, nibbles, ends)
    pixels = values.reshape(height, width)
    np.cumsum(pixels, axis=0, out=pixels)
    np.cumsum(pixels, axis=1, out=pixels)
    # Sums wrap at 32 bits; where all are within 16 bits, none has wrapped, because every difference has 30 at most.
    if (pixels.view(np.uint32) >> np.uint32(bits)).any():
        raise damaged("a pixel is outside the range of its camera.")
    return pixels.astype(np.uint16)


def _add_lower_bits(values: NDArray[np.int32], nibbles: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
    """Values of more than one nibble: from the last nibble back to the first, 3 bits each."""
    if len(nibbles) == len(ends):
        return
    before = ends - 1
    # The nibble before a value's last belongs to it when it says that more follow. Before the very first lies
    # index -1, the last nibble, which never says so.
    chosen = np.flatnonzero(nibbles[before] >= 8)
    for _ in range(_MOST_NIBBLES - 1):
        if not len(chosen):
            return
        at = before[chosen]
        values[chosen] = (values[chosen] << 3) | (nibbles[at] & 7)
        before[chosen] = at - 1
        chosen = chosen[nibbles[at - 1] >= 8]
    if len(chosen):
        raise damaged("a pixel has more bits than any camera gives.")


def decode_bitmask(data: bytes | memoryview, height: int, width: int) -> NDArray[np.bool_]:
    """Runs to a mask (height, width), True inside the cell.

    Raises:
        InputRefused: the runs do not fill exactly height x width pixels.
    """
    if len(data) % 2:
        raise damaged("the runs of its mask are cut off.")
    pairs = np.frombuffer(data, np.uint8).reshape(-1, 2)
    lengths = pairs[:, 1].astype(np.int64) + 1
    if int(lengths.sum()) != height * width:
        raise damaged("its mask does not have as many pixels as its size says.")
    return np.asarray(np.repeat(pairs[:, 0] > 0, lengths).reshape(height, width))


def decode_plain(data: bytes | memoryview, height: int, width: int, bits: int) -> NDArray[Any]:
    """Uncompressed pixels (height, width), uint8 or uint16.

    Raises:
        InputRefused: another number of bytes than the size says.
    """
    dtype = np.dtype("<u2") if bits > 8 else np.dtype(np.uint8)
    if len(data) != height * width * dtype.itemsize:
        raise damaged("it does not have as many pixels as its size says.")
    return np.frombuffer(data, dtype).reshape(height, width).astype(dtype.newbyteorder("="))


def decode_image(data: bytes | memoryview, height: int, width: int, bits: int, compression: int) -> NDArray[Any]:
    """Pixels (height, width) of an image directory, channels side by side.

    Raises:
        InputRefused: damaged, or another compression or depth than instruments write.
    """
    if not 8 <= bits <= 16:
        raise damaged(f"its pixels have {bits} bits.")
    if compression == GREY:
        return decode_grey(data, height, width, bits)
    if compression == NONE:
        return decode_plain(data, height, width, bits)
    raise damaged(f"its pixels are compressed in an unknown way ({compression}).")


def decode_mask(data: bytes | memoryview, height: int, width: int, bits: int, compression: int) -> NDArray[np.bool_]:
    """Mask (height, width) of a mask directory, channels side by side.

    Raises:
        InputRefused: damaged, or another compression than instruments write.
    """
    if compression == BITMASK:
        return decode_bitmask(data, height, width)
    if compression == NONE:
        return decode_plain(data, height, width, bits) > 0
    raise damaged(f"its mask is compressed in an unknown way ({compression}).")
