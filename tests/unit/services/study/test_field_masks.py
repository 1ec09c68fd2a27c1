"""Outlines that lie beside fields of view are the cells: every kind of file, what fits and what does not."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import roifile
import tifffile
from asked import import_study
from simulated_field import SimulatedField, simulated_field, write_field

from nscweb.core.field_settings import SegmentationSettings
from nscweb.io.outlines.polygons import outline_of_mask
from nscweb.services.context import App
from nscweb.services.study import fields, import_chunks, import_samples
from nscweb.services.study.import_request import ImportReport
from nscweb.services.study.study import findings_of, get_study
from nscweb.services.study.understood.cut_again import cut_study, preview_cut
from nscweb.services.study.understood.join_studies import merge_studies
from nscweb.services.study.understood.understanding import offer, take, understand
from nscweb.store.cell_files import CellFile

SETTINGS = SegmentationSettings(min_area=120)
SIZE = (220, 260)


@pytest.fixture(scope="module")
def field() -> SimulatedField:
    """A field whose truth no search would find: a third of its cells is missing from the outlines."""
    made = simulated_field(SIZE, 9, seed=3)
    truth = np.where(made.truth % 3 == 0, 0, made.truth).astype(np.int32)
    return SimulatedField(made.pixels, truth)


def masks_of(truth: np.ndarray) -> list[np.ndarray]:
    return [truth == number for number in np.unique(truth) if number]


def roi_zip(truth: np.ndarray) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number, mask in enumerate(masks_of(truth)):
            roi = roifile.ImagejRoi.frompoints(outline_of_mask(mask)[0], name=f"cell {number}")
            archive.writestr(f"{number:04d}.roi", roi.tobytes())
    return held.getvalue()


def geojson(truth: np.ndarray) -> bytes:
    features = []
    for number, mask in enumerate(masks_of(truth)):
        ring = outline_of_mask(mask)[0].tolist()
        name = "Astrocyte" if number % 2 else "Neuron"
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                "properties": {"objectType": "detection", "classification": {"name": name, "color": [1, 2, 3]}},
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def lines(truth: np.ndarray) -> bytes:
    """As Cellpose writes them: the pixels of the rim, x and y in turn."""
    rows = []
    for mask in masks_of(truth):
        rim, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        rows.append(",".join(str(value) for value in rim[0].ravel()))
    return "\n".join(rows).encode()


def png(truth: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", truth.astype(np.uint16))[1])


def tiff(truth: np.ndarray, dtype: type = np.int32) -> bytes:
    held = io.BytesIO()
    tifffile.imwrite(held, truth.astype(dtype))
    return held.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def codes(report: ImportReport) -> list[str]:
    return [finding.code for finding in report.findings]


def stored_masks(app: App, name: str) -> list[np.ndarray]:
    study = get_study(app, name)
    found = []
    for key in app.catalogue.sample_keys(study.study_id).values():
        cells = CellFile(app.folder.cells_path(study.study_id, key))
        found += [mask for mask in cells.masks(range(len(cells)), study.channel) if mask is not None]
    return found


KINDS: dict[str, tuple[str, str, Callable[[np.ndarray], bytes]]] = {
    "cellpose png": ("simulated_x.tif", "simulated_x_cp_masks.png", png),
    "cellpose tiff": ("simulated_x.tif", "simulated_x_cp_masks.tif", tiff),
    "cellpose outlines": ("simulated_x.tif", "simulated_x_cp_outlines.txt", lines),
    "named mask": ("simulated_x.tif", "simulated_x_mask.png", png),
    "named masks with more": ("simulated_x.tif", "simulated_x_masks_final.tif", tiff),
    "mask in front": ("simulated_x.tif", "mask_simulated_x.png", png),
    "labelled": ("simulated_x.tif", "simulated_x-labels.tif", lambda truth: tiff(truth, np.float32)),
    "a mask alone": ("simulated_x.tif", "mask.png", png),
    "folder labels": ("simulated_x.tif", "labels/simulated_x.tif", tiff),
    "folder masks of a channel": ("simulated_x_Ch1.tif", "masks/simulated_x_mask.png", png),
    "folders side by side": ("images/simulated_x.tif", "masks/simulated_x.png", png),
    "the same name": ("simulated_x.png", "simulated_x.tif", tiff),
    "imagej zip": ("simulated_x.tif", "simulated_x.zip", roi_zip),
    "imagej RoiSet": ("simulated_x.tif", "RoiSet.zip", roi_zip),
    "qupath": ("simulated_x.tif", "simulated_x.geojson", geojson),
    "qupath with suffix": ("simulated_x.tif", "simulated_x.tif.geojson", geojson),
}


@pytest.mark.parametrize("kind", KINDS)
def test_outlines_beside_a_field_are_its_cells(opened: App, tmp_path: Path, field: SimulatedField, kind: str) -> None:
    image, beside, make = KINDS[kind]
    data = tmp_path / "in"
    write(data, {beside: make(field.truth)})
    (data / image).parent.mkdir(parents=True, exist_ok=True)
    if image.endswith(".png"):
        (data / image).write_bytes(png(field.pixels))
    else:
        write_field(data / image, field.pixels)
    report = import_study(opened, [data], "fields", fields=SETTINGS)
    assert report.members == report.images + report.skipped + report.ignored == 2
    assert (report.imported, report.images, report.ignored) == (field.cells, 1, 1)
    (said,) = [finding.message for finding in report.findings if finding.code == "N-MASK-USED"]
    assert said == f"The cells of one field are the outlines in {beside}."
    areas = [mask.sum() for mask in stored_masks(opened, "fields")]
    # What Cellpose lists are pixels of the rim, so that up to half of the rim is outside of their polygon.
    tolerance = 0.1 if kind == "cellpose outlines" else 0
    assert sorted(areas) == pytest.approx(sorted(mask.sum() for mask in masks_of(field.truth)), rel=tolerance)


@pytest.mark.parametrize("kind", ["cellpose png", "folder masks of a channel", "imagej zip", "qupath"])
def test_outlines_are_found_in_a_zip_too(opened: App, tmp_path: Path, field: SimulatedField, kind: str) -> None:
    image, beside, make = KINDS[kind]
    write_field(tmp_path / "simulated.tif", field.pixels)
    with zipfile.ZipFile(tmp_path / "fields.zip", "w") as archive:
        archive.writestr(f"well A/{image}", (tmp_path / "simulated.tif").read_bytes())
        archive.writestr(f"well A/{beside}", make(field.truth))
    report = import_study(opened, [tmp_path / "fields.zip"], "fields", fields=SETTINGS)
    assert (report.imported, report.members, report.ignored) == (field.cells, 2, 1)


def test_classes_of_qupath_become_populations(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x.geojson": geojson(field.truth)})
    import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    study = get_study(opened, "fields")
    (key,) = opened.catalogue.sample_keys(study.study_id).values()
    from nscweb.store.further_columns import read_columns

    columns = read_columns(opened.folder.columns_path(study.study_id, key), study.cells)
    assert {name for names in columns["populations"] for name in names} == {"Astrocyte", "Neuron"}


def test_without_the_option_masks_are_no_cells(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x_cp_masks.png": png(field.truth)})
    report = import_study(opened, [tmp_path / "in"], "single")
    assert report.imported == 1 and "W-MASK-UNUSED" in codes(report)


@pytest.mark.parametrize(
    ("beside", "make"),
    [
        ("simulated_x_cp_masks.png", png),
        ("simulated_x.geojson", geojson),
        ("masks/simulated_x.tif", tiff),
        ("simulated_x_rois.zip", roi_zip),
    ],
)
def test_outlines_beside_images_that_came_in_as_cells_are_offered_and_used(
    opened: App, tmp_path: Path, field: SimulatedField, beside: str, make: Callable[[np.ndarray], bytes]
) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {beside: make(field.truth)})
    import_study(opened, [tmp_path / "in"], "S")
    # The files of an upload are gone after its import.
    shutil.rmtree(tmp_path / "in")
    card = understand(opened, "S")
    assert card.doubts[0].kind == "outlines_beside" and "fields" not in [doubt.kind for doubt in card.doubts]
    assert "W-MASK-UNUSED" not in [finding.code for finding in card.findings]
    assert beside in card.doubts[0].sentence
    seen = preview_cut(opened, "S")
    assert seen.n_cells == field.cells and "not searched for" in seen.sentence
    take(opened, card.study, offer(card, 1))
    cells = get_study(opened, "S, cells")
    assert cells.cells == field.cells and get_study(opened, "S").cells == 1
    assert "N-MASK-USED" in {finding.code for finding in findings_of(opened, cells.study_id)}


def test_outlines_of_single_cells_are_not_offered_as_those_of_fields(
    opened: App, tmp_path: Path, field: SimulatedField
) -> None:
    one = (field.truth == np.unique(field.truth)[1]).astype(np.uint8)
    for number in (1, 2, 3):
        write_field(tmp_path / "in" / f"simulated_{number}.tif", field.pixels)
        write(tmp_path / "in", {f"simulated_{number}_mask.tif": tiff(255 * one, np.uint8)})
    import_study(opened, [tmp_path / "in"], "S")
    card = understand(opened, "S")
    assert "outlines_beside" not in [doubt.kind for doubt in card.doubts]
    assert "W-MASK-UNUSED" in [finding.code for finding in card.findings]


def test_images_without_outlines_are_searched_beside_those_with(
    opened: App, tmp_path: Path, field: SimulatedField
) -> None:
    for name in ("a", "b"):
        write_field(tmp_path / "in" / f"simulated_{name}.tif", field.pixels)
    write(tmp_path / "in", {"simulated_b_cp_masks.png": png(field.truth)})
    import_study(opened, [tmp_path / "in"], "S")
    assert "simulated_b" in preview_cut(opened, "S").sentence
    found = cut_study(opened, "S", SETTINGS)
    assert found.imported == field.cells + 9


def test_outlines_stay_with_their_images_when_studies_become_one(
    opened: App, tmp_path: Path, field: SimulatedField
) -> None:
    for name in ("one", "two"):
        write_field(tmp_path / name / "simulated_x.tif", field.pixels)
        write_field(tmp_path / name / f"simulated_{name}.tif", field.pixels)
        other = field.truth if name == "one" else np.where(field.truth == 1, 0, field.truth)
        for stem in ("simulated_x", f"simulated_{name}"):
            write(tmp_path / name, {f"{stem}_cp_masks.png": png(other)})
        import_study(opened, [tmp_path / name], name)
    merge_studies(opened, "one", "two")
    # Two images are called simulated_x, each with outlines of its own: nobody can tell any more, so none is used.
    found = cut_study(opened, "one", SETTINGS)
    used = next(finding for finding in found.findings if finding.code == "N-MASK-USED")
    assert "simulated_one_cp_masks" in used.message and "simulated_x" not in used.message


def test_a_mask_without_a_field_is_said(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"y_cp_masks.png": png(field.truth), "masks/z.tif": tiff(field.truth)})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    (said,) = [finding for finding in report.findings if finding.code == "W-MASK-NO-FIELD"]
    assert "y_cp_masks.png" in said.where and "masks/z.tif" in said.where
    assert (report.members, report.images, report.ignored) == (3, 1, 2)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda truth: png(truth[:-8]), "W-MASK-SIZE"),
        (lambda truth: png(truth)[:90], "W-MASK-DAMAGED"),
        (
            lambda truth: bytes(cv2.imencode(".png", np.stack([truth % 7 * 30, truth, truth], 2).astype(np.uint8))[1]),
            "W-MASK-PIXELS",
        ),
    ],
    ids=["size", "damaged", "colours"],
)
def test_a_mask_that_does_not_fit_is_said_and_the_field_is_searched(
    opened: App, tmp_path: Path, field: SimulatedField, data: Callable[[np.ndarray], bytes], code: str
) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x_cp_masks.png": data(field.truth)})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    assert code in codes(report) and "N-FIELD-CELLS" in codes(report)
    assert report.imported == 9 and report.members == report.images + report.skipped + report.ignored


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("simulated_x.geojson", b'{"features": [{"geometry": {"type": "Polygon", "coordinates": 7}}]}'),
        ("simulated_x.geojson", b"[" * 200_000),
        ("simulated_x.geojson", b'{"type": "FeatureCollection"}'),
        ("simulated_x.roi", b"Iout" + bytes(range(256))),
        ("simulated_x_cp_outlines.txt", b"1,2,3\n"),
    ],
)
def test_damaged_outlines_cost_nothing_but_themselves(
    opened: App, tmp_path: Path, field: SimulatedField, name: str, data: bytes
) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {name: data})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    assert any(code.startswith("W-MASK") for code in codes(report))
    assert report.imported == 9 and report.members == report.images + report.skipped + report.ignored


def test_a_mask_of_two_values_is_parted_into_what_is_connected(
    opened: App, tmp_path: Path, field: SimulatedField
) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x_mask.png": png(255 * (field.truth > 0))})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    assert report.imported == field.cells and "W-MASK-BINARY" in codes(report)


def test_a_group_called_mask_stays_a_group(opened: App, tmp_path: Path) -> None:
    for index, group in enumerate(("mask", "ctrl", "RA_labels")):
        made = simulated_field(SIZE, 5, seed=20 + index)
        write_field(tmp_path / "plate" / group / "simulated_x.tif", made.pixels)
    report = import_study(opened, [tmp_path / "plate"], "fields", fields=SETTINGS)
    assert (report.images, report.samples, report.imported) == (3, 3, 15)
    assert not any("MASK" in code for code in codes(report))


def test_the_border_counts_for_outlines_too(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    truth = field.truth.copy()
    truth[:20, :20] = 99
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x_cp_masks.png": png(truth)})
    dropped = import_study(opened, [tmp_path / "in"], "dropped", fields=SETTINGS)
    kept = import_study(opened, [tmp_path / "in"], "kept", fields=SegmentationSettings(min_area=120, drop_border=False))
    assert kept.imported == dropped.imported + 1 and "N-FIELD-BORDER" in codes(dropped)


def test_processes_get_the_outlines_with_their_chunk(
    opened: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        made = simulated_field(SIZE, 6, seed=number)
        write_field(tmp_path / "in" / f"simulated_x{number}.tif", made.pixels)
        write(tmp_path / "in", {f"simulated_x{number}_cp_masks.png": png(made.truth)})
    one = import_study(opened, [tmp_path / "in"], "one", fields=SETTINGS)
    monkeypatch.setattr(import_chunks, "CHUNK_FIELDS", 1)
    monkeypatch.setattr(import_samples, "FEW_FIELDS", 1)
    many = import_study(opened, [tmp_path / "in"], "many", fields=SETTINGS)
    assert one.findings == many.findings and one.imported == many.imported == 18
    assert "The cells of 3 fields are the outlines in simulated_x0_cp_masks.png," in next(
        f.message for f in one.findings if f.code == "N-MASK-USED"
    )


def test_the_preview_shows_the_outlines(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    write(tmp_path / "in", {"simulated_x_cp_masks.png": png(field.truth)})
    seen = fields.preview(opened, [tmp_path / "in"], SETTINGS)
    assert seen.n_cells == field.cells and "simulated_x_cp_masks.png" in seen.sentence


def test_what_cellpose_leaves_beside_a_field_is_understood(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    """Masks and their outlines as text (the masks count), a painted picture, and a pickle that is never opened."""
    write_field(tmp_path / "in" / "simulated_x.tif", field.pixels)
    painted = bytes(cv2.imencode(".png", np.random.default_rng(1).integers(0, 255, (300, 900, 3)).astype(np.uint8))[1])
    files = {"_cp_masks.png": png(field.truth), "_cp_outlines.txt": lines(field.truth), "_cp_output.png": painted}
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    files["_seg.npy"] = head + 60 * b" " + b"\x80\x04."
    write(tmp_path / "in", {f"simulated_x{name}": data for name, data in files.items()})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    assert report.imported == field.cells
    assert report.members == report.images + report.skipped + report.ignored == 5
    assert {"N-MASK-PICTURE", "N-MASK-TWICE", "N-FIELD-MASK"} <= set(codes(report))
    assert any(finding.level == "skip" and "_seg.npy" in finding.where for finding in report.findings)


def test_channels_of_a_field_share_its_outlines(opened: App, tmp_path: Path, field: SimulatedField) -> None:
    for channel in ("Ch1", "Ch2"):
        write_field(tmp_path / "in" / "A" / f"simulated_1_{channel}.tif", field.pixels)
    write(tmp_path / "in" / "A", {"simulated_1_Ch2_cp_masks.png": png(field.truth)})
    report = import_study(opened, [tmp_path / "in"], "fields", fields=SETTINGS)
    assert (report.imported, report.images, report.ignored) == (field.cells, 2, 1)
    assert "N-FIELD-MASK" in codes(report)


def test_names_that_are_long_or_strange_are_read_quickly() -> None:
    from nscweb.io.names.mask_names import mask_name

    for name in ("_" * 290 + "mask.tif", "mask_" * 200 + ".png", "cell_labels" + "_9" * 140 + "x.tif"):
        mask_name(name)
    assert mask_name("cell_12_BF.tif") is None and mask_name("unmasked.tif") is None
