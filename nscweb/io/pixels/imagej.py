"""What ImageJ and Fiji write into a TIFF: names of slices, and stacks whose planes lie behind a single directory."""

from __future__ import annotations

import re
import struct
from dataclasses import replace

from nscweb.io.pixels.tiff_layout import MAX_PAGES, TiffPage

# Marks of ImageJ's own tags (ij.io.TiffEncoder).
_MAGIC, _LABELS = 0x494A494A, 0x6C61626C
_MOST_NAME = 60
_IMAGES = re.compile(rb"^images=(\d{1,6})\s*$", re.MULTILINE)
# "c:1/3 z:2/5 - name": the place of a slice, which ImageJ puts before its name.
_PLACE = re.compile(r"^(?:[czt]:\d+/\d+\s*)+(?:[-;:]\s*)?")


def imagej_labels(page: TiffPage) -> tuple[str, ...]:
    """Names of the planes; none where the file has none for each, or two alike."""
    sizes, text, order = page.imagej_sizes, page.imagej_text, page.byte_order
    if not sizes or sizes[0] < 12 or sizes[0] > len(text) or struct.unpack_from(f"{order}I", text)[0] != _MAGIC:
        return ()
    position, piece, names = sizes[0], 1, []
    for at in range(4, sizes[0] - 7, 8):
        kind, count = struct.unpack_from(f"{order}2I", text, at)
        for size in sizes[piece : piece + count]:
            if kind == _LABELS:
                raw = text[position : position + size]
                names.append(raw.decode("utf-16-le" if order == "<" else "utf-16-be", "replace").strip())
            position += size
        piece += count
    # Often the name of the file follows on further lines.
    names = [_PLACE.sub("", name.partition("\n")[0]).strip() for name in names]
    good = all(0 < len(name) <= _MOST_NAME and name.isprintable() for name in names)
    return tuple(names) if good and len(set(names)) == len(names) else ()


def planes_behind(page: TiffPage, data: bytes) -> list[TiffPage]:
    """The planes of a stack that has one directory; the page alone where it is none, or they are not all there.

    ImageJ writes large stacks so: the planes follow one another, not packed, and only their number is told.
    """
    found = _IMAGES.search(page.description) if page.description.startswith(b"ImageJ=") else None
    count = int(found[1]) if found is not None else 1
    ends = [begin + size for begin, size in zip(page.offsets, page.counts, strict=False)]
    # Some writers give the bytes of the whole stack as those of the first plane.
    size = page.height * page.width * page.samples * page.bits // 8
    joined = page.offsets[1:] == tuple(ends[:-1])
    if not 1 < count <= MAX_PAGES or page.compression != 1 or page.tiled or not joined or page.bits % 8:
        return [page]
    begin = page.offsets[0] if page.offsets else 0
    if not begin or begin + count * size > len(data):
        return [page]
    return [
        replace(page, offsets=(begin + plane * size,), counts=(size,), block=(page.height, page.width))
        for plane in range(count)
    ]
