"""What a TIFF description says about its planes, found by pattern and never by an XML parser.

Descriptions are written by strangers: a DTD, an entity or a name of another file is refused, sizes are compared with
the planes that are there. They hold operator names and paths too, so nothing of them is kept but channel names.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

from nscweb.core.errors import InputRefused
from nscweb.io.pixels.image_pages import Kind
from nscweb.io.pixels.imagej import imagej_labels
from nscweb.io.pixels.tiff_layout import TiffPage

_SIZES = re.compile(rb"\bSize([ZCT])\s*=\s*[\"'](\d{1,20})[\"']")
_OTHER_FILE = re.compile(rb"FileName\s*=\s*[\"']([^\"']*)[\"']")
_CHANNEL_NAME = re.compile(rb"<(?:\w+:)?Channel\b[^>]*?\bName\s*=\s*[\"']([^\"'<>]{1,60})[\"']")
_ROOT_UUID = re.compile(rb"<(?:\w+:)?OME\b[^>]*?\bUUID\s*=\s*[\"']([^\"'<>]{1,80})[\"']")
_UUID_OF_FILE = re.compile(
    rb"<(?:\w+:)?UUID\b[^>]*?\bFileName\s*=\s*[\"']([^\"'<>]*)[\"'][^>]*>([^<]{1,120})</(?:\w+:)?UUID>"
)
_IMAGEJ = re.compile(rb"^(images|channels|slices|frames)=(\d{1,20})\s*$", re.MULTILINE)


def claimed_planes(page: TiffPage) -> int:
    """How many planes the description speaks of; 1 where it says nothing."""
    if b"<" in page.description:
        sizes = _ome_sizes(page.description)
        return sizes["Z"] * sizes["C"] * sizes["T"]
    found = [int(number) for _, number in _IMAGEJ.findall(page.description)]
    return max(found, default=1)


def _ome_sizes(text: bytes) -> dict[str, int]:
    sizes = {"Z": 1, "C": 1, "T": 1}
    for axis, number in _SIZES.findall(text):
        sizes[axis.decode()] = max(sizes[axis.decode()], int(number))
    return sizes


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
        sizes = _ome_sizes(text)
        names = [html.unescape(name.decode("utf-8", "replace")).strip() for name in _CHANNEL_NAME.findall(text)]
        if page.samples > 1 and sizes["C"] == page.samples:
            sizes["C"] = 1  # the colours of one plane
    elif text.startswith(b"ImageJ="):
        found = {key: int(number) for key, number in _IMAGEJ.findall(text)}
        sizes = {"Z": found.get(b"slices", 1), "C": found.get(b"channels", 1), "T": found.get(b"frames", 1)}
        if max(found.get(b"images", 1), *sizes.values()) > count:
            raise _missing_planes()
        names = list(imagej_labels(page))
    if sizes["Z"] * sizes["C"] * sizes["T"] > count:
        raise _missing_planes()
    if count == 1:
        return ("",), "one"
    if text.startswith(b"ImageJ=") and len(set(names)) == count and max(sizes.values()) == 1:
        sizes["C"] = count  # no axis is named, but every plane is
    numbered = tuple(f"Ch{number}" for number in range(1, count + 1))
    if sizes["C"] == count:
        return (tuple(names) if len(set(names)) == count else numbered), "channels"
    if sizes["Z"] == count:
        return tuple(f"Z{number}" for number in range(1, count + 1)), "z"
    if sizes["T"] == count:
        return tuple(f"T{number}" for number in range(1, count + 1)), "t"
    return numbered, "pages"


def _check_xml(text: bytes, where: str) -> None:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise InputRefused(
            "The description inside the image holds commands (XML entities) that no instrument writes.",
            "Export the image again.",
            "E-IMG-OME-ENTITY",
        )
    own, root = (
        _spelled(where.replace("\\", "/").rpartition("/")[2].encode("utf-8", "replace")),
        _ROOT_UUID.search(text),
    )
    # A file that was renamed still has its old name inside; that it means itself is told by its own number.
    itself = _uuid(root[1]) if root is not None else b""
    renamed = {_spelled(name) for name, uuid in _UUID_OF_FILE.findall(text) if itself and _uuid(uuid) == itself}
    if any(name and _spelled(name) not in {own, *renamed} for name in _OTHER_FILE.findall(text)):
        raise InputRefused(
            "The description inside the image refers to another file; only the file itself is ever read.",
            "Export every cell as a file of its own.",
            "E-IMG-OTHER-FILE",
        )


def _spelled(name: bytes) -> str:
    """A file name without the ways in which one and the same name is written differently."""
    text = unquote(html.unescape(name.decode("utf-8", "replace")))
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _uuid(text: bytes) -> bytes:
    return text.strip().lower().removeprefix(b"urn:uuid:")


def _missing_planes() -> InputRefused:
    return InputRefused(
        "The description inside the image speaks of more planes than the file holds.",
        "Export or copy it again.",
        "E-IMG-OME-SIZES",
    )
