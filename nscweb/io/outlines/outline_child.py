"""The other side of `io.outlines.outline_files`: ROI files, GeoJSON and lists of corners to polygons."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from nscweb.core.errors import InputRefused
from nscweb.io.decode.child_process import error_as_dict
from nscweb.io.decode.guarded_server import serve
from nscweb.io.outlines.polygons import Corners, Outline

MOST_OUTLINES = 100_000
MOST_CORNERS = 10_000_000
_MOST_ROI_BYTES = 2_000_000
_NAME_LENGTH = 200
_AGAIN = "Export it again."
_DAMAGED = (ValueError, KeyError, IndexError, TypeError, OverflowError, EOFError, RuntimeError, zipfile.BadZipFile)
# Numbers behind the command of a path of ImageJ: move, line, quadratic and cubic curve, close.
_PATH = {0: 2, 1: 2, 2: 4, 3: 6, 4: 0}
_CURVE_POINTS = 12


def main() -> None:
    """Answer until nobody asks any more."""
    serve(lambda: _answer)


def _answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        found = _READ[asked["kind"]](data)
        outlines: list[Outline] = []
        left_out = corners = 0
        for outline in found:
            if outline is None:
                left_out += 1
                continue
            corners += sum(map(len, outline.rings))
            if len(outlines) >= MOST_OUTLINES or corners > MOST_CORNERS:
                raise InputRefused("The file holds more outlines than a field has cells.", "", "E-MASK-OBJECTS")
            outlines.append(outline)
    except InputRefused as error:
        return {"findings": [], "error": error_as_dict(error)}, b""
    except _DAMAGED as error:
        refused = InputRefused(f"The file of outlines is damaged or of another kind ({type(error).__name__}).", _AGAIN)
        refused.code = "E-MASK-DAMAGED"
        return {"findings": [], "error": error_as_dict(refused)}, b""
    rings = [ring for outline in outlines for ring in outline.rings]
    said = {
        "findings": [],
        "left_out": left_out,
        "names": [outline.name[:_NAME_LENGTH] for outline in outlines],
        "classes": [outline.class_name[:_NAME_LENGTH] for outline in outlines],
        "rings": [len(outline.rings) for outline in outlines],
        "parts": [outline.parts for outline in outlines],
        "corners": [len(ring) for ring in rings],
    }
    return said, np.concatenate(rings).astype("<f8").tobytes() if rings else b""


def _rois(data: bytes) -> Iterator[Outline | None]:
    """A .roi, or a zip of them; what is no area (points, lines) is left out."""
    if not data.startswith(b"PK"):
        yield _roi(data)
        return
    room = 32 * len(data) + _MOST_ROI_BYTES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if not member.filename.lower().endswith(".roi"):
                continue
            with archive.open(member) as stream:
                part = stream.read(_MOST_ROI_BYTES + 1)
            room -= len(part)
            if len(part) > _MOST_ROI_BYTES or room < 0:
                raise InputRefused("An outline in the zip is far too large.", _AGAIN, "E-MASK-OBJECTS")
            yield _roi(part)


def _roi(data: bytes) -> Outline | None:
    import roifile

    roi = roifile.ImagejRoi.frombytes(data)
    kinds = roifile.ROI_TYPE
    if roi.roitype not in (kinds.POLYGON, kinds.FREEHAND, kinds.TRACED, kinds.RECT, kinds.OVAL):
        return None
    if roi.composite:
        rings = tuple(_path(np.asarray(roi.multi_coordinates, np.float64).tolist()))
    elif roi.roitype == kinds.OVAL:
        rings = (_oval(roi.left, roi.top, roi.right, roi.bottom),)
    elif roi.roitype == kinds.RECT:
        left, top, right, bottom = roi.left, roi.top, roi.right, roi.bottom
        rings = (np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64),)
    else:
        rings = (np.asarray(roi.coordinates(), np.float64).reshape(-1, 2),)
    return _outline((rings,), str(roi.name or ""))


def _path(values: list[float]) -> Iterator[Corners]:
    """Rings of a shape of several lines, such as a cell with a hole; curves as short lines."""
    ring: list[tuple[float, float]] = []
    place = 0
    while place < len(values):
        command = int(values[place])
        numbers = values[place + 1 : place + 1 + _PATH[command]]
        if len(numbers) < _PATH[command]:
            raise ValueError("a path that ends too early")
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        place += 1 + len(numbers)
        if command == 0:
            yield np.array(ring, np.float64).reshape(-1, 2)
            ring = points
        elif command in (2, 3):
            ring += _curve([ring[-1], *points])
        else:
            ring += points
    yield np.array(ring, np.float64).reshape(-1, 2)


def _curve(controls: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a Bezier curve behind its first one, by the algorithm of de Casteljau."""
    found = []
    for t in np.linspace(0, 1, _CURVE_POINTS + 1)[1:].tolist():
        points = controls
        while len(points) > 1:
            points = [(a + t * (c - a), b + t * (d - b)) for (a, b), (c, d) in itertools.pairwise(points)]
        found.append(points[0])
    return found


def _oval(left: float, top: float, right: float, bottom: float) -> Corners:
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = (left + right) / 2 + (right - left) / 2 * np.cos(turn)
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(turn)
    return np.stack([x, y], axis=1)


def _geojson(data: bytes) -> Iterator[Outline | None]:
    """Polygons of QuPath and of other programs: a FeatureCollection, a list of features, or one feature."""
    said = json.loads(data)
    if isinstance(said, dict):
        said = said.get("features", [said])
    if not isinstance(said, list) or not all(isinstance(item, dict) and "geometry" in item for item in said):
        raise InputRefused("The file is JSON, but not GeoJSON with outlines.", _AGAIN, "E-MASK-GEOJSON")
    for feature in said:
        about = feature.get("properties") or {}
        kind = about.get("classification") or {}
        geometry = feature["geometry"] or {}
        if geometry.get("type") not in ("Polygon", "MultiPolygon"):
            yield None
            continue
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        rings = tuple(tuple(np.asarray(ring, np.float64)[:, :2] for ring in polygon) for polygon in polygons)
        label = kind.get("name", "") if isinstance(kind, dict) else str(kind)
        yield _outline(rings, str(about.get("name") or ""), str(label or ""))


def _lines(data: bytes) -> Iterator[Outline | None]:
    """Cellpose's outlines for ImageJ: a line per cell, x and y in turn."""
    for line in data.decode("ascii").splitlines():
        if line.strip():
            # These are pixels of the rim and not corners, so half a pixel is added to reach their centres.
            yield _outline(((np.array(line.split(","), np.float64).reshape(-1, 2) + 0.5,),))


def _outline(parts: tuple[tuple[Corners, ...], ...], name: str = "", class_name: str = "") -> Outline | None:
    usable = [tuple(ring for ring in part if len(ring) >= 3) for part in parts]
    rings = tuple(ring for part in usable for ring in part)
    if not all(np.isfinite(ring).all() and np.abs(ring).max() < 1e7 for ring in rings):
        raise ValueError("corners that are no places")
    counts = tuple(len(part) for part in usable if part)
    return Outline(rings, name, class_name, counts if len(counts) > 1 else ()) if rings else None


_READ = {"rois": _rois, "geojson": _geojson, "lines": _lines}
