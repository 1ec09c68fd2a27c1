"""What the header of a `.cif` says about its channels: which are in use, which is brightfield, how large a pixel is.

The header also holds names of people, folders and the whole settings of the instrument. Nothing is taken but numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree

from nscweb.io.formats.cif_file import CifFile, Entry

_SETTINGS, _INSTRUMENT, _OBJECTS = 33027, 33064, 33018
_MOST_XML = 16 << 20
_MOST_CHANNELS = 64
# Micrometres per pixel of the three objectives, as the maker gives them. At 40x it agrees with IDEAS: the areas in a
# real .daf are multiples of 0.25 square micrometres.
PIXEL_SIZES_UM = {20.0: 1.0, 40.0: 0.5, 60.0: 0.3}


@dataclass(frozen=True)
class CifHeader:
    """Numbers from the header, as far as it gives them.

    Attributes:
        objects: number of objects that the file claims, None when it does not.
        in_use: channels in use, from 1; empty when unknown.
        brightfield: channels with a brightfield lamp on, from 1.
        channels: number of channels, 0 when unknown.
        pixel_size_um: micrometres per pixel, None when unknown.
        readable: False when there are settings that cannot be read.
    """

    objects: int | None = None
    in_use: tuple[int, ...] = ()
    brightfield: tuple[int, ...] = ()
    channels: int = 0
    pixel_size_um: float | None = None
    readable: bool = True


def read_header(file: CifFile, at: int) -> CifHeader:
    """The header at a position of the file; what is missing or damaged stays unknown."""
    entries = file.entries(at) if at >= 0 else None
    if not entries:
        return CifHeader()
    claimed = file.values(at, entries.get(_OBJECTS), 1)
    settings = _xml(file, at, entries, _SETTINGS)
    if settings is None:
        return CifHeader(
            int(claimed[0]) if claimed else None,
            channels=_channel_count(file, at, entries),
            readable=_SETTINGS not in entries,
        )
    in_use = _switches(_text(settings, "Imaging", "ChannelInUseIndicators_0_11"))
    lamps = _switches(_text(settings, "Illumination", "BfLedIndicators_0_11"))
    lit = _number(_text(settings, "Illumination", "BFOnOff")) == 1.0
    binning = _number(_text(settings, "Imaging", "CameraBinning"))
    magnification = _number(_text(settings, "Imaging", "Magnification"))
    return CifHeader(
        int(claimed[0]) if claimed else None,
        in_use,
        lamps if lit else (),
        len(in_use) or _channel_count(file, at, entries),
        PIXEL_SIZES_UM.get(magnification or 0.0) if binning in (None, 1.0) else None,
    )


def _channel_count(file: CifFile, at: int, entries: Mapping[int, Entry]) -> int:
    instrument = _xml(file, at, entries, _INSTRUMENT)
    found = None if instrument is None else instrument.findtext(".//ChannelCount")
    number = _number(found)
    return int(number) if number is not None and 0 < number <= _MOST_CHANNELS else 0


def _xml(file: CifFile, at: int, entries: Mapping[int, Entry], tag: int) -> Any:
    """Root element of the XML in a tag; None when there is none that can be read safely."""
    entry = entries.get(tag)
    data = b"" if entry is None else file.data(at, entry, _MOST_XML)
    if not data:
        return None
    try:
        text = data.rstrip(b"\0 \r\n\t").decode("utf-8", "replace").lstrip("\ufeff")
        return ElementTree.fromstring(text, forbid_dtd=True)
    except (ParseError, ValueError):  # defusedxml refuses by kinds of ValueError
        return None


def _text(root: Any, part: str, name: str) -> str | None:
    found: str | None = root.findtext(f".//{part}/{name}")
    return found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _switches(text: str | None) -> tuple[int, ...]:
    """Numbers, from 1, of the switches that are on in a list such as ``1 0 0 1``."""
    words = (text or "").split()
    if len(words) > _MOST_CHANNELS or not all(word in ("0", "1") for word in words):
        return ()
    return tuple(number for number, word in enumerate(words, 1) if word == "1")
