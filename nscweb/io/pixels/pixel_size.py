"""Micrometres per pixel that a TIFF gives, found by pattern and never by an XML parser; none is ever assumed.

OME-XML and ImageJ say what their number means. The resolution of a TIFF is meant for printers, and many programs fill
in any number; it is taken only where a microscope could have it, and told. The private tag of NIS-Elements is not
documented, so its value is offered and not taken.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from nscweb.core.errors import InputRefused
from nscweb.io.pixels.tiff_layout import TiffPage, read_layout

_SIZE = re.compile(rb"\bPhysicalSize([XY])\s*=\s*[\"']([0-9.eE+-]{1,30})[\"']")
_UNIT = re.compile(rb"\bPhysicalSize([XY])Unit\s*=\s*[\"']([^\"'<>]{1,24})[\"']")
_IMAGEJ_UNIT = re.compile(rb"^unit=([^\r\n]{1,24})\s*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
# In micrometres, after NFKC, which turns the micro sign into the letter and the sign of Angstrom into the letter.
_MICROMETRES = {
    **dict.fromkeys(("\u03bcm", "um", "micron", "microns", "micrometer", "micrometre", "micrometers"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-6),
    **dict.fromkeys(("\u00e5", "angstrom", "\u00e5ngstr\u00f6m"), 1e-4),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
}
_OF_RESOLUTION = {2: ("inch", 25400.0), 3: ("centimetre", 1e4)}

Source = Literal["sure", "resolution", "nis"]


@dataclass(frozen=True)
class PixelSize:
    """Micrometres per pixel, and who says so.

    Attributes:
        um: within what microscopes have.
        source: ``sure`` where the file says what the number means; ``resolution`` of printers, plausible; ``nis``
            the private tag of NIS-Elements, a guess.
        unit: of the resolution.
    """

    um: float
    source: Source
    unit: str = ""


def pixel_size(data: bytes) -> PixelSize | None:
    """What a TIFF says; None when it says nothing believable, or pixels are not square."""
    if data[:2] not in (b"II", b"MM"):
        return None
    try:
        page = read_layout(data)[0]
    except InputRefused:
        return None
    if b"PhysicalSize" in data:
        size = _ome(data)
        return None if size is None else PixelSize(size, "sure")
    if page.description.startswith(b"ImageJ="):
        size = _imagej(page)
        return None if size is None else PixelSize(size, "sure")
    if page.nis_calibration is not None and (size := _believable(page.nis_calibration)) is not None:
        return PixelSize(size, "nis")
    unit, micrometres = _OF_RESOLUTION.get(page.resolution_unit, ("", 0.0))
    size = _per_unit(page, micrometres)
    return None if size is None else PixelSize(size, "resolution", unit)


def _ome(data: bytes) -> float | None:
    sizes = {axis: float(number) for axis, number in _SIZE.findall(data) if _is_number(number)}
    units = {axis: _unit(unit) for axis, unit in _UNIT.findall(data)}
    found = {axis: size * _MICROMETRES.get(units.get(axis, "um"), 0.0) for axis, size in sizes.items()}
    return _square(tuple(found.values()))


def _imagej(page: TiffPage) -> float | None:
    unit = _IMAGEJ_UNIT.search(page.description)
    return None if unit is None else _per_unit(page, _MICROMETRES.get(_unit(unit[1]), 0.0))


def _per_unit(page: TiffPage, micrometres: float) -> float | None:
    return _square(tuple(micrometres / number for number in page.resolution if number > 0))


def _unit(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), html.unescape(text))
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _square(sizes: tuple[float, ...]) -> float | None:
    if not sizes or max(sizes) > 1.001 * min(sizes):
        return None
    return _believable(sizes[0])


def _believable(size: float) -> float | None:
    """A size that no microscope has (below 0.01 or above 20 micrometres) is not believed."""
    return float(f"{size:.6g}") if 0.01 <= size <= 20 else None


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
