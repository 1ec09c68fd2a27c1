"""Outlines of cells as files that ImageJ, QuPath and label editors read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.files.zips import entry
from nscweb.io.outlines.polygons import Corners, ring_area
from nscweb.preprocess.numbered_objects import Labels

if TYPE_CHECKING:
    from roifile import ImagejRoi

# QuPath shows a class that it does not know in this colour.
_GREY = (128, 128, 128)


@dataclass(frozen=True)
class NamedOutline:
    """The outline of one cell.

    Attributes:
        rings: (P, 2) of x and y each, the outermost first.
        name: such as ``object 12``.
        class_name: what it was predicted as, "" without.
    """

    rings: tuple[Corners, ...]
    name: str
    class_name: str = ""


def geojson_bytes(outlines: Sequence[NamedOutline], colours: Mapping[str, tuple[int, int, int]]) -> bytes:
    """GeoJSON of detections as QuPath imports them, the class as their classification.

    Args:
        colours: class -> red, green, blue.
    """
    features = []
    for outline in outlines:
        about: dict[str, Any] = {"objectType": "detection", "name": outline.name}
        if outline.class_name:
            colour = list(colours.get(outline.class_name, _GREY))
            about["classification"] = {"name": outline.class_name, "color": colour}
        features.append({"type": "Feature", "geometry": _geometry(outline.rings), "properties": about})
    said = {"type": "FeatureCollection", "features": features}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _geometry(rings: Sequence[Corners]) -> dict[str, Any]:
    """Outer rings turn one way and holes the other; a hole belongs to the outer ring that was last before it."""
    turn = np.sign(ring_area(rings[0])) if rings else 1.0
    outer = [ring for ring in rings if np.sign(ring_area(ring)) == turn]
    polygons = [[_closed(ring)] for ring in outer]
    for hole in (ring for ring in rings if np.sign(ring_area(ring)) != turn):
        middle = hole.mean(axis=0)
        inside = [
            at
            for at, ring in enumerate(outer)
            if (ring.min(axis=0) <= middle).all() and (middle <= ring.max(axis=0)).all()
        ]
        polygons[inside[0] if inside else 0].append(_closed(hole))
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _closed(ring: Corners) -> list[list[float]]:
    points: list[list[float]] = np.round(ring, 2).tolist()
    return [*points, points[0]]


def roi_zip_bytes(outlines: Sequence[NamedOutline]) -> bytes:
    """A zip of .roi files for the ROI manager of ImageJ, holes as holes, the class of each cell in its name."""
    import roifile

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number, outline in enumerate(outlines, start=1):
            name = f"{outline.name} {outline.class_name}".strip()
            one = len(outline.rings) == 1
            roi = roifile.ImagejRoi.frompoints(outline.rings[0], name=name) if one else _shape(outline.rings, name)
            archive.writestr(entry(f"{number:06d}.roi"), roi.tobytes())
    return held.getvalue()


def _shape(rings: Sequence[Corners], name: str) -> ImagejRoi:
    """A shape of several lines: what lies in two of them is a hole. Each begins with a move (0) and is closed (4)."""
    import roifile

    path: list[float] = []
    for ring in rings:
        for number, (x, y) in enumerate(ring.tolist()):
            path += [1.0 if number else 0.0, x, y]
        path.append(4.0)
    points = np.concatenate(rings)
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
    )


def label_tiff_bytes(planes: Sequence[Labels]) -> bytes:
    """Numbered pixels as TIFF, 16 bit where that is enough; one page per plane, which may differ in size."""
    import tifffile

    held = io.BytesIO()
    highest = max((int(plane.max(initial=0)) for plane in planes), default=0)
    kind: type[np.unsignedinteger[Any]] = np.uint16 if highest < 2**16 else np.uint32
    with tifffile.TiffWriter(held) as writer:
        for plane in planes:
            pixels: NDArray[Any] = plane.astype(kind)
            writer.write(pixels, compression="zlib", photometric="minisblack", contiguous=False, metadata=None)
    return held.getvalue()
