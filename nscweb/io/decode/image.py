"""One image file to planes: by content, whatever its name says."""

from __future__ import annotations

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats import FORMATS
from nscweb.io.names.file_names import suffix_of
from nscweb.io.names.other_files import known_by_content, known_by_name
from nscweb.io.pixels.image_pages import Format, ImagePages

_HEAD = 512
# How files of the image formats begin; a file that ends inside its beginning is a cut one.
_BEGINNINGS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

# Opened by `io.survey.opening` where they lie; here they come only out of something else.
_INSTRUMENT = "of an imaging flow cytometer, which is not read inside another file"
_BY_SUFFIX: dict[str, tuple[str, str]] = {
    ".cif": (f"a .cif file {_INSTRUMENT}", "E-FMT-CIF"),
    ".rif": (f"a .rif file {_INSTRUMENT}", "E-FMT-CIF"),
    ".daf": ("a .daf file, which holds no pixels and belongs beside its .cif", "E-FMT-DAF"),
}


def recognise(data: bytes) -> Format | None:
    """The image format of these bytes, None when it is none that is read."""
    head = data[:_HEAD]
    return next((entry for entry in FORMATS if entry.read and entry.sniff(head)), None)


def decode(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """Planes of an image file held in memory; `where` is its name for messages.

    Raises:
        InputRefused: empty, no image, damaged...; the error's code is stable.
        LimitExceeded: larger than the limits, judged from the header.
    """
    if not data:
        raise InputRefused("The file is empty.", "Export or copy it again.", "E-IMG-EMPTY")
    suffix = suffix_of(where)
    if suffix in _BY_SUFFIX:
        what, code = _BY_SUFFIX[suffix]
        raise InputRefused(f"This is {what}.", "Take it out of the archive and import it by itself.", code)
    entry = recognise(data)
    if entry is None or entry.read is None:
        raise _not_an_image(data, where)
    pages = entry.read(data, where, limits, log)
    if suffix not in entry.suffixes:
        log.add("warn", "W-IMG-NAME", f"The file is a {entry.name}, unlike its name; it was read as such.", where)
    return pages


def _not_an_image(data: bytes, where: str) -> InputRefused:
    kind = known_by_content(data) or known_by_name(where)
    if kind is not None:
        return kind.refusal()
    if data.startswith(b"PK\x03\x04"):
        return InputRefused("The file is an archive, not an image.", "Give it its right name, .zip.", "E-FMT-NOT-IMAGE")
    if (len(data) > 2 or not _is_text(data)) and any(data.startswith(magic[: len(data)]) for magic in _BEGINNINGS):
        return InputRefused("The image is damaged: it is cut off.", "Copy it again.", "E-IMG-DAMAGED")
    if not any(data[:_HEAD]):
        return InputRefused(
            "The file holds nothing but zeros, so it is not an image: its copy or download failed.",
            "Copy it again.",
            "E-IMG-ZEROS",
        )
    what = "holds text and is not an image" if _is_text(data[:_HEAD]) else "is not an image"
    return InputRefused(
        f"The file {what}, whatever its name says.", "Export TIFF, PNG, JPEG or BMP.", "E-IMG-NOT-IMAGE"
    )


def _is_text(head: bytes) -> bool:
    """True for plain text: nothing below a space but tabs and ends of lines."""
    return all(byte >= 32 or byte in b"\t\r\n\x0c" for byte in head) and b"\xff" not in head
