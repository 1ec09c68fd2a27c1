"""Outlines with holes come in and leave as they are, in every form; parts that overlap leave no hole."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
from asked import import_study
from simulated_field import simulated_field, write_field

from nscweb.core.errors import InputRefused
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.files.outlines_out import NamedOutline, geojson_bytes, roi_zip_bytes
from nscweb.io.outlines.outline_files import read_outlines
from nscweb.io.outlines.polygons import draw_outlines, outline_of_mask
from nscweb.services.context import App
from nscweb.services.study.study import get_study
from nscweb.store.cell_files import CellFile

SIZE = (60, 64)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]
FAR = np.hypot(Y - 30, X - 32)
RING = (FAR < 20) & (FAR > 8)
ISLAND = RING | (FAR < 4)
TWO_HOLES = (FAR < 22) & (np.hypot(Y - 30, X - 24) > 4) & (np.hypot(Y - 30, X - 40) > 5)
APART = (np.hypot(Y - 15, X - 15) < 9) | ((np.hypot(Y - 42, X - 45) < 12) & (np.hypot(Y - 42, X - 45) > 5))


def drawn(data: bytes, kind: str) -> np.ndarray:
    return draw_outlines(read_outlines(data, kind, "x", Limits(), FindingLog()), SIZE).labels > 0


@pytest.mark.parametrize("mask", [RING, ISLAND, TWO_HOLES, APART], ids=["ring", "island", "two holes", "apart"])
@pytest.mark.parametrize("kind", ["rois", "geojson"])
def test_holes_leave_and_come_back(mask: np.ndarray, kind: str) -> None:
    named = [NamedOutline(outline_of_mask(mask), "object 1", "neuron")]
    data = roi_zip_bytes(named) if kind == "rois" else geojson_bytes(named, {})
    assert (drawn(data, kind) == mask).all()


def square(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def feature(kind: str, coordinates: list[object]) -> bytes:
    return json.dumps({"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}}).encode()


def test_a_hole_is_one_whichever_way_it_turns_and_overlapping_parts_are_none() -> None:
    for hole in (square(20, 20, 10), square(20, 20, 10)[::-1]):
        assert drawn(feature("Polygon", [square(10, 10, 40), hole]), "geojson").sum() == 40 * 40 - 100
    # The larger part may come second; what is in both is in.
    parts = [[square(20, 20, 10)], [square(10, 10, 40), square(35, 35, 5)]]
    assert drawn(feature("MultiPolygon", parts), "geojson").sum() == 40 * 40 - 25


def shape(path: list[float]) -> bytes:
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=0, top=0, right=60, bottom=60)
    roi.shape_roi_size, roi.multi_coordinates = len(path), np.array(path, np.float32)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.roi", roi.tobytes())
    return held.getvalue()


def test_curves_of_imagej_are_followed() -> None:
    k = 0.5523 * 20
    disc = [0, 52, 30]
    for a, b, c in (((52, 30 + k), (32 + k, 50), (32, 50)), ((32 - k, 50), (12, 30 + k), (12, 30)),
                    ((12, 30 - k), (32 - k, 10), (32, 10)), ((32 + k, 10), (52, 30 - k), (52, 30))):  # fmt: skip
        disc += [3, *a, *b, *c]
    disc += [4]
    hole = [0, 28, 26, 1, 36, 26, 1, 36, 34, 1, 28, 34, 4]
    assert drawn(shape([*disc, *hole]), "rois").sum() == pytest.approx(np.pi * 400 - 64, rel=0.02)
    bow = drawn(shape([0, 10, 30, 2, 30, 0, 50, 30, 4]), "rois").sum()
    assert bow == pytest.approx(2 / 3 * 40 * 15, rel=0.05)


@pytest.mark.parametrize("path", [[0, 1], [9, 1, 1], [0, 1, 1, 3, 2, 2], [2, 1, 1, 2, 2]])
def test_a_shape_that_makes_no_sense_is_refused(path: list[float]) -> None:
    with pytest.raises(InputRefused) as caught:
        read_outlines(shape([*map(float, path)]), "rois", "x", Limits(), FindingLog())
    assert caught.value.code == "E-MASK-DAMAGED"


def test_a_cell_keeps_its_hole_in_the_study(opened: App, tmp_path: Path) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", simulated_field(SIZE, 1, seed=3, radius=(6, 7)).pixels)
    (tmp_path / "in" / "simulated_x.zip").write_bytes(roi_zip_bytes([NamedOutline(outline_of_mask(RING), "cell")]))
    import_study(opened, [tmp_path / "in"], "S", fields=SegmentationSettings(min_area=20, drop_border=False))
    study = get_study(opened, "S")
    (key,) = opened.catalogue.sample_keys(study.study_id).values()
    with CellFile(opened.folder.cells_path(study.study_id, key)) as cells:
        (mask,) = cells.masks([0], study.channel)
    assert mask is not None and int(np.count_nonzero(mask)) == int(RING.sum())
