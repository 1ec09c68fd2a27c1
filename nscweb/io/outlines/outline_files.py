"""Outlines of ImageJ (.roi and zips of them), QuPath (GeoJSON) and Cellpose (_cp_outlines.txt), read apart.

They are parsed in a process of their own with limits of time and memory, because they come from anywhere.
"""

from __future__ import annotations

import atexit

import numpy as np

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.guarded_child import GuardedChild, tell
from nscweb.io.names.file_names import suffix_of
from nscweb.io.outlines.polygons import Outline

HEAD = 4096
_READER = GuardedChild(
    "nscweb.io.outlines.outline_child:main",
    (),
    "The outlines could not be read",
    "the reader",
    "Export them again.",
    "E-MASK-READER",
)
atexit.register(_READER.close)


def read_outlines(data: bytes, kind: str, name: str, limits: Limits, log: FindingLog) -> list[Outline]:
    """Outlines of a file held in memory, in its order; points and lines are left out and counted.

    Args:
        kind: ``rois``, ``geojson`` or ``lines``.

    Raises:
        InputRefused: damaged, of another kind, or too many.
    """
    said, found = _READER.ask({"kind": kind}, data, limits)
    tell(log, said)
    if said["left_out"]:
        message = "Points, lines and empty outlines enclose no cell; they were left out."
        log.add("warn", "W-MASK-NO-AREA", message, f"{name}: {said['left_out']:,}")
    points = np.frombuffer(found, "<f8").reshape(-1, 2)
    rings = iter(np.split(points, np.cumsum(said["corners"])[:-1])) if said["corners"] else iter(())
    return [
        Outline(tuple(next(rings) for _ in range(count)), label, kind_name, tuple(parts))
        for count, label, kind_name, parts in zip(
            said["rings"], said["names"], said["classes"], said["parts"], strict=True
        )
    ]


def holds_outlines(name: str, head: bytes) -> bool:
    """Whether a file that may hold outlines by its name does so by its first bytes."""
    suffix = suffix_of(name)
    if suffix == ".roi":
        return head.startswith(b"Iout")
    if suffix == ".zip":
        return _first_member(head).lower().endswith(b".roi")
    if suffix == ".json":
        return b'"geometry"' in head[:HEAD] or b'"FeatureCollection"' in head[:HEAD]
    return True


def _first_member(head: bytes) -> bytes:
    """The name of the first file in a zip, folders passed over; b"" when the head holds none."""
    at = 0
    while head[at : at + 4] == b"PK\x03\x04" and len(head) >= at + 30:
        length, extra = (int.from_bytes(head[at + place : at + place + 2], "little") for place in (26, 28))
        name = head[at + 30 : at + 30 + length]
        if not name.endswith(b"/"):
            return name
        at += 30 + length + extra
    return b""
