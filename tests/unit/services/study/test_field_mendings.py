"""Outlines mended on the preview are what the import cuts: deleted, merged and split, found again by their places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from asked import import_study
from simulated_field import simulated_field, write_field

from nscweb.core.errors import WrongUse
from nscweb.core.field_settings import Mending, SegmentationSettings
from nscweb.core.plain import from_plain, to_plain
from nscweb.preprocess.numbered_objects import inner_points, mend
from nscweb.services.context import App
from nscweb.services.study import fields
from nscweb.services.study.study import get_study
from nscweb.store.cell_files import CellFile

SETTINGS = SegmentationSettings(min_area=120, split=False)
NAME = "simulated_x.tif"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = simulated_field((400, 420), 10, seed=4, touching=2)
    write_field(tmp_path / "in" / NAME, made.pixels)
    return tmp_path / "in"


def areas(app: App, name: str) -> list[int]:
    study = get_study(app, name)
    (key,) = app.catalogue.sample_keys(study.study_id).values()
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        return [int(mask.sum()) for mask in cells.masks(range(len(cells)), study.channel) if mask is not None]


def test_what_is_mended_on_the_preview_is_imported(opened: App, folder: Path) -> None:
    field = fields.read_field(opened, [folder])
    seen = fields.preview_field(opened, field, SETTINGS, numbered=True)
    before = len(seen.places)
    pair = int(np.argmax(np.bincount(seen.labels.ravel())[1:])) + 1
    rim = fields.rim_view(field, seen, pair)
    outline = np.array(rim.points)
    # Across the waist: the shortest way between points that lie far apart along the rim.
    half = len(outline) // 2
    ways = [(float(np.hypot(*(outline[i] - outline[(i + half) % len(outline)]))), i) for i in range(len(outline))]
    start = min(ways)[1]
    cut = (seen.places[pair - 1], rim.points[start], rim.points[(start + half) % len(outline)])
    others = [number for number in range(1, before + 1) if number != pair]
    gone, first, second = others[0], others[1], others[2]
    mendings = (
        Mending(NAME, "split", cut),
        Mending(NAME, "delete", (seen.places[gone - 1],)),
        Mending(NAME, "merge", (seen.places[first - 1], seen.places[second - 1])),
    )
    settings = replace(SETTINGS, mendings=mendings)
    mended = fields.preview_field(opened, field, settings)
    assert len(mended.places) == before + 1 - 1 - 1
    assert "mendings found no outline" not in mended.sentence
    report = import_study(opened, [folder], "mended", fields=settings)
    assert report.imported == mended.n_cells == seen.n_cells - 1
    assert tuple(areas(opened, "mended")) == mended.areas
    sizes = np.bincount(seen.labels.ravel())
    assert sum(mended.areas) >= sum(seen.areas) - sizes[gone]
    kept = opened.catalogue.study_info(get_study(opened, "mended").study_id)["field_settings"]
    assert from_plain(SegmentationSettings, kept, "settings") == settings


def test_mendings_of_other_fields_change_nothing(opened: App, folder: Path) -> None:
    settings = replace(SETTINGS, mendings=(Mending("other.tif", "delete", ((1.0, 1.0),)),))
    first = import_study(opened, [folder], "plain", fields=SETTINGS)
    second = import_study(opened, [folder], "other", fields=settings)
    assert first.imported == second.imported and areas(opened, "plain") == areas(opened, "other")
    assert first.findings == second.findings


def test_a_mending_without_its_outline_is_said(opened: App, folder: Path) -> None:
    settings = replace(SETTINGS, mendings=(Mending(NAME, "delete", ((1.0, 1.0),)),))
    assert "1 of the mendings found no outline" in fields.preview(opened, [folder], settings).sentence
    report = import_study(opened, [folder], "mended", fields=settings)
    assert "W-FIELD-MEND" in [finding.code for finding in report.findings]


def test_the_middle_of_a_large_field_counts_its_pixels_from_the_corner_of_the_field(
    opened: App, tmp_path: Path
) -> None:
    made = simulated_field((1300, 1400), 12, seed=6)
    write_field(tmp_path / "in" / NAME, made.pixels)
    field = fields.read_field(opened, [tmp_path / "in"])
    seen = fields.preview_field(opened, field, SETTINGS)
    place = seen.places[0]
    settings = replace(SETTINGS, mendings=(Mending(NAME, "delete", (place,)),))
    assert fields.preview_field(opened, field, settings).n_cells == seen.n_cells - 1
    report = import_study(opened, [tmp_path / "in"], "large", fields=settings)
    assert report.imported == 11 and not any(finding.code == "W-FIELD-MEND" for finding in report.findings)


def test_merging_bridges_a_gap_and_splitting_gives_two_connected_parts() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[10:20, 5:15], labels[10:20, 25:35], labels[30:36, 50:56] = 1, 2, 3
    merged, missed = mend(labels, [Mending("x", "merge", ((8.0, 12.0), (30.0, 14.0)))])
    assert missed == 0 and merged.max() == 2
    assert cv2.connectedComponents((merged == 1).astype(np.uint8))[0] == 2
    parted, missed = mend(merged, [Mending("x", "split", ((8.0, 12.0), (20.0, 10.0), (20.0, 19.0)))])
    assert missed == 0 and parted.max() == 3
    assert (np.sort(np.bincount(parted.ravel())[1:]) >= 36).all()
    assert (parted > 0).sum() == (merged > 0).sum()
    again, missed = mend(parted, [Mending("x", "split", ((8.0, 12.0), (2.0, 2.0), (3.0, 2.0)))])
    assert missed == 1 and (again == parted).all()
    assert len(inner_points(parted)) == 3


def test_mendings_are_checked_and_travel_as_json() -> None:
    for kind, at in (
        ("delete", ()),
        ("merge", ((1.0, 1.0),)),
        ("split", ((1.0, 1.0), (2.0, 2.0))),
        ("paint", ((1.0, 1.0),)),
    ):
        with pytest.raises(WrongUse, match="mended"):
            Mending("x", kind, at)  # type: ignore[arg-type]
    settings = replace(SETTINGS, mendings=(Mending("x", "split", ((1.5, 2.0), (3.0, 4.0), (5.0, 6.0))),))
    assert from_plain(SegmentationSettings, to_plain(settings), "settings") == settings
