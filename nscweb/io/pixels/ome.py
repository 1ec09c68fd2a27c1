"""What a TIFF description says about its planes, found by pattern and never by an XML parser.

Descriptions are written by strangers: a DTD, an entity or a name of another file is refused, sizes are compared with
the planes that are there. They hold operator names and paths too, so nothing of them is kept but channel names.
"""

from __future__ import annotations

import re

from nscweb.core.errors import InputRefused
from nscweb.io.pixels.image_pages import Kind
from nscweb.io.pixels.tiff_layout import TiffPage

_SIZES = re.compile(rb"\bSize([ZCT])\s*=\s*[\"'](\d{1,20})[\"']")
_OTHER_FILE = re.compile(rb"FileName\s*=\s*[\"']([^\"']*)[\"']")
_CHANNEL_NAME = re.compile(rb"<(?:\w+:)?Channel\b[^>]*?\bName\s*=\s*[\"']([^\"'<>]{1,60})[\"']")
_PIXEL_SIZE = re.compile(rb"\bPhysicalSize([XY])\s*=\s*[\"']([0-9.eE+-]{1,30})[\"']")
_PIXEL_UNIT = re.compile(rb"\bPhysicalSize([XY])Unit\s*=\s*[\"']([^\"'<>]{1,12})[\"']")
# Units of length in OME-XML, in micrometres; micrometre is the default (OME schema 2016-06, attribute PhysicalSizeX).
_MICROMETRES = {"\u00b5m": 1.0, "\u03bcm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "pm": 1e-6}
_IMAGEJ = re.compile(rb"^(images|channels|slices|frames)=(\d{1,20})\s*$", re.MULTILINE)


def describe_planes(page: TiffPage, count: int, where: str) -> tuple[tuple[str, ...], Kind]:
    """Names and meaning of `count` planes from the description of the first.

    Raises:
        InputRefused: the description is unsafe, names another file, or claims planes that are not there.
    """
    text = page.description
    sizes = {"Z": 1, "C": 1, "T": 1}
    names: list[str] = []
    if b"<" in text:
        _check_xml(text, where)
        for axis, number in _SIZES.findall(text):
            sizes[axis.decode()] = max(sizes[axis.decode()], int(number))
        names = [name.decode("utf-8", "replace").strip() for name in _CHANNEL_NAME.findall(text)]
        if page.samples > 1 and sizes["C"] == page.samples:
            sizes["C"] = 1  # the colours of one plane
    elif text.startswith(b"ImageJ="):
        found = {key: int(number) for key, number in _IMAGEJ.findall(text)}
        sizes = {"Z": found.get(b"slices", 1), "C": found.get(b"channels", 1), "T": found.get(b"frames", 1)}
        if max(found.get(b"images", 1), *sizes.values()) > count:
            raise _missing_planes()
    if sizes["Z"] * sizes["C"] * sizes["T"] > count:
        raise _missing_planes()
    if count == 1:
        return ("",), "one"
    numbered = tuple(f"Ch{number}" for number in range(1, count + 1))
    if sizes["C"] == count:
        return (tuple(names) if len(set(names)) == count else numbered), "channels"
    if sizes["Z"] == count:
        return tuple(f"Z{number}" for number in range(1, count + 1)), "z"
    if sizes["T"] == count:
        return tuple(f"T{number}" for number in range(1, count + 1)), "t"
    return numbered, "pages"


def pixel_size_um(data: bytes) -> float | None:
    """Micrometres per pixel that the OME-XML in a file gives; None when it gives none, or pixels are not square.

    A size that no microscope has (below 0.01 or above 20 micrometres) is not believed either.
    """
    if b"PhysicalSize" not in data:
        return None
    sizes = {axis: float(number) for axis, number in _PIXEL_SIZE.findall(data) if _is_number(number)}
    units = {axis: unit.decode("utf-8", "replace") for axis, unit in _PIXEL_UNIT.findall(data)}
    found = {axis: size * _MICROMETRES.get(units.get(axis, "um"), 0.0) for axis, size in sizes.items()}
    if not found or max(found.values()) > 1.001 * min(found.values()):
        return None
    size = next(iter(found.values()))
    return size if 0.01 <= size <= 20 else None


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_xml(text: bytes, where: str) -> None:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise InputRefused(
            "The description inside the image holds commands (XML entities) that no instrument writes.",
            "Export the image again.",
            "E-IMG-OME-ENTITY",
        )
    own = where.replace("\\", "/").rpartition("/")[2].encode("utf-8", "replace")
    if any(name and name != own for name in _OTHER_FILE.findall(text)):
        raise InputRefused(
            "The description inside the image refers to another file; only the file itself is ever read.",
            "Export every cell as a file of its own.",
            "E-IMG-OTHER-FILE",
        )


def _missing_planes() -> InputRefused:
    return InputRefused(
        "The description inside the image speaks of more planes than the file holds.",
        "Export or copy it again.",
        "E-IMG-OME-SIZES",
    )
